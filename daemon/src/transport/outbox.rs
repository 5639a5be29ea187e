//! The outbox: replies, each in the form that its call asks for, and notifications.

use super::batches::Batches;
use super::wire::Sink;
use crate::limits::Limits;
use crate::rpc::Reply;
use crate::store::JsonText;
use std::sync::Arc;
use stina_protocol::{Fault, envelope};

/// Where a reply goes.
pub(super) enum Slot {
    /// To the call with this id.
    Single(String),
    /// Nowhere: the call was a notification.
    Silent,
    /// Into a batch: its number, the position in it, and the id; no id for a notification.
    Batch(u64, usize, Option<String>),
}

impl Slot {
    /// Whether the call has an id, and so gets a reply.
    pub(super) fn has_id(&self) -> bool {
        !matches!(self, Self::Silent | Self::Batch(_, _, None))
    }
}

/// The outbox of a connection.
pub(super) struct Outbox<O> {
    pub(super) sink: O,
    batches: Batches,
    /// Bytes of results since the last turn began.
    answered: usize,
    limits: Arc<Limits>,
}

impl<O: Sink> Outbox<O> {
    pub(super) fn new(sink: O, limits: Arc<Limits>) -> Self {
        Self { sink, batches: Batches::default(), answered: 0, limits }
    }

    /// Whether more may be produced: *Bounded*, while few enough bytes wait to be sent.
    pub(super) fn has_room(&self) -> bool {
        self.sink.pending() < self.limits.output_bytes
    }

    /// Begins a turn, with a new budget.
    pub(super) fn begin_turn(&mut self) {
        self.answered = 0;
    }

    /// Whether the results of this turn have used up its budget in bytes: then other connections get a turn.
    pub(super) fn is_turn_over(&self) -> bool {
        self.answered >= self.limits.output_bytes
    }

    /// Opens a batch of so many calls; answers its number.
    pub(super) fn begin_batch(&mut self, calls: usize) -> u64 {
        self.batches.begin(calls)
    }

    /// Whether a batch's replies are already as long as one message may be. The session asks before it begins a call:
    /// a write that was committed must not be answered as refused.
    pub(super) fn is_batch_full(&self, slot: &Slot) -> bool {
        let Slot::Batch(number, _, Some(_)) = slot else { return false };
        self.batches.bytes(*number) >= self.limits.frame_bytes
    }

    /// Answers a call. The reply of a batch's call leaves with the batch's last one.
    pub(super) fn answer(&mut self, slot: Slot, reply: Reply) {
        self.answered += reply.as_ref().map_or(0, JsonText::bytes);
        let render = |id: &str, reply: Reply| match reply {
            Ok(result) => envelope::success(id, result.get()),
            Err(fault) => envelope::failure(id, &fault),
        };
        let message = match slot {
            Slot::Silent => None,
            Slot::Single(id) => Some(render(&id, reply)),
            Slot::Batch(number, position, id) => {
                self.batches.put(number, position, id.map(|id| render(&id, reply)))
            }
        };
        if let Some(message) = message {
            self.sink.push(message);
        }
    }

    /// Refuses a message that is no call, under its id, or `null`.
    pub(super) fn refuse(&mut self, id: &str, fault: &Fault) {
        self.sink.push(envelope::failure(id, fault));
    }

    /// Sends an event of a subscription.
    pub(super) fn notify(&mut self, method: &str, subscription: u64, event: &JsonText) {
        self.sink.push(envelope::notification(method, subscription, event.get()));
    }
}
