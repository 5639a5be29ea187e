//! Full-text search for any text that a user types. It knows no tables.
//!
//! A module has an FTS5 table with `tokenize = 'ascii'`, fills it with [`index_text`] of its columns, and queries it by
//! [`Query::plan`]. Both sides use the same tokenizer, in this file, so SQLite only sees words of letters and digits
//! with spaces between them, and no query can be an FTS syntax error.
//!
//! - Case and diacritics are ignored: `é` finds `e`, `å` finds `a`, and vice versa. `ø` and `æ`, which Unicode does not
//!   decompose, only find themselves. Full-width forms equal plain ones.
//! - Every character of a script without spaces (Chinese, Japanese, Thai, …) and every pictograph is a word; a sequence
//!   of them is a phrase, which is found anywhere in a sentence.
//! - The query is split at spaces into chunks. A chunk is a phrase (`e-post` is `e` followed by `post`) whose last word
//!   may be a prefix. All chunks must match.
//! - A query without any word (`--`, `?!`) matches as a substring, without the index.

use std::collections::VecDeque;
use std::ops::Range;
use stina_protocol::text::trim;
use unicode_normalization::char::{decompose_compatible, is_combining_mark};
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

/// Characters of a word that are indexed; the rest is ignored.
const WORD_CHARS: usize = 64;
/// Words of a query that are used; the rest is ignored.
const QUERY_WORDS: usize = 64;
/// Bytes of a substring query that are used; the rest is ignored.
const QUERY_BYTES: usize = 1024;
/// Approximate number of characters in a snippet.
const SNIPPET_CHARS: usize = 160;
/// Approximate number of them before the first match.
const SNIPPET_LEAD: usize = 40;

/// The text to index: the folded words, separated by spaces.
pub fn index_text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for word in Words::of(text) {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(&word.text);
    }
    out
}

/// Folds case, to compare whole texts.
pub fn fold_case(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut push = |c: char| match c.is_ascii() {
        true => out.push(c.to_ascii_lowercase()),
        false => out.extend(c.to_uppercase().flat_map(char::to_lowercase)),
    };
    match is_nfc_quick(text.chars()) {
        IsNormalized::Yes => text.chars().for_each(push),
        _ => text.nfc().for_each(&mut push),
    }
    out
}

/// A search query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Query {
    /// White space only: nothing matches.
    Nothing,
    /// Phrases, all of which must match.
    Phrases(Vec<Vec<String>>),
    /// A substring, for a query without words.
    Literal(String),
}

/// The way to execute a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Plan<'q> {
    /// Nothing matches.
    Nothing,
    /// Use the index: the right side of `MATCH`.
    Match(String),
    /// Use `instr(column, …) > 0` on all rows.
    Contains(&'q str),
}

impl Query {
    /// Parses a query; any text is valid.
    pub fn new(text: &str) -> Self {
        let text = trim(text);
        let (mut phrases, mut room) = (Vec::new(), QUERY_WORDS);
        for chunk in text.split_whitespace() {
            let phrase: Vec<String> = Words::of(chunk).take(room).map(|word| word.text).collect();
            room -= phrase.len();
            if !phrase.is_empty() {
                phrases.push(phrase);
            }
            if room == 0 {
                break;
            }
        }
        if !phrases.is_empty() {
            Self::Phrases(phrases)
        } else if text.is_empty() {
            Self::Nothing
        } else {
            Self::Literal(text[..text.floor_char_boundary(QUERY_BYTES)].to_owned())
        }
    }

    /// The way to execute the query.
    pub fn plan(&self) -> Plan<'_> {
        match self {
            Self::Nothing => Plan::Nothing,
            Self::Literal(text) => Plan::Contains(text),
            Self::Phrases(phrases) => {
                let quoted = phrases.iter().map(|phrase| format!("\"{}\" *", phrase.join(" ")));
                Plan::Match(quoted.collect::<Vec<_>>().join(" AND "))
            }
        }
    }

    /// The part of `text` around its first match, on one line: matches in `[` and `]`, `…` for omitted text. `None`
    /// without a match.
    pub fn snippet(&self, text: &str) -> Option<String> {
        let first = self.find(text)?;
        let part = around(text, &first);
        let mut out = String::with_capacity(part.len() + 16);
        if part.start > 0 {
            out.push('…');
        }
        let mut at = part.start;
        let mut next = Some(first.start..first.end.min(part.end));
        while let Some(found) = next {
            push_line(&mut out, &text[at..found.start]);
            out.push('[');
            push_line(&mut out, &text[found.clone()]);
            out.push(']');
            at = found.end;
            next = self.find(&text[at..part.end]).map(|r| at + r.start..at + r.end);
        }
        push_line(&mut out, &text[at..part.end]);
        if part.end < text.len() {
            out.push('…');
        }
        out.truncate(out.trim_end().len());
        Some(out)
    }

    /// The range of the first match in `text`.
    fn find(&self, text: &str) -> Option<Range<usize>> {
        let phrases = match self {
            Self::Nothing => return None,
            Self::Literal(literal) => {
                return text.find(literal.as_str()).map(|at| at..at + literal.len());
            }
            Self::Phrases(phrases) => phrases,
        };
        let longest = phrases.iter().map(Vec::len).max()?;
        let mut words = Words::of(text);
        let mut window: VecDeque<Word> = VecDeque::with_capacity(longest);
        loop {
            window.extend(words.by_ref().take(longest - window.len()));
            let start = window.front()?.at.start;
            let matching = phrases.iter().filter(|phrase| begins_with(&window, phrase)).map(Vec::len).max();
            if let Some(last) = matching.and_then(|len| window.get(len - 1)) {
                return Some(start..last.at.end);
            }
            window.pop_front();
        }
    }
}

/// Whether `words` begin with `phrase`, whose last word may be a prefix.
fn begins_with(words: &VecDeque<Word>, phrase: &[String]) -> bool {
    phrase.len() <= words.len()
        && phrase.iter().zip(words).enumerate().all(|(i, (wanted, word))| {
            if i + 1 == phrase.len() { word.text.starts_with(wanted) } else { word.text == *wanted }
        })
}

/// The range of `text` in the snippet for the match `found`, cut between words if possible.
fn around(text: &str, found: &Range<usize>) -> Range<usize> {
    let (before, after) = text.split_at(found.start);
    let start = match before.char_indices().rev().nth(SNIPPET_LEAD) {
        None => 0,
        Some((at, _)) => before[at..].find(char::is_whitespace).map_or(at, |gap| at + gap),
    };
    let shown = text[start..found.start].chars().count();
    let end = match after.char_indices().nth(SNIPPET_CHARS - shown) {
        None => text.len(),
        Some((at, _)) => {
            let gap = after[..at].rfind(char::is_whitespace).filter(|gap| found.start + gap >= found.end);
            found.start + gap.unwrap_or(at)
        }
    };
    start..end
}

/// Appends text, with each run of white space and control characters replaced by one space.
fn push_line(out: &mut String, text: &str) {
    for c in text.chars() {
        if !c.is_whitespace() && !c.is_control() {
            out.push(c);
        } else if !out.is_empty() && !out.ends_with(' ') {
            out.push(' ');
        }
    }
}

/// A word of a text.
struct Word {
    /// The folded word, as in the index.
    text: String,
    /// Its range in the text, in bytes.
    at: Range<usize>,
}

/// The class of a character.
#[derive(PartialEq)]
enum Class {
    /// Part of a word.
    Part,
    /// A word of its own.
    Single,
    /// A mark on the character before it.
    Mark,
    /// Between words.
    Gap,
}

fn class(c: char) -> Class {
    match c {
        _ if c.is_ascii_alphanumeric() => Class::Part,
        _ if c.is_ascii() => Class::Gap,
        // Soft hyphen, joiners, and the half-width voice marks of Japanese.
        '\u{ad}' | '\u{200c}' | '\u{200d}' | '\u{2060}' | '\u{ff9e}' | '\u{ff9f}' => Class::Mark,
        _ if is_combining_mark(c) => Class::Mark,
        _ if is_single(c) => Class::Single,
        _ if c.is_alphanumeric() => Class::Part,
        _ => Class::Gap,
    }
}

/// Whether a character is of a script without spaces, or a pictograph. Source: Unicode's `Blocks.txt`.
fn is_single(c: char) -> bool {
    let unspaced = matches!(c, '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}'
        | '\u{2e80}'..='\u{2fdf}' | '\u{3005}'..='\u{3007}' | '\u{3021}'..='\u{3029}' | '\u{3041}'..='\u{312f}'
        | '\u{31a0}'..='\u{31bf}' | '\u{31f0}'..='\u{31ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}'
        | '\u{f900}'..='\u{faff}' | '\u{ff66}'..='\u{ff9f}' | '\u{20000}'..='\u{3ffff}');
    let pictograph = matches!(c, '\u{2300}'..='\u{23ff}' | '\u{2600}'..='\u{27bf}' | '\u{2b00}'..='\u{2bff}'
        | '\u{1f000}'..='\u{1faff}');
    pictograph || (unspaced && c.is_alphanumeric())
}

/// Whether a mark is often omitted: diacritics of Latin, Greek and Cyrillic letters, vowels of Hebrew and Arabic,
/// variation selectors of pictographs.
fn is_optional(mark: char) -> bool {
    matches!(mark, '\u{300}'..='\u{36f}' | '\u{591}'..='\u{5c7}' | '\u{64b}'..='\u{65f}' | '\u{670}'
        | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20ff}' | '\u{fe00}'..='\u{fe2f}'
        | '\u{ad}' | '\u{200c}' | '\u{200d}' | '\u{2060}')
}

/// Iterates over the words of a text.
struct Words<'t> {
    text: &'t str,
    rest: std::iter::Peekable<std::str::CharIndices<'t>>,
}

impl<'t> Words<'t> {
    fn of(text: &'t str) -> Self {
        Self { text, rest: text.char_indices().peekable() }
    }
}

impl Iterator for Words<'_> {
    type Item = Word;

    fn next(&mut self) -> Option<Word> {
        loop {
            let (start, first) = self.rest.next()?;
            let kind = class(first);
            if matches!(kind, Class::Gap | Class::Mark) {
                continue;
            }
            let mut folded = Fold::default();
            folded.push(first);
            while let Some((_, c)) = self.rest.next_if(|(_, c)| {
                let next = class(*c);
                next == Class::Mark || (next == Class::Part && kind == Class::Part)
            }) {
                folded.push(c);
            }
            let end = self.rest.peek().map_or(self.text.len(), |(at, _)| *at);
            if !folded.text.is_empty() {
                return Some(Word { text: folded.text, at: start..end });
            }
        }
    }
}

/// A word without case and optional marks.
#[derive(Default)]
struct Fold {
    text: String,
    chars: usize,
}

impl Fold {
    fn push(&mut self, c: char) {
        if self.chars == WORD_CHARS {
            return;
        }
        self.chars += 1;
        if c.is_ascii() {
            return self.text.push(c.to_ascii_lowercase());
        }
        decompose_compatible(c, |part| {
            // A word must not contain characters at which SQLite would split it.
            if !is_optional(part) && (!part.is_ascii() || part.is_ascii_alphanumeric()) {
                self.text.extend(part.to_uppercase().flat_map(char::to_lowercase));
            }
        });
    }
}

#[cfg(test)]
mod tests;
