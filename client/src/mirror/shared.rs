//! The state of a mirror, shared by its driver and its readers.

use super::backlog::{Backlog, Taken};
use super::collection::Collection;
use super::diff::{Diff, Patch};
use super::rows::{Row, Rows};
use super::snapshot::Snapshot;
use super::state::MirrorState;
use crate::{Error, Result, States};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// A change of one row.
#[derive(Debug)]
pub(super) enum RowChange<K, T> {
    Put(Row<K, T>),
    Remove(String),
}

pub(super) struct Shared<C: Collection> {
    content: Mutex<Content<C>>,
    changed: watch::Sender<()>,
    state: watch::Sender<MirrorState>,
}

struct Content<C: Collection> {
    rows: Rows<C::SortKey, C::Item>,
    rev: u64,
    /// The epoch of `rev`; `None` until the first snapshot is complete.
    epoch: Option<String>,
    /// How often the revisions were replaced by those of another history.
    histories: u64,
    backlog: Backlog<C::Item>,
    ended: Option<Error>,
}

impl<C: Collection> std::fmt::Debug for Shared<C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let content = self.content();
        f.debug_struct("Mirror")
            .field("len", &content.rows.len())
            .field("rev", &content.rev)
            .finish_non_exhaustive()
    }
}

impl<C: Collection> Content<C> {
    fn snapshot(&self) -> Snapshot<C::Item> {
        Snapshot { rev: self.rev, items: self.rows.items().map(Arc::clone).collect() }
    }

    fn keep(&mut self, diffs: Vec<Diff<C::Item>>, bytes: usize) {
        self.backlog.keep(Patch { rev: self.rev, diffs }, bytes);
    }
}

impl<C: Collection> Shared<C> {
    /// A mirror without entities, which keeps so many bytes for its watchers.
    pub(super) fn new(patch_bytes: usize) -> Self {
        let content = Content {
            rows: Rows::new(),
            rev: 0,
            epoch: None,
            histories: 0,
            backlog: Backlog::new(patch_bytes),
            ended: None,
        };
        let state = watch::Sender::new(MirrorState::Loading);
        Self { content: Mutex::new(content), changed: watch::Sender::new(()), state }
    }

    fn content(&self) -> MutexGuard<'_, Content<C>> {
        // A poisoned lock is safe to use: what a collection and its items define, and may panic, runs before any change.
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut Content<C>)) {
        change(&mut self.content());
        self.changed.send_replace(());
    }

    /// Replaces all rows, as of `rev` of that epoch.
    pub(super) fn replace(
        &self,
        rows: Vec<Row<C::SortKey, C::Item>>,
        rev: u64,
        epoch: &str,
        is_other_history: bool,
    ) {
        self.change(|content| {
            (content.rev, content.epoch) = (rev, Some(epoch.to_owned()));
            content.histories += u64::from(is_other_history);
            let (diffs, bytes) = content.rows.replace(rows);
            content.keep(diffs, bytes);
        });
    }

    /// Applies the changes of a transaction.
    pub(super) fn apply(&self, changes: Vec<RowChange<C::SortKey, C::Item>>, rev: u64) {
        self.change(|content| {
            content.rev = rev;
            let mut bytes = 0;
            let change = |change| match change {
                RowChange::Put(row) => {
                    bytes += row.bytes;
                    content.rows.put(row)
                }
                RowChange::Remove(id) => content.rows.remove(&id),
            };
            let diffs = changes.into_iter().filter_map(change).collect();
            content.keep(diffs, bytes);
        });
    }

    /// Adds text to a streaming message, without a revision.
    pub(super) fn append(&self, id: &str, offset: usize, text: &str) {
        self.change(|content| {
            if let Some(at) = content.rows.append(id, offset, text) {
                content.backlog.append(content.rev, at, offset, text);
            }
        });
    }

    /// The ids of entities that expired at `now`, and the next time of expiry.
    pub(super) fn expired(&self, now: i64, collection: &C) -> (Vec<String>, Option<i64>) {
        self.content().rows.expired(now, |item| collection.until(item))
    }

    /// Sets whether the mirror is up to date.
    pub(super) fn set_live(&self, is_live: bool) {
        self.state.send_if_modified(|state| {
            let next = match *state {
                MirrorState::Ended => MirrorState::Ended,
                _ if is_live => MirrorState::Live,
                MirrorState::Loading => MirrorState::Loading,
                _ => MirrorState::Stale,
            };
            std::mem::replace(state, next) != next
        });
    }

    /// Ends the mirror with an error, unless it has ended.
    pub(super) fn end(&self, error: Error) {
        self.change(|content| _ = content.ended.get_or_insert(error));
        self.state.send_replace(MirrorState::Ended);
    }

    pub(super) fn ended(&self) -> Option<Error> {
        self.content().ended.clone()
    }

    pub(super) fn state(&self) -> MirrorState {
        *self.state.borrow()
    }

    pub(super) fn states(&self) -> States<MirrorState> {
        States::new(self.state.subscribe(), |state| *state, |state| *state == MirrorState::Ended)
    }

    pub(super) fn snapshot(&self) -> Snapshot<C::Item> {
        self.content().snapshot()
    }

    pub(super) fn get(&self, id: &str) -> Option<Arc<C::Item>> {
        self.content().rows.get(id).map(Arc::clone)
    }

    pub(super) fn len(&self) -> usize {
        self.content().rows.len()
    }

    pub(super) fn rev(&self) -> u64 {
        self.content().rev
    }

    /// Waits until `is_done` finds what it looks for in revision, epoch and number of histories.
    ///
    /// # Errors
    /// The error that ended the mirror.
    async fn until<T>(&self, mut is_done: impl FnMut(u64, &str, u64) -> Option<T>) -> Result<T> {
        let mut changed = self.changed.subscribe();
        loop {
            {
                let content = self.content();
                let epoch = content.epoch.as_deref();
                if let Some(done) = epoch.and_then(|epoch| is_done(content.rev, epoch, content.histories)) {
                    return Ok(done);
                }
                if let Some(error) = &content.ended {
                    return Err(error.clone());
                }
            }
            // `self` holds the sender.
            let _ = changed.changed().await;
        }
    }

    /// Waits for the first snapshot.
    pub(super) async fn ready(&self) -> Result<()> {
        self.until(|_, _, _| Some(())).await
    }

    /// Waits until the mirror has reached a revision. `epoch` is the epoch of the store at this time, if it is known:
    /// the mirror may still be in the one before. `newest` asks the store for its newest revision.
    pub(super) async fn wait(
        &self,
        rev: u64,
        epoch: Option<String>,
        newest: impl Future<Output = Option<u64>>,
    ) -> Result<()> {
        let began = self.content().histories;
        let is_current = |current: &str| epoch.as_deref().is_none_or(|epoch| epoch == current);
        let replaced = self.until(|reached, current, histories| match is_current(current) {
            true if reached >= rev => Some(None),
            // The history of `rev` was replaced meanwhile.
            false if histories != began => Some(None),
            // `rev` may belong to this history, or to the one that was replaced just before the call.
            true if histories != began => Some(Some(histories)),
            _ => None,
        });
        let Some(began) = replaced.await? else { return Ok(()) };
        if newest.await.is_some_and(|newest| newest < rev) {
            return Ok(());
        }
        self.until(|reached, _, histories| (reached >= rev || histories != began).then_some(())).await
    }

    /// The current entities, the number of a new watcher, and what wakes it.
    pub(super) fn watch(&self) -> (Snapshot<C::Item>, u64, watch::Receiver<()>) {
        let changed = self.changed.subscribe();
        let mut content = self.content();
        let watcher = content.backlog.watch();
        (content.snapshot(), watcher, changed)
    }

    pub(super) fn unwatch(&self, watcher: u64) {
        self.content().backlog.unwatch(watcher);
    }

    /// Takes the next patch for a watcher, if there is one.
    ///
    /// # Errors
    /// The error that ended the mirror, when all patches are taken.
    pub(super) fn take(&self, watcher: u64) -> Result<Option<Patch<C::Item>>> {
        let mut content = self.content();
        match content.backlog.take(watcher) {
            Some(Taken::Patch(patch)) => Ok(Some(patch)),
            Some(Taken::Missed) => {
                let current = content.rows.items().enumerate();
                let current = current.map(|(at, item)| Diff::Inserted { at, item: Arc::clone(item) });
                let diffs = std::iter::once(Diff::Cleared).chain(current).collect();
                Ok(Some(Patch { rev: content.rev, diffs }))
            }
            None => content.ended.clone().map_or(Ok(None), Err),
        }
    }
}

#[cfg(test)]
mod tests;
