//! The collections that frontends show: `client.todos().mirror(…)` and the like.

use super::Collection;
use std::cmp::Reverse;
use stina_protocol::EntityId;
use stina_protocol::chat::{self, Conversation, InitialMessages, Message};
use stina_protocol::event::{Delta, Start};
use stina_protocol::memory::{self, Memory};
use stina_protocol::todo::{self, Status, Todo};

/// Todos, ordered as `todo.list` orders them: no due date last, then due date, then age.
#[derive(Debug, Clone, Default)]
pub struct Todos {
    /// Only those with one of these statuses; all when empty.
    pub statuses: Vec<Status>,
}

impl Todos {
    /// What is still to be done: not started, or in progress.
    pub fn open() -> Self {
        Self { statuses: vec![Status::NotStarted, Status::InProgress] }
    }
}

impl Collection for Todos {
    type Subscription = todo::Subscribe;
    type Item = Todo;
    type Order = (bool, Option<i64>, i64);
    const ENTITY: &'static str = "todo";

    fn params(&self) -> Start {
        Start::default()
    }

    fn order(&self, todo: &Todo) -> Self::Order {
        (todo.due_at.is_none(), todo.due_at, todo.created_at)
    }

    fn admits(&self, todo: &Todo) -> bool {
        self.statuses.is_empty() || self.statuses.contains(&todo.status)
    }
}

/// Memories, newest first.
#[derive(Debug, Clone, Default)]
pub struct Memories {
    /// Only those with this tag.
    pub tag: Option<String>,
}

impl Collection for Memories {
    type Subscription = memory::Subscribe;
    type Item = Memory;
    type Order = (Reverse<i64>, Reverse<String>);
    const ENTITY: &'static str = "memory";

    fn params(&self) -> Start {
        Start::default()
    }

    fn order(&self, memory: &Memory) -> Self::Order {
        (Reverse(memory.created_at), Reverse(memory.id.clone()))
    }

    fn admits(&self, memory: &Memory) -> bool {
        self.tag.as_ref().is_none_or(|tag| memory.tags.contains(tag))
    }
}

/// Conversations, newest first.
#[derive(Debug, Clone, Copy, Default)]
pub struct Conversations;

impl Collection for Conversations {
    type Subscription = chat::Subscribe;
    type Item = Conversation;
    type Order = Reverse<(i64, u64)>;
    const ENTITY: &'static str = "conversation";

    fn params(&self) -> chat::SubscribeParams {
        let initial_messages = InitialMessages::new(0).unwrap_or_default();
        chat::SubscribeParams { deltas: false, initial_messages, ..chat::SubscribeParams::default() }
    }

    fn order(&self, conversation: &Conversation) -> Self::Order {
        Reverse((conversation.created_at, conversation.seq))
    }
}

/// The messages of a conversation, oldest first: its last ones when the mirror begins, and all that follow. The
/// text of one that is being written grows as its words come.
#[derive(Debug, Clone)]
pub struct Messages {
    /// The conversation.
    pub conversation: EntityId,
    /// How many there are to begin with.
    pub last: InitialMessages,
}

impl Messages {
    /// The messages of a conversation, the last 50 to begin with.
    pub fn of(conversation: EntityId) -> Self {
        Self { conversation, last: InitialMessages::default() }
    }
}

impl Collection for Messages {
    type Subscription = chat::Subscribe;
    type Item = Message;
    type Order = (i64, u64);
    const ENTITY: &'static str = "message";

    fn params(&self) -> chat::SubscribeParams {
        chat::SubscribeParams {
            conversation_id: Some(self.conversation.clone()),
            initial_messages: self.last,
            ..chat::SubscribeParams::default()
        }
    }

    fn order(&self, message: &Message) -> Self::Order {
        (message.created_at, message.seq)
    }

    fn extended(&self, message: &Message, delta: &Delta) -> Option<Message> {
        let offset = usize::try_from(delta.offset).ok()?;
        // The words up to there are held already; a delta at 0 is the whole text so far.
        let held = message.content.get(..offset)?;
        Some(Message { content: format!("{held}{}", delta.text), ..message.clone() })
    }
}
