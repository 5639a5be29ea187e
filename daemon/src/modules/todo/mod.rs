//! `todo`: things to do, and comments on them.

mod archive;
mod comments;
mod list;
mod methods;
pub mod repository;

use crate::rpc::Module;
use crate::store::{Entity, Migration};

/// A todo.
pub const TODO: Entity = Entity { module: "todo", name: "todo", table: "todos" };

/// A comment on a todo.
pub const COMMENT: Entity = Entity { module: "todo", name: "comment", table: "todo_comments" };

/// The module.
pub const MODULE: Module = Module {
    name: "todo",
    migrations: &[Migration {
        version: 1,
        name: "todos",
        sql: include_str!("../../../../migrations/todo/0001_todos.sql"),
    }],
    entities: &[TODO, COMMENT],
    present: methods::present,
    register: methods::register,
};
