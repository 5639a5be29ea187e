//! The modules. *Blind core*: [`ALL`] is the only place that names them.
//!
//! What several of them need is here too, and knows none of them: [`everything`], [`page`], [`text_search`].

pub mod everything;
pub mod page;
pub mod text_search;

pub mod chat;
pub mod kv;
pub mod memory;
pub mod todo;

use crate::rpc::Module;

/// Every module of the daemon, in the order in which their migrations run.
pub const ALL: &[Module] = &[kv::MODULE, todo::MODULE, memory::MODULE, chat::MODULE];
