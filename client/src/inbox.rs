//! Inboxes: one bounded queue of events for each subscription.
//!
//! *Bounded*: an inbox holds events up to a limit in bytes. When it is full, the connection blocks for a short time, so
//! that a slow reader loses nothing. Then the subscription is dropped, and resumes at its position when it is read
//! again. An inbox never has a hole: it refuses all events after one that did not fit.
//!
//! Calls on the connection wait meanwhile, so all readers share one short time. A snapshot can't be resumed halfway, so
//! it waits as long as its reader keeps reading.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;

/// The reason why an inbox is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CloseReason {
    /// It was full for too long.
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
    popped: Notify,
}

#[derive(Debug, Default)]
struct Queue {
    events: VecDeque<Box<str>>,
    bytes: usize,
    /// Whether the events belong to a snapshot, which can't be resumed halfway.
    is_snapshot: bool,
    closed: Option<CloseReason>,
    /// Whether `unsubscribe` was called.
    is_unsubscribing: bool,
    /// Name of the method that unsubscribes; set when the subscription has its owner.
    unsubscribe: Option<&'static str>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Every update below is atomic, so a poisoned lock is safe to use.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Inbox {
    /// Waits for the next event. Cancel safe. For one reader at a time.
    pub(crate) async fn next(&self) -> Result<Box<str>, CloseReason> {
        loop {
            {
                let mut queue = lock(&self.queue);
                if let Some(event) = queue.events.pop_front() {
                    queue.bytes -= event.len();
                    self.popped.notify_one();
                    return Ok(event);
                }
                if let Some(reason) = queue.closed {
                    return Err(reason);
                }
            }
            self.arrived.notified().await;
        }
    }

    /// Sets whether the next events belong to a snapshot, which can't be resumed halfway.
    pub(crate) fn set_snapshot(&self, is_snapshot: bool) {
        lock(&self.queue).is_snapshot = is_snapshot;
    }

    /// Adds an event; returns it if there is no room.
    fn offer(&self, event: Box<str>, limit: usize) -> Option<Box<str>> {
        let mut queue = lock(&self.queue);
        if queue.closed.is_some() {
            return None;
        }
        if !queue.events.is_empty() && queue.bytes + event.len() > limit {
            return Some(event);
        }
        queue.bytes += event.len();
        queue.events.push_back(event);
        self.arrived.notify_one();
        None
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
    wait: Duration,
    blocked: Mutex<BlockedTime>,
    /// Ids of dropped subscriptions, to unsubscribe.
    dropped: mpsc::Sender<u64>,
}

/// How long full inboxes have blocked the connection lately. It decays at a tenth of real time.
#[derive(Debug)]
struct BlockedTime {
    time: Duration,
    as_of: Instant,
}

impl BlockedTime {
    fn current(&self) -> Duration {
        self.time.saturating_sub(self.as_of.elapsed() / 10)
    }
}

#[derive(Debug, Default)]
struct OpenInboxes {
    by_id: HashMap<u64, Arc<Inbox>>,
    closed: bool,
}

/// Dropped subscriptions that wait for `unsubscribe`. Events of further ones are read and discarded.
const DROPPED: usize = 64;

impl Inboxes {
    /// Creates inboxes of `bytes` each. The receiver yields the ids of dropped subscriptions.
    pub(crate) fn new(bytes: usize, wait: Duration) -> (Arc<Self>, mpsc::Receiver<u64>) {
        let (dropped, ids) = mpsc::channel(DROPPED);
        let blocked = Mutex::new(BlockedTime { time: Duration::ZERO, as_of: Instant::now() });
        (Arc::new(Self { open: Mutex::default(), bytes, wait, blocked, dropped }), ids)
    }

    /// How long an inbox may block the connection now.
    fn max_wait(&self, inbox: &Inbox) -> Duration {
        let blocked =
            if lock(&inbox.queue).is_snapshot { Duration::ZERO } else { lock(&self.blocked).current() };
        self.wait.saturating_sub(blocked)
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

    /// The inbox of a new subscription; `unsubscribe` is the method that ends it.
    pub(crate) fn claim(&self, id: u64, unsubscribe: &'static str) -> Arc<Inbox> {
        let inbox = self.inbox(id);
        lock(&inbox.queue).unsubscribe = Some(unsubscribe);
        inbox
    }

    /// Adds an event to its inbox; waits a short time for room.
    pub(crate) async fn deliver(&self, id: u64, event: Box<str>) {
        let inbox = self.inbox(id);
        let Some(mut event) = inbox.offer(event, self.bytes) else { return };
        let room = async {
            loop {
                inbox.popped.notified().await;
                match inbox.offer(event, self.bytes) {
                    Some(returned) => event = returned,
                    None => return,
                }
            }
        };
        let began = Instant::now();
        let waited = tokio::time::timeout(self.max_wait(&inbox), room).await;
        let mut blocked = lock(&self.blocked);
        *blocked = BlockedTime { time: blocked.current() + began.elapsed(), as_of: Instant::now() };
        drop(blocked);
        if waited.is_err() {
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
    pub(crate) fn close(&self, id: u64) -> Option<&'static str> {
        let inbox = lock(&self.open).by_id.get(&id).map(Arc::clone)?;
        inbox.close(CloseReason::Unsubscribed);
        let mut queue = lock(&inbox.queue);
        let unsubscribe = queue.unsubscribe?;
        (!std::mem::replace(&mut queue.is_unsubscribing, true)).then_some(unsubscribe)
    }

    /// Removes an inbox, when the daemon sends no more events of its subscription.
    pub(crate) fn forget(&self, id: u64) {
        lock(&self.open).by_id.remove(&id);
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

    const WAIT: Duration = Duration::from_millis(20);

    fn event(n: usize) -> Box<str> {
        format!("{n:010}").into()
    }

    #[tokio::test]
    async fn events_before_the_reply_to_subscribe_are_kept() {
        let (inboxes, _ids) = Inboxes::new(1000, WAIT);
        inboxes.deliver(7, event(1)).await;
        let inbox = inboxes.claim(7, "kv.unsubscribe");
        inboxes.deliver(7, event(2)).await;
        inboxes.close_all();
        assert_eq!(inbox.next().await, Ok(event(1)));
        assert_eq!(inbox.next().await, Ok(event(2)));
        assert_eq!(inbox.next().await, Err(CloseReason::Disconnected));
        assert_eq!(inboxes.claim(8, "kv.unsubscribe").next().await, Err(CloseReason::Disconnected));
    }

    #[tokio::test]
    async fn a_full_inbox_is_dropped_without_a_hole() {
        let (inboxes, mut ids) = Inboxes::new(35, WAIT);
        let inbox = inboxes.claim(1, "kv.unsubscribe");
        for n in 0..5 {
            inboxes.deliver(1, event(n)).await;
        }
        assert_eq!(ids.recv().await, Some(1));
        assert_eq!(inboxes.close(1), Some("kv.unsubscribe"));
        assert_eq!(inboxes.close(1), None, "one unsubscribes");
        for n in 0..3 {
            assert_eq!(inbox.next().await, Ok(event(n)));
            inboxes.deliver(1, event(9)).await;
        }
        assert_eq!(inbox.next().await, Err(CloseReason::Full));
        inboxes.forget(1);
        assert!(inboxes.is_empty());
    }

    #[tokio::test]
    async fn a_slow_reader_loses_nothing() {
        let (inboxes, _ids) = Inboxes::new(25, Duration::from_secs(20));
        let inbox = inboxes.claim(1, "kv.unsubscribe");
        let feeding = tokio::spawn(async move {
            for n in 0..100 {
                inboxes.deliver(1, event(n)).await;
            }
        });
        for n in 0..100 {
            tokio::task::yield_now().await;
            assert_eq!(inbox.next().await, Ok(event(n)));
        }
        feeding.await.unwrap();
    }

    /// Feeds 100 events to a reader that takes one every 15 ms; returns how long that blocked the connection, and how
    /// many events it got.
    async fn feed_a_slow_reader(is_snapshot: bool) -> (Duration, usize) {
        let (inboxes, _ids) = Inboxes::new(25, WAIT);
        let inbox = inboxes.claim(1, "kv.unsubscribe");
        inbox.set_snapshot(is_snapshot);
        let reading = tokio::spawn(async move {
            let mut read = 0;
            while inbox.next().await.is_ok() {
                read += 1;
                tokio::time::sleep(Duration::from_millis(15)).await;
            }
            read
        });
        let began = Instant::now();
        for n in 0..100 {
            inboxes.deliver(1, event(n)).await;
        }
        let took = began.elapsed();
        inboxes.close_all();
        (took, reading.await.unwrap())
    }

    #[tokio::test(start_paused = true)]
    async fn a_reader_that_never_catches_up_blocks_the_connection_once() {
        let (took, read) = feed_a_slow_reader(false).await;
        assert!(took < WAIT * 2 && read < 10, "{took:?}, {read}");
    }

    #[tokio::test(start_paused = true)]
    async fn stalled_readers_share_one_wait() {
        let (inboxes, _ids) = Inboxes::new(25, WAIT);
        let unread: Vec<_> = (0..50).map(|id| inboxes.claim(id, "kv.unsubscribe")).collect();
        let began = Instant::now();
        for n in 0..5 {
            for id in 0..50 {
                inboxes.deliver(id, event(n)).await;
            }
        }
        assert!(began.elapsed() < WAIT * 2, "{:?}", began.elapsed());
        drop(unread);
        // Later a reader may be slow again.
        tokio::time::sleep(WAIT * 20).await;
        let inbox = inboxes.claim(50, "kv.unsubscribe");
        let reading = tokio::spawn(async move {
            tokio::time::sleep(WAIT / 2).await;
            while inbox.next().await.is_ok() {}
            inbox.next().await
        });
        for n in 0..20 {
            inboxes.deliver(50, event(n)).await;
        }
        inboxes.close_all();
        assert_eq!(reading.await.unwrap(), Err(CloseReason::Disconnected), "it was not dropped");
    }

    #[tokio::test(start_paused = true)]
    async fn a_snapshot_waits_for_a_slow_reader() {
        let (took, read) = feed_a_slow_reader(true).await;
        assert!(took > WAIT * 10 && read == 100, "{took:?}, {read}");
    }

    #[tokio::test]
    async fn one_event_over_the_limit_passes() {
        let (inboxes, _ids) = Inboxes::new(1, WAIT);
        let inbox = inboxes.claim(1, "kv.unsubscribe");
        inboxes.deliver(1, event(1)).await;
        assert_eq!(inbox.next().await, Ok(event(1)));
    }
}
