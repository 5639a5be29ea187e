//! `kv`: small values by key.

mod methods;
pub mod repository;

use crate::rpc::Module;
use crate::store::{Entity, Migration};
use stina_protocol::kv::Entry;

/// The module.
pub const MODULE: Module = Module {
    name: "kv",
    migrations: &[Migration {
        version: 1,
        name: "entries",
        sql: include_str!("../../../../migrations/kv/0001_entries.sql"),
    }],
    entities: &[Entry::KIND],
    register: methods::register,
};
