//! Rows of messages.

use super::{Direction, SortKey, pieces};
use crate::store::{ReadTx, Result, WriteTx, entity};
use rusqlite::params;
use stina_protocol::chat::Message;

/// Selects messages of one conversation or interaction.
#[derive(Debug, Clone, Copy)]
pub enum Scope<'a> {
    /// The messages of a conversation.
    Conversation(&'a str),
    /// The messages of an interaction.
    Interaction(&'a str),
}

impl<'a> Scope<'a> {
    fn column(self) -> &'static str {
        match self {
            Self::Conversation(_) => "conversation_id",
            Self::Interaction(_) => "interaction_id",
        }
    }

    fn id(self) -> &'a str {
        match self {
            Self::Conversation(id) | Self::Interaction(id) => id,
        }
    }
}

/// Saves the complete message `after`, and deletes its saved pieces.
///
/// # Errors
/// SQLite's.
pub fn end(tx: &mut WriteTx<'_>, before: &Message, after: Message) -> Result<Message> {
    pieces::clear(tx, after.seq)?;
    entity::save(tx, Some(before), after)
}

/// Marks the complete messages of an interaction as aborted, or as not. Streaming ones are marked when they end.
///
/// # Errors
/// SQLite's.
pub fn set_aborted(tx: &mut WriteTx<'_>, interaction: &str, aborted: bool) -> Result<()> {
    let ids: Vec<String> = tx.all(
        "SELECT id FROM chat_messages WHERE interaction_id = ? AND aborted <> ? AND state = 'complete'
         ORDER BY created_at, seq",
        params![interaction, aborted],
        |row| row.get(0),
    )?;
    for id in ids {
        let before: Message = entity::get(tx, &id)?;
        let mut after = before.clone();
        after.aborted = aborted;
        entity::save(tx, Some(&before), after)?;
    }
    Ok(())
}

/// Ids of the streaming messages in a scope, or of all, oldest first.
///
/// # Errors
/// SQLite's.
pub fn streaming(tx: &ReadTx<'_>, scope: Option<Scope<'_>>) -> Result<Vec<String>> {
    let column = scope.map_or("id", Scope::column);
    let sql = format!(
        "SELECT id FROM chat_messages INDEXED BY chat_messages_streaming
         WHERE state = 'streaming' AND (?1 IS NULL OR {column} = ?1) ORDER BY seq"
    );
    tx.all(&sql, [scope.map(Scope::id)], |row| row.get(0))
}

/// Calls `each` with the messages after `from`, until it returns `false`.
///
/// # Errors
/// SQLite's, and those of `each`.
pub fn walk(
    tx: &ReadTx<'_>,
    scope: Scope<'_>,
    from: Option<SortKey>,
    direction: Direction,
    each: impl FnMut(Message) -> Result<bool>,
) -> Result<()> {
    let from = from.unwrap_or(direction.start());
    let query = direction.from::<Message>(&format!("{} = ?3", scope.column()));
    entity::walk_from(tx, &query, params![from.0, from.1, scope.id()], each)
}

/// The sort key before the last `count` messages of a conversation; `None` if it has no earlier message.
///
/// # Errors
/// SQLite's.
pub fn before_last(tx: &ReadTx<'_>, conversation: &str, count: u16) -> Result<Option<SortKey>> {
    tx.first(
        "SELECT created_at, seq FROM chat_messages WHERE conversation_id = ?
         ORDER BY created_at DESC, seq DESC LIMIT 1 OFFSET ?",
        params![conversation, count],
        |row| Ok(SortKey(row.get(0)?, row.get(1)?)),
    )
}

/// The sort key of a message.
pub fn sort_key(message: &Message) -> SortKey {
    SortKey(message.created_at, message.seq)
}
