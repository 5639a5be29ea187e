//! Messages.

use super::{Direction, Position, pieces};
use crate::store::{ReadTx, Result, WriteTx, entity};
use rusqlite::params;
use stina_protocol::chat::Message;

/// Those of a message's neighbours that a change concerns alike.
#[derive(Debug, Clone, Copy)]
pub enum Scope<'a> {
    /// All of a conversation.
    Conversation(&'a str),
    /// All of an interaction.
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

/// Ends a streaming message: `after` is the whole of it.
///
/// # Errors
/// SQLite's.
pub fn end(tx: &mut WriteTx<'_>, before: &Message, after: Message) -> Result<Message> {
    pieces::clear(tx, after.seq)?;
    entity::save(tx, Some(before), after)
}

/// Marks the messages of an interaction as aborted, or as not. Streaming ones follow when they end.
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
        let after = Message { aborted, ..before.clone() };
        entity::save(tx, Some(&before), after)?;
    }
    Ok(())
}

/// Ids of the streaming messages, oldest first; of all when there is no scope.
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

/// Calls `each` with messages from `from` on, until it answers `false`.
///
/// # Errors
/// SQLite's, and those of `each`.
pub fn walk(
    tx: &ReadTx<'_>,
    scope: Scope<'_>,
    from: Option<Position>,
    direction: Direction,
    each: impl FnMut(Message) -> Result<bool>,
) -> Result<()> {
    let from = from.unwrap_or(direction.begin());
    let query = direction.from::<Message>(&format!("{} = ?3", scope.column()));
    entity::walk_from(tx, &query, params![from.0, from.1, scope.id()], each)
}

/// The position before the last `count` messages of a conversation; `None` when it has no more than those.
///
/// # Errors
/// SQLite's.
pub fn before_last(tx: &ReadTx<'_>, conversation: &str, count: u16) -> Result<Option<Position>> {
    tx.first(
        "SELECT created_at, seq FROM chat_messages WHERE conversation_id = ?
         ORDER BY created_at DESC, seq DESC LIMIT 1 OFFSET ?",
        params![conversation, count],
        |row| Ok(Position(row.get(0)?, row.get(1)?)),
    )
}

/// The position of a message in the order.
pub fn position(message: &Message) -> Position {
    Position(message.created_at, message.seq)
}
