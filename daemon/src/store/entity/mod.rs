//! What all entities have in common, done once: found, walked, saved, deleted, logged, and put back from their JSON.
//!
//! A module describes each of its entities by an [`Entity`]; which columns it has follows from the type itself
//! (`row.rs`). What one entity does beyond that, such as its search index, it says in the trait's hooks.

mod description;
mod kind;
mod ops;

pub use description::{Derived, Each, Entity, EntityKind, Found, Table};
pub use ops::{
    check_rev, columns, create, find, first, get, get_if, id_or_new, remove, remove_all, remove_if, save,
    select, walk, walk_from, with,
};
