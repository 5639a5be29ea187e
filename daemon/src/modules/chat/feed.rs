//! The feed of chat subscriptions.

use super::NAME;
use super::repository::{Direction, conversations, current, messages};
use super::streams::Streams;
use crate::modules::kv;
use crate::rpc::{Feed, Initial, OpenStreams};
use crate::store::{Entity, LiveChange, Position, ReadTx, Result, Transient, entity};
use std::collections::HashSet;
use std::sync::Arc;
use stina_protocol::chat::{CURRENT_KEY, Conversation, Filter, Interaction};
use stina_protocol::kv::Entry;

/// The events of one conversation, or of all.
pub(super) struct ChatFeed {
    conversation: Option<String>,
    deltas: bool,
    initial_messages: u16,
    streams: Arc<Streams>,
}

impl ChatFeed {
    pub(super) fn new(params: Filter, streams: &Arc<Streams>) -> Self {
        Self {
            conversation: params.conversation_id.map(String::from),
            deltas: params.deltas,
            initial_messages: params.initial_messages.get(),
            streams: Arc::clone(streams),
        }
    }
}

impl Feed for ChatFeed {
    fn wants(&self, change: &LiveChange) -> bool {
        if change.module == Entry::KIND.module {
            return change.id == CURRENT_KEY;
        }
        let is_wanted = |wanted: &String| match change.entity == Conversation::KIND.name {
            true => change.id == *wanted,
            false => change.scope.as_ref() == Some(wanted),
        };
        change.module == NAME && self.conversation.as_ref().is_none_or(is_wanted)
    }

    fn initial(&self, tx: &ReadTx<'_>, out: &mut Initial<'_>) -> Result<()> {
        match &self.conversation {
            None => all_conversations(tx, out)?,
            Some(id) => {
                if let Some(conversation) = entity::find::<Conversation>(tx, id)? {
                    out.entity(&conversation)?;
                }
            }
        }
        if let Some(entry) = kv::repository::get(tx, CURRENT_KEY)? {
            out.entity(&entry)?;
        }
        let shown = match &self.conversation {
            Some(id) => Some(id.clone()),
            None => current::get(tx)?.map(|conversation| conversation.id.into()),
        };
        shown.map_or(Ok(()), |id| last_messages(tx, &id, self.initial_messages, out))
    }

    fn wants_transient(&self, transient: &Transient) -> bool {
        let is_ours = transient.module == NAME && (self.deltas || !transient.optional);
        is_ours && self.conversation.as_ref().is_none_or(|wanted| *wanted == transient.scope)
    }

    fn open_streams(&self, position: &dyn Fn() -> Position) -> OpenStreams {
        self.streams.open_streams(self.conversation.as_deref(), self.deltas, position)
    }
}

fn all_conversations(tx: &ReadTx<'_>, out: &mut Initial<'_>) -> Result<()> {
    conversations::walk(tx, None, Direction::Newer, |conversation| {
        out.entity(&conversation)?;
        Ok(true)
    })
}

/// Sends the last messages of a conversation; each interaction precedes its first message.
fn last_messages(tx: &ReadTx<'_>, id: &str, count: u16, out: &mut Initial<'_>) -> Result<()> {
    if count == 0 {
        return Ok(());
    }
    let mut sent = HashSet::new();
    let from = messages::before_last(tx, id, count)?;
    messages::walk(tx, messages::Scope::Conversation(id), from, Direction::Newer, |message| {
        if !sent.contains(&message.interaction_id) {
            let interaction: Interaction = entity::get(tx, &message.interaction_id)?;
            out.entity(&interaction)?;
            sent.insert(interaction.id);
        }
        out.entity(&message)?;
        Ok(true)
    })
}
