//! The rows of `todos`. Other modules compose through these functions, inside their own transaction.

use super::{TODO, comments};
use crate::modules::entity::{check_rev, id_or_new};
use crate::modules::text_search::fold_case;
use crate::store::{ReadTx, Result, WriteTx};
use rusqlite::{Row, params};
use stina_protocol::todo::{CreateParams, DeleteParams, Status, Todo, UpdateParams};
use stina_protocol::{Error, Json, JsonObject};

const COLUMNS: &str =
    "id, title, description, status, due_at, metadata, source, comment_count, created_at, updated_at, rev";

/// `due_order` of a todo without a due date; see the migration.
pub(super) const NO_DUE_DATE: i64 = i64::MAX;

fn read(row: &Row<'_>) -> Result<Todo> {
    let status: String = row.get(3)?;
    let metadata: Option<String> = row.get(5)?;
    Ok(Todo {
        id: row.get(0)?,
        title: row.get(1)?,
        description: row.get(2)?,
        status: Status::read(&status).ok_or(Error::Corrupt)?,
        due_at: row.get(4)?,
        metadata: metadata.map(|text| JsonObject::new(Json::stored(text)?)).transpose()?,
        source: row.get(6)?,
        comment_count: row.get(7)?,
        created_at: row.get(8)?,
        updated_at: row.get(9)?,
        rev: row.get(10)?,
    })
}

/// The todo `id`, if there is one.
///
/// # Errors
/// SQLite's.
pub fn find(tx: &ReadTx<'_>, id: &str) -> Result<Option<Todo>> {
    let sql = format!("SELECT {COLUMNS} FROM todos WHERE id = ?");
    tx.first(&sql, [id], |row| Ok(read(row)))?.transpose()
}

/// The todo `id`.
///
/// # Errors
/// `not_found`, and SQLite's.
pub fn get(tx: &ReadTx<'_>, id: &str) -> Result<Todo> {
    Ok(find(tx, id)?.ok_or_else(|| Error::not_found(TODO.name, id))?)
}

/// The newest todo with the title `title`, in any case.
///
/// # Errors
/// SQLite's.
pub fn find_by_title(tx: &ReadTx<'_>, title: &str) -> Result<Option<Todo>> {
    let sql =
        format!("SELECT {COLUMNS} FROM todos WHERE title_key = ? ORDER BY created_at DESC, id DESC LIMIT 1");
    tx.first(&sql, [fold_case(title)], |row| Ok(read(row)))?.transpose()
}

/// Makes a todo.
///
/// # Errors
/// `already_exists` when the id is taken, and SQLite's.
pub fn create(tx: &mut WriteTx<'_>, params: CreateParams) -> Result<Todo> {
    let id = id_or_new(params.id, "td_");
    if find(tx, &id)?.is_some() {
        return Err(Error::already_exists(TODO.name, id).into());
    }
    let todo = Todo {
        id,
        title: params.title.into(),
        description: params.description.map(String::from),
        status: params.status.unwrap_or_default(),
        due_at: params.due_at.map(|at| at.get()),
        metadata: params.metadata,
        source: params.source.map(String::from),
        comment_count: 0,
        created_at: tx.now(),
        updated_at: tx.now(),
        rev: tx.rev(),
    };
    save(tx, None, &todo)?;
    Ok(todo)
}

/// Changes what `params` names.
///
/// # Errors
/// `not_found`, `conflict`, and SQLite's.
pub fn update(tx: &mut WriteTx<'_>, params: UpdateParams) -> Result<Todo> {
    let before = get(tx, params.id.as_str())?;
    check_rev(Some((&before, before.rev)), params.if_rev)?;
    let now = before.clone();
    let todo = Todo {
        title: params.title.map_or(now.title, String::from),
        description: params.description.map_or(now.description, |text| text.map(String::from)),
        status: params.status.unwrap_or(now.status),
        due_at: params.due_at.map_or(now.due_at, |at| at.map(|at| at.get())),
        metadata: params.metadata.unwrap_or(now.metadata),
        source: params.source.map_or(now.source, |text| text.map(String::from)),
        updated_at: tx.now(),
        rev: tx.rev(),
        ..now
    };
    save(tx, Some(&before), &todo)?;
    Ok(todo)
}

/// Removes a todo with its comments; answers it.
///
/// # Errors
/// `not_found`, `conflict`, and SQLite's.
pub fn delete(tx: &mut WriteTx<'_>, params: &DeleteParams) -> Result<Todo> {
    let todo = get(tx, params.id.as_str())?;
    check_rev(Some((&todo, todo.rev)), params.if_rev)?;
    comments::delete_all(tx, &todo.id)?;
    tx.execute("DELETE FROM todos WHERE id = ?", [&todo.id])?;
    tx.delete(TODO, &todo.id, &todo)?;
    Ok(todo)
}

/// Counts one comment more or less on a todo.
pub(super) fn count_comment(tx: &mut WriteTx<'_>, id: &str, by: i64) -> Result<()> {
    let before = get(tx, id)?;
    let comment_count = before.comment_count.saturating_add_signed(by);
    let todo = Todo { comment_count, rev: tx.rev(), ..before.clone() };
    save(tx, Some(&before), &todo)
}

fn save(tx: &mut WriteTx<'_>, before: Option<&Todo>, todo: &Todo) -> Result<()> {
    tx.execute(
        "INSERT INTO todos (id, title, title_key, description, status, due_at, metadata, source, comment_count,
             created_at, updated_at, rev, due_order) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT (id) DO UPDATE SET title = excluded.title, title_key = excluded.title_key,
             description = excluded.description, status = excluded.status, due_at = excluded.due_at,
             metadata = excluded.metadata, source = excluded.source, comment_count = excluded.comment_count,
             updated_at = excluded.updated_at, rev = excluded.rev, due_order = excluded.due_order",
        params![
            todo.id,
            todo.title,
            fold_case(&todo.title),
            todo.description,
            todo.status.name(),
            todo.due_at,
            todo.metadata.as_ref().map(|metadata| metadata.json().get()),
            todo.source,
            todo.comment_count,
            todo.created_at,
            todo.updated_at,
            todo.rev,
            todo.due_at.unwrap_or(NO_DUE_DATE)
        ],
    )?;
    tx.put(TODO, &todo.id, before, todo)
}

/// Calls `each` with every todo, by id.
///
/// # Errors
/// SQLite's, and those of `each`.
pub fn walk(tx: &ReadTx<'_>, mut each: impl FnMut(Todo) -> Result<()>) -> Result<()> {
    let mut statement = tx.statement(&format!("SELECT {COLUMNS} FROM todos ORDER BY id"))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        each(read(row)?)?;
    }
    Ok(())
}
