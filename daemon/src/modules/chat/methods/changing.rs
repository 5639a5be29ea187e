//! Messages and interactions: adding, aborting, deleting.

use super::conversations::ensure_current;
use super::{check_size, remove_some};
use crate::limits::Limits;
use crate::modules::chat::repository::{conversations, messages, messages::Scope};
use crate::modules::chat::streams::Streams;
use crate::rpc::Registry;
use crate::store::entity::{self, id_or_new};
use crate::store::{Result, WriteTx, Written};
use std::sync::Arc;
use stina_protocol::chat::{
    AbortInteraction, AppendMessage, AppendParams, Conversation, DeleteInteraction, Interaction, Message,
    MessageState, NewMessage as New,
};
use stina_protocol::types::{Millis, Target};
use stina_protocol::{Error, With};

pub(super) fn register(registry: &mut Registry, streams: &Arc<Streams>) {
    let limits = Arc::clone(registry.limits());
    registry.write::<AppendMessage>(move |tx, p| add(tx, &limits, p, MessageState::Complete));
    let asked = Arc::clone(streams);
    registry.write::<AbortInteraction>(move |tx, p| abort(tx, &asked, &p));
    let ended = Arc::clone(streams);
    registry.write_in_steps::<DeleteInteraction>(move |tx, p| delete(tx, &ended, &p));
}

/// Adds a message; creates its conversation and interaction if they are missing.
pub(super) fn add(
    tx: &mut WriteTx<'_>,
    limits: &Limits,
    params: AppendParams,
    state: MessageState,
) -> Result<Message> {
    let With { head: New { content, aborted }, fields: params } = params;
    check_size(limits, &content)?;
    let created_at = params.created_at.map_or(tx.now(), Millis::get);
    let provider = params.provider.map(String::from);
    let aborted = aborted.unwrap_or(false);
    let conversation = params.conversation_id.as_ref().map(|id| id.as_str());
    let existing = match &params.interaction_id {
        Some(id) => entity::find(tx, id.as_str())?,
        None => None,
    };
    let interaction = match existing {
        Some(interaction) => {
            join(tx, &interaction, conversation)?;
            if aborted { mark_aborted(tx, interaction)? } else { interaction }
        }
        None => {
            let conversation = match conversation {
                Some(id) => entity::get(tx, id)?,
                None => ensure_current(tx)?,
            };
            conversations::touch(tx, &conversation.id)?;
            let mut new = Interaction::new(id_or_new(params.interaction_id, "ia_"), conversation.id);
            new.provider = provider.clone().or(conversation.provider);
            new.ai_model = conversation.ai_model;
            (new.aborted, new.created_at, new.rev) = (aborted, created_at, tx.rev());
            entity::save(tx, None, new)?
        }
    };
    let place = (interaction.conversation_id, interaction.id);
    let mut message = Message::new(id_or_new(params.id, "m_"), place, params.role, content);
    (message.provider, message.metadata) = (provider, params.metadata.unwrap_or_default());
    (message.aborted, message.state) = (interaction.aborted, state);
    (message.created_at, message.rev) = (created_at, tx.rev());
    entity::create(tx, message)
}

/// Checks that an existing interaction is in the requested conversation, and marks the conversation as changed.
fn join(tx: &mut WriteTx<'_>, interaction: &Interaction, conversation: Option<&str>) -> Result<()> {
    if let Some(wanted) = conversation.filter(|id| interaction.conversation_id != *id) {
        entity::get::<Conversation>(tx, wanted)?;
        return Err(Error::invalid("interactionId", "the interaction belongs to another conversation").into());
    }
    conversations::touch(tx, &interaction.conversation_id)
}

/// Marks an interaction and its messages as aborted, unless it is aborted already.
pub(super) fn mark_aborted(tx: &mut WriteTx<'_>, interaction: Interaction) -> Result<Interaction> {
    if interaction.aborted {
        return Ok(interaction);
    }
    conversations::touch(tx, &interaction.conversation_id)?;
    let mut after = interaction.clone();
    after.aborted = true;
    let interaction = entity::save(tx, Some(&interaction), after)?;
    messages::set_aborted(tx, &interaction.id, true)?;
    Ok(interaction)
}

fn abort(tx: &mut WriteTx<'_>, streams: &Arc<Streams>, target: &Target) -> Result<Interaction> {
    let interaction: Interaction = entity::get_if(tx, target)?;
    let streaming = messages::streaming(tx, Some(Scope::Interaction(&interaction.id)))?;
    streams.cancel_with(tx, streaming);
    mark_aborted(tx, interaction)
}

fn delete(tx: &mut WriteTx<'_>, streams: &Arc<Streams>, target: &Target) -> Result<Written<Interaction>> {
    let interaction: Interaction = entity::get_to_remove(tx, target)?;
    if entity::find_again(tx, &interaction)?.is_some() {
        conversations::touch(tx, &interaction.conversation_id)?;
    }
    delete_rest(tx, Arc::clone(streams), interaction)
}

fn delete_rest(
    tx: &mut WriteTx<'_>,
    streams: Arc<Streams>,
    interaction: Interaction,
) -> Result<Written<Interaction>> {
    let Some(left) = entity::find_again(tx, &interaction)? else { return Ok(Written::Done(interaction)) };
    let is_gone = remove_some(tx, &streams, &left, Scope::Interaction(&left.id))?;
    // After the parts, which each step must have room for.
    conversations::touch(tx, &left.conversation_id)?;
    Ok(match is_gone {
        true => Written::Done(interaction),
        false => Written::more(move |tx| delete_rest(tx, streams, interaction)),
    })
}
