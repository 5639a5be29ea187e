//! Events on their way to subscriptions: one bounded inbox each.
//!
//! *Bounded*: an inbox holds bytes up to its limit. When it is full the connection is held up for a moment, so
//! that a reader that is merely slower than the socket loses nothing; then the subscription is given up, and
//! taken up again where it was. What an inbox holds never has a hole: nothing is put behind something that was
//! dropped.
//!
//! All calls of the connection wait meanwhile, so the moments of all readers together are few. Only the present
//! entities can't be taken up in the middle: they are waited for as long as one after the other is taken.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;

/// Why an inbox gets no more events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// It was full for too long.
    Full,
    /// An event was longer than this client takes.
    TooLong,
    /// The connection ended.
    Lost,
    /// Nobody wants them.
    Retired,
}

/// Events (JSON) of one subscription.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    held: Mutex<Held>,
    arrived: Notify,
    taken: Notify,
}

#[derive(Debug, Default)]
struct Held {
    events: VecDeque<Box<str>>,
    bytes: usize,
    /// Whether what comes can't be taken up in the middle.
    can_not_resume: bool,
    end: Option<End>,
    /// Whether somebody has taken it upon himself to unsubscribe.
    retired: bool,
    /// Name of the method to unsubscribe with, once its owner has said it.
    unsubscribe: Option<&'static str>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Every update below leaves the state whole, so a panic elsewhere while it was held does no harm.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Inbox {
    /// The next event. Cancel safe. For one reader at a time.
    pub(crate) async fn next(&self) -> Result<Box<str>, End> {
        loop {
            {
                let mut held = lock(&self.held);
                if let Some(event) = held.events.pop_front() {
                    held.bytes -= event.len();
                    self.taken.notify_one();
                    return Ok(event);
                }
                if let Some(end) = held.end {
                    return Err(end);
                }
            }
            self.arrived.notified().await;
        }
    }

    /// Says whether the events that come from now on can't be taken up in the middle.
    pub(crate) fn set_can_not_resume(&self, can_not_resume: bool) {
        lock(&self.held).can_not_resume = can_not_resume;
    }

    /// Puts an event in, if there is room; gives it back if there is none.
    fn offer(&self, event: Box<str>, limit: usize) -> Option<Box<str>> {
        let mut held = lock(&self.held);
        if held.end.is_some() {
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

    fn end(&self, end: End) {
        lock(&self.held).end.get_or_insert(end);
        self.arrived.notify_one();
    }
}

/// The inboxes of one connection, by the ids of their subscriptions.
///
/// An inbox is made by whoever comes first: its owner, who learns the id from the reply to `subscribe`, or its
/// first event, which may be quicker.
#[derive(Debug)]
pub(crate) struct Inboxes {
    open: Mutex<Open>,
    bytes: usize,
    wait: Duration,
    held_up: Mutex<HeldUp>,
    /// Tells of subscriptions that were given up, so that the daemon need not go on sending.
    given_up: mpsc::Sender<u64>,
}

/// How long a connection has been held up lately, as of a moment. It is forgiven ten times as slowly as it was made.
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

/// Subscriptions that may be given up before somebody unsubscribes them; more are dropped by the daemon later.
const GIVEN_UP: usize = 64;

impl Inboxes {
    /// Inboxes of `bytes` each, and the ids of subscriptions as they are given up.
    pub(crate) fn new(bytes: usize, wait: Duration) -> (Arc<Self>, mpsc::Receiver<u64>) {
        let (given_up, ids) = mpsc::channel(GIVEN_UP);
        let held_up = Mutex::new(HeldUp { time: Duration::ZERO, as_of: Instant::now() });
        (Arc::new(Self { open: Mutex::default(), bytes, wait, held_up, given_up }), ids)
    }

    /// How long an inbox may hold up the connection now.
    fn patience(&self, inbox: &Inbox) -> Duration {
        let held_up =
            if lock(&inbox.held).can_not_resume { Duration::ZERO } else { lock(&self.held_up).by_now() };
        self.wait.saturating_sub(held_up)
    }

    fn inbox(&self, id: u64) -> Arc<Inbox> {
        let mut open = lock(&self.open);
        let closed = open.closed;
        let inbox = open.by_id.entry(id).or_default();
        if closed {
            inbox.end(End::Lost);
        }
        Arc::clone(inbox)
    }

    /// The inbox of a subscription that was just opened, to be ended with `unsubscribe`.
    pub(crate) fn claim(&self, id: u64, unsubscribe: &'static str) -> Arc<Inbox> {
        let inbox = self.inbox(id);
        lock(&inbox.held).unsubscribe = Some(unsubscribe);
        inbox
    }

    /// Puts an event into its inbox. Waits for room, but not for long.
    pub(crate) async fn deliver(&self, id: u64, event: Box<str>) {
        let inbox = self.inbox(id);
        let Some(mut event) = inbox.offer(event, self.bytes) else { return };
        let room = async {
            loop {
                inbox.taken.notified().await;
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
            inbox.end(End::Full);
            let _ = self.given_up.try_send(id);
        }
    }

    /// An event of this subscription was too long to be taken.
    pub(crate) fn overflow(&self, id: u64) {
        self.inbox(id).end(End::TooLong);
        let _ = self.given_up.try_send(id);
    }

    /// No more events come for a subscription. The method to unsubscribe with, unless somebody does so already;
    /// who does calls [`Self::forget`] when the daemon has answered.
    pub(crate) fn retire(&self, id: u64) -> Option<&'static str> {
        let inbox = lock(&self.open).by_id.get(&id).map(Arc::clone)?;
        inbox.end(End::Retired);
        let mut held = lock(&inbox.held);
        let unsubscribe = held.unsubscribe?;
        (!std::mem::replace(&mut held.retired, true)).then_some(unsubscribe)
    }

    /// The daemon sends no more events of this subscription.
    pub(crate) fn forget(&self, id: u64) {
        lock(&self.open).by_id.remove(&id);
    }

    /// Whether there is no subscription.
    pub(crate) fn is_empty(&self) -> bool {
        lock(&self.open).by_id.is_empty()
    }

    /// The connection has ended.
    pub(crate) fn close(&self) {
        let mut open = lock(&self.open);
        open.closed = true;
        open.by_id.values().for_each(|inbox| inbox.end(End::Lost));
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
    async fn events_that_come_before_their_owner_are_kept() {
        let (inboxes, _ids) = Inboxes::new(1000, WAIT);
        inboxes.deliver(7, event(1)).await;
        let inbox = inboxes.claim(7, "kv.unsubscribe");
        inboxes.deliver(7, event(2)).await;
        inboxes.close();
        assert_eq!(inbox.next().await, Ok(event(1)));
        assert_eq!(inbox.next().await, Ok(event(2)));
        assert_eq!(inbox.next().await, Err(End::Lost));
        assert_eq!(inboxes.claim(8, "kv.unsubscribe").next().await, Err(End::Lost));
    }

    #[tokio::test]
    async fn a_full_inbox_is_given_up_without_a_hole() {
        let (inboxes, mut ids) = Inboxes::new(35, WAIT);
        let inbox = inboxes.claim(1, "kv.unsubscribe");
        for n in 0..5 {
            inboxes.deliver(1, event(n)).await;
        }
        assert_eq!(ids.recv().await, Some(1));
        assert_eq!(inboxes.retire(1), Some("kv.unsubscribe"));
        assert_eq!(inboxes.retire(1), None, "one unsubscribes");
        for n in 0..3 {
            assert_eq!(inbox.next().await, Ok(event(n)));
            inboxes.deliver(1, event(9)).await;
        }
        assert_eq!(inbox.next().await, Err(End::Full));
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

    /// Feeds 100 events to somebody who takes one every 15 ms, as long as there are any; answers how long that held
    /// up the connection, and how many he got.
    async fn feed_a_slow_reader(can_not_resume: bool) -> (Duration, usize) {
        let (inboxes, _ids) = Inboxes::new(25, WAIT);
        let inbox = inboxes.claim(1, "kv.unsubscribe");
        inbox.set_can_not_resume(can_not_resume);
        let reading = tokio::spawn(async move {
            let mut taken = 0;
            while inbox.next().await.is_ok() {
                taken += 1;
                tokio::time::sleep(Duration::from_millis(15)).await;
            }
            taken
        });
        let began = Instant::now();
        for n in 0..100 {
            inboxes.deliver(1, event(n)).await;
        }
        let took = began.elapsed();
        inboxes.close();
        (took, reading.await.unwrap())
    }

    #[tokio::test(start_paused = true)]
    async fn a_reader_that_never_catches_up_holds_up_the_connection_once() {
        let (took, taken) = feed_a_slow_reader(false).await;
        assert!(took < WAIT * 2 && taken < 10, "{took:?}, {taken}");
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
        // Later on somebody may be a little slow again.
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
        inboxes.close();
        assert_eq!(reading.await.unwrap(), Err(End::Lost), "it was not given up");
    }

    #[tokio::test(start_paused = true)]
    async fn present_entities_wait_for_a_reader_that_goes_on() {
        let (took, taken) = feed_a_slow_reader(true).await;
        assert!(took > WAIT * 10 && taken == 100, "{took:?}, {taken}");
    }

    #[tokio::test]
    async fn one_event_over_the_limit_passes() {
        let (inboxes, _ids) = Inboxes::new(1, WAIT);
        let inbox = inboxes.claim(1, "kv.unsubscribe");
        inboxes.deliver(1, event(1)).await;
        assert_eq!(inbox.next().await, Ok(event(1)));
    }
}
