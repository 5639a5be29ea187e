//! Text for people: without control characters, cut to a width, JSON laid out.

use std::borrow::Cow;
use unicode_normalization::UnicodeNormalization;
use unicode_width::UnicodeWidthStr;

/// Whether a terminal would act on the character, or reorder the text after it, instead of showing it.
fn is_unsafe(c: char) -> bool {
    c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// `text` with control characters as escapes.
pub(super) fn clean(text: &str) -> Cow<'_, str> {
    escape(text, is_unsafe)
}

/// `text` of many lines with control characters as escapes.
pub(super) fn clean_lines(text: &str) -> Cow<'_, str> {
    escape(text, |c| is_unsafe(c) && !matches!(c, '\n' | '\t'))
}

fn escape(text: &str, is_bad: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(&is_bad) {
        return text.into();
    }
    let mut clean = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            c if is_bad(c) => clean.extend(c.escape_default()),
            c => clean.push(c),
        }
    }
    clean.into()
}

/// Text for comparing without regard to case, as the daemon compares titles.
pub(super) fn fold_case(text: &str) -> String {
    text.nfc().flat_map(char::to_uppercase).flat_map(char::to_lowercase).collect()
}

/// `text` with single spaces for the line breaks and other white space in it.
pub(super) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// `text`, or a dash where there is none.
pub(super) fn or_dash(text: &str) -> &str {
    if text.is_empty() { "-" } else { text }
}

/// The width of `text` in columns.
pub(super) fn width(text: &str) -> usize {
    text.width()
}

/// `text` on one line of at most `columns`, with an ellipsis where something was cut off.
pub(super) fn shorten(text: &str, columns: usize) -> Cow<'_, str> {
    let text = clean(text);
    if text.width() <= columns {
        return text;
    }
    // The width of prefixes, not of characters: some take more columns together than one by one, or fewer.
    let ends: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
    let prefix = |end: &usize| text.get(..*end).unwrap_or_default();
    let fitting = ends.partition_point(|end| width(prefix(end)) < columns);
    let end = fitting.checked_sub(1).and_then(|last| ends.get(last)).unwrap_or(&0);
    format!("{}…", prefix(end)).into()
}

/// Compact JSON laid out over lines. The text of values stays as it is: numbers keep their digits.
pub(super) fn pretty(json: &str) -> String {
    let mut out = String::with_capacity(json.len() * 2);
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    let mut rest = json.chars().peekable();
    let line = |out: &mut String, depth: usize| {
        out.push('\n');
        out.push_str(&"  ".repeat(depth));
    };
    while let Some(c) = rest.next() {
        if in_string {
            out.push(c);
            in_string = escaped || c != '"';
            escaped = !escaped && c == '\\';
            continue;
        }
        match c {
            '"' => {
                in_string = true;
                out.push(c);
            }
            '{' | '[' => {
                out.push(c);
                if let Some(close) = rest.next_if(|next| matches!(next, '}' | ']')) {
                    out.push(close);
                } else {
                    depth += 1;
                    line(&mut out, depth);
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                line(&mut out, depth);
                out.push(c);
            }
            ',' => {
                out.push(c);
                line(&mut out, depth);
            }
            ':' => out.push_str(": "),
            c => out.push(c),
        }
    }
    out
}

/// A number of bytes, as people write it.
pub(super) fn bytes(bytes: u64) -> String {
    let mut unit = "B";
    #[expect(clippy::cast_precision_loss, reason = "it is rounded anyway")]
    let mut amount = bytes as f64;
    for larger in ["KiB", "MiB", "GiB", "TiB"] {
        if amount < 1024.0 {
            break;
        }
        (amount, unit) = (amount / 1024.0, larger);
    }
    if unit == "B" { format!("{bytes} B") } else { format!("{amount:.1} {unit}") }
}

/// A length of time, as people write it.
pub(super) fn span(ms: u64) -> String {
    let seconds = ms / 1000;
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, minutes) => format!("{minutes} min {} s", seconds % 60),
        (0, hours, minutes) => format!("{hours} h {minutes} min"),
        (days, hours, _) => format!("{days} d {hours} h"),
    }
}

/// A time (ms since the Unix epoch) in the local zone, in the form of `format`.
pub(super) fn time(ms: i64, format: &str) -> String {
    let Ok(at) = jiff::Timestamp::from_millisecond(ms) else { return "-".to_owned() };
    at.to_zoned(jiff::tz::TimeZone::system()).strftime(format).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_cut_by_columns_not_characters() {
        for (text, columns, expected) in [
            ("hej", 3, "hej"),
            ("hejsan", 4, "hej…"),
            ("日本語", 5, "日本…"),
            ("日本語", 4, "日…"),
            ("❤\u{fe0f}❤\u{fe0f}❤\u{fe0f}", 5, "❤\u{fe0f}❤\u{fe0f}…"),
            ("e\u{301}e\u{301}e\u{301}", 2, "e\u{301}…"),
            ("hej", 1, "…"),
            ("a\u{1b}[2Jb\n", 20, "a\\u{1b}[2Jb\\n"),
            ("abc\u{202e}", 20, "abc\\u{202e}"),
        ] {
            assert_eq!(shorten(text, columns), expected, "{text:?}");
        }
    }

    #[test]
    fn json_is_laid_out_without_touching_its_values() {
        let json = r#"{"a":[],"b":{"n":12345678901234567890123,"s":"x\"}{,:\\"},"c":[1,{}]}"#;
        let laid_out = "{\n  \"a\": [],\n  \"b\": {\n    \"n\": 12345678901234567890123,\n    \"s\": \"x\\\"}{,:\\\\\"\n  },\n  \"c\": [\n    1,\n    {}\n  ]\n}";
        assert_eq!(pretty(json), laid_out);
    }

    #[test]
    fn amounts_have_readable_units() {
        assert_eq!(
            (bytes(1023), bytes(1536), bytes(3 << 30)),
            ("1023 B".into(), "1.5 KiB".into(), "3.0 GiB".into())
        );
        assert_eq!(
            (span(59_999), span(61_000), span(90_061_000)),
            ("59 s".into(), "1 min 1 s".into(), "1 d 1 h".into())
        );
    }
}
