//! Methods of streaming messages.

use super::changing::{add, mark_aborted};
use super::check_size;
use crate::modules::chat::repository::{conversations, messages};
use crate::modules::chat::streams::Streams;
use crate::rpc::Registry;
use crate::store::entity::{self, check_rev};
use crate::store::{Entity, Failure, Result, Store, WriteTx};
use std::collections::BTreeSet;
use std::sync::Arc;
use stina_protocol::chat::{
    AbortMessage, AbortMessageParams, AppendDelta, BeginMessage, BeginParams, CancelMessage, Cancelled,
    FinishMessage, FinishParams, Interaction, Message, MessageState, NewMessage as New,
};
use stina_protocol::{EntityId, Error, Json, With};

pub(super) fn register(registry: &mut Registry, streams: &Arc<Streams>) {
    let begun = Arc::clone(streams);
    registry.write::<BeginMessage>(move |tx, params| begin(tx, &begun, params));
    let grown = Arc::clone(streams);
    registry.call::<AppendDelta, _>(move |call, delta| {
        // Outside the future, so that the deltas of a connection are appended in the order of arrival.
        let outcome = grown.append(&call.store, call.peer.id, &delta);
        async move {
            match outcome {
                Some(outcome) => outcome,
                None => Err(not_open(&call.store, delta.message_id).await),
            }
        }
    });
    let finished = Arc::clone(streams);
    registry.write::<FinishMessage>(move |tx, params| finish(tx, &finished, params));
    let aborted = Arc::clone(streams);
    registry.write::<AbortMessage>(move |tx, params| abort_asked(tx, &aborted, &params));
    let asked = Arc::clone(streams);
    registry.call::<CancelMessage, _>(move |call, params| {
        let cancelled = asked.cancel(&call.store, params.message_id.as_str());
        let streams = Arc::clone(&asked);
        async move {
            if cancelled {
                return Ok(Cancelled { cancelled });
            }
            let message =
                call.store.read(move |tx| entity::get::<Message>(tx, params.message_id.as_str())).await?;
            // The write that began it is committed; its notification is pending.
            let begun = message.state == MessageState::Streaming;
            Ok(Cancelled { cancelled: begun && streams.cancel_soon(&message.id) })
        }
    });
}

fn begin(tx: &mut WriteTx<'_>, streams: &Arc<Streams>, params: BeginParams) -> Result<Message> {
    let params = With { head: New { content: params.head.content, aborted: None }, fields: params.fields };
    let message = add(tx, &streams.limits, params, MessageState::Streaming)?;
    streams.begin(tx, &message)?;
    Ok(message)
}

/// The error for a delta that is refused.
async fn not_open(store: &Store, id: EntityId) -> Failure {
    let found = store.read(move |tx| entity::get(tx, id.as_str())).await;
    found.map_or_else(|failure| failure, |message| not_yours(&message).into())
}

fn not_yours(message: &Message) -> Error {
    let reason = match message.state {
        MessageState::Streaming => "another connection owns the message",
        _ => "the message has ended",
    };
    Error::invalid("messageId", reason)
}

fn finish(tx: &mut WriteTx<'_>, streams: &Arc<Streams>, params: FinishParams) -> Result<Message> {
    let message: Message = entity::get(tx, params.message_id.as_str())?;
    check_rev(Some(&message), params.if_rev)?;
    if message.state == MessageState::Complete || !streams.is_owner(tx, &message.id) {
        return Err(not_yours(&message).into());
    }
    if let Some(content) = &params.content {
        check_size(&streams.limits, content)?;
    }
    end(tx, streams, message, params.content, params.metadata, false)
}

fn abort_asked(tx: &mut WriteTx<'_>, streams: &Arc<Streams>, params: &AbortMessageParams) -> Result<Message> {
    let message: Message = entity::get(tx, params.message_id.as_str())?;
    check_rev(Some(&message), params.if_rev)?;
    match (&message.state, message.aborted) {
        (MessageState::Streaming, _) => abort(tx, streams, message),
        // Another abort came first.
        (_, true) => Ok(message),
        (_, false) => Err(not_yours(&message).into()),
    }
}

/// Ends the streams of messages that an undo removed, and sees to it that an interaction and its messages are aborted
/// together: a streaming message comes back aborted, and others may have joined an interaction since.
pub(super) fn follow_undo(tx: &mut WriteTx<'_>, streams: &Arc<Streams>) -> Result<()> {
    let changed = tx.changed()?;
    let ids = |entity: &str| -> BTreeSet<String> {
        changed.iter().filter(|change| change.entity == entity).map(|change| change.id.clone()).collect()
    };
    let mut interactions = ids(Interaction::KIND.name);
    let mut aborted = BTreeSet::new();
    for id in ids(Message::KIND.name) {
        let message: Option<Message> = entity::find(tx, &id)?;
        if message.as_ref().is_none_or(|message| message.state == MessageState::Complete) {
            streams.end(tx, &id);
        }
        if let Some(message) = message {
            if message.aborted {
                aborted.insert(message.interaction_id.to_string());
            }
            interactions.insert(message.interaction_id.into());
        }
    }
    for id in interactions {
        let Some(interaction) = entity::find::<Interaction>(tx, &id)? else { continue };
        let is_aborted = interaction.aborted || aborted.contains(&id);
        if is_aborted {
            mark_aborted(tx, interaction)?;
        }
        messages::set_aborted(tx, &id, is_aborted)?;
    }
    Ok(())
}

/// Aborts a streaming message, and keeps the text so far.
pub(in crate::modules::chat) fn abort(
    tx: &mut WriteTx<'_>,
    streams: &Arc<Streams>,
    message: Message,
) -> Result<Message> {
    end(tx, streams, message, None, None, true)
}

fn end(
    tx: &mut WriteTx<'_>,
    streams: &Arc<Streams>,
    before: Message,
    content: Option<String>,
    metadata: Option<Json>,
    aborted: bool,
) -> Result<Message> {
    let text = streams.end(tx, &before.id);
    conversations::touch(tx, &before.conversation_id)?;
    let mut interaction: Interaction = entity::get(tx, &before.interaction_id)?;
    if aborted {
        interaction = mark_aborted(tx, interaction)?;
    }
    let after = Message {
        content: content.or(text).unwrap_or_else(|| before.content.clone()),
        metadata: metadata.unwrap_or_else(|| before.metadata.clone()),
        aborted: interaction.aborted,
        state: MessageState::Complete,
        ..before.clone()
    };
    messages::end(tx, &before, after)
}
