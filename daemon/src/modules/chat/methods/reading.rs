//! Reading methods: pages of messages and interactions, counts, search.

use crate::limits::Limits;
use crate::modules::chat::repository::messages::Scope;
use crate::modules::chat::repository::{
    Direction, SortKey, conversations, current, interactions, messages, search as index,
};
use crate::modules::page::{self, PageBuilder};
use crate::modules::text_search::Query;
use crate::rpc::Registry;
use crate::store::{ReadTx, Result, entity};
use serde::Serialize;
use std::sync::Arc;
use stina_protocol::chat::{
    Conversation, CountMessages, CountParams, GetInteraction, Hit, Interaction, ListInteractions,
    ListMessages, Message, Search, SearchParams, WindowParams,
};
use stina_protocol::types::{ById, Limit};
use stina_protocol::{EntityId, Error, Method, Page};

pub(super) fn register(registry: &mut Registry) {
    registry.scan::<ListMessages>(list_messages);
    let limits = Arc::clone(registry.limits());
    registry.scan::<ListInteractions>(move |tx, p| list_interactions(tx, &limits, p));
    let limits = Arc::clone(registry.limits());
    registry.scan::<GetInteraction>(move |tx, p| get_interaction(tx, &limits, &p));
    registry.read::<CountMessages>(count);
    let ranked = registry.limits().ranked_matches;
    registry.scan::<Search>(move |tx, p| search(tx, ranked, p));
}

/// A page of the messages or interactions of a conversation, from its newest end or from a cursor.
struct Window<T> {
    /// `None` when the params name none and there is no current one.
    conversation: Option<EntityId>,
    direction: Direction,
    from: Option<SortKey>,
    page: PageBuilder<T>,
}

/// The end of a page. It includes the conversation, because another one may be current by the next page.
type Cursor = (String, SortKey);

impl<T: Serialize> Window<T> {
    /// The window for the params of `list` (the method's name); `find` returns the cursor of an entity by its id.
    fn new(
        tx: &ReadTx<'_>,
        list: &str,
        conversation: Option<&EntityId>,
        (before, after): (Option<&str>, Option<&str>),
        limit: Limit,
        find: impl FnOnce(&str) -> Result<Option<Cursor>>,
    ) -> Result<Self> {
        let (direction, field, cursor) = match (before, after) {
            (Some(_), Some(_)) => {
                return Err(Error::invalid("after", "`before` and `after` exclude each other").into());
            }
            (before, None) => (Direction::Older, "before", before),
            (None, after) => (Direction::Newer, "after", after),
        };
        let (start, is_cursor) = match page::after::<Cursor>(list, cursor) {
            Ok(start) => (start, true),
            Err(_) => (cursor.map_or(Ok(None), find)?, false),
        };
        let conversation = match (conversation, &start) {
            (None, Some((of, _))) if is_cursor => Some(entity::get::<Conversation>(tx, of)?.id),
            (asked, _) => conversation_or_current(tx, asked)?,
        };
        let from = match (cursor, start) {
            (None, _) => None,
            (Some(_), Some((of, sort_key))) if Some(of.as_str()) == conversation.as_deref() => Some(sort_key),
            _ => {
                let reason = "neither a cursor nor an id in this conversation";
                return Err(Error::invalid(field, reason).into());
            }
        };
        Ok(Self { conversation, direction, from, page: PageBuilder::new(limit.get()) })
    }

    /// The page, oldest first.
    fn finish(self, list: &str, cursor: impl FnOnce(&T) -> Cursor) -> Result<Page<T>> {
        let mut page = self.page.finish(list, cursor)?;
        if self.direction == Direction::Older {
            page.items.reverse();
        }
        Ok(page)
    }
}

/// The id of the requested or the current conversation; `None` if there is none.
fn conversation_or_current(tx: &ReadTx<'_>, id: Option<&EntityId>) -> Result<Option<EntityId>> {
    let conversation = match id {
        Some(id) => Some(entity::get(tx, id.as_str())?),
        None => current::get(tx)?,
    };
    Ok(conversation.map(|conversation| conversation.id))
}

fn cursor_of_message(message: &Message) -> Cursor {
    (message.conversation_id.to_string(), messages::sort_key(message))
}

fn cursor_of_interaction(interaction: &Interaction) -> Cursor {
    (interaction.conversation_id.to_string(), interactions::sort_key(interaction))
}

fn list_messages(tx: &ReadTx<'_>, params: WindowParams) -> Result<Page<Message>> {
    const LIST: &str = ListMessages::NAME;
    let WindowParams { conversation_id, before, after, limit } = params;
    let cursors = (before.as_deref(), after.as_deref());
    let mut window = Window::new(tx, LIST, conversation_id.as_ref(), cursors, limit, |id| {
        Ok(entity::find(tx, id)?.as_ref().map(cursor_of_message))
    })?;
    if let Some(id) = &window.conversation {
        messages::walk(tx, Scope::Conversation(id), window.from, window.direction, |message| {
            window.page.push(message)
        })?;
    }
    window.finish(LIST, cursor_of_message)
}

fn list_interactions(tx: &ReadTx<'_>, limits: &Limits, params: WindowParams) -> Result<Page<Interaction>> {
    const LIST: &str = ListInteractions::NAME;
    let WindowParams { conversation_id, before, after, limit } = params;
    let cursors = (before.as_deref(), after.as_deref());
    let mut window = Window::new(tx, LIST, conversation_id.as_ref(), cursors, limit, |id| {
        Ok(entity::find(tx, id)?.as_ref().map(cursor_of_interaction))
    })?;
    if let Some(id) = &window.conversation {
        interactions::walk(tx, id, window.from, window.direction, |interaction| {
            // Do not read messages for an interaction that the page has no room for.
            let messages = match window.page.is_full() {
                true => None,
                false => messages_of(tx, limits, &interaction.id)?,
            };
            window.page.push(Interaction { messages, ..interaction })
        })?;
    }
    window.finish(LIST, cursor_of_interaction)
}

fn get_interaction(tx: &ReadTx<'_>, limits: &Limits, params: &ById) -> Result<Interaction> {
    let interaction: Interaction = entity::get(tx, params.id.as_str())?;
    let messages = messages_of(tx, limits, &interaction.id)?;
    let all = messages.ok_or(Error::TooLarge { limit: limits.frame_bytes as u64 })?;
    Ok(Interaction { messages: Some(all), ..interaction })
}

/// The messages of an interaction; `None` when they exceed the size of a frame by more than one message.
fn messages_of(tx: &ReadTx<'_>, limits: &Limits, interaction: &str) -> Result<Option<Vec<Message>>> {
    let (mut all, mut bytes, mut is_whole) = (Vec::new(), 0, true);
    messages::walk(tx, Scope::Interaction(interaction), None, Direction::Newer, |message| {
        is_whole = bytes < limits.frame_bytes;
        bytes += message.content.len() + message.metadata.get().len();
        if is_whole {
            all.push(message);
        }
        Ok(is_whole)
    })?;
    Ok(is_whole.then_some(all))
}

fn count(tx: &ReadTx<'_>, params: CountParams) -> Result<u64> {
    match conversation_or_current(tx, params.conversation_id.as_ref())? {
        Some(id) => conversations::count_messages(tx, &id),
        None => Ok(0),
    }
}

fn search(tx: &ReadTx<'_>, ranked: usize, params: SearchParams) -> Result<Page<Hit>> {
    let conversation = params.conversation_id.as_ref().map(EntityId::as_str);
    if let Some(id) = conversation {
        entity::get::<Conversation>(tx, id)?;
    }
    let items = index::find(tx, &Query::new(&params.query), conversation, ranked, params.limit.get())?;
    Ok(Page { items, next: None })
}
