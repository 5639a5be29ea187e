//! The methods `chat.*`.

use crate::call::Call;
use crate::field::{self, OptionalText, id};
use crate::{Client, Mirror, Result, Subscription, mirror};
use futures_util::future::BoxFuture;
use stina_protocol::chat::{
    AbortInteraction, AbortMessage, AbortMessageParams, CURRENT_KEY, CancelMessage, CancelParams,
    ClearHistory, Conversation, CountMessages, CountParams, DeleteConversation, DeleteInteraction,
    EnsureCurrent, GetConversation, GetInteraction, ListConversations, ListInteractions, ListMessages,
    Search, SearchParams, SetCurrent, SetCurrentParams, StartConversation, StartParams, Subscribe,
    SubscribeParams, UpdateConversation, WindowParams,
};
use stina_protocol::types::{ById, Limit, NoParams, Paging, Target};
use stina_protocol::{EntityId, Error};

impl Client {
    /// `chat.*`: conversations, interactions and messages.
    pub fn chat(&self) -> Chat {
        Chat::new(self.clone())
    }
}

/// The methods `chat.*`. Most of them are a [`Call`], to be completed and awaited.
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
    pub fn start_conversation(&self) -> Call<StartConversation> {
        Call::new(&self.client, Ok(StartParams::default()))
    }

    /// Answers the current conversation; starts one if there is none.
    pub fn ensure_current(&self) -> Call<EnsureCurrent> {
        Call::new(&self.client, Ok(NoParams {}))
    }

    /// Reads the current conversation, if there is one.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub fn current(&self) -> BoxFuture<'static, Result<Option<Conversation>>> {
        let chat = self.clone();
        Box::pin(async move {
            let entry = chat.client.kv().get(CURRENT_KEY).await?.value;
            let Some(current) = entry.and_then(|entry| entry.value.to::<String>().ok()) else {
                return Ok(None);
            };
            // The entry may hold anything, and the conversation may be deleted.
            match chat.get_conversation(current).await {
                Ok(reply) => Ok(Some(reply.value)),
                Err(error)
                    if matches!(error.kind(), Some(Error::NotFound { .. } | Error::Invalid { .. })) =>
                {
                    Ok(None)
                }
                Err(error) => Err(error),
            }
        })
    }

    /// Reads a conversation; `not_found` if there is none.
    pub fn get_conversation(&self, conversation: impl Into<String>) -> Call<GetConversation> {
        Call::new(&self.client, id("id", conversation).map(|id| ById { id }))
    }

    /// Lists one page of conversations, newest first.
    pub fn list_conversations(&self) -> Call<ListConversations> {
        Call::new(&self.client, Ok(Paging::default()))
    }

    /// Makes a conversation the current one.
    pub fn set_current(&self, conversation: impl Into<String>) -> Call<SetCurrent> {
        let id = id("conversationId", conversation);
        let params = id.map(|conversation_id| SetCurrentParams { conversation_id, if_rev: None });
        Call::new(&self.client, params)
    }

    /// Changes a conversation's title, provider or model.
    pub fn update_conversation(&self, conversation: impl Into<String>) -> Call<UpdateConversation> {
        Call::new(&self.client, id("id", conversation).map(|id| Target::any(id).into()))
    }

    /// Deletes a conversation and everything in it; answers it. If it was current, the newest remaining one becomes
    /// current.
    pub fn delete_conversation(&self, conversation: impl Into<String>) -> Call<DeleteConversation> {
        Call::new(&self.client, id("id", conversation).map(Target::any))
    }

    /// Deletes every conversation except the current one.
    pub fn clear_history(&self) -> Call<ClearHistory> {
        Call::new(&self.client, Ok(NoParams {}))
    }

    /// Lists messages of the current conversation, oldest first: the newest ones, or those next to a cursor.
    pub fn list_messages(&self) -> Call<ListMessages> {
        Call::new(&self.client, Ok(WindowParams::default()))
    }

    /// Counts the messages of the current conversation.
    pub fn count_messages(&self) -> Call<CountMessages> {
        Call::new(&self.client, Ok(CountParams::default()))
    }

    /// Searches messages, best match first, with a snippet of each.
    pub fn search(&self, query: impl Into<String>) -> Call<Search> {
        let params = SearchParams { query: query.into(), conversation_id: None, limit: Limit::default() };
        Call::new(&self.client, Ok(params))
    }

    /// Lists interactions of the current conversation with their messages, oldest first: the newest ones, or those next
    /// to a cursor.
    pub fn list_interactions(&self) -> Call<ListInteractions> {
        Call::new(&self.client, Ok(WindowParams::default()))
    }

    /// Reads an interaction with its messages.
    pub fn get_interaction(&self, interaction: impl Into<String>) -> Call<GetInteraction> {
        Call::new(&self.client, id("id", interaction).map(|id| ById { id }))
    }

    /// Marks an interaction and its messages as aborted; the owners of streaming ones are asked to end them.
    pub fn abort_interaction(&self, interaction: impl Into<String>) -> Call<AbortInteraction> {
        Call::new(&self.client, id("id", interaction).map(Target::any))
    }

    /// Deletes an interaction and its messages; answers it.
    pub fn delete_interaction(&self, interaction: impl Into<String>) -> Call<DeleteInteraction> {
        Call::new(&self.client, id("id", interaction).map(Target::any))
    }

    /// Asks the owner of a streaming message to end it; the daemon aborts it after two seconds. Answers whether it was
    /// streaming.
    pub fn cancel_message(&self, message: impl Into<String>) -> Call<CancelMessage, bool> {
        let params = id("messageId", message).map(|message_id| CancelParams { message_id });
        Call::with(&self.client, params, |client, params, options| {
            Box::pin(async move { Ok(client.execute::<CancelMessage>(params, options).await?.cancelled) })
        })
    }

    /// Aborts a streaming message of any owner, and keeps the text so far. `invalid` when it is complete.
    pub fn abort_message(&self, message: impl Into<String>) -> Call<AbortMessage> {
        let id = id("messageId", message);
        Call::new(&self.client, id.map(|message_id| AbortMessageParams { message_id, if_rev: None }))
    }

    /// Subscribes to the chat, deltas included.
    ///
    /// After a reconnect, the text so far of every streaming message is sent again, as one delta at offset 0.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub fn subscribe(&self, params: SubscribeParams) -> BoxFuture<'static, Result<Subscription>> {
        let client = self.client.clone();
        Box::pin(async move { client.subscribe::<Subscribe>(params).await })
    }
}

/// The fields of a conversation.
macro_rules! conversation {
    ($method:ty) => {
        impl Call<$method> {
            /// Its title; `None` clears it.
            pub fn title(self, text: impl OptionalText) -> Self {
                self.try_set(|params| {
                    params.fields.title = Some(field::optional_text("title", text)?);
                    Ok(())
                })
            }

            /// The provider that answers in it, such as `openai`; `None` clears it.
            pub fn provider(self, text: impl OptionalText) -> Self {
                self.try_set(|params| {
                    params.fields.provider = Some(field::optional_text("provider", text)?);
                    Ok(())
                })
            }

            /// The model that answers in it; `None` clears it.
            pub fn ai_model(self, text: impl OptionalText) -> Self {
                self.try_set(|params| {
                    params.fields.ai_model = Some(field::optional_text("aiModel", text)?);
                    Ok(())
                })
            }
        }
    };
}

conversation!(StartConversation);
conversation!(UpdateConversation);

impl Call<StartConversation> {
    /// Its id; generated otherwise. `already_exists` when it is taken.
    pub fn id(self, id: EntityId) -> Self {
        self.set(|params| params.head.id = Some(id))
    }
}

/// Reads in one conversation.
macro_rules! in_conversation {
    ($method:ty) => {
        impl Call<$method> {
            /// In this conversation.
            pub fn conversation(self, conversation: impl Into<String>) -> Self {
                self.try_set(|params| {
                    params.conversation_id = Some(id("conversationId", conversation)?);
                    Ok(())
                })
            }
        }
    };
    ($method:ty, window) => {
        in_conversation!($method);

        impl Call<$method> {
            /// Only items older than this one: an id, or the `next` of an earlier page.
            pub fn before(self, item: impl Into<String>) -> Self {
                self.set(|params| params.before = Some(item.into()))
            }

            /// Only items newer than this one: an id, or the `next` of an earlier page.
            pub fn after(self, item: impl Into<String>) -> Self {
                self.set(|params| params.after = Some(item.into()))
            }
        }
    };
}

in_conversation!(CountMessages);
in_conversation!(Search);
in_conversation!(ListMessages, window);
in_conversation!(ListInteractions, window);
