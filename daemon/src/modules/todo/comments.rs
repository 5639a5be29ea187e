//! The rows of `todo_comments`. Every change of them counts on the todo too, in the same revision.

use super::{COMMENT, repository};
use crate::modules::entity::{check_rev, id_or_new};
use crate::modules::page::{self, PageBuilder};
use crate::store::{ReadTx, Result, WriteTx};
use rusqlite::{Row, params};
use stina_protocol::todo::{
    AddCommentParams, Comment, DeleteCommentParams, ListComments, ListCommentsParams,
};
use stina_protocol::{Error, Method, Page};

const COLUMNS: &str = "id, todo_id, content, created_at, rev";

fn read(row: &Row<'_>) -> rusqlite::Result<Comment> {
    Ok(Comment {
        id: row.get(0)?,
        todo_id: row.get(1)?,
        content: row.get(2)?,
        created_at: row.get(3)?,
        rev: row.get(4)?,
    })
}

fn find(tx: &ReadTx<'_>, id: &str) -> Result<Option<Comment>> {
    tx.first(&format!("SELECT {COLUMNS} FROM todo_comments WHERE id = ?"), [id], read)
}

fn get(tx: &ReadTx<'_>, id: &str) -> Result<Comment> {
    Ok(find(tx, id)?.ok_or_else(|| Error::not_found(COMMENT.name, id))?)
}

/// Puts a comment on a todo.
pub(super) fn add(tx: &mut WriteTx<'_>, params: AddCommentParams) -> Result<Comment> {
    let todo_id = String::from(params.todo_id);
    repository::get(tx, &todo_id)?;
    let id = id_or_new(params.id, "tc_");
    if find(tx, &id)?.is_some() {
        return Err(Error::already_exists(COMMENT.name, id).into());
    }
    let comment =
        Comment { id, todo_id, content: params.content.into(), created_at: tx.now(), rev: tx.rev() };
    tx.execute(
        &format!("INSERT INTO todo_comments ({COLUMNS}) VALUES (?, ?, ?, ?, ?)"),
        params![comment.id, comment.todo_id, comment.content, comment.created_at, comment.rev],
    )?;
    tx.put(COMMENT, &comment.id, None, &comment)?;
    repository::count_comment(tx, &comment.todo_id, 1)?;
    Ok(comment)
}

/// Removes a comment; answers it.
pub(super) fn delete(tx: &mut WriteTx<'_>, params: &DeleteCommentParams) -> Result<Comment> {
    let comment = get(tx, params.id.as_str())?;
    check_rev(Some((&comment, comment.rev)), params.if_rev)?;
    remove(tx, &comment)?;
    repository::count_comment(tx, &comment.todo_id, -1)?;
    Ok(comment)
}

/// Removes the comments of a todo that is about to go, oldest first.
pub(super) fn delete_all(tx: &mut WriteTx<'_>, todo_id: &str) -> Result<()> {
    // The ids first: not all contents are held twice.
    let sql = "SELECT id FROM todo_comments WHERE todo_id = ? ORDER BY created_at, id";
    let ids: Vec<String> = tx.all(sql, [todo_id], |row| row.get(0))?;
    ids.iter().try_for_each(|id| {
        let comment = get(tx, id)?;
        remove(tx, &comment)
    })
}

fn remove(tx: &mut WriteTx<'_>, comment: &Comment) -> Result<()> {
    tx.execute("DELETE FROM todo_comments WHERE id = ?", [&comment.id])?;
    tx.delete(COMMENT, &comment.id, comment)
}

/// The comments of some todos, oldest first.
pub(super) fn list(tx: &ReadTx<'_>, params: ListCommentsParams) -> Result<Page<Comment>> {
    let (created_at, id) =
        page::after(ListComments::NAME, params.cursor.as_deref())?.unwrap_or((i64::MIN, String::new()));
    let limit = params.limit.get();
    // The ids first, so that sorting holds no contents.
    let ids: Vec<String> = tx.all(
        "SELECT id FROM todo_comments
         WHERE todo_id IN (SELECT value FROM json_each(?1)) AND (created_at, id) > (?2, ?3)
         ORDER BY created_at, id LIMIT ?4",
        params![serde_json::to_string(&params.todo_ids)?, created_at, id, limit + 1],
        |row| row.get(0),
    )?;
    let mut page = PageBuilder::new(limit);
    for id in ids {
        if !page.push(get(tx, &id)?)? {
            break;
        }
    }
    page.finish(ListComments::NAME, |last| (last.created_at, last.id.clone()))
}

/// Calls `each` with every comment, by todo, oldest first.
pub(super) fn walk(tx: &ReadTx<'_>, mut each: impl FnMut(Comment) -> Result<()>) -> Result<()> {
    let sql = format!("SELECT {COLUMNS} FROM todo_comments ORDER BY todo_id, created_at, id");
    let mut statement = tx.statement(&sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        each(read(row)?)?;
    }
    Ok(())
}
