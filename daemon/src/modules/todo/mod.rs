//! `todo`: todos and their comments.

mod archive;
mod comments;
mod entity;
mod list;
mod methods;
pub mod repository;

use crate::rpc::Module;
use crate::store::{Entity, Migration};
use stina_protocol::todo::{Comment, Todo};

/// The module.
pub const MODULE: Module = Module {
    name: "todo",
    migrations: &[Migration {
        version: 1,
        name: "todos",
        sql: include_str!("../../../../migrations/todo/0001_todos.sql"),
    }],
    entities: &[Todo::KIND, Comment::KIND],
    register: methods::register,
};
