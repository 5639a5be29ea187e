//! Adding a message: complete, or streaming.

use super::methods::Chat;
use super::stream::MessageStream;
use crate::call::Call;
use crate::field::{self, OptionalText, id};
use serde::Serialize;
use stina_protocol::EntityId;
use stina_protocol::chat::{AppendMessage, AppendParams, BeginMessage, BeginParams, Role};
use stina_protocol::types::Millis;

impl Chat {
    /// Adds a message to the current conversation; creates its conversation and interaction if they are missing.
    pub fn append(&self, role: Role, content: impl Into<String>) -> Call<AppendMessage> {
        Call::new(&self.client, Ok(AppendParams::new(role, content)))
    }

    /// Begins a streaming message in the current conversation. Dropping the future aborts the message in case it begins
    /// nevertheless, unless the caller chose its id.
    pub fn stream(&self, role: Role) -> Call<BeginMessage, MessageStream> {
        Call::with(&self.client, Ok(BeginParams::new(role)), |client, params, options| {
            Box::pin(MessageStream::begin(client.chat(), params, options))
        })
    }
}

/// The fields of a message besides its text.
macro_rules! fields {
    ($call:ty) => {
        impl $call {
            /// In this conversation instead of the current one.
            pub fn conversation(self, conversation: impl Into<String>) -> Self {
                self.try_set(|params| {
                    params.fields.conversation_id = Some(id("conversationId", conversation)?);
                    Ok(())
                })
            }

            /// In this interaction, created if the id is free; in a new one otherwise.
            pub fn interaction(self, interaction: impl Into<String>) -> Self {
                self.try_set(|params| {
                    params.fields.interaction_id = Some(id("interactionId", interaction)?);
                    Ok(())
                })
            }

            /// Its id; generated otherwise. `already_exists` when it is taken.
            pub fn id(self, id: EntityId) -> Self {
                self.set(|params| params.fields.id = Some(id))
            }

            /// The provider that answers, such as `openai`.
            pub fn provider(self, provider: impl OptionalText) -> Self {
                self.try_set(|params| {
                    params.fields.provider = field::optional_text("provider", provider)?;
                    Ok(())
                })
            }

            /// Any JSON value.
            pub fn metadata(self, value: impl Serialize) -> Self {
                self.try_set(|params| {
                    params.fields.metadata = Some(field::json("metadata", &value)?);
                    Ok(())
                })
            }

            /// Creation time; the current time otherwise.
            pub fn created_at(self, at: Millis) -> Self {
                self.set(|params| params.fields.created_at = Some(at))
            }
        }
    };
}

fields!(Call<AppendMessage>);
fields!(Call<BeginMessage, MessageStream>);

impl Call<AppendMessage> {
    /// Marks it, and with it its interaction, as aborted.
    pub fn aborted(self) -> Self {
        self.set(|params| params.head.aborted = Some(true))
    }
}

impl Call<BeginMessage, MessageStream> {
    /// The first part of its text.
    pub fn content(self, text: impl Into<String>) -> Self {
        self.set(|params| params.head.content = text.into())
    }
}
