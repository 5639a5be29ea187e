//! Full-text search for any text that a person types, blind to tables.
//!
//! A module keeps an FTS5 table with `tokenize = 'ascii'`, fills it with [`index_text`] of its columns, and asks
//! it by [`Query::plan`]. Both sides make words the same way, here, so SQLite only ever sees words of letters and
//! digits with spaces between: nothing typed can be FTS syntax.
//!
//! - Case and the marks on letters do not count: `é` finds `e`, `å` finds `a`, and the other way round; `ø` and
//!   `æ`, which Unicode does not take apart, find themselves. Full-width forms count as plain ones.
//! - Every character of a script written without spaces (Chinese, Japanese, Thai, …) and every pictograph is a
//!   word of its own; such characters in a row are found as that row, wherever in a sentence they stand.
//! - What is typed between two spaces is found as it stands there (`e-post` as `e` followed by `post`), its last
//!   word also as the beginning of a longer one. All of it must be found.
//! - A query without a single word (`--`, `?!`) is found as it stands, without the index.

use std::collections::VecDeque;
use std::ops::Range;
use stina_protocol::text::trim;
use unicode_normalization::char::{decompose_compatible, is_combining_mark};
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

/// Characters of a word that count; the rest of a longer one is as if it were not there.
const WORD_CHARS: usize = 64;
/// Words of a query that count; the rest of a longer one is as if it were not there.
const QUERY_WORDS: usize = 64;
/// Longest query that is looked for as it stands, in bytes.
const QUERY_BYTES: usize = 1024;
/// About how many characters a snippet shows.
const SNIPPET_CHARS: usize = 160;
/// About how many of them stand before the first match.
const SNIPPET_LEAD: usize = 40;

/// What is indexed of a text: its words, as the index knows them, with spaces between.
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

/// Text in which case does not count, for comparisons of whole texts.
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

/// Text that somebody looks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Query {
    /// Only white space: nothing is found.
    Nothing,
    /// Words that follow one another, each such row to be found.
    Rows(Vec<Vec<String>>),
    /// Not a single word: to be found as it stands.
    Literal(String),
}

/// How to look for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Plan<'q> {
    /// Not at all.
    Nothing,
    /// By the index: the right side of `MATCH`.
    Match(String),
    /// By `instr(column, …) > 0` over all rows.
    Contains(&'q str),
}

impl Query {
    /// Any text.
    pub fn new(text: &str) -> Self {
        let text = trim(text);
        let (mut rows, mut room) = (Vec::new(), QUERY_WORDS);
        for typed in text.split_whitespace() {
            let row: Vec<String> = Words::of(typed).take(room).map(|word| word.text).collect();
            room -= row.len();
            if !row.is_empty() {
                rows.push(row);
            }
            if room == 0 {
                break;
            }
        }
        if !rows.is_empty() {
            Self::Rows(rows)
        } else if text.is_empty() {
            Self::Nothing
        } else {
            Self::Literal(text[..text.floor_char_boundary(QUERY_BYTES)].to_owned())
        }
    }

    /// How to look for it.
    pub fn plan(&self) -> Plan<'_> {
        match self {
            Self::Nothing => Plan::Nothing,
            Self::Literal(text) => Plan::Contains(text),
            Self::Rows(rows) => {
                let quoted = rows.iter().map(|row| format!("\"{}\" *", row.join(" ")));
                Plan::Match(quoted.collect::<Vec<_>>().join(" AND "))
            }
        }
    }

    /// The part of `text` around its first match, on one line: matches in `[` and `]`, `…` where something is
    /// left out. `None` when nothing in `text` matches.
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

    /// Where the first row of words, or the literal, stands in `text`.
    fn find(&self, text: &str) -> Option<Range<usize>> {
        let rows = match self {
            Self::Nothing => return None,
            Self::Literal(literal) => {
                return text.find(literal.as_str()).map(|at| at..at + literal.len());
            }
            Self::Rows(rows) => rows,
        };
        let longest = rows.iter().map(Vec::len).max()?;
        let mut words = Words::of(text);
        let mut window: VecDeque<Word> = VecDeque::with_capacity(longest);
        loop {
            window.extend(words.by_ref().take(longest - window.len()));
            let start = window.front()?.at.start;
            let matching = rows.iter().filter(|row| begins_with(&window, row)).map(Vec::len).max();
            if let Some(last) = matching.and_then(|len| window.get(len - 1)) {
                return Some(start..last.at.end);
            }
            window.pop_front();
        }
    }
}

/// Whether `row` stands at the beginning of `words`, its last word perhaps as the beginning of a longer one.
fn begins_with(words: &VecDeque<Word>, row: &[String]) -> bool {
    row.len() <= words.len()
        && row.iter().zip(words).enumerate().all(|(i, (wanted, word))| {
            if i + 1 == row.len() { word.text.starts_with(wanted) } else { word.text == *wanted }
        })
}

/// The part of `text` that a snippet shows of the match at `found`, cut between words where there are any.
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

/// Adds text with every run of white space and control characters as one space.
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
    /// As the index knows it.
    text: String,
    /// Where it stands, in bytes.
    at: Range<usize>,
}

/// What a character is to words.
#[derive(PartialEq)]
enum Class {
    /// Part of a word.
    Part,
    /// A word of its own.
    Single,
    /// Belongs to the character before it.
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

/// Scripts that are written without spaces, and pictographs. Source: Unicode's `Blocks.txt`.
fn is_single(c: char) -> bool {
    let unspaced = matches!(c, '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}'
        | '\u{2e80}'..='\u{2fdf}' | '\u{3005}'..='\u{3007}' | '\u{3021}'..='\u{3029}' | '\u{3041}'..='\u{312f}'
        | '\u{31a0}'..='\u{31bf}' | '\u{31f0}'..='\u{31ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}'
        | '\u{f900}'..='\u{faff}' | '\u{ff66}'..='\u{ff9f}' | '\u{20000}'..='\u{3ffff}');
    let pictograph = matches!(c, '\u{2300}'..='\u{23ff}' | '\u{2600}'..='\u{27bf}' | '\u{2b00}'..='\u{2bff}'
        | '\u{1f000}'..='\u{1faff}');
    pictograph || (unspaced && c.is_alphanumeric())
}

/// Marks that are often left out, on letters that are the same without them: of Latin, Greek and Cyrillic letters,
/// vowels of Hebrew and Arabic, and the selectors of a pictograph's looks.
fn is_optional(mark: char) -> bool {
    matches!(mark, '\u{300}'..='\u{36f}' | '\u{591}'..='\u{5c7}' | '\u{64b}'..='\u{65f}' | '\u{670}'
        | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20ff}' | '\u{fe00}'..='\u{fe2f}'
        | '\u{ad}' | '\u{200c}' | '\u{200d}' | '\u{2060}')
}

/// The words of a text, one after the other.
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
            // What SQLite would take for the end of a word can't be in one.
            if !is_optional(part) && (!part.is_ascii() || part.is_ascii_alphanumeric()) {
                self.text.extend(part.to_uppercase().flat_map(char::to_lowercase));
            }
        });
    }
}

#[cfg(test)]
mod tests;
