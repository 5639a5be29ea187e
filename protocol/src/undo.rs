//! `store.undo`, `store.history`, `store.trash`: what was changed, and how it is put back.

use crate::event::{Op, Origin};
use crate::store::Filter;
use crate::types::{Paging, null_is_default};
use crate::{Json, Page, With};
use serde::{Deserialize, Serialize};

/// Params of [`Undo`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct UndoParams {
    /// The revision to undo, with the other steps of its write if there are any. An undo can be undone too: that is redo.
    pub rev: u64,
    /// Also put back what has changed since.
    #[serde(default, deserialize_with = "null_is_default")]
    pub force: bool,
}

impl UndoParams {
    /// That revision, unless something of it has changed since.
    pub fn new(rev: u64) -> Self {
        Self { rev, force: false }
    }
}

/// Answer of [`Undo`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(not(feature = "schema"), non_exhaustive)]
pub struct Undone {
    /// The revision that this undo made, of several the last; the newest one when there was nothing to put back.
    pub rev: u64,
    /// What it changed, in order; at most 1000 changes. The event of the revision has all of them.
    pub changes: Vec<UndoneChange>,
    /// How many more changes there are.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub omitted: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks with a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// One change that an undo made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(not(feature = "schema"), non_exhaustive)]
pub struct UndoneChange {
    /// The name of the entity, such as `todo`.
    pub entity: String,
    /// What happened to it.
    pub op: Op,
    /// Its id.
    pub id: String,
}

/// An entity in the way of an undo: `current` of the `conflict` is a list of these.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[cfg_attr(not(feature = "schema"), non_exhaustive)]
pub struct ChangedSince {
    /// The name of the entity, such as `todo`.
    pub entity: String,
    /// Its id.
    pub id: String,
    /// The entity as it is now; null when there is none.
    pub value: Option<Json>,
    /// The revision that deleted it, when there is none and the log knows: the one to undo first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deleted_by: Option<u64>,
}

/// Names an entity of any sort.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Subject {
    /// The name of the entity, as in changes: `todo`, `comment`, `kv`.
    pub entity: String,
    /// Its id; of an entry of kv its key.
    pub id: String,
}

/// Params of [`History`].
pub type HistoryParams = With<Paging, Subject>;
/// Params of [`Trash`].
pub type TrashParams = With<Paging, Filter>;

/// What one revision did to an entity.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(not(feature = "schema"), non_exhaustive)]
pub struct EntityRevision {
    /// The revision.
    pub rev: u64,
    /// Time of its commit, in milliseconds since the Unix epoch.
    pub at: i64,
    /// The client that made it.
    pub origin: Origin,
    /// What happened to the entity in the end.
    pub op: Op,
    /// The entity before the revision; null when it is new, or `omitted`.
    pub before: Option<Json>,
    /// The entity after it; null when it is gone, or `omitted`.
    pub after: Option<Json>,
    /// Whether the log no longer has the values.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub omitted: bool,
}

/// An entity that was deleted and can be put back, by undoing the revision that deleted it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[cfg_attr(not(feature = "schema"), non_exhaustive)]
pub struct TrashItem {
    /// The name of the entity, such as `todo`.
    pub entity: String,
    /// Its id.
    pub id: String,
    /// Its title, else its name, its content or its key, shortened; null when it has none of them.
    pub title: Option<String>,
    /// When it was deleted, in milliseconds since the Unix epoch.
    pub deleted_at: i64,
    /// The revision that deleted it: what to undo.
    pub rev: u64,
    /// The first revision of the write that this one continues, as in [`Origin`]: an undo undoes all of that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub continues: Option<u64>,
}

crate::methods! {
    /// Puts back what a revision changed, as a new revision.
    Undo = "store.undo": Write(UndoParams) -> Undone;
    /// The revisions of one entity, newest first, with the entity before and after.
    History = "store.history": Read(HistoryParams) -> Page<EntityRevision>;
    /// What was deleted and can still be put back, newest first.
    Trash = "store.trash": Read(TrashParams) -> Page<TrashItem>;
}
