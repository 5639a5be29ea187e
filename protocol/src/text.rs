//! Text params: bounded, and trimmed where surrounding white space has no meaning.

use crate::ValidationError;
use crate::validation::checked_text;
use serde::Serialize;

/// Maximum length of short texts such as titles, in bytes of UTF-8.
pub const MAX_LINE: usize = 64 << 10;
/// Maximum length of long texts such as descriptions, in bytes of UTF-8.
pub const MAX_CONTENT: usize = 8 << 20;

/// A short text, unchanged.
pub type Line = Text<MAX_LINE>;
/// A long text, unchanged.
pub type Content = Text<MAX_CONTENT>;
/// A short text, trimmed and not empty.
pub type Title = Trimmed<MAX_LINE>;
/// A long text, trimmed and not empty.
pub type Note = Trimmed<MAX_CONTENT>;

/// Any text of at most `MAX` bytes of UTF-8, unchanged.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Text<const MAX: usize>(String);

/// Text of 1 to `MAX` bytes of UTF-8 after trimming, which is that of JavaScript's `trim` (with U+FEFF).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Trimmed<const MAX: usize>(String);

impl<const MAX: usize> Text<MAX> {
    /// Accepts text of at most `MAX` bytes.
    ///
    /// # Errors
    /// When it is longer.
    pub fn new(text: impl Into<String>) -> Result<Self, ValidationError> {
        let text = text.into();
        match text.len() <= MAX {
            true => Ok(Self(text)),
            false => Err(ValidationError::new(format!("longer than {MAX} bytes"))),
        }
    }
}

impl<const MAX: usize> Trimmed<MAX> {
    /// Trims text, and accepts the rest if it has 1 to `MAX` bytes.
    ///
    /// # Errors
    /// When nothing is left, or more.
    pub fn new(text: impl Into<String>) -> Result<Self, ValidationError> {
        let text = text.into();
        let trimmed = trim(&text);
        if trimmed.is_empty() {
            return Err(ValidationError::new("must not be empty"));
        }
        let same = trimmed.len() == text.len();
        Text::<MAX>::new(if same { text } else { trimmed.to_owned() }).map(|Text(text)| Self(text))
    }
}

/// Removes surrounding white space: Unicode's, and U+FEFF.
pub fn trim(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}')
}

checked_text!(Text<const MAX: usize>);
checked_text!(Trimmed<const MAX: usize>);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_trimmed_and_must_not_be_empty() {
        for (given, kept) in [
            ("a", Some("a")),
            ("\u{feff}\u{a0} a b\u{2028}\u{3000}\n", Some("a b")),
            (" \u{feff}\t", None),
            ("", None),
            ("12345678", Some("12345678")),
            ("  12345678  ", Some("12345678")),
            ("123456789", None),
            ("åäöåä", None),
        ] {
            assert_eq!(Trimmed::<8>::new(given).ok().as_ref().map(Trimmed::as_str), kept, "{given:?}");
        }
        assert_eq!(Text::<8>::new("  1234  ").unwrap().as_str(), "  1234  ");
        assert!(Text::<8>::new("  12345  ").is_err());
    }
}
