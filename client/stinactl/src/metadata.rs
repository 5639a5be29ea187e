//! Metadata as an argument: a JSON object, or `none`.

use stina_protocol::{Json, JsonObject};

/// A JSON object, or `none`.
#[derive(Debug, Clone)]
pub(super) struct Metadata(pub(super) Option<JsonObject>);

impl Metadata {
    /// Reads an argument.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        if text.trim().eq_ignore_ascii_case("none") {
            return Ok(Self(None));
        }
        let object = Json::parse(text.trim()).and_then(JsonObject::new);
        object.map(Some).map(Self).map_err(|e| e.to_string())
    }
}
