//! [`InteractionScope`]: adds messages to one interaction.

use super::methods::Chat;
use super::stream::MessageStream;
use crate::call::Call;
use crate::field::generated;
use serde::Serialize;
use stina_protocol::EntityId;
use stina_protocol::chat::{AbortInteraction, AppendMessage, BeginMessage, Role};

impl Chat {
    /// A scope for a new interaction in the current conversation. The first message creates the interaction.
    pub fn interaction(&self) -> InteractionScope {
        InteractionScope { chat: self.clone(), id: generated("ia_"), conversation: None, provider: None }
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
/// let turn = client.chat().interaction();
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
    conversation: Option<String>,
    provider: Option<String>,
}

impl InteractionScope {
    /// In this conversation instead of the current one.
    pub fn conversation(mut self, conversation: impl Into<String>) -> Self {
        self.conversation = Some(conversation.into());
        self
    }

    /// Sets the provider of its messages, such as `openai`.
    pub fn answered_by(mut self, provider: impl Into<String>) -> Self {
        self.provider = Some(provider.into());
        self
    }

    /// The id of the interaction.
    pub fn id(&self) -> &EntityId {
        &self.id
    }

    /// Adds a message.
    pub fn append(&self, role: Role, text: impl Into<String>) -> Call<AppendMessage> {
        let call = self.chat.append(role, text).interaction(&self.id).provider(self.provider.as_deref());
        match &self.conversation {
            Some(conversation) => call.conversation(conversation),
            None => call,
        }
    }

    /// Adds a message of the user.
    pub fn user(&self, text: impl Into<String>) -> Call<AppendMessage> {
        self.append(Role::User, text)
    }

    /// Adds a complete message of the model.
    pub fn assistant(&self, text: impl Into<String>) -> Call<AppendMessage> {
        self.append(Role::Assistant, text)
    }

    /// Adds a note of the program.
    pub fn info(&self, text: impl Into<String>) -> Call<AppendMessage> {
        self.append(Role::Info, text)
    }

    /// Adds instructions to the model.
    pub fn instruction(&self, text: impl Into<String>) -> Call<AppendMessage> {
        self.append(Role::Instructions, text)
    }

    /// Adds a tool call; `metadata` is the tool's input or output.
    pub fn tool(&self, text: impl Into<String>, metadata: impl Serialize) -> Call<AppendMessage> {
        self.append(Role::Tool, text).metadata(metadata)
    }

    /// Adds an error message. It does not abort the interaction.
    pub fn error(&self, text: impl Into<String>) -> Call<AppendMessage> {
        self.append(Role::Error, text)
    }

    /// Adds a note of an automation: an `info` message with the metadata `{"automation": name}`.
    pub fn automation(&self, name: &str, text: impl Into<String>) -> Call<AppendMessage> {
        self.append(Role::Info, text).metadata(serde_json::json!({ "automation": name }))
    }

    /// Begins a streaming message.
    pub fn stream(&self, role: Role) -> Call<BeginMessage, MessageStream> {
        let call = self.chat.stream(role).interaction(&self.id).provider(self.provider.as_deref());
        match &self.conversation {
            Some(conversation) => call.conversation(conversation),
            None => call,
        }
    }

    /// Aborts the interaction and its messages; the owners of streaming ones are asked to end them. `not_found` before
    /// the first message.
    pub fn abort(&self) -> Call<AbortInteraction> {
        self.chat.abort_interaction(&self.id)
    }
}
