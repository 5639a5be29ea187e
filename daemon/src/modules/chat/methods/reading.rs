//! Reading messages and interactions, in windows.

use crate::modules::chat::repository::messages::Scope;
use crate::modules::chat::repository::{
    Direction, Position, conversations, current, interactions, messages, search as index,
};
use crate::modules::page::{self, PageBuilder};
use crate::modules::text_search::Query;
use crate::rpc::Registry;
use crate::store::{ReadTx, Result};
use serde::Serialize;
use stina_protocol::chat::{
    CountMessages, CountParams, GetInteraction, GetInteractionParams, Hit, Interaction, ListInteractions,
    ListInteractionsParams, ListMessages, ListMessagesParams, Message, Search, SearchParams,
};
use stina_protocol::types::Limit;
use stina_protocol::{EntityId, Error, Method, Page};

pub(super) fn register(registry: &mut Registry) {
    registry.scan::<ListMessages>(list_messages);
    registry.scan::<ListInteractions>(list_interactions);
    registry.scan::<GetInteraction>(get_interaction);
    registry.read::<CountMessages>(count);
    registry.scan::<Search>(search);
}

/// A part of an order: begun at its newest end or at a cursor, bounded as a page.
struct Window<T> {
    direction: Direction,
    from: Option<Position>,
    page: PageBuilder<T>,
}

impl<T: Serialize> Window<T> {
    /// The window that params of `list` (the method's name) ask for; `find` tells the position of an entity of
    /// this conversation by its id.
    fn new(
        list: &str,
        before: Option<&str>,
        after: Option<&str>,
        limit: Limit,
        find: impl FnOnce(&str) -> Result<Option<Position>>,
    ) -> Result<Self> {
        let (direction, field, cursor) = match (before, after) {
            (Some(_), Some(_)) => return Err(Error::invalid("after", "`before` is given already").into()),
            (before, None) => (Direction::Older, "before", before),
            (None, after) => (Direction::Newer, "after", after),
        };
        let from = match page::after(list, cursor) {
            Ok(from) => from,
            Err(_) => Some(cursor.map_or(Ok(None), find)?.ok_or_else(|| {
                Error::invalid(field, "neither a cursor nor an id of what is in this conversation")
            })?),
        };
        Ok(Self { direction, from, page: PageBuilder::new(limit.get()) })
    }

    /// The page, oldest first.
    fn finish(self, list: &str, position: impl FnOnce(&T) -> Position) -> Result<Page<T>> {
        let mut page = self.page.finish(list, position)?;
        if self.direction == Direction::Older {
            page.items.reverse();
        }
        Ok(page)
    }
}

/// The conversation that is asked for, or the current one; `None` when there is none.
fn conversation(tx: &ReadTx<'_>, id: Option<&EntityId>) -> Result<Option<String>> {
    let conversation = match id {
        Some(id) => Some(conversations::require(tx, id.as_str())?),
        None => current::get(tx)?,
    };
    Ok(conversation.map(|conversation| conversation.id))
}

fn list_messages(tx: &ReadTx<'_>, params: ListMessagesParams) -> Result<Page<Message>> {
    const LIST: &str = ListMessages::NAME;
    let conversation = conversation(tx, params.conversation_id.as_ref())?;
    let (before, after) = (params.before.as_deref(), params.after.as_deref());
    let mut window = Window::new(LIST, before, after, params.limit, |id| {
        let message = messages::get(tx, id)?.filter(|m| Some(&m.conversation_id) == conversation.as_ref());
        Ok(message.as_ref().map(messages::position))
    })?;
    if let Some(id) = &conversation {
        messages::walk(tx, Scope::Conversation(id), window.from, window.direction, |message| {
            window.page.push(message)
        })?;
    }
    window.finish(LIST, messages::position)
}

fn list_interactions(tx: &ReadTx<'_>, params: ListInteractionsParams) -> Result<Page<Interaction>> {
    const LIST: &str = ListInteractions::NAME;
    let conversation = conversation(tx, params.conversation_id.as_ref())?;
    let (before, after) = (params.before.as_deref(), params.after.as_deref());
    let mut window = Window::new(LIST, before, after, params.limit, |id| {
        let found = interactions::get(tx, id)?;
        let found = found.filter(|i| Some(&i.conversation_id) == conversation.as_ref());
        Ok(found.as_ref().map(interactions::position))
    })?;
    if let Some(id) = &conversation {
        interactions::walk(tx, id, window.from, window.direction, |interaction| {
            // One that has no room any more is not looked into.
            let whole = !window.page.is_full();
            window.page.push(if whole { with_messages(tx, interaction)? } else { interaction })
        })?;
    }
    window.finish(LIST, interactions::position)
}

fn get_interaction(tx: &ReadTx<'_>, params: GetInteractionParams) -> Result<Interaction> {
    with_messages(tx, interactions::require(tx, params.id.as_str())?)
}

fn with_messages(tx: &ReadTx<'_>, interaction: Interaction) -> Result<Interaction> {
    let mut all = Vec::new();
    messages::walk(tx, Scope::Interaction(&interaction.id), None, Direction::Newer, |message| {
        all.push(message);
        Ok(true)
    })?;
    Ok(Interaction { messages: Some(all), ..interaction })
}

fn count(tx: &ReadTx<'_>, params: CountParams) -> Result<u64> {
    match conversation(tx, params.conversation_id.as_ref())? {
        Some(id) => conversations::count_messages(tx, &id),
        None => Ok(0),
    }
}

fn search(tx: &ReadTx<'_>, params: SearchParams) -> Result<Page<Hit>> {
    let conversation = params.conversation_id.as_ref().map(EntityId::as_str);
    if let Some(id) = conversation {
        conversations::require(tx, id)?;
    }
    let items = index::find(tx, &Query::new(&params.query), conversation, params.limit.get())?;
    Ok(Page { items, next: None })
}
