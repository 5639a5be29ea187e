//! [`Patch`] and [`Diff`]: the changes of a list.

use super::collection::Item;
use serde::{Serialize, Serializer};
use std::sync::Arc;

/// One change of a list. Its indices are valid after all earlier changes were applied.
///
/// Its JSON: `{"op":"inserted","at":0,"item":{…}}`, `{"op":"updated","at":0,"item":{…}}`,
/// `{"op":"moved","from":2,"to":0,"item":{…}}`, `{"op":"removed","at":0}`, `{"op":"cleared"}`.
#[derive(Debug, Serialize)]
#[serde(tag = "op", rename_all = "snake_case", bound = "T: Serialize")]
pub enum Diff<T> {
    /// An entity was added.
    Inserted {
        /// Its index.
        at: usize,
        /// The entity.
        #[serde(serialize_with = "shared")]
        item: Arc<T>,
    },
    /// An entity changed, and kept its index.
    Updated {
        /// Its index.
        at: usize,
        /// The changed entity.
        #[serde(serialize_with = "shared")]
        item: Arc<T>,
    },
    /// A streaming message got new text, and kept its index. Its text is now the first `offset` bytes of what it was,
    /// and `text`.
    Appended {
        /// Its index.
        at: usize,
        /// Where the new text begins, in bytes.
        offset: usize,
        /// The new text.
        text: String,
    },
    /// An entity changed, and so did its index.
    Moved {
        /// Its old index.
        from: usize,
        /// Its new index, after its removal from the old one.
        to: usize,
        /// The changed entity.
        #[serde(serialize_with = "shared")]
        item: Arc<T>,
    },
    /// An entity was removed.
    Removed {
        /// Its index.
        at: usize,
    },
    /// All entities were removed. A watcher that is too far behind gets this; the current entities follow in the same
    /// patch.
    Cleared,
}

fn shared<T: Serialize, S: Serializer>(item: &Arc<T>, serializer: S) -> Result<S::Ok, S::Error> {
    T::serialize(item, serializer)
}

impl<T> Clone for Diff<T> {
    fn clone(&self) -> Self {
        match self {
            Self::Inserted { at, item } => Self::Inserted { at: *at, item: Arc::clone(item) },
            Self::Updated { at, item } => Self::Updated { at: *at, item: Arc::clone(item) },
            Self::Appended { at, offset, text } => {
                Self::Appended { at: *at, offset: *offset, text: text.clone() }
            }
            Self::Moved { from, to, item } => Self::Moved { from: *from, to: *to, item: Arc::clone(item) },
            Self::Removed { at } => Self::Removed { at: *at },
            Self::Cleared => Self::Cleared,
        }
    }
}

/// The changes of one transaction, one reset, or one expiry; or all new text of streaming messages since the last
/// patch. Its JSON: `{"rev":7,"diffs":[…]}`.
#[derive(Debug, Serialize)]
#[serde(bound = "T: Serialize")]
pub struct Patch<T> {
    /// The revision of the list after this patch.
    pub rev: u64,
    /// The changes, in order; at least one.
    pub diffs: Vec<Diff<T>>,
}

impl<T> Clone for Patch<T> {
    fn clone(&self) -> Self {
        Self { rev: self.rev, diffs: self.diffs.clone() }
    }
}

impl<T: Item> Patch<T> {
    /// Applies the changes to a list, which must be in the state before this patch. New text is appended in place,
    /// unless the entity is also used elsewhere: then it is copied first.
    ///
    /// # Panics
    /// When the list is in another state.
    pub fn apply(&self, list: &mut Vec<Arc<T>>) {
        for diff in &self.diffs {
            match diff {
                Diff::Inserted { at, item } => list.insert(*at, Arc::clone(item)),
                Diff::Updated { at, item } => list[*at] = Arc::clone(item),
                Diff::Appended { at, offset, text } => {
                    Arc::make_mut(&mut list[*at]).append(*offset, text);
                }
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
