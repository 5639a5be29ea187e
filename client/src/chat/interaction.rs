//! [`InteractionScope`]: adds messages to one interaction.

use super::methods::Chat;
use super::stream::MessageStream;
use crate::Result;
use crate::entities::id;
use serde::Serialize;
use stina_protocol::chat::{AppendParams, BeginParams, Interaction, Message, MessageFields, Role};
use stina_protocol::text::Line;
use stina_protocol::{EntityId, Error, Json, Reply};
use uuid::Uuid;

impl Chat {
    /// A scope for a new interaction in a conversation, else in the current one. The first message creates the
    /// interaction.
    ///
    /// # Errors
    /// `invalid` when `conversation` is not an id.
    pub fn interaction(&self, conversation: Option<&str>) -> Result<InteractionScope> {
        let conversation = conversation.map(|text| id("conversationId", text)).transpose()?;
        InteractionScope::new(self.clone(), conversation)
    }
}

/// Adds messages to one interaction.
///
/// The first message creates the interaction. If the scope names no conversation, that is in the current one, which is
/// created if there is none. Later messages join the interaction there, even if another conversation is current by
/// then.
///
/// ```no_run
/// # async fn example(client: stina_client::Client) -> Result<(), stina_client::Error> {
/// use stina_client::protocol::chat::Role;
///
/// let turn = client.chat().interaction(None)?;
/// turn.user("What is the weather like?").await?;
/// turn.tool("weather.now", serde_json::json!({"place": "Umeå"})).await?;
/// let mut answer = turn.stream(Role::Assistant).await?;
/// answer.push("It is ").await?;
/// answer.push("snowing.").await?;
/// answer.finish().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct InteractionScope {
    chat: Chat,
    id: EntityId,
    conversation: Option<EntityId>,
    provider: Option<Line>,
}

impl InteractionScope {
    pub(super) fn new(chat: Chat, conversation: Option<EntityId>) -> Result<Self> {
        let id = id("interactionId", format!("ia_{}", Uuid::now_v7()))?;
        Ok(Self { chat, id, conversation, provider: None })
    }

    /// Sets the provider of its messages, such as `openai`.
    ///
    /// # Errors
    /// `invalid` when the name is too long.
    pub fn answered_by(mut self, provider: impl Into<String>) -> Result<Self> {
        let provider = Line::new(provider).map_err(|reason| Error::invalid("provider", reason))?;
        self.provider = Some(provider);
        Ok(self)
    }

    /// The id of the interaction.
    pub fn id(&self) -> &str {
        self.id.as_str()
    }

    /// Adds a message. The scope replaces the ids of interaction and conversation in it.
    ///
    /// # Errors
    /// As [`Client::call`](crate::Client::call).
    pub async fn append(&self, message: AppendParams) -> Result<Reply<Message>> {
        let AppendParams { head, fields } = message;
        self.chat.append(AppendParams { head, fields: self.scoped(fields) }).await
    }

    /// The fields of a message, with the ids of this scope.
    fn scoped(&self, fields: MessageFields) -> MessageFields {
        MessageFields {
            interaction_id: Some(self.id.clone()),
            conversation_id: self.conversation.clone(),
            provider: fields.provider.or_else(|| self.provider.clone()),
            ..fields
        }
    }

    async fn add(&self, role: Role, text: impl Into<String>) -> Result<Reply<Message>> {
        self.append(AppendParams::new(role, text)).await
    }

    /// Adds a message of the user.
    ///
    /// # Errors
    /// As [`Client::call`](crate::Client::call).
    pub async fn user(&self, text: impl Into<String>) -> Result<Reply<Message>> {
        self.add(Role::User, text).await
    }

    /// Adds a complete message of the model.
    ///
    /// # Errors
    /// As [`Client::call`](crate::Client::call).
    pub async fn assistant(&self, text: impl Into<String>) -> Result<Reply<Message>> {
        self.add(Role::Assistant, text).await
    }

    /// Adds a note of the program.
    ///
    /// # Errors
    /// As [`Client::call`](crate::Client::call).
    pub async fn info(&self, text: impl Into<String>) -> Result<Reply<Message>> {
        self.add(Role::Info, text).await
    }

    /// Adds instructions to the model.
    ///
    /// # Errors
    /// As [`Client::call`](crate::Client::call).
    pub async fn instruction(&self, text: impl Into<String>) -> Result<Reply<Message>> {
        self.add(Role::Instructions, text).await
    }

    /// Adds a tool call; `metadata` is the tool's input or output.
    ///
    /// # Errors
    /// As [`Client::call`](crate::Client::call); `invalid` when the metadata can't be written as JSON.
    pub async fn tool(&self, text: impl Into<String>, metadata: impl Serialize) -> Result<Reply<Message>> {
        let mut message = AppendParams::new(Role::Tool, text);
        message.fields.metadata = Some(json(&metadata)?);
        self.append(message).await
    }

    /// Adds an error message. It does not abort the interaction.
    ///
    /// # Errors
    /// As [`Client::call`](crate::Client::call).
    pub async fn error(&self, text: impl Into<String>) -> Result<Reply<Message>> {
        self.add(Role::Error, text).await
    }

    /// Adds a note of an automation: an `info` message with the metadata `{"automation": name}`.
    ///
    /// # Errors
    /// As [`Client::call`](crate::Client::call).
    pub async fn automation(&self, name: &str, text: impl Into<String>) -> Result<Reply<Message>> {
        let metadata = json(&serde_json::json!({ "automation": name }))?;
        let mut message = AppendParams::new(Role::Info, text);
        message.fields.metadata = Some(metadata);
        self.append(message).await
    }

    /// Begins a streaming message.
    ///
    /// # Errors
    /// As [`Client::call`](crate::Client::call).
    pub async fn stream(&self, role: Role) -> Result<MessageStream> {
        let BeginParams { head, fields } = BeginParams::new(role);
        self.chat.stream(BeginParams { head, fields: self.scoped(fields) }).await
    }

    /// Aborts the interaction and its messages; the owners of streaming ones are asked to end them.
    ///
    /// # Errors
    /// As [`Client::call`](crate::Client::call); `not_found` before the first message.
    pub async fn abort(&self) -> Result<Reply<Interaction>> {
        self.chat.abort_interaction(self.id()).await
    }
}

fn json(value: &impl Serialize) -> Result<Json> {
    let text = serde_json::to_string(value).map_err(|e| Error::invalid("metadata", e.to_string()))?;
    Ok(Json::parse(&text)?)
}
