//! The patches that some watcher of a mirror has not taken.

use super::diff::{Diff, Patch};
use std::collections::{HashMap, VecDeque};

/// Bytes that a difference counts in addition to its entity or text.
const OVERHEAD: usize = 64;

/// *Bounded*: patches are kept up to a limit in bytes, which count every entity as long as its JSON.
#[derive(Debug)]
pub(super) struct Backlog<T> {
    patches: VecDeque<Kept<T>>,
    /// The number of patches before those.
    dropped: u64,
    bytes: usize,
    limit: usize,
    /// How many patches each watcher has taken.
    watchers: HashMap<u64, u64>,
    next_watcher: u64,
}

#[derive(Debug)]
struct Kept<T> {
    patch: Patch<T>,
    bytes: usize,
}

/// The next patch of a watcher.
pub(super) enum Taken<T> {
    Patch(Patch<T>),
    /// The patch is no longer kept. The watcher counts as up to date.
    Missed,
}

impl<T> Backlog<T> {
    pub(super) fn new(limit: usize) -> Self {
        let (patches, watchers) = (VecDeque::new(), HashMap::new());
        Self { patches, dropped: 0, bytes: 0, limit, watchers, next_watcher: 0 }
    }

    /// Adds a watcher, which has taken all patches so far; returns its number.
    pub(super) fn watch(&mut self) -> u64 {
        let (id, seen) = (self.next_watcher, self.count());
        self.next_watcher += 1;
        self.watchers.insert(id, seen);
        id
    }

    pub(super) fn unwatch(&mut self, watcher: u64) {
        self.watchers.remove(&watcher);
        self.trim();
    }

    /// The number of all patches so far.
    fn count(&self) -> u64 {
        self.dropped + self.patches.len() as u64
    }

    /// Keeps a patch; `bytes` is the length of its entities.
    pub(super) fn keep(&mut self, patch: Patch<T>, bytes: usize) {
        if patch.diffs.is_empty() {
            return;
        }
        let bytes = bytes + OVERHEAD * patch.diffs.len();
        self.bytes += bytes;
        self.patches.push_back(Kept { patch, bytes });
        self.trim();
    }

    /// Keeps new text of the entity at that index. It joins the last patch if that one has only text, and no watcher
    /// has taken it: thousands of deltas may follow one another.
    pub(super) fn append(&mut self, rev: u64, at: usize, offset: usize, text: &str) {
        let newest = self.count();
        let is_pending = self.watchers.values().all(|seen| *seen < newest);
        let last = self.patches.back_mut().filter(|last| is_pending && last.patch.rev == rev);
        let is_text = |diff: &Diff<T>| matches!(diff, Diff::Appended { .. });
        let diff = Diff::Appended { at, offset, text: text.to_owned() };
        let Some(last) = last.filter(|last| last.patch.diffs.iter().all(is_text)) else {
            return self.keep(Patch { rev, diffs: vec![diff] }, text.len());
        };
        let mut added = text.len();
        if !last.patch.diffs.iter_mut().any(|earlier| join(earlier, at, offset, text)) {
            last.patch.diffs.push(diff);
            added += OVERHEAD;
        }
        last.bytes += added;
        self.bytes += added;
        self.trim();
    }

    /// Drops the patches that all watchers have taken, and the oldest ones over the limit.
    fn trim(&mut self) {
        let needed = self.watchers.values().copied().min().unwrap_or(u64::MAX);
        while self.dropped < needed || self.bytes > self.limit {
            let Some(oldest) = self.patches.pop_front() else { return };
            self.bytes -= oldest.bytes;
            self.dropped += 1;
        }
    }

    /// Takes the next patch for a watcher; `None` when it is up to date.
    pub(super) fn take(&mut self, watcher: u64) -> Option<Taken<T>> {
        let newest = self.count();
        let seen = self.watchers.get_mut(&watcher).filter(|seen| **seen != newest)?;
        let index = seen.checked_sub(self.dropped).and_then(|index| usize::try_from(index).ok());
        let taken = match index.and_then(|index| self.patches.get(index)) {
            Some(kept) => {
                *seen += 1;
                Taken::Patch(kept.patch.clone())
            }
            None => {
                *seen = newest;
                Taken::Missed
            }
        };
        self.trim();
        Some(taken)
    }
}

/// Joins new text to an earlier text of the same entity, if it continues or replaces that one.
fn join<T>(earlier: &mut Diff<T>, at: usize, offset: usize, text: &str) -> bool {
    let Diff::Appended { at: index, offset: begin, text: kept } = earlier else { return false };
    if *index != at {
        return false;
    }
    match offset.checked_sub(*begin) {
        Some(length) if kept.is_char_boundary(length) => {
            kept.truncate(length);
            kept.push_str(text);
        }
        Some(_) => return false,
        None => (*begin, *kept) = (offset, text.to_owned()),
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    fn inserted(n: usize) -> Patch<usize> {
        Patch { rev: n as u64, diffs: vec![Diff::Inserted { at: 0, item: Arc::new(n) }] }
    }

    fn revs(backlog: &mut Backlog<usize>, watcher: u64) -> Vec<Option<u64>> {
        let next = || match backlog.take(watcher)? {
            Taken::Patch(patch) => Some(Some(patch.rev)),
            Taken::Missed => Some(None),
        };
        std::iter::from_fn(next).collect()
    }

    #[test]
    fn patches_are_kept_until_every_watcher_has_taken_them() {
        let mut backlog = Backlog::new(10_000);
        backlog.keep(inserted(0), 10);
        assert!(backlog.patches.is_empty(), "there is no watcher");
        let (quick, slow) = (backlog.watch(), backlog.watch());
        for n in 1..=3 {
            backlog.keep(inserted(n), 10);
        }
        assert_eq!(revs(&mut backlog, quick), [Some(1), Some(2), Some(3)]);
        assert!(backlog.take(slow).is_some());
        assert_eq!(backlog.patches.len(), 2, "all except those that both have taken");
        backlog.unwatch(slow);
        assert_eq!((backlog.patches.len(), backlog.bytes), (0, 0));
    }

    #[test]
    fn a_watcher_that_is_further_behind_than_the_limit_has_missed_patches() {
        let mut backlog = Backlog::new(3 * (1000 + OVERHEAD));
        let watcher = backlog.watch();
        for n in 1..=5 {
            backlog.keep(inserted(n), 1000);
            assert!(backlog.bytes <= backlog.limit);
        }
        assert_eq!(revs(&mut backlog, watcher), [None]);
        backlog.keep(inserted(6), 1_000_000);
        assert_eq!(
            (backlog.patches.len(), revs(&mut backlog, watcher)),
            (0, vec![None]),
            "one that is too long"
        );
        backlog.keep(inserted(7), 10);
        assert_eq!(revs(&mut backlog, watcher), [Some(7)]);
    }

    #[test]
    fn text_that_no_watcher_has_taken_is_joined() {
        let mut backlog: Backlog<usize> = Backlog::new(10_000);
        let watcher = backlog.watch();
        for (at, offset, text) in [(0, 5, "hej "), (1, 0, "a"), (0, 9, "då"), (0, 9, "igen"), (1, 1, "b")] {
            backlog.append(7, at, offset, text);
        }
        let Some(Taken::Patch(patch)) = backlog.take(watcher) else { panic!("a patch") };
        let texts = patch.diffs.into_iter().map(|diff| match diff {
            Diff::Appended { at, offset, text } => (at, offset, text),
            other => panic!("{other:?}"),
        });
        assert_eq!(texts.collect::<Vec<_>>(), [(0, 5, "hej igen".to_owned()), (1, 0, "ab".to_owned())]);
        backlog.append(7, 0, 13, "!");
        backlog.append(7, 0, 2, "j");
        let Some(Taken::Patch(patch)) = backlog.take(watcher) else { panic!("a patch") };
        assert!(matches!(&patch.diffs[..], [Diff::Appended { at: 0, offset: 2, text }] if text == "j"));
        backlog.append(7, 0, 3, "x".repeat(20_000).as_str());
        assert!(matches!(backlog.take(watcher), Some(Taken::Missed)), "text counts as well");
        assert_eq!(backlog.bytes, 0);
    }
}
