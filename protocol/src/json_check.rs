//! Creates a [`Json`] from received text, from a value, or from stored text.

use crate::error::{Error, Result};
use crate::json::{Json, JsonObject};
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// Maximum nesting of arrays and objects in one message, the envelope included.
///
/// Eight below the limit of `serde_json`, because replies and events nest a received value deeper.
pub const MAX_DEPTH: usize = 120;

impl Json {
    /// Parses a JSON value that every client can read.
    ///
    /// # Errors
    /// `invalid` when the text is not JSON, is nested too deeply, or has a number beyond the range of a double.
    pub fn parse(text: &str) -> Result<Self> {
        check_depth(text)?;
        let raw = serde_json::from_str(text);
        Self::from_raw(raw.map_err(|e| Error::invalid("", format!("not JSON: {e}")))?)
    }

    /// Accepts JSON that is no deeper than [`MAX_DEPTH`].
    fn from_raw(raw: Box<RawValue>) -> Result<Self> {
        let compact = match compact(raw.get()) {
            Cow::Borrowed(_) => None,
            Cow::Owned(text) => Some(text),
        };
        // The grammar allows numbers like 1e999, which many parsers refuse.
        serde_json::from_str::<Readable>(compact.as_deref().unwrap_or(raw.get()))
            .map_err(|e| Error::invalid("", format!("not readable by every client: {e}")))?;
        compact.map_or(Ok(Self(raw)), Self::from_valid)
    }

    /// The JSON of a serializable value.
    ///
    /// # Errors
    /// `internal` when serialization fails, such as for a map whose keys are not strings.
    pub fn of<T: Serialize + ?Sized>(value: &T) -> Result<Self> {
        serde_json::value::to_raw_value(value).map(Self).map_err(|_| Error::Internal)
    }

    /// Restores a [`Json`] from its text, such as from the database.
    ///
    /// # Errors
    /// `corrupt` when the text is not JSON.
    pub fn stored(text: String) -> Result<Self> {
        RawValue::from_string(text).map(Self).map_err(|_| Error::Corrupt)
    }

    fn from_valid(text: String) -> Result<Self> {
        RawValue::from_string(text).map(Self).map_err(|_| Error::Internal)
    }
}

/// Parses a value and discards it: a `serde_json::Value` would take about 20 times the memory of the text.
struct Readable;

impl<'de> Deserialize<'de> for Readable {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        deserializer.deserialize_any(Self)
    }
}

impl<'de> Visitor<'de> for Readable {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> std::result::Result<Self, E> {
        Ok(self)
    }

    fn visit_bool<E>(self, _: bool) -> std::result::Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E>(self, _: i64) -> std::result::Result<Self, E> {
        Ok(self)
    }

    fn visit_u64<E>(self, _: u64) -> std::result::Result<Self, E> {
        Ok(self)
    }

    fn visit_f64<E>(self, _: f64) -> std::result::Result<Self, E> {
        Ok(self)
    }

    fn visit_str<E>(self, _: &str) -> std::result::Result<Self, E> {
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> std::result::Result<Self, A::Error> {
        while seq.next_element::<Self>()?.is_some() {}
        Ok(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Self, A::Error> {
        while map.next_entry::<Self, Self>()?.is_some() {}
        Ok(self)
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        if !deserializer.is_human_readable() {
            return Self::stored(String::deserialize(deserializer)?).map_err(serde::de::Error::custom);
        }
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        check_depth(raw.get()).and_then(|()| Self::from_raw(raw)).map_err(serde::de::Error::custom)
    }
}

impl JsonObject {
    /// Accepts a JSON object.
    ///
    /// # Errors
    /// `invalid` for other values.
    pub fn new(json: Json) -> Result<Self> {
        if json.is_object() { Ok(Self(json)) } else { Err(Error::invalid("", "must be a JSON object")) }
    }
}

impl<'de> Deserialize<'de> for JsonObject {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        Self::new(Json::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// Checks the nesting of arrays and objects.
///
/// # Errors
/// `invalid` when it is deeper than [`MAX_DEPTH`].
pub fn check_depth(text: &str) -> Result<()> {
    let bytes = text.as_bytes();
    let (mut depth, mut at) = (0_usize, 0);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => {
                at += string_end(&bytes[at..]);
                continue;
            }
            b'[' | b'{' => {
                depth += 1;
                if depth > MAX_DEPTH {
                    return Err(Error::invalid("", format!("nested deeper than {MAX_DEPTH}")));
                }
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        at += 1;
    }
    Ok(())
}

/// Removes white space between tokens, and replaces escapes of lone surrogates. `text` must be valid JSON; it is not copied
/// when it has neither.
pub fn compact(text: &str) -> Cow<'_, str> {
    let bytes = text.as_bytes();
    // What is before `from` is in `out`.
    let (mut out, mut from, mut at) = (String::new(), 0, 0);
    while let Some(byte) = bytes.get(at) {
        let end = match byte {
            b'"' => at + string_end(&bytes[at..]),
            _ => at + 1,
        };
        let becomes = match byte {
            b' ' | b'\t' | b'\n' | b'\r' => Some(String::new()),
            b'"' => text.get(at..end).and_then(paired),
            _ => None,
        };
        if let Some(becomes) = becomes {
            out.push_str(text.get(from..at).unwrap_or_default());
            out.push_str(&becomes);
            from = end;
        }
        at = end;
    }
    if from == 0 {
        return Cow::Borrowed(text);
    }
    out.push_str(text.get(from..).unwrap_or_default());
    Cow::Owned(out)
}

/// Length of the JSON string literal at the start of `bytes`.
fn string_end(bytes: &[u8]) -> usize {
    let mut at = 1;
    while let Some(offset) = memchr::memchr2(b'"', b'\\', bytes.get(at..).unwrap_or_default()) {
        at += offset;
        if bytes[at] == b'"' {
            return at + 1;
        }
        at += 2;
    }
    bytes.len()
}

/// A JSON string literal without escapes of lone surrogates, if it has any.
fn paired(literal: &str) -> Option<String> {
    // Nearly every string ends here.
    memchr::memmem::find(literal.as_bytes(), b"\\u")?;
    let mut out = String::with_capacity(literal.len());
    let mut rest = literal;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let unit = |s: &str| s.strip_prefix("\\u").and_then(|s| u16::from_str_radix(s.get(..4)?, 16).ok());
        let (take, keep) = match unit(rest) {
            None => (2, true),
            Some(0xD800..=0xDBFF) => match rest.get(6..).and_then(unit) {
                Some(0xDC00..=0xDFFF) => (12, true),
                _ => (6, false),
            },
            Some(0xDC00..=0xDFFF) => (6, false),
            Some(_) => (6, true),
        };
        // The literal is valid JSON: escapes are complete and ASCII.
        let (escape, after) = rest.split_at(take.min(rest.len()));
        out.push_str(if keep { escape } else { "\\ufffd" });
        rest = after;
    }
    out.push_str(rest);
    (out != literal).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn digits_order_and_strings_are_kept_and_white_space_is_not() {
        let text = "{ \"b\" : 12345678901234567890123 ,\n\t\"a\": [1.10, \"x \\\" \\\\ y\\n\"] }";
        let json = Json::parse(text).unwrap();
        assert_eq!(json.get(), r#"{"b":12345678901234567890123,"a":[1.10,"x \" \\ y\n"]}"#);
    }

    #[test]
    fn lone_surrogates_become_replacement_characters() {
        for (given, kept) in [
            (r#""\ud83d""#, r#""\ufffd""#),
            (r#""a\udc00\ud83d\ude00\ud83dz""#, r#""a\ufffd\ud83d\ude00\ufffdz""#),
            (r#"{"\ud83d":"\\ud83d"}"#, r#"{"\ufffd":"\\ud83d"}"#),
        ] {
            assert_eq!(Json::parse(given).unwrap().get(), kept);
        }
    }

    #[test]
    fn json_that_some_clients_cannot_read_is_refused() {
        for text in ["", "{", "1e999", "nul", "[1,]", "\u{feff}1", &"[".repeat(MAX_DEPTH + 1)] {
            assert!(Json::parse(text).is_err(), "{text}");
        }
        let deep = "[".repeat(MAX_DEPTH) + &"]".repeat(MAX_DEPTH);
        assert!(Json::parse(&deep).is_ok());
    }

    proptest! {
        #[test]
        fn any_value_survives_pretty_printing(text in "\\PC*", n in any::<f64>().prop_filter("finite", |n| n.is_finite())) {
            let value = serde_json::json!({"s": text, "n": n, "l": [text, null, true]});
            let pretty = serde_json::to_string_pretty(&value).unwrap();
            let json = Json::parse(&pretty).unwrap();
            prop_assert!(!json.get().contains('\n'));
            prop_assert_eq!(json.to::<serde_json::Value>().unwrap(), value);
        }
    }
}
