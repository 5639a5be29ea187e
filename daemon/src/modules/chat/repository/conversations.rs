//! Rows of conversations.

use super::{Direction, SortKey};
use crate::store::entity::{self, get};
use crate::store::{ReadTx, Result, WriteTx};
use rusqlite::params;
use stina_protocol::chat::Conversation;

/// Sets `updatedAt` of a conversation, once in a transaction.
///
/// # Errors
/// `not_found`, and SQLite's.
pub fn touch(tx: &mut WriteTx<'_>, id: &str) -> Result<()> {
    let before: Conversation = get(tx, id)?;
    if before.rev != tx.rev() {
        let mut after = before.clone();
        after.updated_at = tx.now();
        entity::save(tx, Some(&before), after)?;
    }
    Ok(())
}

/// The newest conversation that is not this one.
///
/// # Errors
/// SQLite's.
pub fn newest_but(tx: &ReadTx<'_>, id: &str) -> Result<Option<Conversation>> {
    entity::first(tx, "WHERE id <> ? ORDER BY created_at DESC, seq DESC LIMIT 1", [id])
}

/// Ids of all conversations, oldest first.
///
/// # Errors
/// SQLite's.
pub fn ids(tx: &ReadTx<'_>) -> Result<Vec<String>> {
    tx.all("SELECT id FROM chat_conversations ORDER BY created_at, seq", [], |row| row.get(0))
}

/// Counts the messages of a conversation.
///
/// # Errors
/// SQLite's.
pub fn count_messages(tx: &ReadTx<'_>, id: &str) -> Result<u64> {
    let count =
        tx.first("SELECT message_count FROM chat_conversations WHERE id = ?", [id], |row| row.get(0))?;
    Ok(count.unwrap_or(0))
}

/// Calls `each` with the conversations after `from`, until it returns `false`.
///
/// # Errors
/// SQLite's, and those of `each`.
pub fn walk(
    tx: &ReadTx<'_>,
    from: Option<SortKey>,
    direction: Direction,
    each: impl FnMut(Conversation) -> Result<bool>,
) -> Result<()> {
    let from = from.unwrap_or(direction.start());
    entity::walk_from(tx, &direction.from::<Conversation>(""), params![from.0, from.1], each)
}

/// The sort key of a conversation.
pub fn sort_key(conversation: &Conversation) -> SortKey {
    SortKey(conversation.created_at, conversation.seq)
}
