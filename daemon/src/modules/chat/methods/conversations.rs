//! Methods of conversations, and of the current one.

use crate::modules::chat::repository::{Direction, conversations, current, messages};
use crate::modules::chat::streams::Streams;
use crate::modules::page::{self, PageBuilder};
use crate::rpc::Registry;
use crate::store::entity::{self, check_rev, id_or_new};
use crate::store::{ReadTx, Result, WriteTx};
use std::sync::Arc;
use stina_protocol::chat::{
    ClearHistory, Cleared, Conversation, DeleteConversation, EnsureCurrent, GetConversation,
    ListConversations, SetCurrent, SetCurrentParams, StartConversation, StartParams, UpdateConversation,
    UpdateParams,
};
use stina_protocol::types::{Paging, Target};
use stina_protocol::{Method, Page};

pub(super) fn register(registry: &mut Registry, streams: &Arc<Streams>) {
    registry.read::<GetConversation>(|tx, p| entity::get(tx, p.id.as_str()));
    registry.scan::<ListConversations>(list);
    registry.write::<StartConversation>(start);
    registry.write::<EnsureCurrent>(|tx, _| ensure_current(tx));
    registry.write::<SetCurrent>(set_current);
    registry.write::<UpdateConversation>(update);
    let ended = Arc::clone(streams);
    registry.write::<DeleteConversation>(move |tx, target| delete(tx, &ended, &target));
    let ended = Arc::clone(streams);
    registry.write::<ClearHistory>(move |tx, _| clear_history(tx, &ended));
}

fn list(tx: &ReadTx<'_>, params: Paging) -> Result<Page<Conversation>> {
    let from = page::after(ListConversations::NAME, params.cursor.as_deref())?;
    let mut page = PageBuilder::new(params.limit.get());
    conversations::walk(tx, from, Direction::Older, |conversation| page.push(conversation))?;
    page.finish(ListConversations::NAME, conversations::sort_key)
}

/// The current conversation; creates one if there is none.
pub(super) fn ensure_current(tx: &mut WriteTx<'_>) -> Result<Conversation> {
    match current::get(tx)? {
        Some(conversation) => Ok(conversation),
        None => start(tx, StartParams::default()),
    }
}

fn start(tx: &mut WriteTx<'_>, params: StartParams) -> Result<Conversation> {
    let conversation = Conversation {
        id: id_or_new(params.head.id, "c_"),
        created_at: tx.now(),
        updated_at: tx.now(),
        ..Conversation::default()
    };
    let conversation = entity::create(tx, entity::with(&conversation, &params.fields)?)?;
    current::set(tx, Some(&conversation.id))?;
    Ok(conversation)
}

fn set_current(tx: &mut WriteTx<'_>, params: SetCurrentParams) -> Result<Conversation> {
    let conversation: Conversation = entity::get(tx, params.conversation_id.as_str())?;
    check_rev(Some(&conversation), params.if_rev)?;
    current::set(tx, Some(&conversation.id))?;
    Ok(conversation)
}

fn update(tx: &mut WriteTx<'_>, params: UpdateParams) -> Result<Conversation> {
    let before: Conversation = entity::get_if(tx, &params.head)?;
    entity::update(tx, before, &params.fields, |conversation, now| conversation.updated_at = now)
}

fn delete(tx: &mut WriteTx<'_>, streams: &Arc<Streams>, target: &Target) -> Result<Conversation> {
    let conversation: Conversation = entity::get_if(tx, target)?;
    let was_current = current::get(tx)?.is_some_and(|current| current.id == conversation.id);
    remove(tx, streams, &conversation)?;
    if was_current {
        let newest = conversations::newest(tx)?;
        current::set(tx, newest.as_ref().map(|c| c.id.as_str()))?;
    }
    Ok(conversation)
}

fn clear_history(tx: &mut WriteTx<'_>, streams: &Arc<Streams>) -> Result<Cleared> {
    let current = current::get(tx)?.map(|conversation| conversation.id);
    let mut cleared = Cleared::default();
    for id in conversations::ids(tx)?.into_iter().filter(|id| current.as_ref() != Some(id)) {
        let conversation = entity::get(tx, &id)?;
        cleared.messages += remove(tx, streams, &conversation)?;
        cleared.conversations += 1;
    }
    Ok(cleared)
}

/// Removes a conversation and everything in it; returns the number of its messages.
fn remove(tx: &mut WriteTx<'_>, streams: &Arc<Streams>, conversation: &Conversation) -> Result<u64> {
    let scope = messages::Scope::Conversation(&conversation.id);
    for id in messages::streaming(tx, Some(scope))? {
        streams.end(tx, &id);
    }
    let messages = conversations::count_messages(tx, &conversation.id)?;
    entity::remove(tx, conversation)?;
    Ok(messages)
}
