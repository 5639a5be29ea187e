//! Values of fields, as callers write them.

use crate::Result;
use serde::Serialize;
use stina_protocol::{EntityId, Error, Json, JsonObject, ValidationError};
use uuid::Uuid;

/// A text for a field that may have none: a text, or `None`, which clears the field.
pub trait OptionalText {
    /// The text.
    fn into_text(self) -> Option<String>;
}

impl OptionalText for &str {
    fn into_text(self) -> Option<String> {
        Some(self.to_owned())
    }
}

impl OptionalText for String {
    fn into_text(self) -> Option<String> {
        Some(self)
    }
}

impl OptionalText for &String {
    fn into_text(self) -> Option<String> {
        Some(self.clone())
    }
}

// For one type of option only: then the type of a bare `None` is known.
impl OptionalText for Option<&str> {
    fn into_text(self) -> Option<String> {
        self.map(ToOwned::to_owned)
    }
}

/// Names the field of a value that is not valid.
pub(crate) fn in_field<T>(field: &str, value: std::result::Result<T, ValidationError>) -> Result<T> {
    Ok(value.map_err(|reason| Error::invalid(field, reason))?)
}

/// The text of a field.
pub(crate) fn text<T>(field: &str, text: impl Into<String>) -> Result<T>
where
    T: TryFrom<String, Error = ValidationError>,
{
    in_field(field, T::try_from(text.into()))
}

/// The text of a field that may have none.
pub(crate) fn optional_text<T>(field: &str, value: impl OptionalText) -> Result<Option<T>>
where
    T: TryFrom<String, Error = ValidationError>,
{
    value.into_text().map(|value| text(field, value)).transpose()
}

pub(crate) fn id(field: &str, id: impl Into<String>) -> Result<EntityId> {
    text(field, id)
}

/// A new id.
pub(crate) fn generated(prefix: &str) -> EntityId {
    EntityId::stored(format!("{prefix}{}", Uuid::now_v7()))
}

/// The JSON of a field.
pub(crate) fn json(field: &str, value: &(impl Serialize + ?Sized)) -> Result<Json> {
    let text = serde_json::to_string(value).map_err(|e| Error::invalid(field, e.to_string()))?;
    Ok(Json::parse(&text)?)
}

/// The JSON object of a field that may have none; null is none.
pub(crate) fn optional_object(field: &str, value: &impl Serialize) -> Result<Option<JsonObject>> {
    json(field, value)?.to().map_err(|_| Error::invalid(field, "not a JSON object").into())
}
