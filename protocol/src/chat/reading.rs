//! Reading and searching what was said.

use super::Role;
use crate::EntityId;
use crate::types::{Limit, null_is_default};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Params of [`ListMessages`](super::ListMessages) and [`ListInteractions`](super::ListInteractions).
///
/// Without `before` and `after`: the newest. Either is a `next` of an earlier page, which goes on in its own
/// conversation whichever is current by then, or an id.
/// `next` goes on towards older ones, with `after` towards newer ones. A page also ends once it has 4 MiB.
///
/// An interaction is never split; one whose messages are more than the limit `frameBytes` comes without them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WindowParams {
    /// The conversation; the current one when not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation_id: Option<EntityId>,
    /// Only what is older than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// Only what is newer than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// Most items of one page.
    #[serde(default, deserialize_with = "null_is_default")]
    pub limit: Limit,
}

/// Params of [`CountMessages`](super::CountMessages).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CountParams {
    /// The conversation; the current one when not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation_id: Option<EntityId>,
}

/// Params of [`Search`](super::Search).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SearchParams {
    /// What to look for: any text.
    pub query: String,
    /// Only in this conversation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation_id: Option<EntityId>,
    /// Most hits.
    #[serde(default, deserialize_with = "null_is_default")]
    pub limit: Limit,
}

/// A message that a search found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "MessageHit")]
pub struct Hit {
    /// The message.
    pub message_id: String,
    /// Its conversation.
    pub conversation_id: String,
    /// Its interaction.
    pub interaction_id: String,
    /// Who speaks.
    pub role: Role,
    /// When it was said, in milliseconds since the Unix epoch.
    pub created_at: i64,
    /// A few words of it around what was found.
    pub snippet: String,
}
