//! Inboxes: one bounded queue of events for each subscription.
//!
//! *Bounded*: the daemon sends a subscription no more bytes than its credit, which grows as its reader takes events. So
//! a slow reader holds up its own subscription and nothing else. A daemon that knows no credit may overfill an inbox:
//! then the subscription is dropped, and resumes at its position when it is read again. An inbox never has a hole: it
//! refuses all events after one that did not fit.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{Notify, OwnedSemaphorePermit, mpsc};

/// The reason why an inbox is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CloseReason {
    /// It was full.
    Full,
    /// An event exceeded this client's limit.
    TooLong,
    /// The connection ended.
    Disconnected,
    /// This client ended the subscription.
    Unsubscribed,
}

/// The events of one subscription, as JSON.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    queue: Mutex<Queue>,
    arrived: Notify,
}

#[derive(Debug, Default)]
struct Queue {
    events: VecDeque<Box<str>>,
    /// Bytes of these events, and of the one that the reader holds.
    bytes: usize,
    /// Bytes of the event that the reader holds.
    held: usize,
    /// Bytes of events that the reader is done with, and for which the daemon has no credit yet.
    owed: usize,
    closed: Option<CloseReason>,
    /// Whether `unsubscribe` was called.
    is_unsubscribing: bool,
    /// Name of the method that unsubscribes; set when the subscription has its owner.
    unsubscribe: Option<Box<str>>,
    /// Held until the daemon has ended the subscription.
    permit: Option<OwnedSemaphorePermit>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Every update below is atomic, so a poisoned lock is safe to use.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Inbox {
    /// Ends the reader's hold on the last event. Returns the credit that the daemon is owed.
    pub(crate) fn release(&self) -> usize {
        let mut queue = lock(&self.queue);
        let held = std::mem::take(&mut queue.held);
        queue.bytes -= held;
        queue.owed += held;
        queue.owed
    }

    /// Records that the daemon got that credit.
    pub(crate) fn paid(&self, bytes: usize) {
        lock(&self.queue).owed -= bytes;
    }

    /// Waits for the next event. It counts as unread until [`Self::release`]. Cancel safe. For one reader at a time.
    pub(crate) async fn next(&self) -> Result<Box<str>, CloseReason> {
        loop {
            {
                let mut queue = lock(&self.queue);
                if let Some(event) = queue.events.pop_front() {
                    queue.held += event.len();
                    return Ok(event);
                }
                if let Some(reason) = queue.closed {
                    return Err(reason);
                }
            }
            self.arrived.notified().await;
        }
    }

    /// Adds an event; returns whether there was room. One event may exceed the limit.
    fn offer(&self, event: Box<str>, limit: usize) -> bool {
        let mut queue = lock(&self.queue);
        if queue.closed.is_some() {
            return true;
        }
        if queue.bytes >= limit {
            return false;
        }
        queue.bytes += event.len();
        queue.events.push_back(event);
        self.arrived.notify_one();
        true
    }

    fn close(&self, reason: CloseReason) {
        lock(&self.queue).closed.get_or_insert(reason);
        self.arrived.notify_one();
    }
}

/// The inboxes of one connection, by subscription id.
///
/// Its owner or its first event creates an inbox, because the first event may arrive before the reply to `subscribe`.
#[derive(Debug)]
pub(crate) struct Inboxes {
    open: Mutex<OpenInboxes>,
    bytes: usize,
    /// Ids of dropped subscriptions, to unsubscribe.
    dropped: mpsc::Sender<u64>,
}

#[derive(Debug, Default)]
struct OpenInboxes {
    by_id: HashMap<u64, Arc<Inbox>>,
    closed: bool,
}

/// Dropped subscriptions that wait for `unsubscribe`. Events of further ones are read and discarded.
const DROPPED: usize = 64;

impl Inboxes {
    /// Creates inboxes of `bytes` each, at least one. The receiver yields the ids of dropped subscriptions.
    pub(crate) fn new(bytes: usize) -> (Arc<Self>, mpsc::Receiver<u64>) {
        let (dropped, ids) = mpsc::channel(DROPPED);
        (Arc::new(Self { open: Mutex::default(), bytes: bytes.max(1), dropped }), ids)
    }

    /// Bytes of each inbox.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    fn inbox(&self, id: u64) -> Arc<Inbox> {
        let mut open = lock(&self.open);
        let closed = open.closed;
        let inbox = open.by_id.entry(id).or_default();
        if closed {
            inbox.close(CloseReason::Disconnected);
        }
        Arc::clone(inbox)
    }

    /// The inbox of a new subscription; `unsubscribe` is the method that ends it. The permit is kept until then.
    pub(crate) fn claim(
        &self,
        id: u64,
        unsubscribe: &str,
        permit: Option<OwnedSemaphorePermit>,
    ) -> Arc<Inbox> {
        let inbox = self.inbox(id);
        let mut queue = lock(&inbox.queue);
        (queue.unsubscribe, queue.permit) = (Some(unsubscribe.into()), permit);
        drop(queue);
        inbox
    }

    /// Adds an event to its inbox.
    pub(crate) fn deliver(&self, id: u64, event: Box<str>) {
        let inbox = self.inbox(id);
        if !inbox.offer(event, self.bytes) {
            inbox.close(CloseReason::Full);
            let _ = self.dropped.try_send(id);
        }
    }

    /// Closes the inbox of a subscription whose event exceeds this client's limit.
    pub(crate) fn overflow(&self, id: u64) {
        self.inbox(id).close(CloseReason::TooLong);
        let _ = self.dropped.try_send(id);
    }

    /// Closes the inbox of a subscription. Returns the method that unsubscribes, unless it was already called; after
    /// the daemon's answer the caller calls [`Self::forget`].
    pub(crate) fn close(&self, id: u64) -> Option<Box<str>> {
        let inbox = lock(&self.open).by_id.get(&id).map(Arc::clone)?;
        inbox.close(CloseReason::Unsubscribed);
        let mut queue = lock(&inbox.queue);
        let unsubscribe = queue.unsubscribe.clone()?;
        (!std::mem::replace(&mut queue.is_unsubscribing, true)).then_some(unsubscribe)
    }

    /// Removes an inbox, when the daemon sends no more events of its subscription.
    pub(crate) fn forget(&self, id: u64) {
        let inbox = lock(&self.open).by_id.remove(&id);
        // Its reader may hold the inbox for longer.
        drop(inbox.and_then(|inbox| lock(&inbox.queue).permit.take()));
    }

    /// Whether there is no subscription.
    pub(crate) fn is_empty(&self) -> bool {
        lock(&self.open).by_id.is_empty()
    }

    /// Closes all inboxes, when the connection has ended.
    pub(crate) fn close_all(&self) {
        let mut open = lock(&self.open);
        open.closed = true;
        open.by_id.values().for_each(|inbox| inbox.close(CloseReason::Disconnected));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(n: usize) -> Box<str> {
        format!("{n:010}").into()
    }

    #[tokio::test]
    async fn events_before_the_reply_to_subscribe_are_kept() {
        let (inboxes, _ids) = Inboxes::new(1000);
        inboxes.deliver(7, event(1));
        let inbox = inboxes.claim(7, "kv.unsubscribe", None);
        inboxes.deliver(7, event(2));
        inboxes.close_all();
        assert_eq!(inbox.next().await, Ok(event(1)));
        assert_eq!(inbox.next().await, Ok(event(2)));
        assert_eq!(inbox.next().await, Err(CloseReason::Disconnected));
        assert_eq!(inboxes.claim(8, "kv.unsubscribe", None).next().await, Err(CloseReason::Disconnected));
    }

    #[tokio::test]
    async fn a_full_inbox_is_dropped_without_a_hole() {
        let (inboxes, mut ids) = Inboxes::new(25);
        let inbox = inboxes.claim(1, "kv.unsubscribe", None);
        for n in 0..5 {
            inboxes.deliver(1, event(n));
        }
        assert_eq!(ids.recv().await, Some(1));
        assert_eq!(inboxes.close(1).as_deref(), Some("kv.unsubscribe"));
        assert_eq!(inboxes.close(1), None, "one unsubscribes");
        for n in 0..3 {
            inbox.release();
            assert_eq!(inbox.next().await, Ok(event(n)));
            inboxes.deliver(1, event(9));
        }
        assert_eq!(inbox.next().await, Err(CloseReason::Full));
        inboxes.forget(1);
        assert!(inboxes.is_empty());
    }

    #[tokio::test]
    async fn an_event_counts_until_its_reader_asks_for_the_next_one() {
        let (inboxes, _ids) = Inboxes::new(10);
        let inbox = inboxes.claim(1, "kv.unsubscribe", None);
        inboxes.deliver(1, event(1));
        assert_eq!(inbox.next().await, Ok(event(1)));
        assert_eq!(inbox.release(), 10);
        inboxes.deliver(1, event(2));
        assert_eq!(inbox.next().await, Ok(event(2)));
        inbox.paid(10);
        assert_eq!(inbox.release(), 10);
        assert_eq!(inbox.release(), 10, "it is owed once");
    }

    #[tokio::test]
    async fn one_event_over_the_limit_passes() {
        let (inboxes, _ids) = Inboxes::new(0);
        let inbox = inboxes.claim(1, "kv.unsubscribe", None);
        inboxes.deliver(1, event(1));
        assert_eq!(inbox.next().await, Ok(event(1)));
    }

    #[tokio::test]
    async fn a_permit_is_kept_until_the_daemon_has_ended_the_subscription() {
        let (inboxes, _ids) = Inboxes::new(10);
        let permits = Arc::new(tokio::sync::Semaphore::new(1));
        let permit = Arc::clone(&permits).try_acquire_owned().unwrap();
        let inbox = inboxes.claim(1, "kv.unsubscribe", Some(permit));
        inboxes.close(1);
        assert_eq!(permits.available_permits(), 0);
        inboxes.forget(1);
        assert_eq!(permits.available_permits(), 1, "although {inbox:?} has a reader");
    }
}
