//! *A gap is told.* A subscription is a cursor over the change log, woken by commits: it takes revisions from
//! the ring while it keeps up, from the log when it does not, and is told `reset` when the log has moved on.
//! Resuming, replaying after a restart and a slow client are this one path.

use super::feed::{Feed, Initial, OpenStreams, Outline};
use super::peers::Progress;
use super::registry::Opening;
use super::spool::{Chunks, Spool};
use crate::store::{Item, Joined, LiveChange, Result, Revision, Store, View, oldest_rev, read_since};
use futures_util::Stream;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use stina_protocol::event::{Event, ResetReason, Start};
use tokio::sync::watch;

/// How long a subscription waits after a failed read.
const RETRY: Duration = Duration::from_secs(1);

/// An open subscription, before its stream begins.
pub(crate) struct Subscription {
    store: Store,
    feed: Arc<dyn Feed>,
    start: Start,
    progress: Arc<Progress>,
    bell: watch::Receiver<u64>,
    state: State,
    /// Last revision told: `prev` of the next change.
    told: u64,
    /// Last revision taken in, told or passed over by the filter.
    passed: u64,
    /// When the filter let the first revision after `told` pass.
    silent_since: Option<Instant>,
    ready: VecDeque<String>,
}

enum State {
    /// Nothing sent yet.
    Opening,
    /// The present entities are to be sent.
    TakeSnapshot,
    /// Sending the present entities as of `passed`.
    Snapshot(Chunks),
    /// Catching up with the head.
    Replay,
    /// At the head, sending what is not in the log; the sequence number of the item in the ring that follows it.
    Outline(Chunks, u64),
    /// At the head; the sequence number of the next item in the ring.
    Live(u64),
}

impl Subscription {
    pub(crate) fn new(store: Store, opening: Opening, progress: Arc<Progress>) -> Self {
        let bell = store.hub.bell();
        let Opening { feed, start, .. } = opening;
        Self {
            store,
            feed,
            start,
            progress,
            bell,
            state: State::Opening,
            told: 0,
            passed: 0,
            silent_since: None,
            ready: VecDeque::new(),
        }
    }

    /// The events as JSON. It does nothing unless it is polled: who does not read costs nothing.
    pub(crate) fn events(self) -> impl Stream<Item = String> + Send {
        futures_util::stream::unfold(self, |mut this| async move {
            loop {
                if let Some(event) = this.ready.pop_front() {
                    return Some((event, this));
                }
                if let Err(failure) = this.advance().await {
                    // Nothing is skipped: the same step is tried again until the disk answers.
                    tracing::error!(%failure, "a subscription can't read, trying again");
                    tokio::time::sleep(RETRY).await;
                }
            }
        })
    }

    async fn advance(&mut self) -> Result<()> {
        // A step that fails leaves the state from which it is tried again.
        match std::mem::replace(&mut self.state, State::Replay) {
            State::Opening => self.open().await?,
            State::TakeSnapshot => self.take_snapshot().await?,
            State::Snapshot(chunks) => self.send_snapshot(chunks),
            State::Replay => self.replay().await?,
            State::Outline(chunks, next) => self.send_outline(chunks, next),
            State::Live(seq) => self.live(seq).await,
        }
        self.report();
        Ok(())
    }

    fn report(&self) {
        self.progress.rev.store(self.passed, Ordering::Release);
        let seq = if let State::Live(seq) = self.state { Some(seq) } else { None };
        self.progress.set_seen(seq);
    }

    async fn open(&mut self) -> Result<()> {
        let mut head = self.store.head();
        if self.start.since.is_some_and(|since| since > head) {
            // Who has read it may come before it is told.
            self.state = State::Opening;
            head = self.store.read(|tx| Ok(tx.rev())).await?;
            self.state = State::Replay;
        }
        // Who names an epoch holds something of it, even without saying up to where.
        let foreign = self.start.epoch.take().is_some_and(|epoch| *epoch != *self.store.epoch());
        if foreign || self.start.since.is_some_and(|since| since > head) {
            self.reset(ResetReason::Epoch, head);
            return Ok(());
        }
        let Some(since) = self.start.since else {
            (self.told, self.passed) = (if self.start.initial { 0 } else { head }, head);
            self.begin_with_snapshot();
            return Ok(());
        };
        (self.told, self.passed) = (since, since);
        Ok(())
    }

    fn begin_with_snapshot(&mut self) {
        self.state = if self.start.initial { State::TakeSnapshot } else { State::Replay };
    }

    fn reset(&mut self, reason: ResetReason, rev: u64) {
        self.passed = rev;
        self.tell(rev);
        self.say(&Event::Reset { reason, rev });
        self.begin_with_snapshot();
    }

    async fn take_snapshot(&mut self) -> Result<()> {
        self.state = State::TakeSnapshot;
        let feed = Arc::clone(&self.feed);
        let memory = self.store.config().limits.snapshot_bytes;
        let directory = self.store.config().location.directory();
        let (rev, chunks) = self
            .store
            .scan(move |tx| {
                let mut spool = Spool::new(memory, &directory);
                feed.initial(tx, &mut Initial { spool: &mut spool })?;
                Ok((tx.rev(), spool.chunks()?))
            })
            .await?;
        self.passed = rev;
        self.state = State::Snapshot(chunks);
        Ok(())
    }

    fn send_snapshot(&mut self, mut chunks: Chunks) {
        let changes = match chunks.next() {
            Ok(Some(changes)) => changes,
            Ok(None) => return,
            Err(error) => {
                tracing::error!(%error, "the temporary file of a snapshot failed, starting it again");
                return self.reset(ResetReason::Compacted, self.store.head());
            }
        };
        let (rev, prev, at) = (self.passed, self.told, self.store.clock().now());
        self.ready.push_back(format!(
            "{{\"type\":\"change\",\"rev\":{rev},\"prev\":{prev},\"at\":{at},\"initial\":true,\"origin\":{{\"client\":null}},\"changes\":[{changes}]}}"
        ));
        self.told = rev;
        self.state = State::Snapshot(chunks);
    }

    async fn replay(&mut self) -> Result<()> {
        // It may have read what is not told yet.
        self.store.told(self.passed).await;
        if self.store.is_of_another_history(self.passed) {
            self.reset(ResetReason::Restored, self.store.head());
            return Ok(());
        }
        let budget = self.store.config().limits.cursor_bytes;
        match self.store.hub.join(self.passed, budget) {
            Joined::Live => self.go_live().await?,
            Joined::More(revisions) => self.take_in(revisions, false),
            Joined::Behind => {
                let (since, feed) = (self.passed, Arc::clone(&self.feed));
                let read = self.store.scan(move |tx| {
                    // Here, so that no more is held than is told.
                    let wants = |change: &LiveChange| feed.wants(change);
                    let revisions = read_since(tx, since, 256, budget, View::Wanted(&wants))?;
                    Ok((oldest_rev(tx)?, revisions))
                });
                let (oldest, revisions) = read.await?;
                if oldest > since + 1 {
                    self.reset(ResetReason::Compacted, self.store.head());
                } else {
                    self.take_in(revisions, true);
                }
            }
        }
        Ok(())
    }

    /// All up to the head has been told: say so, with what is not in the log, and go on live from there.
    async fn go_live(&mut self) -> Result<()> {
        let hub = &self.store.hub;
        let OpenStreams { from, events } = self.feed.open_streams(Outline { capture: &|| hub.place() });
        // More was committed meanwhile: those come first.
        if from.head != self.passed {
            return Ok(());
        }
        let memory = self.store.config().limits.snapshot_bytes;
        let is_small = events.iter().map(String::len).sum::<usize>() <= memory;
        self.state = if is_small {
            self.say_synced();
            self.ready.extend(events);
            State::Live(from.next)
        } else {
            // Whoever does not read must not hold all that is being written.
            let directory = self.store.config().location.directory();
            let chunks = self.store.scan(move |_| {
                let mut spool = Spool::new(memory, &directory);
                events.iter().try_for_each(|event| spool.push_alone(event))?;
                Ok(spool.chunks()?)
            });
            let chunks = chunks.await?;
            self.say_synced();
            State::Outline(chunks, from.next)
        };
        Ok(())
    }

    fn send_outline(&mut self, mut chunks: Chunks, next: u64) {
        self.state = match chunks.next() {
            Ok(Some(event)) => {
                self.ready.push_back(event);
                State::Outline(chunks, next)
            }
            Ok(None) => State::Live(next),
            Err(error) => {
                tracing::error!(%error, "the temporary file of open streams failed, starting it again");
                State::Replay
            }
        };
    }

    fn take_in(&mut self, revisions: Vec<Arc<Revision>>, is_filtered: bool) {
        for revision in revisions {
            if let Some(reason) = revision.reset {
                return self.reset(reason, revision.rev);
            }
            self.say_revision(&revision, is_filtered);
        }
    }

    async fn live(&mut self, seq: u64) {
        self.bell.mark_unchanged();
        // Lost what the ring held: back to the log.
        let Some((items, next)) = self.store.hub.take(seq, self.store.config().limits.cursor_bytes) else {
            return;
        };
        self.state = State::Live(next);
        if items.is_empty() {
            return self.wait().await;
        }
        for item in items {
            match item {
                // As far back as before it: replay tells the reset.
                Item::Revision(revision) if revision.reset.is_some() => {
                    self.state = State::Replay;
                    return;
                }
                Item::Revision(revision) => self.say_revision(&revision, false),
                Item::Transient(transient) if self.feed.wants_transient(&transient) => {
                    self.ready.push_back(transient.json.clone());
                }
                Item::Transient(_) => {}
            }
        }
        if self.passed - self.told >= self.store.config().limits.synced_every
            || self.may_stay_silent().is_some_and(|left| left.is_zero())
        {
            self.say_synced();
        }
    }

    /// Waits for the bell. When the filter has let revisions pass, not for long: then says how far it is, also
    /// when more and more pass, as somebody may wait for one of them.
    async fn wait(&mut self) {
        self.report();
        let left = self.may_stay_silent();
        let rung = self.bell.changed();
        let Some(left) = left else {
            // The hub outlives its subscriptions: it can't hang up.
            _ = rung.await;
            return;
        };
        if tokio::time::timeout(left, rung).await.is_err() {
            self.say_synced();
        }
    }

    /// How much longer nothing need be said of the revisions that the filter let pass; none if there are none.
    fn may_stay_silent(&self) -> Option<Duration> {
        let limit = self.store.config().limits.synced_after;
        self.silent_since.map(|since| limit.saturating_sub(since.elapsed()))
    }

    fn say_synced(&mut self) {
        self.say(&Event::Synced { rev: self.passed });
        self.tell(self.passed);
    }

    /// Up to `rev` all has been told.
    fn tell(&mut self, rev: u64) {
        (self.told, self.silent_since) = (rev, None);
    }

    fn say(&mut self, event: &Event) {
        // These events are numbers and names: they always serialize.
        self.ready.extend(serde_json::to_string(event));
    }

    fn say_revision(&mut self, revision: &Revision, is_filtered: bool) {
        self.passed = revision.rev;
        let mut wanted = revision.changes.iter().filter(|c| is_filtered || self.feed.wants(c)).peekable();
        if wanted.peek().is_none() {
            self.silent_since.get_or_insert_with(Instant::now);
            return;
        }
        let Revision { rev, at, origin, .. } = revision;
        let origin = serde_json::to_string(origin).unwrap_or_else(|_| "{}".to_owned());
        let mut event = format!(
            "{{\"type\":\"change\",\"rev\":{rev},\"prev\":{},\"at\":{at},\"origin\":{origin},\"changes\":[",
            self.told
        );
        while let Some(change) = wanted.next() {
            event.push_str(change.json());
            if wanted.peek().is_some() {
                event.push(',');
            }
        }
        event.push_str("]}");
        self.ready.push_back(event);
        self.tell(*rev);
    }
}
