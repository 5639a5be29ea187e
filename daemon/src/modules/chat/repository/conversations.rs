//! The rows of `chat_conversations`.

use super::{Direction, Position};
use crate::modules::chat::CONVERSATION;
use crate::store::{ReadTx, Result, WriteTx};
use rusqlite::{Row, params};
use stina_protocol::Error;
use stina_protocol::chat::Conversation;

const COLUMNS: &str = "seq, id, title, provider, ai_model, created_at, updated_at, rev";

fn conversation(row: &Row<'_>) -> rusqlite::Result<Conversation> {
    Ok(Conversation {
        seq: row.get(0)?,
        id: row.get(1)?,
        title: row.get(2)?,
        provider: row.get(3)?,
        ai_model: row.get(4)?,
        created_at: row.get(5)?,
        updated_at: row.get(6)?,
        rev: row.get(7)?,
    })
}

/// The conversation `id`, if there is one.
///
/// # Errors
/// SQLite's.
pub fn get(tx: &ReadTx<'_>, id: &str) -> Result<Option<Conversation>> {
    tx.first(&format!("SELECT {COLUMNS} FROM chat_conversations WHERE id = ?"), [id], conversation)
}

/// The conversation `id`.
///
/// # Errors
/// `not_found` when there is none, and SQLite's.
pub fn require(tx: &ReadTx<'_>, id: &str) -> Result<Conversation> {
    Ok(get(tx, id)?.ok_or_else(|| Error::not_found(CONVERSATION.name, id))?)
}

/// Adds a conversation; answers it with its `seq`.
///
/// # Errors
/// `already_exists` when its id is taken, and SQLite's.
pub fn insert(tx: &mut WriteTx<'_>, new: Conversation) -> Result<Conversation> {
    if get(tx, &new.id)?.is_some() {
        return Err(Error::already_exists(CONVERSATION.name, new.id).into());
    }
    let seq = tx.execute_returning(
        "INSERT INTO chat_conversations (id, title, provider, ai_model, created_at, updated_at, rev)
         VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING seq",
        params![new.id, new.title, new.provider, new.ai_model, new.created_at, new.updated_at, new.rev],
        |row| row.get(0),
    )?;
    let conversation = Conversation { seq: seq.unwrap_or_default(), ..new };
    tx.put(CONVERSATION, &conversation.id, None, &conversation)?;
    Ok(conversation)
}

/// Changes a conversation.
///
/// # Errors
/// SQLite's.
pub fn update(tx: &mut WriteTx<'_>, before: &Conversation, after: &Conversation) -> Result<()> {
    tx.execute(
        "UPDATE chat_conversations SET title = ?, provider = ?, ai_model = ?, updated_at = ?, rev = ? WHERE id = ?",
        params![after.title, after.provider, after.ai_model, after.updated_at, after.rev, after.id],
    )?;
    tx.put(CONVERSATION, &after.id, Some(before), after)
}

/// Notes that something in a conversation changes now; once a transaction is enough.
///
/// # Errors
/// SQLite's.
pub fn touch(tx: &mut WriteTx<'_>, id: &str) -> Result<()> {
    let before = require(tx, id)?;
    if before.rev == tx.rev() {
        return Ok(());
    }
    let after = Conversation { updated_at: tx.now(), rev: tx.rev(), ..before.clone() };
    update(tx, &before, &after)
}

/// Removes a conversation, in which nothing is left.
///
/// # Errors
/// SQLite's.
pub fn delete(tx: &mut WriteTx<'_>, conversation: &Conversation) -> Result<()> {
    tx.execute("DELETE FROM chat_conversations WHERE id = ?", [&conversation.id])?;
    tx.delete(CONVERSATION, &conversation.id, conversation)
}

/// The newest conversation.
///
/// # Errors
/// SQLite's.
pub fn newest(tx: &ReadTx<'_>) -> Result<Option<Conversation>> {
    let sql = format!("SELECT {COLUMNS} FROM chat_conversations ORDER BY created_at DESC, seq DESC LIMIT 1");
    tx.first(&sql, [], conversation)
}

/// Ids of all conversations, oldest first.
///
/// # Errors
/// SQLite's.
pub fn ids(tx: &ReadTx<'_>) -> Result<Vec<String>> {
    tx.all("SELECT id FROM chat_conversations ORDER BY created_at, seq", [], |row| row.get(0))
}

/// How many messages a conversation has.
///
/// # Errors
/// SQLite's.
pub fn count_messages(tx: &ReadTx<'_>, id: &str) -> Result<u64> {
    let count =
        tx.first("SELECT message_count FROM chat_conversations WHERE id = ?", [id], |row| row.get(0))?;
    Ok(count.unwrap_or(0))
}

/// Calls `each` with the conversations from `from` on, until it answers `false`.
///
/// # Errors
/// SQLite's, and those of `each`.
pub fn walk(
    tx: &ReadTx<'_>,
    from: Option<Position>,
    direction: Direction,
    mut each: impl FnMut(Conversation) -> Result<bool>,
) -> Result<()> {
    let mut statement = tx.statement(&direction.query(COLUMNS, "chat_conversations", ""))?;
    let from = from.unwrap_or(direction.begin());
    let mut rows = statement.query(params![from.0, from.1])?;
    while let Some(row) = rows.next()? {
        if !each(conversation(row)?)? {
            break;
        }
    }
    Ok(())
}

/// Where a conversation stands in the order.
pub fn position(conversation: &Conversation) -> Position {
    Position(conversation.created_at, conversation.seq)
}
