//! Comments. A change to a comment also changes its todo, in the same revision.

use crate::modules::page::{self, PageBuilder};
use crate::store::entity::{self, id_or_new};
use crate::store::{ReadTx, Result, WriteTx};
use rusqlite::params;
use stina_protocol::todo::{Comment, ListComments, ListCommentsParams, NewComment, Todo};
use stina_protocol::types::Target;
use stina_protocol::{Method, Page};

/// Adds a comment to a todo.
pub(super) fn add(tx: &mut WriteTx<'_>, new: NewComment) -> Result<Comment> {
    let todo: Todo = entity::get(tx, new.todo_id.as_str())?;
    let comment = Comment {
        id: id_or_new(new.id, "tc_"),
        todo_id: new.todo_id,
        content: new.content.into(),
        created_at: tx.now(),
        rev: tx.rev(),
    };
    let comment = entity::create(tx, comment)?;
    save_count(tx, &todo)?;
    Ok(comment)
}

/// Deletes a comment; returns it.
pub(super) fn delete(tx: &mut WriteTx<'_>, target: &Target) -> Result<Comment> {
    let comment: Comment = entity::get_if(tx, target)?;
    let todo: Todo = entity::get(tx, &comment.todo_id)?;
    entity::remove(tx, &comment)?;
    save_count(tx, &todo)?;
    Ok(comment)
}

/// Saves a todo whose number of comments has changed since `before`.
fn save_count(tx: &mut WriteTx<'_>, before: &Todo) -> Result<()> {
    let after = entity::get(tx, &before.id)?;
    entity::save(tx, Some(before), after)?;
    Ok(())
}

/// The comments of some todos, oldest first.
pub(super) fn list(tx: &ReadTx<'_>, params: ListCommentsParams) -> Result<Page<Comment>> {
    let (paging, todo_ids) = (params.head, params.fields.todo_ids);
    let (created_at, id) =
        page::after(ListComments::NAME, paging.cursor.as_deref())?.unwrap_or((i64::MIN, String::new()));
    let limit = paging.limit.get();
    // Sort the ids alone, so that SQLite does not sort the contents.
    let ids: Vec<String> = tx.all(
        "SELECT id FROM todo_comments
         WHERE todo_id IN (SELECT value FROM json_each(?1)) AND (created_at, id) > (?2, ?3)
         ORDER BY created_at, id LIMIT ?4",
        params![serde_json::to_string(&todo_ids)?, created_at, id, limit + 1],
        |row| row.get(0),
    )?;
    let sort_key = |last: &Comment| (last.created_at, last.id.clone());
    PageBuilder::of(tx, ids, limit)?.finish(ListComments::NAME, sort_key)
}
