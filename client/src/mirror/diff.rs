//! What changed in a list.

use std::sync::Arc;

/// One step from a list to the next. Indices are those of the moment: steps are applied one after another.
#[derive(Debug)]
pub enum Diff<T> {
    /// An entity came.
    Inserted {
        /// Its index.
        at: usize,
        /// The entity.
        item: Arc<T>,
    },
    /// An entity changed and kept its place.
    Updated {
        /// Its index.
        at: usize,
        /// The entity as it is now.
        item: Arc<T>,
    },
    /// An entity changed and its place too.
    Moved {
        /// Its index before.
        from: usize,
        /// Its index after it was taken out.
        to: usize,
        /// The entity as it is now.
        item: Arc<T>,
    },
    /// An entity went.
    Removed {
        /// Its index.
        at: usize,
    },
    /// All went: said to who has not taken patches for so long that the steps are no longer known. The present
    /// entities follow in the same patch.
    Cleared,
}

impl<T> Clone for Diff<T> {
    fn clone(&self) -> Self {
        match self {
            Self::Inserted { at, item } => Self::Inserted { at: *at, item: Arc::clone(item) },
            Self::Updated { at, item } => Self::Updated { at: *at, item: Arc::clone(item) },
            Self::Moved { from, to, item } => Self::Moved { from: *from, to: *to, item: Arc::clone(item) },
            Self::Removed { at } => Self::Removed { at: *at },
            Self::Cleared => Self::Cleared,
        }
    }
}

/// All that one transaction, one reset, or a moment that came changed; or words that came, those that were not taken
/// yet together.
#[derive(Debug)]
pub struct Patch<T> {
    /// The revision up to which the list is complete with it.
    pub rev: u64,
    /// The steps, in order; at least one.
    pub diffs: Vec<Diff<T>>,
}

impl<T> Clone for Patch<T> {
    fn clone(&self) -> Self {
        Self { rev: self.rev, diffs: self.diffs.clone() }
    }
}

impl<T> Patch<T> {
    /// Makes a list that was right before this patch right after it.
    ///
    /// # Panics
    /// When the list was another.
    pub fn apply(&self, list: &mut Vec<Arc<T>>) {
        for diff in &self.diffs {
            match diff {
                Diff::Inserted { at, item } => list.insert(*at, Arc::clone(item)),
                Diff::Updated { at, item } => list[*at] = Arc::clone(item),
                Diff::Moved { from, to, item } => {
                    list.remove(*from);
                    list.insert(*to, Arc::clone(item));
                }
                Diff::Removed { at } => drop(list.remove(*at)),
                Diff::Cleared => list.clear(),
            }
        }
    }
}
