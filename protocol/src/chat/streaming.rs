//! Messages as they are being written.

use crate::{EntityId, Json};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
