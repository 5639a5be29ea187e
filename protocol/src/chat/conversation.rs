//! Conversations.

use crate::text::Line;
use crate::types::{Target, given, stored_id};
use crate::{EntityId, With};
use serde::{Deserialize, Serialize};

/// A conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[cfg_attr(not(feature = "schema"), non_exhaustive)]
pub struct Conversation {
    /// Its id, `c_…` unless its creator chose another.
    #[serde(deserialize_with = "stored_id")]
    pub id: EntityId,
    /// Orders conversations with the same `createdAt`; never reused.
    pub seq: u64,
    /// Its title.
    pub title: Option<String>,
    /// The provider that answers in it, such as `openai`.
    pub provider: Option<String>,
    /// The model that answers in it.
    pub ai_model: Option<String>,
    /// Creation time, in milliseconds since the Unix epoch.
    pub created_at: i64,
    /// Time of the last change to it or to anything in it, in milliseconds since the Unix epoch.
    pub updated_at: i64,
    /// Revision that last changed it.
    pub rev: u64,
}

impl Conversation {
    /// A conversation without a title.
    pub fn new(id: EntityId) -> Self {
        Self { id, seq: 0, title: None, provider: None, ai_model: None, created_at: 0, updated_at: 0, rev: 0 }
    }
}

/// The fields of a conversation that callers can set. Null clears a field.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Fields {
    /// Its title.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub title: Option<Option<Line>>,
    /// The provider that answers in it.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub provider: Option<Option<Line>>,
    /// The model that answers in it.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub ai_model: Option<Option<Line>>,
}

/// A new conversation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct New {
    /// Its id; generated when omitted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<EntityId>,
}

/// Params of [`StartConversation`](super::StartConversation).
pub type StartParams = With<New, Fields>;
/// Params of [`UpdateConversation`](super::UpdateConversation): null clears a field, an omitted field stays unchanged.
pub type UpdateParams = With<Target, Fields>;

/// Params of [`SetCurrent`](super::SetCurrent).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SetCurrentParams {
    /// The conversation.
    pub conversation_id: EntityId,
    /// Fails with `conflict` unless the conversation's `rev` equals this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub if_rev: Option<u64>,
}

/// Counts of what [`ClearHistory`](super::ClearHistory) deleted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Cleared {
    /// Conversations.
    pub conversations: u64,
    /// Messages in them.
    pub messages: u64,
}
