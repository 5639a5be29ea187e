//! Events on their way to subscriptions: one bounded inbox each.
//!
//! *Bounded*: an inbox holds bytes up to its limit. When it is full, the connection is held up for a short time, so
//! that a reader that is merely slower than the socket loses nothing. Then the subscription is dropped, and resumed
//! where it was. An inbox has no hole: after an event that did not fit it takes no other.
//!
//! All calls of the connection wait meanwhile, so all readers share one short time. Only a snapshot can't be resumed
//! halfway: its events are waited for as long as the reader takes one after the other.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;

/// Why an inbox gets no more events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CloseReason {
    /// It was full for too long.
    Full,
    /// An event was longer than this client takes.
    TooLong,
    /// The connection ended.
    Disconnected,
    /// The subscription was ended by this client.
    Unsubscribed,
}

/// Events (JSON) of one subscription.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    held: Mutex<Held>,
    arrived: Notify,
    popped: Notify,
}

#[derive(Debug, Default)]
struct Held {
    events: VecDeque<Box<str>>,
    bytes: usize,
    /// Whether the events are a snapshot, which can't be resumed halfway.
    is_snapshot: bool,
    closed: Option<CloseReason>,
    /// Whether the call that unsubscribes is under way.
    is_unsubscribing: bool,
    /// Name of the method to unsubscribe with, once the subscription has its owner.
    unsubscribe: Option<&'static str>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Every update below leaves the state whole, so a panic elsewhere while it was held does no harm.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Inbox {
    /// The next event. Cancel safe. For one reader at a time.
    pub(crate) async fn next(&self) -> Result<Box<str>, CloseReason> {
        loop {
            {
                let mut held = lock(&self.held);
                if let Some(event) = held.events.pop_front() {
                    held.bytes -= event.len();
                    self.popped.notify_one();
                    return Ok(event);
                }
                if let Some(reason) = held.closed {
                    return Err(reason);
                }
            }
            self.arrived.notified().await;
        }
    }

    /// Sets whether the events from now on are a snapshot, which can't be resumed halfway.
    pub(crate) fn set_snapshot(&self, is_snapshot: bool) {
        lock(&self.held).is_snapshot = is_snapshot;
    }

    /// Puts an event in, if there is room; gives it back if there is none.
    fn offer(&self, event: Box<str>, limit: usize) -> Option<Box<str>> {
        let mut held = lock(&self.held);
        if held.closed.is_some() {
            return None;
        }
        if !held.events.is_empty() && held.bytes + event.len() > limit {
            return Some(event);
        }
        held.bytes += event.len();
        held.events.push_back(event);
        self.arrived.notify_one();
        None
    }

    fn close(&self, reason: CloseReason) {
        lock(&self.held).closed.get_or_insert(reason);
        self.arrived.notify_one();
    }
}

/// The inboxes of one connection, by the ids of their subscriptions.
///
/// An inbox is created by its owner, which learns the id from the reply to `subscribe`, or by its first event,
/// whichever comes first.
#[derive(Debug)]
pub(crate) struct Inboxes {
    open: Mutex<Open>,
    bytes: usize,
    wait: Duration,
    held_up: Mutex<HeldUp>,
    /// Ids of subscriptions that were dropped, to be unsubscribed.
    dropped: mpsc::Sender<u64>,
}

/// How long a connection has been held up lately. It is forgiven at a tenth of the pace of time.
#[derive(Debug)]
struct HeldUp {
    time: Duration,
    as_of: Instant,
}

impl HeldUp {
    fn by_now(&self) -> Duration {
        self.time.saturating_sub(self.as_of.elapsed() / 10)
    }
}

#[derive(Debug, Default)]
struct Open {
    by_id: HashMap<u64, Arc<Inbox>>,
    closed: bool,
}

/// Dropped subscriptions that wait to be unsubscribed; the events of more are read and discarded.
const DROPPED: usize = 64;

impl Inboxes {
    /// Inboxes of `bytes` each, and the ids of subscriptions as they are dropped.
    pub(crate) fn new(bytes: usize, wait: Duration) -> (Arc<Self>, mpsc::Receiver<u64>) {
        let (dropped, ids) = mpsc::channel(DROPPED);
        let held_up = Mutex::new(HeldUp { time: Duration::ZERO, as_of: Instant::now() });
        (Arc::new(Self { open: Mutex::default(), bytes, wait, held_up, dropped }), ids)
    }

    /// How long an inbox may hold up the connection now.
    fn patience(&self, inbox: &Inbox) -> Duration {
        let held_up =
            if lock(&inbox.held).is_snapshot { Duration::ZERO } else { lock(&self.held_up).by_now() };
        self.wait.saturating_sub(held_up)
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

    /// The inbox of a subscription that was just opened, to be ended with `unsubscribe`.
    pub(crate) fn claim(&self, id: u64, unsubscribe: &'static str) -> Arc<Inbox> {
        let inbox = self.inbox(id);
        lock(&inbox.held).unsubscribe = Some(unsubscribe);
        inbox
    }

    /// Puts an event into its inbox; waits for room, but not for long.
    pub(crate) async fn deliver(&self, id: u64, event: Box<str>) {
        let inbox = self.inbox(id);
        let Some(mut event) = inbox.offer(event, self.bytes) else { return };
        let room = async {
            loop {
                inbox.popped.notified().await;
                match inbox.offer(event, self.bytes) {
                    Some(still) => event = still,
                    None => return,
                }
            }
        };
        let began = Instant::now();
        let waited = tokio::time::timeout(self.patience(&inbox), room).await;
        let mut held_up = lock(&self.held_up);
        *held_up = HeldUp { time: held_up.by_now() + began.elapsed(), as_of: Instant::now() };
        drop(held_up);
        if waited.is_err() {
            inbox.close(CloseReason::Full);
            let _ = self.dropped.try_send(id);
        }
    }

    /// Closes the inbox of a subscription that had an event too long for this client.
    pub(crate) fn overflow(&self, id: u64) {
        self.inbox(id).close(CloseReason::TooLong);
        let _ = self.dropped.try_send(id);
    }

    /// Closes the inbox of a subscription. Returns the method to unsubscribe with, unless that is under way; the
    /// caller calls [`Self::forget`] when the daemon has answered.
    pub(crate) fn close(&self, id: u64) -> Option<&'static str> {
        let inbox = lock(&self.open).by_id.get(&id).map(Arc::clone)?;
        inbox.close(CloseReason::Unsubscribed);
        let mut held = lock(&inbox.held);
        let unsubscribe = held.unsubscribe?;
        (!std::mem::replace(&mut held.is_unsubscribing, true)).then_some(unsubscribe)
    }

    /// The daemon sends no more events of this subscription.
    pub(crate) fn forget(&self, id: u64) {
        lock(&self.open).by_id.remove(&id);
    }

    /// Whether there is no subscription.
    pub(crate) fn is_empty(&self) -> bool {
        lock(&self.open).by_id.is_empty()
    }

    /// Closes all inboxes: the connection has ended.
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
    async fn events_before_their_owner_are_kept() {
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
    async fn a_reader_that_is_merely_slow_loses_nothing() {
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

    /// Feeds 100 events to a reader that takes one every 15 ms; returns how long that held up the connection, and how
    /// many it got.
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
    async fn a_reader_that_never_catches_up_holds_up_the_connection_once() {
        let (took, read) = feed_a_slow_reader(false).await;
        assert!(took < WAIT * 2 && read < 10, "{took:?}, {read}");
    }

    #[tokio::test(start_paused = true)]
    async fn readers_that_do_not_read_hold_up_the_connection_as_one() {
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
        // Later a reader may be a little slow again.
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
    async fn a_snapshot_waits_for_a_reader_that_goes_on() {
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
