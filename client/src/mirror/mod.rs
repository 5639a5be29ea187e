//! Mirrors: collections of entities in memory, sorted and kept up to date.
//!
//! A mirror applies the events of a subscription with `initial`. To show it, take a [`Snapshot`], then apply
//! [`Patch`]es: whole transactions as the insertions, moves, updates and removals that a list widget needs. A reset of
//! the subscription becomes a patch from the old entities to the new ones.

mod backlog;
mod collection;
mod collections;
mod current;
mod diff;
mod driver;
mod live;
mod patches;
mod rows;
mod shared;
mod snapshot;
mod state;

pub use collection::{Collection, Item};
pub use collections::{Conversations, Memories, Messages, Todos};
pub use current::CurrentMessages;
pub use diff::{Diff, Patch};
pub use live::Mirror;
pub use patches::Patches;
pub use snapshot::Snapshot;
pub use state::MirrorState;
