//! `memory`: the assistant's memories, with full-text search; expired ones are deleted after 7 days.

mod entity;
mod methods;
mod purge;
pub mod repository;
mod search;

use crate::rpc::Module;
use crate::store::{Entity, Migration};
use stina_protocol::memory::Memory;

/// The module.
pub const MODULE: Module = Module {
    name: "memory",
    migrations: &[Migration {
        version: 1,
        name: "memories",
        sql: include_str!("../../../../migrations/memory/0001_memories.sql"),
    }],
    entities: &[Memory::KIND],
    register: methods::register,
};
