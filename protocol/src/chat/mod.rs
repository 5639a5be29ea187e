//! `chat.*`: conversations, their interactions, the messages in them, and messages as they are being written.
//!
//! A conversation has interactions (a question and all that follows from it), an interaction has messages.
//! Messages have one strict order: by `createdAt`, and by `seq` where times are equal. Interactions likewise.

mod conversation;
mod message;
mod reading;
mod streaming;
mod subscribe;

pub use conversation::{
    Cleared, Conversation, Fields as ConversationFields, New as NewConversation, SetCurrentParams,
    StartParams, UpdateParams,
};
pub use message::{
    AppendParams, BeginParams, Beginning, Fields as MessageFields, Interaction, Message, MessageState,
    New as NewMessage, Role,
};
pub use reading::{CountParams, Hit, SearchParams, WindowParams};
pub use streaming::{AbortMessageParams, Appended, CancelParams, Cancelled, DeltaParams, FinishParams};
pub use subscribe::{Filter, InitialMessages, SubscribeParams};

use crate::Page;
use crate::types::{ById, NoParams, Paging, Target};

/// The kv key under which the id of the current conversation is, a JSON string.
pub const CURRENT_KEY: &str = "chat.currentConversation";

crate::methods! {
    /// Starts a conversation; it becomes the current one.
    StartConversation = "chat.startConversation": Write(StartParams) -> Conversation;
    /// The current conversation; starts one when there is none.
    EnsureCurrent = "chat.ensureCurrent": Write(NoParams) -> Conversation;
    /// A conversation.
    GetConversation = "chat.getConversation": Read(ById) -> Conversation;
    /// Conversations, newest first by `createdAt`.
    ListConversations = "chat.listConversations": Read(Paging) -> Page<Conversation>;
    /// Makes a conversation the current one.
    SetCurrent = "chat.setCurrent": Write(SetCurrentParams) -> Conversation;
    /// Changes a conversation's title, provider or model.
    UpdateConversation = "chat.updateConversation": Write(UpdateParams) -> Conversation;
    /// Deletes a conversation with all that is in it; answers it. If it was current, the newest other becomes so.
    DeleteConversation = "chat.deleteConversation": Write(Target) -> Conversation;
    /// Deletes every conversation but the current one.
    ClearHistory = "chat.clearHistory": Write(NoParams) -> Cleared;

    /// Adds a message, and the conversation and interaction for it where they are missing.
    AppendMessage = "chat.appendMessage": Write(AppendParams) -> Message;
    /// Messages of a conversation, oldest first: the newest, or those next to a cursor.
    ListMessages = "chat.listMessages": Read(WindowParams) -> Page<Message>;
    /// Interactions of a conversation with their messages, oldest first: the newest, or those next to a cursor.
    ListInteractions = "chat.listInteractions": Read(WindowParams) -> Page<Interaction>;
    /// An interaction with its messages; `too_large` when those are more than the limit `frameBytes`.
    GetInteraction = "chat.getInteraction": Read(ById) -> Interaction;
    /// Marks an interaction and its messages as aborted; messages still being written are asked to end.
    AbortInteraction = "chat.abortInteraction": Write(Target) -> Interaction;
    /// Deletes an interaction with its messages; answers it.
    DeleteInteraction = "chat.deleteInteraction": Write(Target) -> Interaction;
    /// How many messages a conversation has.
    CountMessages = "chat.countMessages": Read(CountParams) -> u64;
    /// Full-text search in messages, best first, with a snippet.
    Search = "chat.search": Read(SearchParams) -> Page<Hit>;

    /// Begins a message whose text follows in deltas; this connection owns it. Not over HTTP.
    BeginMessage = "chat.beginMessage": Write(BeginParams) -> Message;
    /// Adds words to a message that is being written. Repeating what was sent before does nothing.
    AppendDelta = "chat.appendDelta": Bare(DeltaParams) -> Appended;
    /// Ends a message that is being written: it is complete.
    FinishMessage = "chat.finishMessage": Write(FinishParams) -> Message;
    /// Ends a message that is being written, with the text so far, as aborted. An aborted one stays as it is.
    AbortMessage = "chat.abortMessage": Write(AbortMessageParams) -> Message;
    /// Asks the owner of a message that is being written to end it; the daemon aborts it when it does not.
    CancelMessage = "chat.cancelMessage": Bare(CancelParams) -> Cancelled;
}

crate::subscriptions! {
    /// Changes of conversations, interactions, messages and the current conversation, and words as they come.
    Subscribe = "chat" (Filter);
}
