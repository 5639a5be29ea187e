//! A scope: a question, and all that follows from it.

use super::methods::Chat;
use super::stream::MessageStream;
use crate::Result;
use crate::entities::id;
use serde::Serialize;
use stina_protocol::chat::{AppendParams, BeginParams, Interaction as Told, Message, MessageFields, Role};
use stina_protocol::text::Line;
use stina_protocol::{EntityId, Error, Json, Reply};
use uuid::Uuid;

impl Chat {
    /// A new interaction in a conversation; in the current one, made if there is none, when none is named. It comes
    /// to be with the first message that is put into it.
    ///
    /// # Errors
    /// `invalid` when that is no id.
    pub fn interaction(&self, conversation: Option<&str>) -> Result<Interaction> {
        let conversation = conversation.map(|text| id("conversationId", text)).transpose()?;
        Interaction::new(self.clone(), conversation)
    }
}

/// Everything that is said through it belongs to one interaction.
///
/// The interaction comes to be with its first message. Where no conversation was named, that is in the
/// conversation which is current then; what follows joins it there, whichever is current meanwhile.
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
pub struct Interaction {
    chat: Chat,
    id: EntityId,
    conversation: Option<EntityId>,
    provider: Option<Line>,
}

impl Interaction {
    pub(super) fn new(chat: Chat, conversation: Option<EntityId>) -> Result<Self> {
        let id = id("interactionId", format!("ia_{}", Uuid::now_v7()))?;
        Ok(Self { chat, id, conversation, provider: None })
    }

    /// The same, with who answers in it, such as `openai`.
    ///
    /// # Errors
    /// `invalid` when that is too long.
    pub fn answered_by(mut self, provider: impl Into<String>) -> Result<Self> {
        let provider = Line::new(provider).map_err(|reason| Error::invalid("provider", reason))?;
        self.provider = Some(provider);
        Ok(self)
    }

    /// Its id.
    pub fn id(&self) -> &str {
        self.id.as_str()
    }

    /// Adds a message. The ids of interaction and conversation in it are replaced by those of this scope.
    ///
    /// # Errors
    /// As [`Client::call`](crate::Client::call).
    pub async fn append(&self, message: AppendParams) -> Result<Reply<Message>> {
        let AppendParams { head, fields } = message;
        self.chat.append(AppendParams { head, fields: self.scoped(fields) }).await
    }

    /// The fields of a message that belongs here.
    fn scoped(&self, fields: MessageFields) -> MessageFields {
        MessageFields {
            interaction_id: Some(self.id.clone()),
            conversation_id: self.conversation.clone(),
            provider: fields.provider.or_else(|| self.provider.clone()),
            ..fields
        }
    }

    async fn say(&self, role: Role, text: impl Into<String>) -> Result<Reply<Message>> {
        self.append(AppendParams::new(role, text)).await
    }

    /// The person says something.
    ///
    /// # Errors
    /// As [`Client::call`](crate::Client::call).
    pub async fn user(&self, text: impl Into<String>) -> Result<Reply<Message>> {
        self.say(Role::User, text).await
    }

    /// The model says something, all at once.
    ///
    /// # Errors
    /// As [`Client::call`](crate::Client::call).
    pub async fn assistant(&self, text: impl Into<String>) -> Result<Reply<Message>> {
        self.say(Role::Assistant, text).await
    }

    /// A note of the program.
    ///
    /// # Errors
    /// As [`Client::call`](crate::Client::call).
    pub async fn info(&self, text: impl Into<String>) -> Result<Reply<Message>> {
        self.say(Role::Info, text).await
    }

    /// What the model is told beforehand.
    ///
    /// # Errors
    /// As [`Client::call`](crate::Client::call).
    pub async fn instruction(&self, text: impl Into<String>) -> Result<Reply<Message>> {
        self.say(Role::Instructions, text).await
    }

    /// The use of a tool; `metadata` is what it was given or what it gave.
    ///
    /// # Errors
    /// As [`Client::call`](crate::Client::call); `invalid` when the metadata can't be written as JSON.
    pub async fn tool(&self, text: impl Into<String>, metadata: impl Serialize) -> Result<Reply<Message>> {
        let mut message = AppendParams::new(Role::Tool, text);
        message.fields.metadata = Some(json(&metadata)?);
        self.append(message).await
    }

    /// Something went wrong. The interaction is not aborted by that.
    ///
    /// # Errors
    /// As [`Client::call`](crate::Client::call).
    pub async fn error(&self, text: impl Into<String>) -> Result<Reply<Message>> {
        self.say(Role::Error, text).await
    }

    /// A note of an automation: an `info` message whose metadata is `{"automation": name}`.
    ///
    /// # Errors
    /// As [`Client::call`](crate::Client::call).
    pub async fn automation(&self, name: &str, text: impl Into<String>) -> Result<Reply<Message>> {
        let metadata = json(&serde_json::json!({ "automation": name }))?;
        let mut message = AppendParams::new(Role::Info, text);
        message.fields.metadata = Some(metadata);
        self.append(message).await
    }

    /// Begins a message whose words follow.
    ///
    /// # Errors
    /// As [`Client::call`](crate::Client::call).
    pub async fn stream(&self, role: Role) -> Result<MessageStream> {
        let BeginParams { head, fields } = BeginParams::new(role);
        self.chat.stream(BeginParams { head, fields: self.scoped(fields) }).await
    }

    /// Marks it and its messages as aborted; messages still being written are asked to end.
    ///
    /// # Errors
    /// As [`Client::call`](crate::Client::call); `not_found` as long as nothing was said in it.
    pub async fn abort(&self) -> Result<Reply<Told>> {
        self.chat.abort_interaction(self.id()).await
    }
}

fn json(value: &impl Serialize) -> Result<Json> {
    let text = serde_json::to_string(value).map_err(|e| Error::invalid("metadata", e.to_string()))?;
    Ok(Json::parse(&text)?)
}
