//! Messages as they are being written.

use super::Role;
use crate::text::Line;
use crate::types::Millis;
use crate::types::null_is_default;
use crate::{EntityId, Json};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Params of [`BeginMessage`](super::BeginMessage): as of [`AppendMessage`](super::AppendMessage).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BeginParams {
    /// Who speaks.
    pub role: Role,
    /// The first words; the first delta's `offset` is their length in bytes.
    #[serde(default, deserialize_with = "null_is_default", skip_serializing_if = "String::is_empty")]
    pub content: String,
    /// Its conversation; when not said that of the interaction, else the current one, made if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation_id: Option<EntityId>,
    /// Its interaction, made if there is none with that id; a new one when not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interaction_id: Option<EntityId>,
    /// Its id; a new one when not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<EntityId>,
    /// Who answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<Line>,
    /// Any JSON value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Json>,
    /// When it was said; now when not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Millis>,
}

impl BeginParams {
    /// A message without words yet, and nothing else said of it.
    pub fn new(role: Role) -> Self {
        Self {
            role,
            content: String::new(),
            conversation_id: None,
            interaction_id: None,
            id: None,
            provider: None,
            metadata: None,
            created_at: None,
        }
    }
}

/// Params of [`AppendDelta`](super::AppendDelta).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DeltaParams {
    /// The message; begun on this connection, and its beginning answered.
    pub message_id: EntityId,
    /// Where `text` begins, in bytes of UTF-8. At most the length of the text so far; what lies before that length
    /// must be what was sent before. A gap is `invalid`, with the length in `expected`.
    pub offset: u64,
    /// The words.
    pub text: String,
}

/// Answer of [`AppendDelta`](super::AppendDelta).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Appended {
    /// Length of the text so far, in bytes of UTF-8: the next `offset`.
    pub offset: u64,
}

/// Params of [`FinishMessage`](super::FinishMessage).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FinishParams {
    /// The message; begun on this connection.
    pub message_id: EntityId,
    /// The whole text, instead of the text so far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// Any JSON value, instead of the one given at the beginning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Json>,
    /// Only if the message's `rev` is this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub if_rev: Option<u64>,
}

/// Params of [`AbortMessage`](super::AbortMessage), for every connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AbortMessageParams {
    /// The message.
    pub message_id: EntityId,
    /// Only if the message's `rev` is this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub if_rev: Option<u64>,
}

/// Params of [`CancelMessage`](super::CancelMessage), for every connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CancelParams {
    /// The message.
    pub message_id: EntityId,
}

/// Answer of [`CancelMessage`](super::CancelMessage).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Cancelled {
    /// Whether the owner was asked; false when the message has already ended.
    pub cancelled: bool,
}
