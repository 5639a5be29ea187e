//! Methods of conversations, and of the current one.

use super::remove_some;
use crate::modules::chat::repository::{Direction, conversations, current, messages::Scope};
use crate::modules::chat::streams::Streams;
use crate::modules::page::{self, PageBuilder};
use crate::rpc::Registry;
use crate::store::entity::{self, check_rev, id_or_new};
use crate::store::{ReadTx, Result, WriteTx, Written};
use std::collections::{HashSet, VecDeque};
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
    registry.write_in_steps::<DeleteConversation>(move |tx, target| delete(tx, &ended, &target));
    let ended = Arc::clone(streams);
    registry.write_in_steps::<ClearHistory>(move |tx, _| clear_history(tx, &ended));
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
    let mut conversation = Conversation::new(id_or_new(params.head.id, "c_"));
    (conversation.created_at, conversation.updated_at) = (tx.now(), tx.now());
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

fn delete(tx: &mut WriteTx<'_>, streams: &Arc<Streams>, target: &Target) -> Result<Written<Conversation>> {
    let conversation = entity::get_to_remove(tx, target)?;
    delete_rest(tx, Arc::clone(streams), conversation)
}

fn delete_rest(
    tx: &mut WriteTx<'_>,
    streams: Arc<Streams>,
    conversation: Conversation,
) -> Result<Written<Conversation>> {
    let Some(left) = entity::find_again(tx, &conversation)? else { return Ok(Written::Done(conversation)) };
    let was_current = current::get(tx)?.is_some_and(|current| current.id == left.id);
    let is_gone = remove_some(tx, &streams, &left, Scope::Conversation(&left.id))?;
    if was_current {
        // Already in the first step, so that no new message goes into what is being deleted.
        make_newest_current(tx, &HashSet::from([left.seq]))?;
    }
    if is_gone {
        return Ok(Written::Done(conversation));
    }
    conversations::touch(tx, &left.id)?;
    Ok(Written::more(move |tx| delete_rest(tx, streams, conversation)))
}

/// Deletes all conversations but the current one, as they are when it begins: what comes to be meanwhile stays.
fn clear_history(tx: &mut WriteTx<'_>, streams: &Arc<Streams>) -> Result<Written<Cleared>> {
    let seqs = match tx.chosen()? {
        Some(seqs) => seqs,
        None => {
            let current = current::get(tx)?.map(|conversation| conversation.seq);
            let mut seqs = VecDeque::from(conversations::seqs(tx)?);
            seqs.retain(|seq| current != Some(*seq));
            tx.choose(&seqs)?;
            seqs
        }
    };
    clear_rest(tx, Arc::clone(streams), seqs, Cleared::default())
}

fn clear_rest(
    tx: &mut WriteTx<'_>,
    streams: Arc<Streams>,
    mut seqs: VecDeque<u64>,
    mut cleared: Cleared,
) -> Result<Written<Cleared>> {
    if current::get(tx)?.is_some_and(|current| seqs.contains(&current.seq)) {
        // Somebody has made one of them current meanwhile.
        make_newest_current(tx, &seqs.iter().copied().collect())?;
    }
    while let Some(seq) = seqs.front() {
        let is_gone = match conversations::find_seq(tx, *seq)? {
            _ if tx.is_full() => false,
            Some(conversation) => {
                let id = &conversation.id;
                let before = conversations::count_messages(tx, id)?;
                let is_gone = remove_some(tx, &streams, &conversation, Scope::Conversation(id))?;
                cleared.messages += before - conversations::count_messages(tx, id)?;
                cleared.conversations += u64::from(is_gone);
                if !is_gone {
                    conversations::touch(tx, id)?;
                }
                is_gone
            }
            // Somebody else has deleted it meanwhile.
            None => true,
        };
        if !is_gone {
            return Ok(Written::more(move |tx| clear_rest(tx, streams, seqs, cleared)));
        }
        seqs.pop_front();
    }
    Ok(Written::Done(cleared))
}

/// Makes the newest conversation the current one, but for those with these `seq`, which are being deleted.
fn make_newest_current(tx: &mut WriteTx<'_>, deleted: &HashSet<u64>) -> Result<()> {
    let newest = conversations::newest_but(tx, deleted)?;
    current::set(tx, newest.as_ref().map(|c| c.id.as_str()))
}
