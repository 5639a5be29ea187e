//! One connection, one task: calls are begun in the order sent, replies and notifications leave as they come.
//!
//! *Bounded*: nothing is read while too many calls are in flight, and nothing is produced while too many bytes
//! wait to be sent. A subscription does no work while it is not polled, so a client that does not read costs
//! what is in its output buffer and no more.

use super::batches::Batches;
use super::wire::{Goodbye, Sink, Source};
use crate::limits::Limits;
use crate::rpc::{self, PeerGuard, Reply, Started, Subscription};
use crate::store::{JsonText, Place};
use futures_util::future::{BoxFuture, FutureExt};
use futures_util::stream::{BoxStream, FuturesUnordered, StreamExt};
use serde_json::value::RawValue;
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;
use stina_protocol::Error;
use stina_protocol::envelope::{self, BadCall, Message};
use stina_protocol::frame::Line;
use tokio_stream::StreamMap;
use tokio_util::sync::CancellationToken;

/// Where a reply goes.
enum Slot {
    /// To the call with this id.
    Single(String),
    /// Nowhere: a notification.
    Silent,
    /// Into a batch: its number, the place in it, the id; no id for a notification.
    Batch(u64, usize, Option<String>),
}

/// A call of a batch, which may have to wait for those before it.
struct Waiting {
    method: String,
    params: Option<Box<RawValue>>,
    slot: Slot,
}

type Running = FuturesUnordered<BoxFuture<'static, (Slot, Reply)>>;

/// The state of a connection.
pub(super) struct Session<O> {
    guard: PeerGuard,
    limits: Arc<Limits>,
    pub(super) out: O,
    running: Running,
    /// A write that waits for a place in the queue, or a `store.sync` for news: nothing after it may begin.
    blocked: Option<BoxFuture<'static, ()>>,
    backlog: VecDeque<Waiting>,
    subscriptions: StreamMap<u64, BoxStream<'static, JsonText>>,
    events: BTreeMap<u64, &'static str>,
    /// `store.sync` calls: the place in the ring that must have been seen, its revision, the slot.
    syncs: VecDeque<(u64, u64, Slot)>,
    batches: Batches,
    /// Bytes of answers since the other events had their turn.
    answered: usize,
    /// Whether this framing can carry notifications.
    notifies: bool,
}

/// Something to send that no call in flight gives.
enum Event {
    Notification(u64, JsonText),
    Synced,
}

/// Frames begun before replies and events get their turn again.
const BURST: usize = 64;

impl<O: Sink> Session<O> {
    pub(super) fn new(guard: PeerGuard, out: O, notifies: bool) -> Self {
        let limits = Arc::clone(&guard.call.store.config().limits);
        Self {
            guard,
            limits,
            out,
            running: FuturesUnordered::new(),
            blocked: None,
            backlog: VecDeque::new(),
            subscriptions: StreamMap::new(),
            events: BTreeMap::new(),
            syncs: VecDeque::new(),
            batches: Batches::default(),
            answered: 0,
            notifies,
        }
    }

    /// Serves the connection until the peer is gone, or `closing` and everything in flight is answered.
    pub(super) async fn run(mut self, mut source: impl Source, closing: CancellationToken) -> io::Result<()> {
        let served = self.serve(&mut source, &closing).await;
        if let Ok(goodbye) = served {
            // A peer that does not read need not hear it.
            _ = tokio::time::timeout(self.limits.shutdown, self.out.end(goodbye)).await;
        }
        served.map(drop)
    }

    async fn serve(&mut self, source: &mut impl Source, closing: &CancellationToken) -> io::Result<Goodbye> {
        let (mut ended, mut drained, mut last_sync, mut is_closing) = (false, false, false, false);
        loop {
            self.answered = 0;
            self.begin_backlog();
            let mut at_hand = BURST;
            while at_hand > 0 && !is_closing && self.may_begin() {
                let Some(line) = (if drained { source.take_rest() } else { source.take() }) else {
                    // A last line without a line break counts once nothing more can come.
                    if !ended || std::mem::replace(&mut drained, true) {
                        break;
                    }
                    continue;
                };
                self.receive(line);
                self.begin_backlog();
                at_hand -= 1;
            }
            let more_at_hand = at_hand == 0 || self.has_had_its_turn();
            if drained && !more_at_hand && !last_sync {
                // The end of its side is the end: once it has heard all up to here.
                last_sync = true;
                self.begin_sync(Slot::Silent);
            }
            if (is_closing || last_sync) && self.is_idle() {
                return Ok(if is_closing { Goodbye::Stopping } else { source.goodbye() });
            }
            let room = self.out.pending() < self.limits.output_bytes;
            let reading = !ended && !is_closing && room && self.may_begin();
            let Self { out, running, blocked, subscriptions, syncs, guard, .. } = &mut *self;
            tokio::select! {
                flushed = out.flush(), if out.pending() > 0 => flushed?,
                () = queued(blocked), if blocked.is_some() => self.blocked = None,
                Some((slot, reply)) = running.next(), if room && !running.is_empty() => self.answer(slot, reply),
                event = next_event(subscriptions, syncs, guard), if room => self.event(event),
                more = source.fill(), if reading => {
                    ended = !more?;
                    if ended && !source.still_hears() {
                        return Ok(Goodbye::Ended);
                    }
                }
                () = tokio::task::yield_now(), if more_at_hand => {}
                () = closing.cancelled(), if !is_closing => {
                    is_closing = true;
                    self.end_subscriptions();
                }
            }
            self.guard.call.peer.calls.store(self.running.len(), Ordering::Release);
        }
    }

    /// Answers one message and nothing else: for HTTP.
    pub(super) async fn run_one(mut self, message: Line<'_>) -> O {
        self.receive(message);
        loop {
            self.answered = 0;
            self.begin_backlog();
            let more = self.has_had_its_turn();
            let Self { running, blocked, syncs, .. } = &mut self;
            tokio::select! {
                () = queued(blocked), if blocked.is_some() => self.blocked = None,
                Some((slot, reply)) = running.next(), if !running.is_empty() => self.answer(slot, reply),
                // There are no subscriptions: everything was sent.
                Some((_, rev, slot)) = async { syncs.pop_front() }, if !syncs.is_empty() => self.synced(rev, slot),
                () = tokio::task::yield_now(), if more => {}
                else => break,
            }
        }
        self.out
    }

    fn may_begin(&self) -> bool {
        self.blocked.is_none()
            && self.backlog.is_empty()
            && self.running.len() + self.syncs.len() < self.limits.calls_per_connection
            && self.out.pending() < self.limits.output_bytes
            && !self.has_had_its_turn()
    }

    fn is_idle(&self) -> bool {
        let calls =
            self.running.len() + self.syncs.len() + self.backlog.len() + usize::from(self.blocked.is_some());
        calls == 0 && self.out.pending() == 0
    }

    fn receive(&mut self, line: Line<'_>) {
        let frame = match line {
            Line::Whole(frame) => frame,
            Line::TooLong(_) => {
                let fault = Error::TooLarge { limit: self.limits.frame_bytes as u64 }.into();
                return self.out.push(envelope::failure("null", &fault));
            }
        };
        match envelope::read(frame, self.limits.batch_calls) {
            Err(fault) => self.out.push(envelope::failure("null", &fault)),
            Ok(Message::Single(Err(BadCall { id, fault }))) => self.out.push(envelope::failure(id, &fault)),
            Ok(Message::Single(Ok(call))) => {
                let slot = call.id.map_or(Slot::Silent, |id| Slot::Single(id.to_owned()));
                self.begin(&call.method, call.params, slot);
            }
            Ok(Message::Batch(calls)) => self.receive_batch(calls),
        }
    }

    fn receive_batch(&mut self, calls: Vec<Result<envelope::Call<'_>, BadCall<'_>>>) {
        let number = self.batches.begin(calls.len());
        for (place, call) in calls.into_iter().enumerate() {
            match call {
                Ok(call) => {
                    let slot = Slot::Batch(number, place, call.id.map(ToOwned::to_owned));
                    let params = call.params.map(ToOwned::to_owned);
                    self.backlog.push_back(Waiting { method: call.method.into_owned(), params, slot });
                }
                Err(BadCall { id, fault }) => {
                    self.answer(Slot::Batch(number, place, Some(id.to_owned())), Err(fault));
                }
            }
        }
    }

    /// Whether enough was answered for now: large answers are work, and others are to have their turn.
    fn has_had_its_turn(&self) -> bool {
        self.answered >= self.limits.output_bytes
    }

    fn begin_backlog(&mut self) {
        while self.blocked.is_none()
            && self.running.len() < self.limits.calls_per_connection
            && !self.has_had_its_turn()
        {
            let Some(Waiting { method, params, slot }) = self.backlog.pop_front() else { return };
            if self.has_no_room_for(&slot) {
                let limit = self.limits.frame_bytes as u64;
                self.answer(slot, Err(Error::TooLarge { limit }.into()));
            } else {
                self.begin(&method, params.as_deref(), slot);
            }
        }
    }

    /// Whether the replies of a batch are as many bytes already as one message may have. Asked before a call is begun: of
    /// a write that was committed nobody may be told that it was refused.
    fn has_no_room_for(&self, slot: &Slot) -> bool {
        let Slot::Batch(number, _, Some(_)) = slot else { return false };
        self.batches.bytes(*number) >= self.limits.frame_bytes
    }

    fn begin(&mut self, method: &str, params: Option<&RawValue>, slot: Slot) {
        let waits = |reply: BoxFuture<'static, Reply>, slot| reply.map(|reply| (slot, reply)).boxed();
        match rpc::start(&self.guard, method, params) {
            Started::Done(reply) => self.answer(slot, reply),
            Started::Running(reply) => self.running.push(waits(reply, slot)),
            Started::Waiting(admission, reply) => {
                self.running.push(waits(reply, slot));
                self.blocked = Some(admission);
            }
            Started::Subscribe(opening) => self.subscribe(opening, slot),
            Started::Unsubscribe(id) => {
                let was_there = self.unsubscribe(id);
                self.answer(slot, Ok(json(&was_there)));
            }
            Started::Sync => match self.guard.call.store.ahead() {
                // This connection may have read it. Once it is told, the call begins again.
                Some(rev) => {
                    let store = self.guard.call.store.clone();
                    self.blocked = Some(async move { store.told(rev).await }.boxed());
                    let (method, params) = (method.to_owned(), params.map(ToOwned::to_owned));
                    self.backlog.push_front(Waiting { method, params, slot });
                }
                None => self.begin_sync(slot),
            },
        }
    }

    fn begin_sync(&mut self, slot: Slot) {
        let Place { head, next } = self.guard.call.store.hub.place();
        self.syncs.push_back((next, head, slot));
    }

    fn subscribe(&mut self, opening: rpc::Opening, slot: Slot) {
        let refusal = match () {
            () if !self.notifies => {
                Some(Error::Unsupported { what: "subscriptions over HTTP; use WebSocket".into() })
            }
            () if matches!(slot, Slot::Silent | Slot::Batch(_, _, None)) => {
                Some(Error::invalid("id", "a subscription needs an id to be answered to"))
            }
            () if self.subscriptions.len() >= self.limits.subscriptions_per_connection => {
                Some(Error::TooLarge { limit: self.limits.subscriptions_per_connection as u64 })
            }
            () => None,
        };
        if let Some(error) = refusal {
            return self.answer(slot, Err(error.into()));
        }
        let id = self.guard.call.peers.subscription_id();
        let progress = self.guard.call.peer.open(id, opening.method, self.guard.call.store.head());
        self.events.insert(id, opening.event);
        let events = Subscription::new(self.guard.call.store.clone(), opening, progress).events();
        self.subscriptions.insert(id, events.boxed());
        // The id leaves before the first event: both go through this task's output, in this order. In a batch
        // the events may come first; who wants the id first subscribes outside one.
        self.answer(slot, Ok(json(&id)));
    }

    fn unsubscribe(&mut self, id: u64) -> bool {
        self.guard.call.peer.close(id);
        self.events.remove(&id);
        self.subscriptions.remove(&id).is_some()
    }

    fn end_subscriptions(&mut self) {
        let ids: Vec<u64> = self.events.keys().copied().collect();
        for id in ids {
            self.unsubscribe(id);
        }
    }

    fn event(&mut self, event: Event) {
        match event {
            Event::Notification(id, event) => {
                if let Some(method) = self.events.get(&id) {
                    self.out.push(envelope::notification(method, id, event.get()));
                }
            }
            Event::Synced => {
                if let Some((_, rev, slot)) = self.syncs.pop_front() {
                    self.synced(rev, slot);
                }
            }
        }
    }

    fn synced(&mut self, rev: u64, slot: Slot) {
        self.answer(slot, Ok(JsonText::assembled(format!("{{\"rev\":{rev}}}"))));
    }

    fn answer(&mut self, slot: Slot, reply: Reply) {
        self.answered += reply.as_ref().map_or(0, JsonText::bytes);
        let render = |id: &str, reply: Reply| match reply {
            Ok(result) => envelope::success(id, result.get()),
            Err(fault) => envelope::failure(id, &fault),
        };
        let message = match slot {
            Slot::Silent => None,
            Slot::Single(id) => Some(render(&id, reply)),
            Slot::Batch(number, place, id) => {
                self.batches.put(number, place, id.map(|id| render(&id, reply)))
            }
        };
        if let Some(message) = message {
            self.out.push(message);
        }
    }
}

/// A number or a truth value, as JSON.
fn json(value: &impl serde::Serialize) -> JsonText {
    JsonText::of(value).unwrap_or_else(|_| JsonText::null())
}

/// Waits until the write that found the queue full is in it, or was answered that there is no room.
async fn queued(blocked: &mut Option<BoxFuture<'static, ()>>) {
    match blocked {
        Some(admission) => admission.await,
        None => std::future::pending().await,
    }
}

/// The next notification, or the news that the first `store.sync` can be answered.
///
/// One future for both: a subscription that has taken in what its filter drops wakes nobody, so the place where
/// it is polled is the place where a waiting `store.sync` must be looked at.
async fn next_event(
    subscriptions: &mut StreamMap<u64, BoxStream<'static, JsonText>>,
    syncs: &VecDeque<(u64, u64, Slot)>,
    guard: &PeerGuard,
) -> Event {
    std::future::poll_fn(|cx| {
        if let Poll::Ready(Some((id, event))) = subscriptions.poll_next_unpin(cx) {
            return Poll::Ready(Event::Notification(id, event));
        }
        match syncs.front() {
            Some((seq, ..)) if guard.call.peer.has_seen(*seq) => Poll::Ready(Event::Synced),
            _ => Poll::Pending,
        }
    })
    .await
}
