//! Operations on entities: find, walk, save, remove, log, and restore from JSON.
//!
//! A module implements [`Entity`] for each of its entities. The columns follow from the type (`row.rs`); the trait's
//! hooks add what is special, such as a search index.

mod description;
mod kind;
mod ops;
#[cfg(test)]
mod tests;

pub use description::{Derived, Each, Entity, EntityKind, Found, Table};
pub use ops::{
    check_rev, columns, create, find, find_again, first, get, get_if, get_to_remove, id_or_new, read_row,
    remove, remove_all, remove_if, remove_some, save, select, text, update, walk, walk_from, with,
};
