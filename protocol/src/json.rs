//! [`Json`]: any JSON value, kept as it was given. How it is read and checked is in [`check`](crate::json_check).

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;

/// Any JSON value in its own text: numbers keep all their digits and objects the order of their members.
///
/// The text is compact (no white space between tokens, hence no line break), and escapes of lone surrogates,
/// which are valid in JSON but name no character, have become U+FFFD: every client can parse it.
#[derive(Debug, Clone, Default)]
pub struct Json(pub(crate) Box<RawValue>);

impl Json {
    /// The text.
    pub fn get(&self) -> &str {
        self.0.get()
    }

    /// The text as a raw value.
    pub fn as_raw(&self) -> &RawValue {
        &self.0
    }

    /// Whether the value is an object.
    pub fn is_object(&self) -> bool {
        self.get().starts_with('{')
    }

    /// Reads the value as a type.
    ///
    /// # Errors
    /// What serde says when the value does not have that shape.
    pub fn to<'a, T: Deserialize<'a>>(&'a self) -> serde_json::Result<T> {
        serde_json::from_str(self.get())
    }
}

/// Two are equal when they mean the same: members in any order, numbers by value.
impl PartialEq for Json {
    fn eq(&self, other: &Self) -> bool {
        self.get() == other.get()
            || match (self.to::<serde_json::Value>(), other.to::<serde_json::Value>()) {
                (Ok(a), Ok(b)) => a == b,
                _ => false,
            }
    }
}

/// In JSON the value itself; in a format that is no text for people, such as a row of a table, its JSON text.
impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        match serializer.is_human_readable() {
            true => self.0.serialize(serializer),
            false => serializer.serialize_str(self.get()),
        }
    }
}

impl JsonSchema for Json {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Json".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!(true)
    }
}

/// A JSON object, kept as it was given.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(transparent)]
pub struct JsonObject(pub(crate) Json);

impl JsonObject {
    /// The value.
    pub fn json(&self) -> &Json {
        &self.0
    }
}

impl JsonSchema for JsonObject {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "JsonObject".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "object" })
    }
}
