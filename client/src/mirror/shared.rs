//! The state of a mirror, shared by its driver and its readers.

use super::collection::Collection;
use super::diff::{Diff, Patch};
use super::rows::{Row, Rows};
use super::snapshot::Snapshot;
use crate::{Error, Result};
use futures_util::stream::{BoxStream, Stream, StreamExt};
use std::collections::{HashMap, VecDeque};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use tokio::sync::watch;

/// *Bounded*: changes that are kept for watchers. A watcher that is further behind gets [`Diff::Cleared`] and the
/// current entities.
const KEPT_DIFFS: usize = 4096;

/// A change of one row.
#[derive(Debug)]
pub(super) enum RowChange<K, T> {
    Put(Row<K, T>),
    Remove(String),
}

pub(super) struct Shared<C: Collection> {
    state: Mutex<MirrorState<C>>,
    changed: watch::Sender<()>,
}

struct MirrorState<C: Collection> {
    rows: Rows<C::SortKey, C::Item>,
    rev: u64,
    /// Whether the first snapshot is complete.
    is_complete: bool,
    /// How often the epoch has changed.
    epoch_changes: u64,
    /// The patches that some watcher has not taken.
    patches: VecDeque<Patch<C::Item>>,
    /// The number of patches before those.
    dropped: u64,
    kept_diffs: usize,
    /// How many patches each watcher has taken.
    watchers: HashMap<u64, u64>,
    next_watcher: u64,
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

impl<C: Collection> MirrorState<C> {
    fn snapshot(&self) -> Snapshot<C::Item> {
        Snapshot { rev: self.rev, items: self.rows.items().map(Arc::clone).collect() }
    }

    /// The number of all patches so far.
    fn patch_count(&self) -> u64 {
        self.dropped + self.patches.len() as u64
    }

    fn keep(&mut self, diffs: Vec<Diff<C::Item>>) {
        if diffs.is_empty() {
            return;
        }
        self.kept_diffs += diffs.len();
        self.patches.push_back(Patch { rev: self.rev, diffs });
        self.drop_taken();
        while self.kept_diffs > KEPT_DIFFS && self.drop_oldest() {}
    }

    /// Keeps an update within a revision, and drops the earlier update of the same row. Thousands may follow one
    /// another, each with a whole entity, and a watcher only needs the last one.
    fn keep_latest(&mut self, diff: Diff<C::Item>) {
        let newest = self.patch_count();
        let is_pending = self.watchers.values().all(|seen| *seen < newest);
        let last = self.patches.back_mut().filter(|last| is_pending && last.rev == self.rev);
        let index = |diff: &Diff<C::Item>| if let Diff::Updated { at, .. } = diff { Some(*at) } else { None };
        match last {
            Some(last) if last.diffs.iter().all(|diff| index(diff).is_some()) => {
                match last.diffs.iter_mut().find(|earlier| index(earlier) == index(&diff)) {
                    Some(earlier) => *earlier = diff,
                    None => {
                        last.diffs.push(diff);
                        self.kept_diffs += 1;
                    }
                }
            }
            _ => self.keep(vec![diff]),
        }
    }

    /// Drops the patches that all watchers have taken.
    fn drop_taken(&mut self) {
        let needed = self.watchers.values().copied().min().unwrap_or(u64::MAX);
        while self.dropped < needed && self.drop_oldest() {}
    }

    fn drop_oldest(&mut self) -> bool {
        let Some(oldest) = self.patches.pop_front() else { return false };
        self.kept_diffs -= oldest.diffs.len();
        self.dropped += 1;
        true
    }

    /// The next patch for a watcher.
    fn take(&mut self, watcher: u64) -> Option<Patch<C::Item>> {
        let newest = self.patch_count();
        let seen = self.watchers.get_mut(&watcher).filter(|seen| **seen != newest)?;
        let index = seen.checked_sub(self.dropped).and_then(|index| usize::try_from(index).ok());
        let patch = if let Some(patch) = index.and_then(|index| self.patches.get(index)) {
            *seen += 1;
            patch.clone()
        } else {
            *seen = newest;
            let current = self.rows.items().enumerate();
            let current = current.map(|(at, item)| Diff::Inserted { at, item: Arc::clone(item) });
            Patch { rev: self.rev, diffs: std::iter::once(Diff::Cleared).chain(current).collect() }
        };
        self.drop_taken();
        Some(patch)
    }
}

impl<C: Collection> Shared<C> {
    pub(super) fn new() -> Self {
        let state = MirrorState {
            rows: Rows::new(),
            rev: 0,
            is_complete: false,
            epoch_changes: 0,
            patches: VecDeque::new(),
            dropped: 0,
            kept_diffs: 0,
            watchers: HashMap::new(),
            next_watcher: 0,
            ended: None,
        };
        Self { state: Mutex::new(state), changed: watch::Sender::new(()) }
    }

    fn state(&self) -> MutexGuard<'_, MirrorState<C>> {
        // A poisoned lock is safe to use: a collection's `sort_key` and `PartialEq`, which may panic, run before any
        // change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut MirrorState<C>)) {
        change(&mut self.state());
        self.changed.send_replace(());
    }

    /// Replaces all rows, as of `rev`.
    pub(super) fn replace(&self, rows: Vec<Row<C::SortKey, C::Item>>, rev: u64, epoch_changed: bool) {
        self.change(|state| {
            (state.rev, state.is_complete) = (rev, true);
            state.epoch_changes += u64::from(epoch_changed);
            let diffs = state.rows.replace(rows);
            state.keep(diffs);
        });
    }

    /// Applies the changes of a transaction.
    pub(super) fn apply(&self, changes: Vec<RowChange<C::SortKey, C::Item>>, rev: u64) {
        self.change(|state| {
            state.rev = rev;
            let change = |change| match change {
                RowChange::Put(row) => state.rows.put(row),
                RowChange::Remove(id) => state.rows.remove(&id),
            };
            let diffs = changes.into_iter().filter_map(change).collect();
            state.keep(diffs);
        });
    }

    /// Updates the text of a streaming message, without a revision.
    pub(super) fn put_text(&self, row: Row<C::SortKey, C::Item>) {
        self.change(|state| match state.rows.put(row) {
            Some(diff @ Diff::Updated { .. }) => state.keep_latest(diff),
            diff => state.keep(diff.into_iter().collect()),
        });
    }

    /// The ids of entities that expired at `now`, and the next time of expiry.
    pub(super) fn expired(&self, now: i64, collection: &C) -> (Vec<String>, Option<i64>) {
        self.state().rows.expired(now, |item| collection.until(item))
    }

    /// Ends the mirror with an error.
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
        let mut changed = self.changed.subscribe();
        let epoch_changes = self.state().epoch_changes;
        loop {
            {
                let state = self.state();
                if state.is_complete && (state.rev >= rev || state.epoch_changes != epoch_changes) {
                    return Ok(());
                }
                if let Some(error) = &state.ended {
                    return Err(error.clone());
                }
            }
            // `self` holds the sender.
            let _ = changed.changed().await;
        }
    }

    /// The current entities, and every patch that follows.
    pub(super) fn watch(this: &Arc<Self>) -> (Snapshot<C::Item>, Patches<C::Item>) {
        let changed = this.changed.subscribe();
        let mut state = this.state();
        let (id, seen) = (state.next_watcher, state.patch_count());
        state.next_watcher += 1;
        state.watchers.insert(id, seen);
        let watcher = Watcher { shared: Arc::clone(this), id };
        let patches = futures_util::stream::unfold((watcher, changed), |(watcher, mut changed)| async move {
            loop {
                changed.mark_unchanged();
                {
                    let mut state = watcher.shared.state();
                    if let Some(patch) = state.take(watcher.id) {
                        drop(state);
                        return Some((patch, (watcher, changed)));
                    }
                    if state.ended.is_some() {
                        return None;
                    }
                }
                // `watcher` holds the sender.
                let _ = changed.changed().await;
            }
        });
        (state.snapshot(), Patches { stream: patches.boxed() })
    }
}

/// A reader of patches; the state keeps patches until it takes them.
struct Watcher<C: Collection> {
    shared: Arc<Shared<C>>,
    id: u64,
}

impl<C: Collection> Drop for Watcher<C> {
    fn drop(&mut self) {
        let mut state = self.shared.state();
        state.watchers.remove(&self.id);
        state.drop_taken();
    }
}

/// A stream of the changes of a mirror. It ends when the client is closed, or the last clone of the mirror is dropped.
pub struct Patches<T> {
    stream: BoxStream<'static, Patch<T>>,
}

impl<T> std::fmt::Debug for Patches<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Patches")
    }
}

impl<T> Patches<T> {
    /// Waits for the next patch; `None` at the end. Cancel safe.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Entries;
    use std::sync::Weak;
    use stina_protocol::kv::Entry;

    /// A row, and a weak reference to its entry.
    fn row(key: &str, value: usize) -> (Row<(), Entry>, Weak<Entry>) {
        let text = format!(r#"{{"key":"{key}","value":{value},"rev":1,"updatedAt":0}}"#);
        let row = Row::new((), key.to_owned(), serde_json::from_str(&text).unwrap());
        let entry = Arc::downgrade(&row.item);
        (row, entry)
    }

    fn alive(entries: &[Weak<Entry>]) -> usize {
        entries.iter().filter(|entry| entry.strong_count() > 0).count()
    }

    #[tokio::test]
    async fn patches_are_kept_until_every_watcher_has_taken_them() {
        let shared: Arc<Shared<Entries>> = Arc::new(Shared::new());
        let put = |n: usize| {
            let (row, entry) = row("a", n);
            shared.apply(vec![RowChange::Put(row)], n as u64);
            entry
        };
        let entries: Vec<_> = (0..10).map(put).collect();
        assert_eq!(alive(&entries), 1, "there is no watcher");
        let (_, mut quick) = Shared::watch(&shared);
        let (_, mut slow) = Shared::watch(&shared);
        let entries: Vec<_> = (10..20).map(put).collect();
        for _ in 0..10 {
            quick.next().await.unwrap();
        }
        slow.next().await.unwrap();
        assert_eq!(alive(&entries), 9, "all except those that both have taken");
        drop(slow);
        assert_eq!(alive(&entries), 1);
    }

    #[tokio::test]
    async fn only_the_latest_text_of_an_entity_is_kept() {
        let shared: Arc<Shared<Entries>> = Arc::new(Shared::new());
        for key in ["a", "b"] {
            shared.apply(vec![RowChange::Put(row(key, 0).0)], 1);
        }
        let (snapshot, mut patches) = Shared::watch(&shared);
        let mut list = snapshot.items;
        let mut entries = Vec::new();
        for n in 1..1000 {
            let (row, entry) = row(if n % 2 == 0 { "a" } else { "b" }, n);
            shared.put_text(row);
            entries.push(entry);
            if n == 100 {
                patches.next().await.unwrap().apply(&mut list);
            }
        }
        let patch = patches.next().await.unwrap();
        assert_eq!(patch.diffs.len(), 2);
        patch.apply(&mut list);
        assert_eq!(list, shared.snapshot().items);
        drop((patch, list));
        assert_eq!(alive(&entries), 2);
    }
}
