//! [`CurrentMessages`]: the messages of whichever conversation is the current one.

use super::collection::Collection;
use stina_protocol::chat::{CURRENT_KEY, Filter, InitialMessages, Message, Subscribe};
use stina_protocol::event::Change;
use stina_protocol::kv::Entry;

/// Messages of the current conversation, oldest first: the last ones, and all that follow. When another conversation
/// becomes the current one, its messages replace these. The text of streaming messages grows.
#[derive(Debug, Clone, Default)]
pub struct CurrentMessages {
    last: InitialMessages,
    /// The id of the current conversation.
    current: Option<String>,
}

impl CurrentMessages {
    /// A snapshot has the last messages, so many at most; 50 by default.
    pub fn last(messages: InitialMessages) -> Self {
        Self { last: messages, current: None }
    }
}

impl Collection for CurrentMessages {
    type Subscription = Subscribe;
    type Item = Message;
    type SortKey = (i64, u64);
    const ENTITY: &'static str = "message";

    fn filter(&self) -> Filter {
        Filter { initial_messages: at_least_one(self.last), ..Filter::default() }
    }

    fn sort_key(&self, message: &Message) -> Self::SortKey {
        (message.created_at, message.seq)
    }

    fn admits(&self, message: &Message) -> bool {
        self.current.as_deref() == Some(&*message.conversation_id)
    }

    fn last(&self) -> Option<usize> {
        Some(self.last.get().into())
    }

    fn begin_snapshot(&mut self) {
        // A snapshot names the current conversation before its messages, if there is one.
        self.current = None;
    }

    fn observe(&mut self, change: &Change) -> bool {
        if change.entity != "kv" || change.id != CURRENT_KEY {
            return false;
        }
        // The entry may hold anything; what is no string names no conversation.
        let entry = change.value.as_ref().and_then(|value| value.to::<Entry>().ok());
        let current = entry.and_then(|entry| entry.value.to::<String>().ok());
        std::mem::replace(&mut self.current, current) != self.current
    }
}

/// One message at least, which shows what is older than the snapshot.
pub(super) fn at_least_one(last: InitialMessages) -> InitialMessages {
    InitialMessages::new(last.get().max(1).into()).unwrap_or_default()
}
