//! The modules. *Blind core*: [`ALL`] is the only place that names them.

pub mod kv;
pub mod text_search;

use crate::rpc::Module;

/// Every module of the daemon, in the order in which their migrations run.
pub const ALL: &[Module] = &[kv::MODULE];
