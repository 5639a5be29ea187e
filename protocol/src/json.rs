//! [`Json`]: any JSON value, unchanged. Parsing and checking is in [`json_check`](crate::json_check).

use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;

/// Any JSON value as text: numbers keep all digits, objects keep the order of their members.
///
/// Every client can parse the text. It is compact (no white space between tokens, so no line breaks), and escapes of
/// lone surrogates, which JSON allows but which are no characters, are replaced by U+FFFD.
#[derive(Debug, Clone, Default)]
pub struct Json(pub(crate) Box<RawValue>);

impl Json {
    /// The JSON text.
    pub fn get(&self) -> &str {
        self.0.get()
    }

    /// The JSON text as a raw value.
    pub fn as_raw(&self) -> &RawValue {
        &self.0
    }

    /// Whether the value is an object.
    pub fn is_object(&self) -> bool {
        self.get().starts_with('{')
    }

    /// Deserializes the value.
    ///
    /// # Errors
    /// serde's, when the value does not fit the type.
    pub fn to<'a, T: Deserialize<'a>>(&'a self) -> serde_json::Result<T> {
        serde_json::from_str(self.get())
    }
}

/// Compares by value: the order of members and the notation of numbers do not matter.
impl PartialEq for Json {
    fn eq(&self, other: &Self) -> bool {
        self.get() == other.get()
            || match (self.to::<serde_json::Value>(), other.to::<serde_json::Value>()) {
                (Ok(a), Ok(b)) => a == b,
                _ => false,
            }
    }
}

/// Writes the value itself in JSON, and its JSON text in other formats, such as a row of a table.
impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        match serializer.is_human_readable() {
            true => self.0.serialize(serializer),
            false => serializer.serialize_str(self.get()),
        }
    }
}

/// A JSON object, unchanged.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(transparent)]
pub struct JsonObject(pub(crate) Json);

impl JsonObject {
    /// The value.
    pub fn json(&self) -> &Json {
        &self.0
    }
}
