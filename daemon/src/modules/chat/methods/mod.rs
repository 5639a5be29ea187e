//! The methods `chat.*`.

mod changing;
mod conversations;
mod reading;
pub(super) mod streaming;

use super::feed::ChatFeed;
use super::streams::Streams;
use crate::limits::Limits;
use crate::rpc::Registry;
use crate::store::Result;
use std::sync::Arc;
use stina_protocol::Error;
use stina_protocol::chat::Subscribe;

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

fn check_size(limits: &Limits, content: &str) -> Result<()> {
    match content.len() <= limits.message_bytes {
        true => Ok(()),
        false => Err(Error::TooLarge { limit: limits.message_bytes as u64 }.into()),
    }
}
