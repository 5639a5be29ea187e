//! Rows of todos. Other modules call these functions in their own transactions.

use crate::modules::text_search::fold_case;
use crate::store::entity::{self, id_or_new};
use crate::store::{ReadTx, Result, WriteTx, Written};
use stina_protocol::With;
use stina_protocol::todo::{CreateParams, Todo, UpdateParams};
use stina_protocol::types::Target;

/// The newest todo with that title, in any case.
///
/// # Errors
/// SQLite's.
pub fn find_by_title(tx: &ReadTx<'_>, title: &str) -> Result<Option<Todo>> {
    entity::first(tx, "WHERE title_key = ? ORDER BY created_at DESC, id DESC LIMIT 1", [fold_case(title)])
}

/// Creates a todo.
///
/// # Errors
/// `already_exists` when the id is taken, and SQLite's.
pub fn create(tx: &mut WriteTx<'_>, params: CreateParams) -> Result<Todo> {
    let With { head: new, fields } = params;
    let mut todo = Todo::new(id_or_new(new.id, "td_"), new.title);
    todo.status = new.status.unwrap_or_default();
    (todo.created_at, todo.updated_at) = (tx.now(), tx.now());
    entity::create(tx, entity::with(&todo, &fields)?)
}

/// Updates the todo that `params` names.
///
/// # Errors
/// `not_found`, `conflict`, and SQLite's.
pub fn update(tx: &mut WriteTx<'_>, params: UpdateParams) -> Result<Todo> {
    let before: Todo = entity::get_if(tx, &params.head)?;
    entity::update(tx, before, &params.fields, |todo, now| todo.updated_at = now)
}

/// Deletes a todo and its comments; returns it.
///
/// # Errors
/// `not_found`, `conflict`, and SQLite's.
pub fn delete(tx: &mut WriteTx<'_>, target: &Target) -> Result<Written<Todo>> {
    entity::remove_if(tx, target)
}
