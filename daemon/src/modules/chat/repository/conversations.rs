//! Conversations.

use super::{Direction, Position};
use crate::store::entity::{self, get};
use crate::store::{ReadTx, Result, WriteTx};
use rusqlite::params;
use stina_protocol::chat::Conversation;

/// Notes that something in a conversation changes now; once a transaction is enough.
///
/// # Errors
/// `not_found`, and SQLite's.
pub fn touch(tx: &mut WriteTx<'_>, id: &str) -> Result<()> {
    let before: Conversation = get(tx, id)?;
    if before.rev != tx.rev() {
        let after = Conversation { updated_at: tx.now(), ..before.clone() };
        entity::save(tx, Some(&before), after)?;
    }
    Ok(())
}

/// The newest conversation.
///
/// # Errors
/// SQLite's.
pub fn newest(tx: &ReadTx<'_>) -> Result<Option<Conversation>> {
    entity::first(tx, "ORDER BY created_at DESC, seq DESC LIMIT 1", [])
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
    each: impl FnMut(Conversation) -> Result<bool>,
) -> Result<()> {
    let from = from.unwrap_or(direction.begin());
    entity::walk_from(tx, &direction.from::<Conversation>(""), params![from.0, from.1], each)
}

/// The position of a conversation in the order.
pub fn position(conversation: &Conversation) -> Position {
    Position(conversation.created_at, conversation.seq)
}
