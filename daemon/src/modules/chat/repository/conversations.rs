//! Rows of conversations.

use super::{Direction, SortKey};
use crate::store::entity::{self, get};
use crate::store::{ReadTx, Result, WriteTx};
use rusqlite::params;
use std::collections::HashSet;
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

/// The newest conversation but for those with these `seq`.
///
/// # Errors
/// SQLite's.
pub fn newest_but(tx: &ReadTx<'_>, seqs: &HashSet<u64>) -> Result<Option<Conversation>> {
    let mut newest = None;
    walk(tx, None, Direction::Older, |conversation| {
        newest = Some(conversation).filter(|conversation| !seqs.contains(&conversation.seq));
        Ok(newest.is_none())
    })?;
    Ok(newest)
}

/// The conversation with a `seq`, which no other ever has: an id may be given again.
///
/// # Errors
/// SQLite's.
pub fn find_seq(tx: &ReadTx<'_>, seq: u64) -> Result<Option<Conversation>> {
    entity::first(tx, "WHERE seq = ?", [seq])
}

/// `seq` of all conversations, oldest first.
///
/// # Errors
/// SQLite's.
pub fn seqs(tx: &ReadTx<'_>) -> Result<Vec<u64>> {
    tx.all("SELECT seq FROM chat_conversations ORDER BY created_at, seq", [], |row| row.get(0))
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
