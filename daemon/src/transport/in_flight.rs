//! The calls in flight: begun and not answered yet.

use super::outbox::Slot;
use crate::rpc::Reply;
use crate::store::{JsonText, Position};
use futures_util::future::{BoxFuture, FutureExt};
use futures_util::stream::{FuturesUnordered, StreamExt};
use std::collections::VecDeque;

/// The calls of a connection that are in flight.
#[derive(Default)]
pub(super) struct InFlight {
    running: FuturesUnordered<BoxFuture<'static, (Slot, Reply)>>,
    /// `store.sync` calls, each with the position before which every event is to be sent first.
    syncs: VecDeque<(Position, Slot)>,
}

impl InFlight {
    /// Adds a call whose reply is to come.
    pub(super) fn add(&mut self, slot: Slot, reply: BoxFuture<'static, Reply>) {
        self.running.push(reply.map(|reply| (slot, reply)).boxed());
    }

    /// Adds a `store.sync`, which is answered once the subscriptions have come to `position`.
    pub(super) fn add_sync(&mut self, position: Position, slot: Slot) {
        self.syncs.push_back((position, slot));
    }

    /// How many calls wait for the store, rather than for events of this connection.
    pub(super) fn running(&self) -> usize {
        self.running.len()
    }

    /// How many calls are in flight.
    pub(super) fn len(&self) -> usize {
        self.running.len() + self.syncs.len()
    }

    /// The next reply, in whatever order they come; `None` while no call runs. Cancel safe.
    pub(super) async fn next(&mut self) -> Option<(Slot, Reply)> {
        self.running.next().await
    }

    /// The position that the first `store.sync` waits for.
    pub(super) fn awaited(&self) -> Option<Position> {
        self.syncs.front().map(|(position, _)| *position)
    }

    /// Takes the first `store.sync`, with its reply.
    pub(super) fn take_sync(&mut self) -> Option<(Slot, Reply)> {
        let (position, slot) = self.syncs.pop_front()?;
        Some((slot, Ok(JsonText::assembled(format!("{{\"rev\":{}}}", position.head)))))
    }
}
