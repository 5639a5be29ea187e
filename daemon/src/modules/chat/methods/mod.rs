//! The methods `chat.*`.

mod changing;
mod conversations;
mod reading;
pub(super) mod streaming;

use super::feed::ChatFeed;
use super::repository::messages;
use super::streams::Streams;
use crate::limits::Limits;
use crate::rpc::Registry;
use crate::store::{Entity, Result, WriteTx, entity};
use std::sync::Arc;
use stina_protocol::Error;
use stina_protocol::chat::{Message, Subscribe};

pub(super) fn register(registry: &mut Registry) {
    let streams = Streams::new(Arc::clone(registry.limits()));
    conversations::register(registry, &streams);
    changing::register(registry, &streams);
    reading::register(registry);
    streaming::register(registry, &streams);
    let feeding = Arc::clone(&streams);
    registry.feed::<Subscribe, _>(move |params| Ok(ChatFeed::new(params, &feeding)));
    let undone = Arc::clone(&streams);
    registry.on_undo(move |tx| streaming::follow_undo(tx, &undone));
    let ended = Arc::clone(&streams);
    registry.at_start(move |store| ended.abort_left_over(store));
    let orphaned = Arc::clone(&streams);
    registry.on_disconnect(move |_, peer| orphaned.abort_owned_by(peer));
    registry.task(move |store, stop| streams.run(store, stop));
}

/// Removes an entity as far as the step has room, and ends the streams of the messages that went with it. `scope` selects its
/// messages. Returns whether it is gone.
fn remove_some<T: Entity>(
    tx: &mut WriteTx<'_>,
    streams: &Arc<Streams>,
    removed: &T,
    scope: messages::Scope<'_>,
) -> Result<bool> {
    let streaming = messages::streaming(tx, Some(scope))?;
    let is_gone = entity::remove_some(tx, removed)?;
    for id in streaming {
        if is_gone || entity::find::<Message>(tx, &id)?.is_none() {
            streams.end(tx, &id);
        }
    }
    Ok(is_gone)
}

fn check_size(limits: &Limits, content: &str) -> Result<()> {
    match content.len() <= limits.message_bytes {
        true => Ok(()),
        false => Err(Error::TooLarge { limit: limits.message_bytes as u64 }.into()),
    }
}
