//! Streaming messages.

use crate::{EntityId, Json};
use serde::{Deserialize, Serialize};

/// Params of [`AppendDelta`](super::AppendDelta).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DeltaParams {
    /// The message. This connection must have begun it, and received the answer.
    pub message_id: EntityId,
    /// Offset of `text` in the message, in bytes of UTF-8. Text before the end of the message must equal what was sent
    /// before. An offset beyond the end is `invalid`, with the end in `expected`.
    pub offset: u64,
    /// The text to append.
    pub text: String,
}

/// Answer of [`AppendDelta`](super::AppendDelta).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Appended {
    /// Length of the text so far, in bytes of UTF-8: the next `offset`.
    pub offset: u64,
}

/// Params of [`FinishMessage`](super::FinishMessage).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FinishParams {
    /// The message. This connection must have begun it.
    pub message_id: EntityId,
    /// The final text; the text so far when omitted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// Any JSON value; the one given at the beginning when omitted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Json>,
    /// Fails with `conflict` unless the message's `rev` equals this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub if_rev: Option<u64>,
}

/// Params of [`AbortMessage`](super::AbortMessage): any connection may call it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AbortMessageParams {
    /// The message.
    pub message_id: EntityId,
    /// Fails with `conflict` unless the message's `rev` equals this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub if_rev: Option<u64>,
}

/// Params of [`CancelMessage`](super::CancelMessage): any connection may call it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CancelParams {
    /// The message.
    pub message_id: EntityId,
}

/// Answer of [`CancelMessage`](super::CancelMessage).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Cancelled {
    /// Whether the owner was asked; false if the message has already ended.
    pub cancelled: bool,
}
