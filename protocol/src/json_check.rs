//! How a [`Json`] comes to be: out of text that a client sent, out of a value, out of the store.

use crate::error::{Error, Result};
use crate::json::{Json, JsonObject};
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use std::fmt;

/// Deepest nesting of arrays and objects in one message, the envelope included.
///
/// Eight less than where `serde_json` stops: what arrives in a call can be told in every reply and event, which nest it
/// deeper, and be read there.
pub const MAX_DEPTH: usize = 120;

impl Json {
    /// Takes `text` if it is one JSON value that every client can read.
    ///
    /// # Errors
    /// `invalid` when it is not JSON, is nested too deeply, or holds a number beyond a double's range.
    pub fn parse(text: &str) -> Result<Self> {
        check_depth(text)?;
        serde_json::from_str::<&RawValue>(text).map_err(|e| Error::invalid("", format!("not JSON: {e}")))?;
        let compact = compact(text);
        // Catches what the grammar allows and readers refuse: numbers like 1e999.
        serde_json::from_str::<Readable>(&compact)
            .map_err(|e| Error::invalid("", format!("not a value every client can read: {e}")))?;
        Self::from_valid(compact)
    }

    /// The JSON of any value that serde can write.
    ///
    /// # Errors
    /// `internal` when its `Serialize` fails, such as for a map with keys that are no strings.
    pub fn of<T: Serialize + ?Sized>(value: &T) -> Result<Self> {
        serde_json::value::to_raw_value(value).map(Self).map_err(|_| Error::Internal)
    }

    /// Text that was a [`Json`] before, such as out of the database.
    ///
    /// # Errors
    /// `corrupt` when it is not JSON after all.
    pub fn stored(text: String) -> Result<Self> {
        RawValue::from_string(text).map(Self).map_err(|_| Error::Corrupt)
    }

    fn from_valid(text: String) -> Result<Self> {
        RawValue::from_string(text).map(Self).map_err(|_| Error::Internal)
    }
}

/// A value that was read and not kept: as a `serde_json::Value` it would take some 20 times the room of its text.
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
        Self::parse(raw.get()).map_err(serde::de::Error::custom)
    }
}

impl JsonObject {
    /// Takes `json` if it is an object.
    ///
    /// # Errors
    /// `invalid` when it is another value.
    pub fn new(json: Json) -> Result<Self> {
        if json.is_object() { Ok(Self(json)) } else { Err(Error::invalid("", "must be a JSON object")) }
    }
}

impl<'de> Deserialize<'de> for JsonObject {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        Self::new(Json::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// Refuses text whose arrays and objects are nested deeper than [`MAX_DEPTH`].
///
/// # Errors
/// `invalid`.
pub fn check_depth(text: &str) -> Result<()> {
    let (mut depth, mut in_string, mut bytes) = (0_usize, false, text.bytes());
    while let Some(b) = bytes.next() {
        match (in_string, b) {
            (true, b'\\') => _ = bytes.next(),
            (_, b'"') => in_string = !in_string,
            (false, b'[' | b'{') => {
                depth += 1;
                if depth > MAX_DEPTH {
                    return Err(Error::invalid("", format!("nested deeper than {MAX_DEPTH}")));
                }
            }
            (false, b']' | b'}') => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    Ok(())
}

/// Valid JSON `text` without white space between tokens and without escapes of lone surrogates.
pub fn compact(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['"', ' ', '\t', '\n', '\r']) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        if rest.starts_with('"') {
            let end = string_end(rest);
            push_string(&mut out, &rest[..end]);
            rest = &rest[end..];
        } else {
            rest = &rest[1..];
        }
    }
    out.push_str(rest);
    out
}

/// Length of the JSON string literal that `text` begins with.
fn string_end(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut at = 1;
    while let Some(offset) = memchr::memchr2(b'"', b'\\', bytes.get(at..).unwrap_or_default()) {
        at += offset;
        if bytes[at] == b'"' {
            return at + 1;
        }
        at += 2;
    }
    text.len()
}

fn push_string(out: &mut String, literal: &str) {
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
        // The literal is valid JSON: an escape is whole, and everything in it is ASCII.
        let (escape, after) = rest.split_at(take.min(rest.len()));
        out.push_str(if keep { escape } else { "\\ufffd" });
        rest = after;
    }
    out.push_str(rest);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn keeps_digits_order_and_strings_but_no_white_space() {
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
    fn refuses_what_some_client_could_not_read() {
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
