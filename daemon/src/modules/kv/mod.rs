//! `kv`: small state under a key.

mod methods;
pub mod repository;

use crate::rpc::Module;
use crate::store::{Entity, Migration};

/// An entry.
pub const ENTRY: Entity = Entity { module: "kv", name: "kv", table: "kv_entries" };

/// The module.
pub const MODULE: Module = Module {
    name: "kv",
    migrations: &[Migration {
        version: 1,
        name: "entries",
        sql: include_str!("../../../../migrations/kv/0001_entries.sql"),
    }],
    entities: &[ENTRY],
    present: methods::present,
    register: methods::register,
};
