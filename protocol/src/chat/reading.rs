//! Reading and searching what was said.

use super::Role;
use crate::EntityId;
use crate::types::{Limit, null_is_default};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Params of [`ListMessages`](super::ListMessages).
///
/// Without `before` and `after`: the newest messages. Either is a `next` of an earlier page, which goes on in its own
/// conversation whichever is current by then, or the id of a message.
/// `next` goes on towards older messages, with `after` towards newer ones. A page also ends once it has 4 MiB.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ListMessagesParams {
    /// The conversation; the current one when not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation_id: Option<EntityId>,
    /// Only messages older than this place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// Only messages newer than this place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// Most messages of one page.
    #[serde(default, deserialize_with = "null_is_default")]
    pub limit: Limit,
}

/// Params of [`ListInteractions`](super::ListInteractions).
///
/// Pages are as of [`ListMessagesParams`], with ids of interactions. An interaction is never split; one whose messages
/// are more than the limit `frameBytes` comes without them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ListInteractionsParams {
    /// The conversation; the current one when not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation_id: Option<EntityId>,
    /// Only interactions older than this place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// Only interactions newer than this place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// Most interactions of one page.
    #[serde(default, deserialize_with = "null_is_default")]
    pub limit: Limit,
}

/// Params of [`GetInteraction`](super::GetInteraction).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GetInteractionParams {
    /// The interaction.
    pub id: EntityId,
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
