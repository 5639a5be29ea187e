//! The collections that frontends show: `client.todos().mirror(…)` and the like.

use super::Collection;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use std::cmp::Reverse;
use stina_protocol::chat::{self, Conversation, InitialMessages, Message};
use stina_protocol::event::Delta;
use stina_protocol::memory::{self, Memory};
use stina_protocol::todo::{self, Status, Todo};
use stina_protocol::{EntityId, Resource};

/// Todos, those and in the order that `todo.list` lists: no due date last, then due date, then age.
#[derive(Debug, Clone, Default)]
pub struct Todos {
    /// Only those with one of these statuses; all when empty.
    pub statuses: Vec<Status>,
    /// Also archived ones. Without them, what was closed goes with the day in which it was last updated.
    pub include_archived: bool,
}

impl Todos {
    /// What is still to be done: not started, or in progress.
    pub fn open() -> Self {
        Self { statuses: vec![Status::NotStarted, Status::InProgress], include_archived: false }
    }
}

/// When a todo that was closed is archived: at the beginning of the day after the one in which it was last updated.
fn archived_at(updated_at: i64, zone: TimeZone) -> Option<i64> {
    let updated = Timestamp::from_millisecond(updated_at).ok()?.to_zoned(zone);
    // Beyond the calendar there are no days.
    let day_after = updated.tomorrow().and_then(|day| Zoned::start_of_day(&day)).ok()?;
    Some(day_after.timestamp().as_millisecond())
}

impl Collection for Todos {
    type Subscription = todo::Subscribe;
    type Item = Todo;
    type SortKey = (bool, Option<i64>, i64);
    const ENTITY: &'static str = Todo::ENTITY;

    fn sort_key(&self, todo: &Todo) -> Self::SortKey {
        (todo.due_at.is_none(), todo.due_at, todo.created_at)
    }

    fn admits(&self, todo: &Todo) -> bool {
        self.statuses.is_empty() || self.statuses.contains(&todo.status)
    }

    fn until(&self, todo: &Todo) -> Option<i64> {
        let is_closed = matches!(todo.status, Status::Completed | Status::Cancelled);
        let may_be_archived = is_closed && !self.include_archived;
        may_be_archived.then(|| archived_at(todo.updated_at, TimeZone::system())).flatten()
    }
}

/// Memories, newest first.
#[derive(Debug, Clone, Default)]
pub struct Memories {
    /// Only those with this tag.
    pub tag: Option<String>,
    /// Also those whose `validUntil` has passed, as long as the daemon keeps them.
    pub include_expired: bool,
}

impl Collection for Memories {
    type Subscription = memory::Subscribe;
    type Item = Memory;
    type SortKey = (Reverse<i64>, Reverse<String>);
    const ENTITY: &'static str = Memory::ENTITY;

    fn sort_key(&self, memory: &Memory) -> Self::SortKey {
        (Reverse(memory.created_at), Reverse(memory.id.clone()))
    }

    fn admits(&self, memory: &Memory) -> bool {
        self.tag.as_ref().is_none_or(|tag| memory.tags.contains(tag))
    }

    fn until(&self, memory: &Memory) -> Option<i64> {
        // `validUntil` itself is part of its time.
        memory.valid_until.filter(|_| !self.include_expired).map(|last| last.saturating_add(1))
    }
}

/// Conversations, newest first.
#[derive(Debug, Clone, Copy, Default)]
pub struct Conversations;

impl Collection for Conversations {
    type Subscription = chat::Subscribe;
    type Item = Conversation;
    type SortKey = Reverse<(i64, u64)>;
    const ENTITY: &'static str = "conversation";

    fn filter(&self) -> chat::Filter {
        let initial_messages = InitialMessages::new(0).unwrap_or_default();
        chat::Filter { deltas: false, initial_messages, ..chat::Filter::default() }
    }

    fn sort_key(&self, conversation: &Conversation) -> Self::SortKey {
        Reverse((conversation.created_at, conversation.seq))
    }
}

/// The messages of a conversation, oldest first: its last ones when the mirror begins, and all that follow; again
/// its last ones after a reset. The text of a streaming one grows.
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
    type SortKey = (i64, u64);
    const ENTITY: &'static str = "message";

    fn filter(&self) -> chat::Filter {
        chat::Filter {
            conversation_id: Some(self.conversation.clone()),
            initial_messages: self.last,
            ..chat::Filter::default()
        }
    }

    fn sort_key(&self, message: &Message) -> Self::SortKey {
        (message.created_at, message.seq)
    }

    fn last(&self) -> Option<usize> {
        Some(self.last.get().into())
    }

    fn extended(&self, message: &Message, delta: &Delta) -> Option<Message> {
        let offset = usize::try_from(delta.offset).ok()?;
        // The text up to there is held already; a delta at 0 is the whole text so far.
        let held = message.content.get(..offset)?;
        Some(Message { content: format!("{held}{}", delta.text), ..message.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_closed_is_archived_when_the_next_day_begins() {
        // Stockholm, whose days have 23 and 25 hours now and then; and Asunción as it was, where one began at 1:00.
        let stockholm = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
        let asuncion = TimeZone::posix("<-04>4<-03>,M10.1.0/0,M3.4.0/0").unwrap();
        for (zone, updated, archived) in [
            (&stockholm, "2026-01-15T22:59:59.999Z", "2026-01-15T23:00:00Z"),
            (&stockholm, "2026-01-15T23:00:00Z", "2026-01-16T23:00:00Z"),
            (&stockholm, "2026-03-29T00:30:00Z", "2026-03-29T22:00:00Z"),
            (&stockholm, "2026-10-25T12:00:00Z", "2026-10-25T23:00:00Z"),
            (&asuncion, "2023-09-30T12:00:00Z", "2023-10-01T04:00:00Z"),
        ] {
            let millis = |time: &str| time.parse::<Timestamp>().unwrap().as_millisecond();
            assert_eq!(archived_at(millis(updated), zone.clone()), Some(millis(archived)), "{updated}");
        }
        assert_eq!(archived_at(i64::MAX, TimeZone::UTC), None);
    }
}
