//! `chat.*`: conversations, interactions, messages, and streaming messages.
//!
//! A conversation has interactions (a user's message and everything that follows from it); an interaction has messages.
//! Messages are sorted by `createdAt`, then by `seq`, and so are interactions.

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

/// The kv key that holds the id of the current conversation, as a JSON string.
pub const CURRENT_KEY: &str = "chat.currentConversation";

crate::methods! {
    /// Starts a conversation; it becomes the current one.
    StartConversation = "chat.startConversation": Write(StartParams) -> Conversation;
    /// Answers the current conversation; starts one if there is none.
    EnsureCurrent = "chat.ensureCurrent": Write(NoParams) -> Conversation;
    /// Reads a conversation.
    GetConversation = "chat.getConversation": Read(ById) -> Conversation;
    /// Lists conversations, newest first.
    ListConversations = "chat.listConversations": Read(Paging) -> Page<Conversation>;
    /// Makes a conversation the current one.
    SetCurrent = "chat.setCurrent": Write(SetCurrentParams) -> Conversation;
    /// Changes a conversation's title, provider or model.
    UpdateConversation = "chat.updateConversation": Write(UpdateParams) -> Conversation;
    /// Deletes a conversation and everything in it; answers it. If it was current, the newest remaining one becomes
    /// current.
    DeleteConversation = "chat.deleteConversation": Write(Target) -> Conversation;
    /// Deletes every conversation except the current one.
    ClearHistory = "chat.clearHistory": Write(NoParams) -> Cleared;

    /// Adds a message; creates its conversation and interaction if they are missing.
    AppendMessage = "chat.appendMessage": Write(AppendParams) -> Message;
    /// Lists messages of a conversation, oldest first: the newest ones, or those next to a cursor.
    ListMessages = "chat.listMessages": Read(WindowParams) -> Page<Message>;
    /// Lists interactions of a conversation with their messages, oldest first: the newest ones, or those next to a
    /// cursor.
    ListInteractions = "chat.listInteractions": Read(WindowParams) -> Page<Interaction>;
    /// Reads an interaction with its messages; `too_large` when they exceed the limit `frameBytes`.
    GetInteraction = "chat.getInteraction": Read(ById) -> Interaction;
    /// Marks an interaction and its messages as aborted; the owners of streaming ones are asked to end them.
    AbortInteraction = "chat.abortInteraction": Write(Target) -> Interaction;
    /// Deletes an interaction and its messages; answers it.
    DeleteInteraction = "chat.deleteInteraction": Write(Target) -> Interaction;
    /// Counts the messages of a conversation.
    CountMessages = "chat.countMessages": Read(CountParams) -> u64;
    /// Searches messages, best match first (among the newest 10,000 matches), then newest first, with a snippet of each.
    Search = "chat.search": Read(SearchParams) -> Page<Hit>;

    /// Begins a streaming message; this connection owns it. Not available over HTTP.
    BeginMessage = "chat.beginMessage": Write(BeginParams) -> Message;
    /// Appends text to a streaming message. Text that was sent before changes nothing.
    AppendDelta = "chat.appendDelta": Bare(DeltaParams) -> Appended;
    /// Completes a streaming message.
    FinishMessage = "chat.finishMessage": Write(FinishParams) -> Message;
    /// Aborts a streaming message and keeps the text so far. An aborted message stays unchanged.
    AbortMessage = "chat.abortMessage": Write(AbortMessageParams) -> Message;
    /// Asks the owner of a streaming message to end it; the daemon aborts it if the owner does not.
    CancelMessage = "chat.cancelMessage": Bare(CancelParams) -> Cancelled;
}

crate::subscriptions! {
    /// Subscribes to conversations, interactions, messages, the current conversation, and deltas.
    Subscribe = "chat" (Filter);
}
