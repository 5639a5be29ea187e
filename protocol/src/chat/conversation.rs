//! Conversations.

use crate::text::Line;
use crate::types::{Target, given};
use crate::{EntityId, With};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A conversation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Conversation {
    /// Its id, `c_…` unless its maker chose another.
    pub id: String,
    /// Its place among conversations of the same `createdAt`; never used twice.
    pub seq: u64,
    /// Its title.
    pub title: Option<String>,
    /// Who answers in it, such as `openai`.
    pub provider: Option<String>,
    /// Which model answers in it.
    pub ai_model: Option<String>,
    /// When it was started, in milliseconds since the Unix epoch.
    pub created_at: i64,
    /// When it or anything in it last changed, in milliseconds since the Unix epoch.
    pub updated_at: i64,
    /// Revision that last changed it.
    pub rev: u64,
}

/// What may be said of a conversation. Null is none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Fields {
    /// Its title.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub title: Option<Option<Line>>,
    /// Who answers in it.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub provider: Option<Option<Line>>,
    /// Which model answers in it.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub ai_model: Option<Option<Line>>,
}

/// A conversation that is to be started.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct New {
    /// Its id; a new one when not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<EntityId>,
}

/// Params of [`StartConversation`](super::StartConversation).
pub type StartParams = With<New, Fields>;
/// Params of [`UpdateConversation`](super::UpdateConversation): null clears, absent keeps.
pub type UpdateParams = With<Target, Fields>;

/// Params of [`SetCurrent`](super::SetCurrent).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SetCurrentParams {
    /// The conversation.
    pub conversation_id: EntityId,
    /// Only if the conversation's `rev` is this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub if_rev: Option<u64>,
}

/// What [`ClearHistory`](super::ClearHistory) deleted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Cleared {
    /// Conversations.
    pub conversations: u64,
    /// Messages in them.
    pub messages: u64,
}
