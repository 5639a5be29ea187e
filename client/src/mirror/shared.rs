//! What the task that keeps a mirror up to date shares with those who look at it.

use super::rows::{Row, Rows};
use super::{Collection, Diff, Patch, Snapshot};
use crate::{Error, Result};
use futures_util::stream::{BoxStream, Stream, StreamExt};
use std::collections::{HashMap, VecDeque};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use tokio::sync::watch;

/// *Bounded*: steps that are kept for those who watch and have not taken them. Who is further behind is told to begin
/// anew.
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
    rows: Rows<C::SortKey, C::Item>,
    rev: u64,
    /// Whether the present entities are known.
    is_complete: bool,
    /// How often the history was replaced by another.
    histories: u64,
    /// The patches that somebody who watches has not taken, and how many there were before them.
    patches: VecDeque<Patch<C::Item>>,
    forgotten: u64,
    kept_diffs: usize,
    /// How many patches each of those who watch has seen.
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
        self.forget();
        while self.kept_diffs > KEPT_DIFFS && self.forget_oldest() {}
    }

    /// Keeps what became of entities that keep their places, between two revisions. Each holds a whole entity, and
    /// there may be thousands in a row: nobody need see but the last.
    fn keep_latest(&mut self, diff: Diff<C::Item>) {
        let newest = self.patched();
        let is_untaken = self.watchers.values().all(|seen| *seen < newest);
        let last = self.patches.back_mut().filter(|last| is_untaken && last.rev == self.rev);
        let place = |diff: &Diff<C::Item>| if let Diff::Updated { at, .. } = diff { Some(*at) } else { None };
        match last {
            Some(last) if last.diffs.iter().all(|diff| place(diff).is_some()) => {
                match last.diffs.iter_mut().find(|earlier| place(earlier) == place(&diff)) {
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

    /// Forgets what all who watch have taken.
    fn forget(&mut self) {
        let needed = self.watchers.values().copied().min().unwrap_or(u64::MAX);
        while self.forgotten < needed && self.forget_oldest() {}
    }

    fn forget_oldest(&mut self) -> bool {
        let Some(oldest) = self.patches.pop_front() else { return false };
        self.kept_diffs -= oldest.diffs.len();
        self.forgotten += 1;
        true
    }

    /// The next patch for one of those who watch.
    fn take(&mut self, watcher: u64) -> Option<Patch<C::Item>> {
        let newest = self.patched();
        let seen = self.watchers.get_mut(&watcher).filter(|seen| **seen != newest)?;
        let index = seen.checked_sub(self.forgotten).and_then(|index| usize::try_from(index).ok());
        let patch = if let Some(patch) = index.and_then(|index| self.patches.get(index)) {
            *seen += 1;
            patch.clone()
        } else {
            *seen = newest;
            let present = self.rows.items().enumerate();
            let present = present.map(|(at, item)| Diff::Inserted { at, item: Arc::clone(item) });
            Patch { rev: self.rev, diffs: std::iter::once(Diff::Cleared).chain(present).collect() }
        };
        self.forget();
        Some(patch)
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
            watchers: HashMap::new(),
            next_watcher: 0,
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
    pub(super) fn replace(&self, rows: Vec<Row<C::SortKey, C::Item>>, rev: u64, other_history: bool) {
        self.change(|state| {
            (state.rev, state.is_complete) = (rev, true);
            state.histories += u64::from(other_history);
            let diffs = state.rows.replace(rows);
            state.keep(diffs);
        });
    }

    /// Applies a transaction.
    pub(super) fn apply(&self, steps: Vec<Step<C::SortKey, C::Item>>, rev: u64) {
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

    /// Puts an entity as it is meanwhile, without a revision.
    pub(super) fn grow(&self, row: Row<C::SortKey, C::Item>) {
        self.change(|state| match state.rows.put(row) {
            Some(diff @ Diff::Updated { .. }) => state.keep_latest(diff),
            diff => state.keep(diff.into_iter().collect()),
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
        let mut state = this.state();
        let (id, seen) = (state.next_watcher, state.patched());
        state.next_watcher += 1;
        state.watchers.insert(id, seen);
        let watcher = Watcher { shared: Arc::clone(this), id };
        let patches = futures_util::stream::unfold((watcher, bell), |(watcher, mut bell)| async move {
            loop {
                bell.mark_unchanged();
                {
                    let mut state = watcher.shared.state();
                    if let Some(patch) = state.take(watcher.id) {
                        drop(state);
                        return Some((patch, (watcher, bell)));
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

/// Somebody for whom patches are kept.
struct Watcher<C: Collection> {
    shared: Arc<Shared<C>>,
    id: u64,
}

impl<C: Collection> Drop for Watcher<C> {
    fn drop(&mut self) {
        let mut state = self.shared.state();
        state.watchers.remove(&self.id);
        state.forget();
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Entries;
    use std::sync::Weak;
    use stina_protocol::kv::Entry;

    /// A row, and a hand on its entry.
    fn row(key: &str, value: usize) -> (Row<(), Entry>, Weak<Entry>) {
        let text = format!(r#"{{"key":"{key}","value":{value},"rev":1,"updatedAt":0}}"#);
        let row = Row::new((), key.to_owned(), serde_json::from_str(&text).unwrap());
        let hand = Arc::downgrade(&row.item);
        (row, hand)
    }

    fn alive(hands: &[Weak<Entry>]) -> usize {
        hands.iter().filter(|hand| hand.strong_count() > 0).count()
    }

    #[tokio::test]
    async fn what_nobody_has_yet_to_see_is_not_kept() {
        let shared: Arc<Shared<Entries>> = Arc::new(Shared::new());
        let put = |n: usize| {
            let (row, hand) = row("a", n);
            shared.apply(vec![Step::Put(row)], n as u64);
            hand
        };
        let hands: Vec<_> = (0..10).map(put).collect();
        assert_eq!(alive(&hands), 1, "nobody watches");
        let (_, mut quick) = Shared::watch(&shared);
        let (_, mut slow) = Shared::watch(&shared);
        let hands: Vec<_> = (10..20).map(put).collect();
        for _ in 0..10 {
            quick.next().await.unwrap();
        }
        slow.next().await.unwrap();
        assert_eq!(alive(&hands), 9, "all but what both have taken");
        drop(slow);
        assert_eq!(alive(&hands), 1);
    }

    #[tokio::test]
    async fn of_entities_that_grow_only_the_latest_is_kept() {
        let shared: Arc<Shared<Entries>> = Arc::new(Shared::new());
        for key in ["a", "b"] {
            shared.apply(vec![Step::Put(row(key, 0).0)], 1);
        }
        let (snapshot, mut patches) = Shared::watch(&shared);
        let mut list = snapshot.items;
        let mut hands = Vec::new();
        for n in 1..1000 {
            let (row, hand) = row(if n % 2 == 0 { "a" } else { "b" }, n);
            shared.grow(row);
            hands.push(hand);
            if n == 100 {
                patches.next().await.unwrap().apply(&mut list);
            }
        }
        let patch = patches.next().await.unwrap();
        assert_eq!(patch.diffs.len(), 2);
        patch.apply(&mut list);
        assert_eq!(list, shared.snapshot().items);
        drop((patch, list));
        assert_eq!(alive(&hands), 2);
    }
}
