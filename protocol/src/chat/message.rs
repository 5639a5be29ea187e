//! Messages, and the interactions that hold them together.

use crate::text::Line;
use crate::types::{Millis, null_is_default};
use crate::{EntityId, Json, With};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Who speaks in a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The person.
    User,
    /// The model.
    Assistant,
    /// What the model is told beforehand, or by an automation.
    Instructions,
    /// A note of the program.
    Info,
    /// The use of a tool.
    Tool,
    /// A note for developers.
    Debug,
    /// Something went wrong.
    Error,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::User, Self::Assistant, Self::Instructions, Self::Info, Self::Tool, Self::Debug, Self::Error];

    /// Its name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Assistant => "assistant",
            Self::Instructions => "instructions",
            Self::Info => "info",
            Self::Tool => "tool",
            Self::Debug => "debug",
            Self::Error => "error",
        }
    }
}

impl std::str::FromStr for Role {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let role = Self::ALL.into_iter().find(|role| role.as_str() == name);
        role.ok_or_else(|| format!("`{name}` is no role"))
    }
}

/// Whether a message is still being written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MessageState {
    /// Its text is whole.
    Complete,
    /// More is to come, in deltas; `content` is what was saved of it.
    Streaming,
}

/// A message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Message {
    /// Its id, `m_…` unless its maker chose another.
    pub id: String,
    /// Its conversation.
    pub conversation_id: String,
    /// Its interaction.
    pub interaction_id: String,
    /// Its place among messages of the same `createdAt`; never used twice.
    pub seq: u64,
    /// Who speaks.
    pub role: Role,
    /// The text: any Unicode.
    pub content: String,
    /// Who answered, such as `openai`.
    pub provider: Option<String>,
    /// Whether it or its interaction was broken off.
    pub aborted: bool,
    /// Any JSON value.
    pub metadata: Json,
    /// Whether it is still being written.
    pub state: MessageState,
    /// When it was said, in milliseconds since the Unix epoch.
    pub created_at: i64,
    /// Revision that last changed it.
    pub rev: u64,
}

/// An interaction: a question, and all that follows from it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Interaction {
    /// Its id, `ia_…` unless its maker chose another.
    pub id: String,
    /// Its conversation.
    pub conversation_id: String,
    /// Its place among interactions of the same `createdAt`; never used twice.
    pub seq: u64,
    /// Who answers: of the message that opened it, else of the conversation at that time.
    pub provider: Option<String>,
    /// Which model answers: of the conversation when it was opened.
    pub ai_model: Option<String>,
    /// Whether it was broken off. Then so are its messages.
    pub aborted: bool,
    /// When it was opened, in milliseconds since the Unix epoch: `createdAt` of its first message.
    pub created_at: i64,
    /// Revision that last changed it.
    pub rev: u64,
    /// Its messages in order; absent where interactions are told as changes, and in lists where they are more than
    /// the limit `frameBytes`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub messages: Option<Vec<Message>>,
}

/// What is said of a message besides its text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Fields {
    /// Who speaks.
    pub role: Role,
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

/// A message that is whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct New {
    /// The text: any Unicode, up to the limit `messageBytes`.
    pub content: String,
    /// Whether it was broken off; if so, its interaction is too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aborted: Option<bool>,
}

/// A message whose text follows.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Beginning {
    /// The beginning of the text; the first delta's `offset` is its length in bytes.
    #[serde(default, deserialize_with = "null_is_default", skip_serializing_if = "String::is_empty")]
    pub content: String,
}

/// Params of [`AppendMessage`](super::AppendMessage).
pub type AppendParams = With<New, Fields>;
/// Params of [`BeginMessage`](super::BeginMessage).
pub type BeginParams = With<Beginning, Fields>;

impl Fields {
    /// Nothing but who speaks.
    pub fn new(role: Role) -> Self {
        let (conversation_id, interaction_id, id) = (None, None, None);
        Self { role, conversation_id, interaction_id, id, provider: None, metadata: None, created_at: None }
    }
}

impl AppendParams {
    /// A message with that text, and nothing else said of it.
    pub fn new(role: Role, content: impl Into<String>) -> Self {
        Self { head: New { content: content.into(), aborted: None }, fields: Fields::new(role) }
    }
}

impl BeginParams {
    /// A message without text yet, and nothing else said of it.
    pub fn new(role: Role) -> Self {
        Self { head: Beginning::default(), fields: Fields::new(role) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_has_one_name() {
        for role in Role::ALL {
            assert_eq!(serde_json::to_string(&role).unwrap(), format!("\"{}\"", role.as_str()));
            assert_eq!(role.as_str().parse(), Ok(role));
        }
        assert!("User".parse::<Role>().is_err());
    }
}
