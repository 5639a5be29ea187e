//! The entities of todo: todos and comments.

use crate::modules::text_search::fold_case;
use crate::store::{Entity, EntityKind, Result, Table, WriteTx, entity};
use rusqlite::types::Value;
use std::sync::LazyLock;
use stina_protocol::todo::{Comment, Todo};

/// `due_order` of a todo without a due date; see the migration.
pub(super) const NO_DUE_DATE: i64 = i64::MAX;

impl Entity for Todo {
    const KIND: EntityKind = EntityKind::of::<Self>("todo", "todo", "todos");
    const READ_ONLY: &'static [&'static str] = &["commentCount"];
    const DERIVED: &'static [entity::Derived<Self>] = &[
        ("title_key", |todo| Value::Text(fold_case(&todo.title))),
        ("due_order", |todo| Value::Integer(todo.due_at.unwrap_or(NO_DUE_DATE))),
    ];

    fn table() -> &'static Table {
        static TABLE: LazyLock<Table> = LazyLock::new(Table::of::<Todo>);
        &TABLE
    }

    fn key(&self) -> &str {
        &self.id
    }

    fn rev(&self) -> u64 {
        self.rev
    }

    fn set_rev(&mut self, rev: u64) {
        self.rev = rev;
    }

    fn remove_parts(&self, tx: &mut WriteTx<'_>) -> Result<bool> {
        entity::remove_all::<Comment>(tx, "WHERE todo_id = ? ORDER BY created_at, id", [self.id.as_str()])
    }
}

impl Entity for Comment {
    const KIND: EntityKind = EntityKind::of::<Self>("todo", "comment", "todo_comments");

    fn table() -> &'static Table {
        static TABLE: LazyLock<Table> = LazyLock::new(Table::of::<Comment>);
        &TABLE
    }

    fn key(&self) -> &str {
        &self.id
    }

    fn rev(&self) -> u64 {
        self.rev
    }

    fn set_rev(&mut self, rev: u64) {
        self.rev = rev;
    }
}
