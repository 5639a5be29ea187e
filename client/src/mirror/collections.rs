//! The collections that frontends show: `client.todos().mirror(…)` and the like.

use super::collection::{Collection, Item};
use super::current::at_least_one;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use std::cmp::Reverse;
use stina_protocol::chat::{self, Conversation, InitialMessages, Message};
use stina_protocol::memory::{self, Memory};
use stina_protocol::todo::{self, Status, Todo};
use stina_protocol::{EntityId, Resource};

/// Todos in the order of `todo.list`: by due time, those without one last; then by age.
#[derive(Debug, Clone, Default)]
pub struct Todos {
    /// Only todos with one of these statuses, as in `todo.list`: all when omitted, none when empty.
    pub statuses: Option<Vec<Status>>,
    /// Whether to include archived todos. Otherwise a closed todo leaves at the end of the day of its last update.
    pub include_archived: bool,
}

impl Todos {
    /// Open todos: not started or in progress.
    pub fn open() -> Self {
        Self { statuses: Some(vec![Status::NotStarted, Status::InProgress]), include_archived: false }
    }
}

/// The time at which a closed todo is archived: the start of the day after its last update.
fn archived_at(updated_at: i64, zone: TimeZone) -> Option<i64> {
    let updated = Timestamp::from_millisecond(updated_at).ok()?.to_zoned(zone);
    // Times beyond the calendar have no day.
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
        self.statuses.as_ref().is_none_or(|statuses| statuses.contains(&todo.status))
    }

    fn until(&self, todo: &Todo) -> Option<i64> {
        let may_be_archived = todo.status.is_closed() && !self.include_archived;
        may_be_archived.then(|| archived_at(todo.updated_at, TimeZone::system())).flatten()
    }
}

/// Memories, newest first.
#[derive(Debug, Clone, Default)]
pub struct Memories {
    /// Only memories with this tag.
    pub tag: Option<String>,
    /// Whether to include expired memories, as long as the daemon keeps them.
    pub include_expired: bool,
}

impl Collection for Memories {
    type Subscription = memory::Subscribe;
    type Item = Memory;
    type SortKey = (Reverse<i64>, Reverse<EntityId>);
    const ENTITY: &'static str = Memory::ENTITY;

    fn sort_key(&self, memory: &Memory) -> Self::SortKey {
        (Reverse(memory.created_at), Reverse(memory.id.clone()))
    }

    fn admits(&self, memory: &Memory) -> bool {
        self.tag.as_ref().is_none_or(|tag| memory.tags.contains(tag))
    }

    fn until(&self, memory: &Memory) -> Option<i64> {
        // A memory is still valid at `validUntil` itself.
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

/// Messages of a conversation, oldest first: the last ones, and all that follow. After a reset the mirror has only the
/// last ones again. The text of streaming messages grows.
#[derive(Debug, Clone)]
pub struct Messages {
    /// The conversation.
    pub conversation: EntityId,
    /// Number of messages in the first snapshot.
    pub last: InitialMessages,
}

impl Messages {
    /// The messages of a conversation; the first snapshot has the last 50.
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
            initial_messages: at_least_one(self.last),
            ..chat::Filter::default()
        }
    }

    fn sort_key(&self, message: &Message) -> Self::SortKey {
        (message.created_at, message.seq)
    }

    fn last(&self) -> Option<usize> {
        Some(self.last.get().into())
    }
}

impl Item for Todo {}
impl Item for Memory {}
impl Item for Conversation {}

impl Item for Message {
    fn append(&mut self, offset: usize, text: &str) -> bool {
        let has_offset = self.content.is_char_boundary(offset);
        if has_offset {
            // Text at offset 0 replaces all of it.
            self.content.truncate(offset);
            self.content.push_str(text);
        }
        has_offset
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_todo_is_archived_when_the_next_day_begins() {
        // Stockholm has days of 23 and 25 hours; in Asunción a day used to begin at 1:00.
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
