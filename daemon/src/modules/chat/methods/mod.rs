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
use crate::store::{Result, entity};
use std::sync::Arc;
use stina_protocol::Error;
use stina_protocol::chat::Subscribe;

pub(super) fn register(registry: &mut Registry) {
    let streams = Streams::new(Arc::clone(registry.limits()));
    conversations::register(registry, &streams);
    changing::register(registry, &streams);
    reading::register(registry);
    streaming::register(registry, &streams);
    let fed = Arc::clone(&streams);
    let undone = Arc::clone(&streams);
    registry.on_undo(move |tx| streaming::follow_undo(tx, &undone));
    registry.feed::<Subscribe, _>(move |params| Ok(ChatFeed::new(params, &fed)));
    let ended = Arc::clone(&streams);
    registry.at_start(move |tx| {
        // Of a daemon before this one: nobody goes on with them.
        for id in messages::streaming(tx, None)? {
            let message = entity::get(tx, &id)?;
            streaming::abort(tx, &ended, message)?;
        }
        Ok(())
    });
    let orphaned = Arc::clone(&streams);
    registry.on_disconnect(move |_, peer| orphaned.forsake(peer));
    registry.task(move |store, stop| streams.keep(store, stop));
}

fn check_size(limits: &Limits, content: &str) -> Result<()> {
    match content.len() <= limits.message_bytes {
        true => Ok(()),
        false => Err(Error::TooLarge { limit: limits.message_bytes as u64 }.into()),
    }
}
