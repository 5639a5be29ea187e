//! `memory`: what the assistant remembers, found by its words, gone some days after it no longer holds.

mod methods;
mod purge;
pub mod repository;
mod search;

use crate::rpc::Module;
use crate::store::{Entity, Migration};

/// A memory.
pub const MEMORY: Entity = Entity { module: "memory", name: "memory", table: "memories" };

/// The module.
pub const MODULE: Module = Module {
    name: "memory",
    migrations: &[Migration {
        version: 1,
        name: "memories",
        sql: include_str!("../../../../migrations/memory/0001_memories.sql"),
    }],
    entities: &[MEMORY],
    present: methods::present,
    register: methods::register,
};
