//! The subscriptions of a connection.

use crate::rpc::{CallContext, NewSubscription, Opening, Progress};
use crate::store::{JsonText, Position};
use futures_util::stream::{BoxStream, Stream, StreamExt};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio_stream::StreamMap;

/// The subscriptions of a connection, by id. None of them does any work unless [`Self::next`] is polled.
#[derive(Default)]
pub(super) struct Subscriptions {
    open: StreamMap<u64, Subscribed>,
}

struct Subscribed {
    /// Name of its notifications.
    method: &'static str,
    progress: Arc<Progress>,
    /// Bytes of events that it may still send; the last event may exceed them. `None` without a limit.
    credit: Option<i64>,
    events: BoxStream<'static, JsonText>,
}

impl Subscribed {
    /// Whether it sends nothing until its peer allows more.
    fn is_held(&self) -> bool {
        self.credit.is_some_and(|left| left <= 0)
    }
}

impl Stream for Subscribed {
    type Item = (&'static str, JsonText);

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.is_held() {
            // No waker: the session polls again after every call, and so after the one that allows more.
            return Poll::Pending;
        }
        let Some(event) = ready!(self.events.poll_next_unpin(cx)) else { return Poll::Ready(None) };
        if let Some(left) = &mut self.credit {
            *left = left.saturating_sub_unsigned(event.bytes() as u64);
        }
        Poll::Ready(Some((self.method, event)))
    }
}

/// Why [`Subscriptions::next`] returned.
pub(super) enum Reached {
    /// The next event of one of them.
    Event { subscription: u64, method: &'static str, event: JsonText },
    /// The connection has every event of those that may send, before the awaited position.
    Awaited,
}

impl Subscriptions {
    pub(super) fn len(&self) -> usize {
        self.open.len()
    }

    /// Opens a subscription; answers its id.
    pub(super) fn open(&mut self, call: &CallContext, opening: Opening) -> u64 {
        let (id, method) = (call.peers.subscription_id(), opening.event);
        let credit = opening.start.credit.map(|bytes| i64::try_from(bytes.get()).unwrap_or(i64::MAX));
        let progress = call.peer.register(id, opening.method, call.store.head());
        let cursor = NewSubscription::new(call.store.clone(), opening, Arc::clone(&progress));
        self.open.insert(id, Subscribed { method, progress, credit, events: cursor.events().boxed() });
        id
    }

    /// Allows a subscription to send more bytes; answers whether there is one that has a limit.
    pub(super) fn allow(&mut self, id: u64, bytes: u64) -> bool {
        let subscribed = self.open.iter_mut().find(|(other, _)| *other == id);
        let Some(credit) = subscribed.and_then(|(_, subscribed)| subscribed.credit.as_mut()) else {
            return false;
        };
        *credit = credit.saturating_add_unsigned(bytes);
        true
    }

    /// Ends a subscription; answers whether there was one.
    pub(super) fn close(&mut self, id: u64) -> bool {
        self.open.remove(&id).is_some()
    }

    /// Ends all of them.
    pub(super) fn close_all(&mut self) {
        self.open.clear();
    }

    /// Waits for the next event, or until all of them have reached `awaited`, except those that have no credit left: their
    /// peer may ask for the sync before it allows more. Cancel safe.
    ///
    /// One future for both: a subscription whose filter drops an event wakes no task, so `awaited` must be checked wherever
    /// the subscriptions are polled. It is also checked before: one of them may always have another event.
    pub(super) async fn next(&mut self, awaited: Option<Position>) -> Reached {
        std::future::poll_fn(|cx| {
            if awaited.is_some_and(|position| self.have_reached(position)) {
                return Poll::Ready(Reached::Awaited);
            }
            if let Poll::Ready(Some((subscription, (method, event)))) = self.open.poll_next_unpin(cx) {
                return Poll::Ready(Reached::Event { subscription, method, event });
            }
            match awaited.is_some_and(|position| self.have_reached(position)) {
                true => Poll::Ready(Reached::Awaited),
                false => Poll::Pending,
            }
        })
        .await
    }

    fn have_reached(&self, position: Position) -> bool {
        self.open.values().all(|subscribed| subscribed.is_held() || subscribed.progress.has_reached(position))
    }
}
