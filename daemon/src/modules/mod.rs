//! The modules. *Blind core*: only [`ALL`] names them.
//!
//! [`everything`], [`page`] and [`text_search`] are shared, and depend on no module.

pub mod everything;
pub mod page;
pub mod text_search;

pub mod chat;
pub mod kv;
pub mod memory;
pub mod todo;

use crate::rpc::Module;

/// Every module of the daemon, in the order of their migrations.
pub const ALL: &[Module] = &[kv::MODULE, todo::MODULE, memory::MODULE, chat::MODULE];
