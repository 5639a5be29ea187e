//! `memory`: what the assistant remembers, found by its words, gone some days after it no longer holds.

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
