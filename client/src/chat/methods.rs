//! The methods `chat.*`.

use crate::entities::id;
use crate::{Client, Mirror, Result, Subscription, mirror};
use stina_protocol::chat::{
    AbortInteraction, AbortMessage, AbortMessageParams, AppendMessage, AppendParams, CURRENT_KEY,
    CancelMessage, CancelParams, ClearHistory, Cleared, Conversation, CountMessages, CountParams,
    DeleteConversation, DeleteInteraction, EnsureCurrent, GetConversation, GetInteraction, Hit,
    Interaction as Told, ListConversations, ListInteractions, ListMessages, Message, Search, SearchParams,
    SetCurrent, SetCurrentParams, StartConversation, StartParams, Subscribe, SubscribeParams,
    UpdateConversation, UpdateParams, WindowParams,
};
use stina_protocol::types::{ById, NoParams, Paging, Target};
use stina_protocol::{Error, Page, Reply};

impl Client {
    /// `chat.*`: conversations and what is said in them.
    pub fn chat(&self) -> Chat {
        Chat::new(self.clone())
    }
}

/// The methods `chat.*`. Their errors are those of [`Client::call`].
///
/// Conversations, interactions and messages are named by their ids; one that has not the form of an id is
/// `invalid` without being sent, one that there is not is `not_found`.
#[derive(Debug, Clone)]
pub struct Chat {
    pub(super) client: Client,
}

impl Chat {
    pub(crate) fn new(client: Client) -> Self {
        Self { client }
    }

    /// All conversations, kept up to date in memory, newest first.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn mirror_conversations(&self) -> Result<Mirror<mirror::Conversations>> {
        self.client.mirror(mirror::Conversations).await
    }

    /// The messages that `which` names, kept up to date in memory, oldest first, words as they come.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn mirror_messages(&self, which: mirror::Messages) -> Result<Mirror<mirror::Messages>> {
        self.client.mirror(which).await
    }

    /// Starts a conversation; it becomes the current one.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn start_conversation(&self, params: StartParams) -> Result<Reply<Conversation>> {
        self.client.call::<StartConversation>(params).await
    }

    /// The current conversation; starts one when there is none.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn ensure_current(&self) -> Result<Reply<Conversation>> {
        self.client.call::<EnsureCurrent>(NoParams {}).await
    }

    /// The current conversation, if there is one.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn current(&self) -> Result<Option<Conversation>> {
        let entry = self.client.kv().get(CURRENT_KEY).await?.value;
        let Some(current) = entry.and_then(|entry| entry.value.to::<String>().ok()) else { return Ok(None) };
        // The entry can be anything, and the conversation be gone since.
        match self.get_conversation(current).await {
            Ok(reply) => Ok(Some(reply.value)),
            Err(error) if matches!(error.kind(), Some(Error::NotFound { .. } | Error::Invalid { .. })) => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// A conversation.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn get_conversation(&self, conversation: impl Into<String>) -> Result<Reply<Conversation>> {
        self.client.call::<GetConversation>(ById { id: id("id", conversation)? }).await
    }

    /// One page of conversations, newest first.
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

    /// Deletes a conversation with all that is in it; answers it. If it was current, the newest other becomes so.
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

    /// Deletes every conversation but the current one.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn clear_history(&self) -> Result<Reply<Cleared>> {
        self.client.call::<ClearHistory>(NoParams {}).await
    }

    /// Adds a message, and the conversation and interaction for it where they are missing.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn append(&self, message: AppendParams) -> Result<Reply<Message>> {
        self.client.call::<AppendMessage>(message).await
    }

    /// Messages of a conversation, oldest first: the newest, or those next to a cursor.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn list_messages(&self, params: WindowParams) -> Result<Reply<Page<Message>>> {
        self.client.call::<ListMessages>(params).await
    }

    /// How many messages a conversation has; the current one when none is named.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn count_messages(&self, conversation: Option<&str>) -> Result<Reply<u64>> {
        let conversation_id = conversation.map(|text| id("conversationId", text)).transpose()?;
        self.client.call::<CountMessages>(CountParams { conversation_id }).await
    }

    /// Full-text search in messages, best first, with a snippet.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn search(&self, params: SearchParams) -> Result<Reply<Page<Hit>>> {
        self.client.call::<Search>(params).await
    }

    /// Interactions of a conversation with their messages, oldest first: the newest, or those next to a cursor.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn list_interactions(&self, params: WindowParams) -> Result<Reply<Page<Told>>> {
        self.client.call::<ListInteractions>(params).await
    }

    /// An interaction with its messages.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn get_interaction(&self, interaction: impl Into<String>) -> Result<Reply<Told>> {
        self.client.call::<GetInteraction>(ById { id: id("id", interaction)? }).await
    }

    /// Marks an interaction and its messages as aborted; messages still being written are asked to end.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn abort_interaction(&self, interaction: impl Into<String>) -> Result<Reply<Told>> {
        self.client.call::<AbortInteraction>(Target::any(id("id", interaction)?)).await
    }

    /// Deletes an interaction with its messages; answers it.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn delete_interaction(&self, interaction: impl Into<String>) -> Result<Reply<Told>> {
        self.client.call::<DeleteInteraction>(Target::any(id("id", interaction)?)).await
    }

    /// Asks whoever writes a message to end it; the daemon aborts it after two seconds if that does not happen.
    /// Answers whether it was still being written.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn cancel_message(&self, message: impl Into<String>) -> Result<bool> {
        let params = CancelParams { message_id: id("messageId", message)? };
        Ok(self.client.call::<CancelMessage>(params).await?.cancelled)
    }

    /// Ends a message that is being written, whoever writes it, with the text so far, as aborted.
    ///
    /// # Errors
    /// As [`Client::call`]; `invalid` when it is complete.
    pub async fn abort_message(&self, message: impl Into<String>) -> Result<Reply<Message>> {
        let params = AbortMessageParams { message_id: id("messageId", message)?, if_rev: None };
        self.client.call::<AbortMessage>(params).await
    }

    /// Changes of the chat, and words as they come.
    ///
    /// After a break the words so far of every open message come once more, as one delta at offset 0.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn subscribe(&self, params: SubscribeParams) -> Result<Subscription> {
        self.client.subscribe::<Subscribe>(params).await
    }
}
