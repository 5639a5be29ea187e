//! Cursors of lists: opaque text that holds the name of the list and where in it the next page begins.

use super::Result;
use data_encoding::BASE64URL_NOPAD;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use stina_protocol::Error;

/// Where a page begins; `None` for the first page.
///
/// # Errors
/// `invalid` when `list` (the method's name) gave no such cursor.
pub fn read<P: DeserializeOwned>(list: &str, cursor: Option<&str>) -> Result<Option<P>> {
    let read = |cursor: &str| {
        let json = BASE64URL_NOPAD.decode(cursor.as_bytes()).ok()?;
        let (name, from): (String, Value) = serde_json::from_slice(&json).ok()?;
        (name == list && is_bindable(&from)).then(|| P::deserialize(from).ok()).flatten()
    };
    let Some(cursor) = cursor else { return Ok(None) };
    let from = read(cursor).ok_or_else(|| Error::invalid("cursor", format!("{list} gave no such cursor")))?;
    Ok(Some(from))
}

/// Whether SQLite, whose integers are signed, can hold every number in it: cursors come from rows.
fn is_bindable(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.is_i64(),
        Value::Array(items) => items.iter().all(is_bindable),
        Value::Object(members) => members.values().all(is_bindable),
        Value::Null | Value::Bool(_) | Value::String(_) => true,
    }
}

/// The cursor of a page that begins there.
///
/// # Errors
/// When `from` can't be written as JSON.
pub fn write<P: Serialize>(list: &str, from: &P) -> Result<String> {
    Ok(BASE64URL_NOPAD.encode(&serde_json::to_vec(&(list, from))?))
}
