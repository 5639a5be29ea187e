//! *A gap is told.* A subscription is a cursor over the change log, woken by commits. It takes revisions from the event
//! buffer while it keeps up, from the log when it does not, and sends `reset` when the log no longer has them.
//! Resuming, replaying after a restart and a slow client are this one path.

use super::feed::{Feed, Initial, OpenStreams};
use super::methods::Opening;
use super::peers::{Doing, Progress, Reached};
use super::spool::{Chunks, Spool};
use crate::store::{
    CatchUp, Failure, Item, JsonText, LiveChange, Result, Revision, Store, oldest_rev, read_since,
};
use futures_util::{Stream, StreamExt};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};
use stina_protocol::event::{Event, ResetReason, Start};
use tokio::sync::watch;

/// How long a subscription waits after a failed read.
const RETRY: Duration = Duration::from_secs(1);

/// An open subscription: how far it has read and sent. Its [`Stage`] is what it does next.
struct SubscriptionCursor {
    store: Store,
    feed: Arc<dyn Feed>,
    /// Whether it begins with a snapshot, also after a reset.
    initial: bool,
    progress: Arc<Progress>,
    /// Changes when the event buffer has more.
    changed: watch::Receiver<u64>,
    /// Last revision sent: `prev` of the next change.
    sent_rev: u64,
    /// Last revision read, whether it was sent or the filter dropped it.
    read_rev: u64,
    /// When the filter dropped the first revision after `sent_rev`.
    silent_since: Option<Instant>,
    /// Events to send before the next step.
    ready: VecDeque<JsonText>,
}

/// The next step of a subscription.
enum Stage {
    /// Read the snapshot.
    TakeSnapshot,
    /// Send the snapshot as of `read_rev`.
    Snapshot(Chunks),
    /// Catch up with the head.
    Replay,
    /// At the head: send the open streams; then go on with the item of this sequence number in the event buffer.
    OpenStreams(Chunks, u64),
    /// At the head: the sequence number of the next item in the event buffer.
    Live(u64),
}

/// A step that failed, and the stage from which it is tried again.
struct Failed(Stage, Failure);

/// A subscription that has not read anything yet.
pub(crate) struct NewSubscription {
    store: Store,
    feed: Arc<dyn Feed>,
    start: Start,
    progress: Arc<Progress>,
}

impl NewSubscription {
    pub(crate) fn new(store: Store, opening: Opening, progress: Arc<Progress>) -> Self {
        let Opening { feed, start, .. } = opening;
        Self { store, feed, start, progress }
    }

    /// The events as JSON. The stream works only while it is polled: a peer that does not read costs nothing.
    pub(crate) fn events(self) -> impl Stream<Item = JsonText> + Send {
        let open = futures_util::stream::once(async move {
            loop {
                match self.open().await {
                    Ok((cursor, stage)) => return cursor.events(stage),
                    Err(failure) => try_again(&failure).await,
                }
            }
        });
        open.flatten()
    }

    /// Decides where the subscription begins.
    async fn open(&self) -> Result<(SubscriptionCursor, Stage)> {
        let Self { store, feed, start, progress } = self;
        let mut head = store.head();
        if start.since.is_some_and(|since| since > head) {
            // A reader may see a revision before it is published.
            head = store.read(|tx| Ok(tx.rev())).await?;
        }
        // A client that gives an epoch holds entities of it, even without a `since`.
        let is_foreign = start.epoch.as_ref().is_some_and(|epoch| **epoch != *store.epoch());
        let is_void = is_foreign || start.since.is_some_and(|since| since > head);
        let (sent_rev, read_rev) = match start.since {
            Some(since) if !is_void => (since, since),
            _ if start.initial && !is_void => (0, head),
            _ => (head, head),
        };
        let mut cursor = SubscriptionCursor {
            store: store.clone(),
            feed: Arc::clone(feed),
            initial: start.initial,
            progress: Arc::clone(progress),
            changed: store.events.watch(),
            sent_rev,
            read_rev,
            silent_since: None,
            ready: VecDeque::new(),
        };
        let stage = match start.since {
            _ if is_void => cursor.reset(ResetReason::Epoch, head),
            Some(_) => Stage::Replay,
            None => cursor.snapshot_or_replay(),
        };
        Ok((cursor, stage))
    }
}

/// Nothing is skipped: a failed read is repeated until it succeeds.
async fn try_again(failure: &Failure) {
    tracing::error!(%failure, "a subscription can't read, trying again");
    tokio::time::sleep(RETRY).await;
}

impl SubscriptionCursor {
    fn events(self, stage: Stage) -> impl Stream<Item = JsonText> + Send {
        futures_util::stream::unfold((self, stage), |(mut this, mut stage)| async move {
            loop {
                if let Some(event) = this.ready.pop_front() {
                    return Some((event, (this, stage)));
                }
                this.report(&stage);
                stage = match this.step(stage).await {
                    Ok(next) => next,
                    Err(Failed(again, failure)) => {
                        try_again(&failure).await;
                        again
                    }
                };
            }
        })
    }

    /// Runs one stage; returns the next one.
    async fn step(&mut self, stage: Stage) -> Result<Stage, Failed> {
        match stage {
            Stage::TakeSnapshot => self.take_snapshot().await.map_err(|f| Failed(Stage::TakeSnapshot, f)),
            Stage::Snapshot(chunks) => Ok(self.send_snapshot(chunks)),
            Stage::Replay => self.replay().await.map_err(|f| Failed(Stage::Replay, f)),
            Stage::OpenStreams(chunks, next) => Ok(self.send_open_streams(chunks, next)),
            Stage::Live(seq) => Ok(self.live(seq).await),
        }
    }

    /// Reports what was handed out; nothing is left in `ready`.
    fn report(&self, stage: &Stage) {
        let doing = match stage {
            Stage::TakeSnapshot | Stage::Snapshot(_) | Stage::OpenStreams(..) => Doing::Snapshot,
            Stage::Replay => Doing::CatchUp,
            Stage::Live(next) => Doing::Live(*next),
        };
        self.progress.report(Reached { rev: self.read_rev, doing });
    }

    fn snapshot_or_replay(&self) -> Stage {
        if self.initial { Stage::TakeSnapshot } else { Stage::Replay }
    }

    fn reset(&mut self, reason: ResetReason, rev: u64) -> Stage {
        self.read_rev = rev;
        self.mark_sent(rev);
        self.send(&Event::Reset { reason, rev });
        self.snapshot_or_replay()
    }

    async fn take_snapshot(&mut self) -> Result<Stage> {
        let feed = Arc::clone(&self.feed);
        let memory = self.store.config().limits.snapshot_bytes;
        let directory = self.store.config().location.directory();
        let read = self.store.scan(move |tx| {
            let mut spool = Spool::new(memory, &directory);
            feed.initial(tx, &mut Initial { spool: &mut spool })?;
            Ok((tx.rev(), spool.chunks()?))
        });
        let (rev, chunks) = read.await?;
        self.read_rev = rev;
        Ok(Stage::Snapshot(chunks))
    }

    fn send_snapshot(&mut self, mut chunks: Chunks) -> Stage {
        let changes = match chunks.next() {
            Ok(Some(changes)) => changes,
            Ok(None) => return Stage::Replay,
            Err(error) => {
                tracing::error!(%error, "the temporary file of a snapshot failed, starting it again");
                return self.reset(ResetReason::Compacted, self.store.head());
            }
        };
        let (rev, prev, at) = (self.read_rev, self.sent_rev, self.store.clock().now());
        self.ready.push_back(JsonText::assembled(format!(
            "{{\"type\":\"change\",\"rev\":{rev},\"prev\":{prev},\"at\":{at},\"initial\":true,\"origin\":{{\"client\":null}},\"changes\":[{changes}]}}"
        )));
        self.sent_rev = rev;
        Stage::Snapshot(chunks)
    }

    async fn replay(&mut self) -> Result<Stage> {
        // The snapshot may hold a revision that is not published yet.
        self.store.published(self.read_rev).await;
        if self.store.is_of_another_history(self.read_rev) {
            return Ok(self.reset(ResetReason::Restored, self.store.head()));
        }
        let budget = self.store.config().limits.cursor_bytes;
        match self.store.events.catch_up(self.read_rev, budget) {
            CatchUp::AtHead => self.go_live().await,
            CatchUp::Revisions(revisions) => Ok(self.take_in(revisions, false)),
            CatchUp::ReadLog => {
                let (since, feed) = (self.read_rev, Arc::clone(&self.feed));
                let read = self.store.scan(move |tx| {
                    // Filtered here, so that only revisions to be sent are held in memory.
                    let wants = |change: &LiveChange| feed.wants(change);
                    let revisions = read_since(tx, since, 256, budget, &wants)?;
                    Ok((oldest_rev(tx)?, revisions))
                });
                let (oldest, revisions) = read.await?;
                if oldest > since + 1 {
                    return Ok(self.reset(ResetReason::Compacted, self.store.head()));
                }
                Ok(self.take_in(revisions, true))
            }
        }
    }

    /// All up to the head was sent: sends `synced` and the open streams, which are not in the log, and goes on live.
    async fn go_live(&mut self) -> Result<Stage> {
        let events = &self.store.events;
        let OpenStreams { from, events } = self.feed.open_streams(&|| events.position());
        // More was committed meanwhile: it comes first.
        if from.head != self.read_rev {
            return Ok(Stage::Replay);
        }
        let memory = self.store.config().limits.snapshot_bytes;
        if events.iter().map(JsonText::bytes).sum::<usize>() <= memory {
            self.send_synced();
            self.ready.extend(events);
            return Ok(Stage::Live(from.next));
        }
        // A peer that does not read must not hold the text of all open streams in memory.
        let directory = self.store.config().location.directory();
        let spooled = self.store.scan(move |_| {
            let mut spool = Spool::new(memory, &directory);
            events.iter().try_for_each(|event| spool.push_alone(event.get()))?;
            Ok(spool.chunks()?)
        });
        let chunks = spooled.await?;
        self.send_synced();
        Ok(Stage::OpenStreams(chunks, from.next))
    }

    fn send_open_streams(&mut self, mut chunks: Chunks, next: u64) -> Stage {
        match chunks.next() {
            Ok(Some(event)) => {
                self.ready.push_back(JsonText::assembled(event));
                Stage::OpenStreams(chunks, next)
            }
            Ok(None) => Stage::Live(next),
            Err(error) => {
                tracing::error!(%error, "the temporary file of open streams failed, starting it again");
                Stage::Replay
            }
        }
    }

    fn take_in(&mut self, revisions: Vec<Arc<Revision>>, is_filtered: bool) -> Stage {
        for revision in revisions {
            if let Some(reason) = revision.reset.clone() {
                return self.reset(reason, revision.rev);
            }
            self.send_revision(&revision, is_filtered);
        }
        Stage::Replay
    }

    async fn live(&mut self, seq: u64) -> Stage {
        self.changed.mark_unchanged();
        // The cursor fell out of the event buffer: it reads the log.
        let Some((items, next)) = self.store.events.take(seq, self.store.config().limits.cursor_bytes) else {
            return Stage::Replay;
        };
        if items.is_empty() {
            self.wait().await;
            return Stage::Live(next);
        }
        for item in items {
            match item {
                // `read_rev` is still before it: replay takes it in and sends the reset.
                Item::Revision(revision) if revision.reset.is_some() || revision.is_in_log_only => {
                    return Stage::Replay;
                }
                Item::Revision(revision) => self.send_revision(&revision, false),
                Item::Transient(transient) if self.feed.wants_transient(&transient) => {
                    self.ready.push_back(transient.json.clone());
                }
                Item::Transient(_) => {}
            }
        }
        if self.read_rev - self.sent_rev >= self.store.config().limits.synced_every
            || self.may_stay_silent().is_some_and(|left| left.is_zero())
        {
            self.send_synced();
        }
        Stage::Live(next)
    }

    /// Waits until the event buffer changes. After the filter has dropped revisions, it waits a limited time and then
    /// sends `synced`: a client may wait for one of those revisions.
    async fn wait(&mut self) {
        let left = self.may_stay_silent();
        let changed = self.changed.changed();
        let Some(left) = left else {
            // The event buffer outlives its subscriptions: its sender is never dropped before them.
            _ = changed.await;
            return;
        };
        if tokio::time::timeout(left, changed).await.is_err() {
            self.send_synced();
        }
    }

    /// How much longer the revisions that the filter dropped may go without `synced`; `None` if there are none.
    fn may_stay_silent(&self) -> Option<Duration> {
        let limit = self.store.config().limits.synced_after;
        self.silent_since.map(|since| limit.saturating_sub(since.elapsed()))
    }

    fn send_synced(&mut self) {
        self.send(&Event::Synced { rev: self.read_rev });
        self.mark_sent(self.read_rev);
    }

    /// Records that everything up to `rev` was sent.
    fn mark_sent(&mut self, rev: u64) {
        (self.sent_rev, self.silent_since) = (rev, None);
    }

    fn send(&mut self, event: &Event) {
        // These events are numbers and names: they always serialize.
        self.ready.extend(JsonText::of(event));
    }

    fn send_revision(&mut self, revision: &Revision, is_filtered: bool) {
        self.read_rev = revision.rev;
        let mut filtered = String::new();
        if !is_filtered {
            for change in revision.changes.iter().filter(|change| self.feed.wants(change)) {
                if !filtered.is_empty() {
                    filtered.push(',');
                }
                filtered.push_str(change.json().get());
            }
        }
        let changes = if is_filtered { &revision.wanted } else { &filtered };
        if changes.is_empty() {
            self.silent_since.get_or_insert_with(Instant::now);
            return;
        }
        let Revision { rev, at, origin, .. } = revision;
        let origin = serde_json::to_string(origin).unwrap_or_else(|_| "{}".to_owned());
        let event = format!(
            "{{\"type\":\"change\",\"rev\":{rev},\"prev\":{},\"at\":{at},\"origin\":{origin},\"changes\":[{changes}]}}",
            self.sent_rev
        );
        self.ready.push_back(JsonText::assembled(event));
        self.mark_sent(*rev);
    }
}
