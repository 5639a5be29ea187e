//! Text params: bounded, and trimmed where surrounding white space has no meaning.

use serde::{Deserialize, Deserializer, Serialize};

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
    /// The reason, for people.
    pub fn new(text: impl Into<String>) -> Result<Self, String> {
        let text = text.into();
        if text.len() <= MAX { Ok(Self(text)) } else { Err(format!("longer than {MAX} bytes")) }
    }
}

impl<const MAX: usize> Trimmed<MAX> {
    /// Trims text, and accepts the rest if it has 1 to `MAX` bytes.
    ///
    /// # Errors
    /// The reason, for people.
    pub fn new(text: impl Into<String>) -> Result<Self, String> {
        let text = text.into();
        let trimmed = trim(&text);
        if trimmed.is_empty() {
            return Err("must not be empty".to_owned());
        }
        let same = trimmed.len() == text.len();
        Text::<MAX>::new(if same { text } else { trimmed.to_owned() }).map(|Text(text)| Self(text))
    }
}

/// Removes surrounding white space: Unicode's, and U+FEFF.
pub fn trim(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}')
}

macro_rules! string_type {
    ($name:ident) => {
        impl<const MAX: usize> $name<MAX> {
            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl<const MAX: usize> From<$name<MAX>> for String {
            fn from(text: $name<MAX>) -> Self {
                text.0
            }
        }

        impl<'de, const MAX: usize> Deserialize<'de> for $name<MAX> {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Self::new(String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
            }
        }
    };
}

string_type!(Text);
string_type!(Trimmed);

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
