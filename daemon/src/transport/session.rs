//! One connection, one task: calls begin in the order sent, replies and notifications leave as they come.
//!
//! *Bounded*: a connection is not read from while it has too many calls in flight, and produces nothing while too many
//! bytes wait to be sent. A subscription does no work while it is not polled, so a client that does not read costs its
//! output buffer and no more.

use super::in_flight::InFlight;
use super::inbox::{Inbox, WaitingCall};
use super::messages::Messages;
use super::outbox::{Outbox, Slot};
use super::subscriptions::{Reached, Subscriptions};
use super::wire::{CloseReason, Sink, Source};
use crate::limits::Limits;
use crate::rpc::{self, PeerGuard, Started};
use crate::store::JsonText;
use futures_util::future::FutureExt;
use serde_json::value::RawValue;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use stina_protocol::Error;
use stina_protocol::envelope::{self, BadCall, Request, RpcCall};
use stina_protocol::frame::Line;
use tokio_util::sync::CancellationToken;

/// A connection: a call goes through the inbox, is in flight, and its reply leaves through the outbox.
pub(super) struct Session<O> {
    connection: PeerGuard,
    limits: Arc<Limits>,
    inbox: Inbox,
    in_flight: InFlight,
    outbox: Outbox<O>,
    subscriptions: Subscriptions,
    /// Whether this framing can carry notifications.
    notifies: bool,
}

/// Messages read before replies and events get their turn again.
const BURST: usize = 64;

impl<O: Sink> Session<O> {
    pub(super) fn new(connection: PeerGuard, sink: O, notifies: bool) -> Self {
        let limits = Arc::clone(&connection.call.store.config().limits);
        Self {
            connection,
            inbox: Inbox::default(),
            in_flight: InFlight::default(),
            outbox: Outbox::new(sink, Arc::clone(&limits)),
            subscriptions: Subscriptions::default(),
            limits,
            notifies,
        }
    }

    /// Serves the connection until the peer is gone, or `closing` and everything in flight is answered.
    pub(super) async fn run(mut self, source: impl Source, closing: CancellationToken) -> io::Result<()> {
        let served = self.serve(&mut Messages::new(source), &closing).await;
        if let Ok(reason) = served {
            // A peer that does not read need not learn the reason.
            _ = tokio::time::timeout(self.limits.shutdown, self.outbox.sink.end(reason)).await;
        }
        served.map(drop)
    }

    async fn serve(
        &mut self,
        messages: &mut Messages<impl Source>,
        closing: &CancellationToken,
    ) -> io::Result<CloseReason> {
        let (mut is_last_sync_begun, mut is_closing) = (false, false);
        loop {
            self.outbox.begin_turn();
            self.begin_waiting();
            let mut left = BURST;
            while left > 0 && !is_closing && self.may_begin() {
                let Some(line) = messages.take() else {
                    if messages.may_have_rest() {
                        continue;
                    }
                    break;
                };
                self.receive(line);
                self.begin_waiting();
                left -= 1;
            }
            let has_more = left == 0 || self.outbox.is_turn_over();
            if messages.is_drained() && !has_more && !is_last_sync_begun {
                // The peer has ended its side: the connection ends once everything up to here was sent.
                is_last_sync_begun = true;
                self.begin_sync(Slot::Silent);
            }
            if (is_closing || is_last_sync_begun) && self.is_idle() {
                return Ok(if is_closing { CloseReason::Stopping } else { messages.close_reason() });
            }
            let room = self.outbox.has_room();
            let reads = !messages.have_ended() && !is_closing && room && self.may_begin();
            let Self { inbox, in_flight, outbox, subscriptions, .. } = &mut *self;
            let awaited = in_flight.awaited();
            tokio::select! {
                flushed = outbox.sink.flush(), if outbox.sink.pending() > 0 => flushed?,
                () = inbox.unblocked(), if inbox.is_blocked() => {}
                Some((slot, reply)) = in_flight.next(), if room && in_flight.running() > 0 => {
                    self.outbox.answer(slot, reply);
                }
                reached = subscriptions.next(awaited), if room => self.reached(reached),
                is_of_use = messages.fill(), if reads => {
                    if !is_of_use? {
                        return Ok(CloseReason::Ended);
                    }
                }
                () = tokio::task::yield_now(), if has_more => {}
                () = closing.cancelled(), if !is_closing => {
                    is_closing = true;
                    self.subscriptions.close_all();
                }
            }
            self.connection.call.peer.calls.store(self.in_flight.running(), Ordering::Release);
        }
    }

    /// Answers one message and nothing else: for HTTP.
    pub(super) async fn run_one(mut self, message: Line<'_>) -> O {
        self.receive(message);
        loop {
            self.outbox.begin_turn();
            self.begin_waiting();
            // There are no subscriptions: everything was sent.
            while let Some((slot, reply)) = self.in_flight.take_sync() {
                self.outbox.answer(slot, reply);
            }
            let has_more = self.outbox.is_turn_over();
            let Self { inbox, in_flight, .. } = &mut self;
            tokio::select! {
                () = inbox.unblocked(), if inbox.is_blocked() => {}
                Some((slot, reply)) = in_flight.next(), if in_flight.running() > 0 => {
                    self.outbox.answer(slot, reply);
                }
                () = tokio::task::yield_now(), if has_more => {}
                else => break,
            }
        }
        self.outbox.sink
    }

    /// Whether a call may begin as it arrives.
    fn may_begin(&self) -> bool {
        self.inbox.is_empty()
            && self.in_flight.len() < self.limits.calls_per_connection
            && self.outbox.has_room()
            && !self.outbox.is_turn_over()
    }

    /// Whether every call was answered and every answer sent.
    fn is_idle(&self) -> bool {
        self.inbox.is_empty() && self.in_flight.len() == 0 && self.outbox.sink.pending() == 0
    }

    fn receive(&mut self, line: Line<'_>) {
        let frame = match line {
            Line::Whole(frame) => frame,
            Line::TooLong(_) => {
                let error = Error::TooLarge { limit: self.limits.frame_bytes as u64 };
                return self.outbox.refuse("null", &error.into());
            }
        };
        match envelope::read(frame, self.limits.batch_calls) {
            Err(fault) => self.outbox.refuse("null", &fault),
            Ok(Request::Single(Err(BadCall { id, fault }))) => self.outbox.refuse(id, &fault),
            Ok(Request::Single(Ok(call))) => {
                let slot = call.id.map_or(Slot::Silent, |id| Slot::Single(id.to_owned()));
                self.begin(&call.method, call.params, slot);
            }
            Ok(Request::Batch(calls)) => self.receive_batch(calls),
        }
    }

    fn receive_batch(&mut self, calls: Vec<Result<RpcCall<'_>, BadCall<'_>>>) {
        let number = self.outbox.begin_batch(calls.len());
        for (position, call) in calls.into_iter().enumerate() {
            match call {
                Ok(call) => {
                    let slot = Slot::Batch(number, position, call.id.map(ToOwned::to_owned));
                    let params = call.params.map(ToOwned::to_owned);
                    self.inbox.push(WaitingCall::Call { method: call.method.into_owned(), params, slot });
                }
                Err(BadCall { id, fault }) => {
                    self.outbox.answer(Slot::Batch(number, position, Some(id.to_owned())), Err(fault));
                }
            }
        }
    }

    /// Begins calls of the inbox, as many as may.
    fn begin_waiting(&mut self) {
        while self.in_flight.running() < self.limits.calls_per_connection && !self.outbox.is_turn_over() {
            let (method, params, slot) = match self.inbox.next() {
                Some(WaitingCall::Call { method, params, slot }) => (method, params, slot),
                Some(WaitingCall::Sync(slot)) => {
                    self.begin_sync(slot);
                    continue;
                }
                None => return,
            };
            if self.outbox.is_batch_full(&slot) {
                let error = Error::TooLarge { limit: self.limits.frame_bytes as u64 };
                self.outbox.answer(slot, Err(error.into()));
            } else {
                self.begin(&method, params.as_deref(), slot);
            }
        }
    }

    fn begin(&mut self, method: &str, params: Option<&RawValue>, slot: Slot) {
        match rpc::start(&self.connection, method, params) {
            Started::Done(reply) => self.outbox.answer(slot, reply),
            Started::Running(reply) => self.in_flight.add(slot, reply),
            Started::Waiting(admission, reply) => {
                self.in_flight.add(slot, reply);
                self.inbox.block(admission);
            }
            Started::Subscribe(opening) => self.subscribe(opening, slot),
            Started::Unsubscribe(id) => {
                let was_open = self.subscriptions.close(id);
                self.outbox.answer(slot, Ok(JsonText::assembled(was_open.to_string())));
            }
            Started::Credit(credit) => {
                let is_open = self.subscriptions.allow(credit.subscription, credit.bytes);
                self.outbox.answer(slot, Ok(JsonText::assembled(is_open.to_string())));
            }
            Started::Sync => match self.connection.call.store.all_published() {
                // The peer may have read a revision that is not published yet.
                Some(published) => self.inbox.put_back(WaitingCall::Sync(slot), published.boxed()),
                None => self.begin_sync(slot),
            },
        }
    }

    fn begin_sync(&mut self, slot: Slot) {
        self.in_flight.add_sync(self.connection.call.store.events.position(), slot);
    }

    fn subscribe(&mut self, opening: rpc::Opening, slot: Slot) {
        let refusal = match () {
            () if !self.notifies => {
                Some(Error::Unsupported { what: "subscriptions over HTTP; use WebSocket".into() })
            }
            () if !slot.has_id() => {
                Some(Error::invalid("id", "a subscription needs an id to be answered to"))
            }
            () if self.subscriptions.len() >= self.limits.subscriptions_per_connection => {
                Some(Error::TooLarge { limit: self.limits.subscriptions_per_connection as u64 })
            }
            () => None,
        };
        if let Some(error) = refusal {
            return self.outbox.answer(slot, Err(error.into()));
        }
        let id = self.subscriptions.open(&self.connection.call, opening);
        // The id leaves before the first event: both go through this task's outbox, in this order. In a batch the
        // events may come first; a client that wants the id first subscribes outside a batch.
        self.outbox.answer(slot, Ok(JsonText::assembled(id.to_string())));
    }

    fn reached(&mut self, reached: Reached) {
        match reached {
            Reached::Event { subscription, method, event } => {
                self.outbox.notify(method, subscription, &event);
            }
            Reached::Awaited => {
                if let Some((slot, reply)) = self.in_flight.take_sync() {
                    self.outbox.answer(slot, reply);
                }
            }
        }
    }
}
