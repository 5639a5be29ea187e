//! What the task that keeps a mirror up to date shares with those who look at it.

use super::rows::{Row, Rows};
use super::{Collection, Diff, Patch, Snapshot};
use crate::{Error, Result};
use futures_util::stream::{BoxStream, Stream, StreamExt};
use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use tokio::sync::watch;

/// *Bounded*: steps that are kept for who shows the mirror. Who is further behind is told to begin anew.
const KEPT_DIFFS: usize = 4096;

/// What a mirror does with one event.
#[derive(Debug)]
pub(super) enum Step<O, T> {
    Put(Row<O, T>),
    Remove(String),
}

pub(super) struct Shared<C: Collection> {
    state: Mutex<State<C>>,
    bell: watch::Sender<()>,
}

struct State<C: Collection> {
    rows: Rows<C::Order, C::Item>,
    rev: u64,
    /// Whether the present entities are known.
    is_complete: bool,
    /// How often the history was replaced by another.
    histories: u64,
    /// The newest patches, and how many there were before them.
    patches: VecDeque<Patch<C::Item>>,
    forgotten: u64,
    kept_diffs: usize,
    ended: Option<Error>,
}

impl<C: Collection> std::fmt::Debug for Shared<C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let state = self.state();
        f.debug_struct("Mirror")
            .field("len", &state.rows.len())
            .field("rev", &state.rev)
            .finish_non_exhaustive()
    }
}

impl<C: Collection> State<C> {
    fn snapshot(&self) -> Snapshot<C::Item> {
        Snapshot { rev: self.rev, items: self.rows.items().map(Arc::clone).collect() }
    }

    /// How many patches there were.
    fn patched(&self) -> u64 {
        self.forgotten + self.patches.len() as u64
    }

    fn keep(&mut self, diffs: Vec<Diff<C::Item>>) {
        if diffs.is_empty() {
            return;
        }
        self.kept_diffs += diffs.len();
        self.patches.push_back(Patch { rev: self.rev, diffs });
        while self.kept_diffs > KEPT_DIFFS {
            let Some(oldest) = self.patches.pop_front() else { break };
            self.kept_diffs -= oldest.diffs.len();
            self.forgotten += 1;
        }
    }

    /// The patch after the first `seen`, and how many were seen with it.
    fn patch_after(&self, seen: u64) -> Option<(Patch<C::Item>, u64)> {
        if seen == self.patched() {
            return None;
        }
        let index = seen.checked_sub(self.forgotten).and_then(|index| usize::try_from(index).ok());
        if let Some(patch) = index.and_then(|index| self.patches.get(index)) {
            return Some((patch.clone(), seen + 1));
        }
        let present = self.rows.items().enumerate();
        let present = present.map(|(at, item)| Diff::Inserted { at, item: Arc::clone(item) });
        let diffs = std::iter::once(Diff::Cleared).chain(present).collect();
        Some((Patch { rev: self.rev, diffs }, self.patched()))
    }
}

impl<C: Collection> Shared<C> {
    pub(super) fn new() -> Self {
        let state = State {
            rows: Rows::new(),
            rev: 0,
            is_complete: false,
            histories: 0,
            patches: VecDeque::new(),
            forgotten: 0,
            kept_diffs: 0,
            ended: None,
        };
        Self { state: Mutex::new(state), bell: watch::Sender::new(()) }
    }

    fn state(&self) -> MutexGuard<'_, State<C>> {
        // A panic in a collection's `order` or `PartialEq` can leave no half-made row: both run before a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut State<C>)) {
        change(&mut self.state());
        self.bell.send_replace(());
    }

    /// Makes these the entities, as of `rev`.
    pub(super) fn replace(&self, rows: Vec<Row<C::Order, C::Item>>, rev: u64, other_history: bool) {
        self.change(|state| {
            (state.rev, state.is_complete) = (rev, true);
            state.histories += u64::from(other_history);
            let diffs = state.rows.replace(rows);
            state.keep(diffs);
        });
    }

    /// Applies a transaction.
    pub(super) fn apply(&self, steps: Vec<Step<C::Order, C::Item>>, rev: u64) {
        self.change(|state| {
            state.rev = rev;
            let step = |step| match step {
                Step::Put(row) => state.rows.put(row),
                Step::Remove(id) => state.rows.remove(&id),
            };
            let diffs = steps.into_iter().filter_map(step).collect();
            state.keep(diffs);
        });
    }

    /// The ids of the entities whose time is over at `now`, and when that of the next comes.
    pub(super) fn over(&self, now: i64, collection: &C) -> (Vec<String>, Option<i64>) {
        self.state().rows.over(now, |item| collection.until(item))
    }

    /// No more events come.
    pub(super) fn end(&self, error: Error) {
        self.change(|state| state.ended = Some(error));
    }

    pub(super) fn ended(&self) -> Option<Error> {
        self.state().ended.clone()
    }

    pub(super) fn snapshot(&self) -> Snapshot<C::Item> {
        self.state().snapshot()
    }

    pub(super) fn get(&self, id: &str) -> Option<Arc<C::Item>> {
        self.state().rows.get(id).map(Arc::clone)
    }

    pub(super) fn len(&self) -> usize {
        self.state().rows.len()
    }

    pub(super) fn rev(&self) -> u64 {
        self.state().rev
    }

    pub(super) async fn wait(&self, rev: u64) -> Result<()> {
        let mut bell = self.bell.subscribe();
        let histories = self.state().histories;
        loop {
            {
                let state = self.state();
                if state.is_complete && (state.rev >= rev || state.histories != histories) {
                    return Ok(());
                }
                if let Some(error) = &state.ended {
                    return Err(error.clone());
                }
            }
            // The bell is part of this.
            let _ = bell.changed().await;
        }
    }

    /// The collection as it is now, and every patch from then on.
    pub(super) fn watch(this: &Arc<Self>) -> (Snapshot<C::Item>, Patches<C::Item>) {
        let bell = this.bell.subscribe();
        let state = this.state();
        let place = (Arc::clone(this), bell, state.patched());
        let patches = futures_util::stream::unfold(place, |(shared, mut bell, seen)| async move {
            loop {
                bell.mark_unchanged();
                {
                    let state = shared.state();
                    if let Some((patch, seen)) = state.patch_after(seen) {
                        drop(state);
                        return Some((patch, (shared, bell, seen)));
                    }
                    if state.ended.is_some() {
                        return None;
                    }
                }
                // The bell is part of `shared`.
                let _ = bell.changed().await;
            }
        });
        (state.snapshot(), Patches { stream: patches.boxed() })
    }
}

/// What changes in a mirror. It ends when the mirror does: when its client is closed, or its last clone dropped.
pub struct Patches<T> {
    stream: BoxStream<'static, Patch<T>>,
}

impl<T> std::fmt::Debug for Patches<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Patches")
    }
}

impl<T> Patches<T> {
    /// The next patch; `None` at the end. Cancel safe.
    pub async fn next(&mut self) -> Option<Patch<T>> {
        self.stream.next().await
    }
}

impl<T> Stream for Patches<T> {
    type Item = Patch<T>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.stream.poll_next_unpin(cx)
    }
}
