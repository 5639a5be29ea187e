//! Reading and searching messages.

use super::Role;
use crate::EntityId;
use crate::types::{Limit, null_is_default, stored_id};
use serde::{Deserialize, Serialize};

/// Params of [`ListMessages`](super::ListMessages) and [`ListInteractions`](super::ListInteractions).
///
/// Without `before` and `after`, the page holds the newest items. Either takes an id, or the `next` of an earlier page,
/// which continues in its own conversation even if another is current by then. `next` leads to older items, with
/// `after` to newer ones. A page ends early once it has 4 MiB.
///
/// An interaction is never split; one whose messages exceed the limit `frameBytes` comes without them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WindowParams {
    /// The conversation; the current one when omitted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation_id: Option<EntityId>,
    /// Only items older than this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// Only items newer than this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// Maximum number of items in the page.
    #[serde(default, deserialize_with = "null_is_default")]
    pub limit: Limit,
}

/// Params of [`CountMessages`](super::CountMessages).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CountParams {
    /// The conversation; the current one when omitted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation_id: Option<EntityId>,
}

/// Params of [`Search`](super::Search).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SearchParams {
    /// The query: any text.
    pub query: String,
    /// Only in this conversation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation_id: Option<EntityId>,
    /// Maximum number of hits.
    #[serde(default, deserialize_with = "null_is_default")]
    pub limit: Limit,
}

/// A message that a search found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", schemars(rename = "MessageHit"))]
#[cfg_attr(not(feature = "schema"), non_exhaustive)]
pub struct Hit {
    /// The message.
    #[serde(deserialize_with = "stored_id")]
    pub message_id: EntityId,
    /// Its conversation.
    #[serde(deserialize_with = "stored_id")]
    pub conversation_id: EntityId,
    /// Its interaction.
    #[serde(deserialize_with = "stored_id")]
    pub interaction_id: EntityId,
    /// Its author.
    pub role: Role,
    /// Creation time, in milliseconds since the Unix epoch.
    pub created_at: i64,
    /// The part of its text around the match.
    pub snippet: String,
}
