//! Messages, and the interactions that group them.

use crate::names::{known, names};
use crate::text::Line;
use crate::types::{Millis, null_is_default, stored_id};
use crate::{EntityId, Json, With};
use serde::{Deserialize, Serialize};

names! {
    /// The author of a message.
    pub enum Role: "role" {
        /// The user.
        User = "user",
        /// The model.
        Assistant = "assistant",
        /// Instructions to the model, from the program or an automation.
        Instructions = "instructions",
        /// A note from the program.
        Info = "info",
        /// A tool call.
        Tool = "tool",
        /// A note for developers.
        Debug = "debug",
        /// An error.
        Error = "error",
    }
}

names! {
    /// Whether a message is complete or still streaming.
    pub enum MessageState: "state" {
        /// Its text is final.
        Complete = "complete",
        /// Deltas follow; `content` is the text saved so far.
        Streaming = "streaming",
    }
}

/// A message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[cfg_attr(not(feature = "schema"), non_exhaustive)]
pub struct Message {
    /// Its id, `m_…` unless its creator chose another.
    #[serde(deserialize_with = "stored_id")]
    pub id: EntityId,
    /// Its conversation.
    #[serde(deserialize_with = "stored_id")]
    pub conversation_id: EntityId,
    /// Its interaction.
    #[serde(deserialize_with = "stored_id")]
    pub interaction_id: EntityId,
    /// Orders messages with the same `createdAt`; never reused.
    pub seq: u64,
    /// Its author.
    pub role: Role,
    /// The text: any Unicode.
    pub content: String,
    /// The provider that answered, such as `openai`.
    pub provider: Option<String>,
    /// Whether it or its interaction was aborted.
    pub aborted: bool,
    /// Any JSON value.
    pub metadata: Json,
    /// Whether it is complete or still streaming.
    pub state: MessageState,
    /// Creation time, in milliseconds since the Unix epoch.
    pub created_at: i64,
    /// Revision that last changed it.
    pub rev: u64,
}

impl Message {
    /// A complete message with a text, in a conversation and an interaction.
    pub fn new(
        id: EntityId,
        (conversation_id, interaction_id): (EntityId, EntityId),
        role: Role,
        content: impl Into<String>,
    ) -> Self {
        Self {
            id,
            conversation_id,
            interaction_id,
            seq: 0,
            role,
            content: content.into(),
            provider: None,
            aborted: false,
            metadata: Json::default(),
            state: MessageState::Complete,
            created_at: 0,
            rev: 0,
        }
    }
}

/// An interaction: a user's message and everything that follows from it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[cfg_attr(not(feature = "schema"), non_exhaustive)]
pub struct Interaction {
    /// Its id, `ia_…` unless its creator chose another.
    #[serde(deserialize_with = "stored_id")]
    pub id: EntityId,
    /// Its conversation.
    #[serde(deserialize_with = "stored_id")]
    pub conversation_id: EntityId,
    /// Orders interactions with the same `createdAt`; never reused.
    pub seq: u64,
    /// The provider that answers: the first message's, else the conversation's at that time.
    pub provider: Option<String>,
    /// The model that answers: the conversation's at the time of the first message.
    pub ai_model: Option<String>,
    /// Whether it was aborted. Its messages are then aborted too.
    pub aborted: bool,
    /// Creation time, in milliseconds since the Unix epoch: `createdAt` of its first message.
    pub created_at: i64,
    /// Revision that last changed it.
    pub rev: u64,
    /// Its messages in order. Absent in events, and in lists when the messages exceed the limit `frameBytes`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub messages: Option<Vec<Message>>,
}

impl Interaction {
    /// An interaction of a conversation, without messages.
    pub fn new(id: EntityId, conversation_id: EntityId) -> Self {
        Self {
            id,
            conversation_id,
            seq: 0,
            provider: None,
            ai_model: None,
            aborted: false,
            created_at: 0,
            rev: 0,
            messages: None,
        }
    }
}

/// The fields of a message besides its text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Fields {
    /// Its author.
    #[serde(deserialize_with = "known")]
    #[cfg_attr(feature = "schema", schemars(with = "crate::names::Known<Role>"))]
    pub role: Role,
    /// Its conversation. Defaults to the interaction's, else to the current one, which is created if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation_id: Option<EntityId>,
    /// Its interaction, created if the id is free; a new one when omitted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interaction_id: Option<EntityId>,
    /// Its id; generated when omitted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<EntityId>,
    /// The provider that answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<Line>,
    /// Any JSON value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Json>,
    /// Creation time; the current time when omitted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Millis>,
}

/// A complete message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct New {
    /// The text: any Unicode, up to the limit `messageBytes`.
    pub content: String,
    /// Whether it was aborted; if so, its interaction is aborted too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aborted: Option<bool>,
}

/// The start of a streaming message.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Beginning {
    /// The first part of the text; its length in bytes is the first delta's `offset`.
    #[serde(default, deserialize_with = "null_is_default", skip_serializing_if = "String::is_empty")]
    pub content: String,
}

/// Params of [`AppendMessage`](super::AppendMessage).
pub type AppendParams = With<New, Fields>;
/// Params of [`BeginMessage`](super::BeginMessage).
pub type BeginParams = With<Beginning, Fields>;

impl Fields {
    /// Fields with a role and nothing else.
    pub fn new(role: Role) -> Self {
        let (conversation_id, interaction_id, id) = (None, None, None);
        Self { role, conversation_id, interaction_id, id, provider: None, metadata: None, created_at: None }
    }
}

impl AppendParams {
    /// A message with a role and a text.
    pub fn new(role: Role, content: impl Into<String>) -> Self {
        Self { head: New { content: content.into(), aborted: None }, fields: Fields::new(role) }
    }
}

impl BeginParams {
    /// A streaming message with a role and no text yet.
    pub fn new(role: Role) -> Self {
        Self { head: Beginning::default(), fields: Fields::new(role) }
    }
}
