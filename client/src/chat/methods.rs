//! The methods `chat.*`.

use crate::entities::id;
use crate::{Client, Mirror, Result, Subscription, mirror};
use stina_protocol::chat::{
    AbortInteraction, AbortMessage, AbortMessageParams, AppendMessage, AppendParams, CURRENT_KEY,
    CancelMessage, CancelParams, ClearHistory, Cleared, Conversation, CountMessages, CountParams,
    DeleteConversation, DeleteInteraction, EnsureCurrent, GetConversation, GetInteraction, Hit, Interaction,
    ListConversations, ListInteractions, ListMessages, Message, Search, SearchParams, SetCurrent,
    SetCurrentParams, StartConversation, StartParams, Subscribe, SubscribeParams, UpdateConversation,
    UpdateParams, WindowParams,
};
use stina_protocol::types::{ById, NoParams, Paging, Target};
use stina_protocol::{Error, Page, Reply};

impl Client {
    /// `chat.*`: conversations, interactions and messages.
    pub fn chat(&self) -> Chat {
        Chat::new(self.clone())
    }
}

/// The methods `chat.*`. Their errors are those of [`Client::call`].
///
/// A malformed id is `invalid`, and is not sent. An id that does not exist is `not_found`.
#[derive(Debug, Clone)]
pub struct Chat {
    pub(super) client: Client,
}

impl Chat {
    pub(crate) fn new(client: Client) -> Self {
        Self { client }
    }

    /// Mirrors all conversations, newest first.
    ///
    /// # Errors
    /// As [`Client::mirror`].
    pub fn mirror_conversations(&self) -> Result<Mirror<mirror::Conversations>> {
        self.client.mirror(mirror::Conversations)
    }

    /// Mirrors the messages that `which` selects, oldest first, with the text of streaming ones.
    ///
    /// # Errors
    /// As [`Client::mirror`].
    pub fn mirror_messages(&self, which: mirror::Messages) -> Result<Mirror<mirror::Messages>> {
        self.client.mirror(which)
    }

    /// Mirrors the messages of the current conversation, and follows when another one becomes current.
    ///
    /// # Errors
    /// As [`Client::mirror`].
    pub fn mirror_current(&self) -> Result<Mirror<mirror::CurrentMessages>> {
        self.client.mirror(mirror::CurrentMessages::default())
    }

    /// Starts a conversation; it becomes the current one.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn start_conversation(&self, params: StartParams) -> Result<Reply<Conversation>> {
        self.client.call::<StartConversation>(params).await
    }

    /// Returns the current conversation; starts one if there is none.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn ensure_current(&self) -> Result<Reply<Conversation>> {
        self.client.call::<EnsureCurrent>(NoParams {}).await
    }

    /// Reads the current conversation, if there is one.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn current(&self) -> Result<Option<Conversation>> {
        let entry = self.client.kv().get(CURRENT_KEY).await?.value;
        let Some(current) = entry.and_then(|entry| entry.value.to::<String>().ok()) else { return Ok(None) };
        // The entry may hold anything, and the conversation may be deleted.
        match self.get_conversation(current).await {
            Ok(reply) => Ok(Some(reply.value)),
            Err(error) if matches!(error.kind(), Some(Error::NotFound { .. } | Error::Invalid { .. })) => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Reads a conversation.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn get_conversation(&self, conversation: impl Into<String>) -> Result<Reply<Conversation>> {
        self.client.call::<GetConversation>(ById { id: id("id", conversation)? }).await
    }

    /// Lists one page of conversations, newest first.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn list_conversations(&self, params: Paging) -> Result<Reply<Page<Conversation>>> {
        self.client.call::<ListConversations>(params).await
    }

    /// Makes a conversation the current one.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn set_current(&self, conversation: impl Into<String>) -> Result<Reply<Conversation>> {
        let params = SetCurrentParams { conversation_id: id("conversationId", conversation)?, if_rev: None };
        self.client.call::<SetCurrent>(params).await
    }

    /// Changes a conversation's title, provider or model.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn update_conversation(&self, params: UpdateParams) -> Result<Reply<Conversation>> {
        self.client.call::<UpdateConversation>(params).await
    }

    /// Deletes a conversation and everything in it; returns it. If it was current, the newest remaining one becomes
    /// current.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn delete_conversation(&self, conversation: impl Into<String>) -> Result<Reply<Conversation>> {
        self.client.call::<DeleteConversation>(Target::any(id("id", conversation)?)).await
    }

    /// As [`Self::delete_conversation`], if its `rev` is `if_rev`.
    ///
    /// # Errors
    /// As [`Client::call`]; `conflict` with the conversation as it is.
    pub async fn delete_conversation_if(
        &self,
        conversation: impl Into<String>,
        if_rev: u64,
    ) -> Result<Reply<Conversation>> {
        let target = Target { id: id("id", conversation)?, if_rev: Some(if_rev) };
        self.client.call::<DeleteConversation>(target).await
    }

    /// Deletes every conversation except the current one.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn clear_history(&self) -> Result<Reply<Cleared>> {
        self.client.call::<ClearHistory>(NoParams {}).await
    }

    /// Adds a message; creates its conversation and interaction if they are missing.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn append(&self, message: AppendParams) -> Result<Reply<Message>> {
        self.client.call::<AppendMessage>(message).await
    }

    /// Lists messages of a conversation, oldest first: the newest ones, or those next to a cursor.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn list_messages(&self, params: WindowParams) -> Result<Reply<Page<Message>>> {
        self.client.call::<ListMessages>(params).await
    }

    /// Counts the messages of a conversation, by default of the current one.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn count_messages(&self, conversation: Option<&str>) -> Result<Reply<u64>> {
        let conversation_id = conversation.map(|text| id("conversationId", text)).transpose()?;
        self.client.call::<CountMessages>(CountParams { conversation_id }).await
    }

    /// Searches messages, best match first, with a snippet of each.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn search(&self, params: SearchParams) -> Result<Reply<Page<Hit>>> {
        self.client.call::<Search>(params).await
    }

    /// Lists interactions of a conversation with their messages, oldest first: the newest ones, or those next to a
    /// cursor.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn list_interactions(&self, params: WindowParams) -> Result<Reply<Page<Interaction>>> {
        self.client.call::<ListInteractions>(params).await
    }

    /// Reads an interaction with its messages.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn get_interaction(&self, interaction: impl Into<String>) -> Result<Reply<Interaction>> {
        self.client.call::<GetInteraction>(ById { id: id("id", interaction)? }).await
    }

    /// Marks an interaction and its messages as aborted; the owners of streaming ones are asked to end them.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn abort_interaction(&self, interaction: impl Into<String>) -> Result<Reply<Interaction>> {
        self.client.call::<AbortInteraction>(Target::any(id("id", interaction)?)).await
    }

    /// Deletes an interaction and its messages; returns it.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn delete_interaction(&self, interaction: impl Into<String>) -> Result<Reply<Interaction>> {
        self.client.call::<DeleteInteraction>(Target::any(id("id", interaction)?)).await
    }

    /// Asks the owner of a streaming message to end it; the daemon aborts it after two seconds. Returns whether it was
    /// streaming.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn cancel_message(&self, message: impl Into<String>) -> Result<bool> {
        let params = CancelParams { message_id: id("messageId", message)? };
        Ok(self.client.call::<CancelMessage>(params).await?.cancelled)
    }

    /// Aborts a streaming message of any owner, and keeps the text so far.
    ///
    /// # Errors
    /// As [`Client::call`]; `invalid` when it is complete.
    pub async fn abort_message(&self, message: impl Into<String>) -> Result<Reply<Message>> {
        let params = AbortMessageParams { message_id: id("messageId", message)?, if_rev: None };
        self.client.call::<AbortMessage>(params).await
    }

    /// Subscribes to the chat, deltas included.
    ///
    /// After a reconnect, the text so far of every streaming message is sent again, as one delta at offset 0.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn subscribe(&self, params: SubscribeParams) -> Result<Subscription> {
        self.client.subscribe::<Subscribe>(params).await
    }
}
