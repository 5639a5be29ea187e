//! The rows of `chat_messages`.

use super::{Direction, Position, pieces, search};
use crate::modules::chat::MESSAGE;
use crate::store::{ReadTx, Result, WriteTx};
use rusqlite::{Params, Row, params};
use stina_protocol::chat::{Message, MessageState};
use stina_protocol::{Error, Json};

const COLUMNS: &str = "seq, id, conversation_id, interaction_id, role, provider, aborted, state, created_at, \
                       rev, metadata, content";

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

/// A message out of its row. Of one that is being written, what was saved and what its interaction says is added.
fn message(tx: &ReadTx<'_>, row: &Row<'_>) -> Result<Message> {
    let role: String = row.get(4)?;
    let streaming = row.get_ref(7)?.as_str().map_err(rusqlite::Error::from)? == "streaming";
    let mut message = Message {
        seq: row.get(0)?,
        id: row.get(1)?,
        conversation_id: row.get(2)?,
        interaction_id: row.get(3)?,
        role: role.parse().map_err(|_| Error::Corrupt)?,
        provider: row.get(5)?,
        aborted: row.get(6)?,
        state: if streaming { MessageState::Streaming } else { MessageState::Complete },
        created_at: row.get(8)?,
        rev: row.get(9)?,
        metadata: Json::stored(row.get(10)?)?,
        content: row.get(11)?,
    };
    if streaming {
        message.content.push_str(&pieces::text(tx, message.seq)?);
        let interaction = super::interactions::get(tx, &message.interaction_id)?;
        message.aborted |= interaction.is_some_and(|interaction| interaction.aborted);
    }
    Ok(message)
}

fn state_name(state: MessageState) -> &'static str {
    match state {
        MessageState::Complete => "complete",
        MessageState::Streaming => "streaming",
    }
}

fn first(tx: &ReadTx<'_>, condition: &str, params: impl Params) -> Result<Option<Message>> {
    let mut statement = tx.statement(&format!("SELECT {COLUMNS} FROM chat_messages WHERE {condition}"))?;
    let mut rows = statement.query(params)?;
    rows.next()?.map(|row| message(tx, row)).transpose()
}

/// The message `id`, if there is one.
///
/// # Errors
/// SQLite's.
pub fn get(tx: &ReadTx<'_>, id: &str) -> Result<Option<Message>> {
    first(tx, "id = ?", [id])
}

/// The message `id`.
///
/// # Errors
/// `not_found` when there is none, and SQLite's.
pub fn require(tx: &ReadTx<'_>, id: &str) -> Result<Message> {
    Ok(get(tx, id)?.ok_or_else(|| Error::not_found(MESSAGE.name, id))?)
}

/// Whether there is a message `id`.
///
/// # Errors
/// SQLite's.
pub fn exists(tx: &ReadTx<'_>, id: &str) -> Result<bool> {
    Ok(tx.first("SELECT 1 FROM chat_messages WHERE id = ?", [id], |_| Ok(()))?.is_some())
}

/// Adds a message; answers it with its `seq`.
///
/// # Errors
/// `already_exists` when its id is taken, and SQLite's.
pub fn insert(tx: &mut WriteTx<'_>, new: Message) -> Result<Message> {
    if exists(tx, &new.id)? {
        return Err(Error::already_exists(MESSAGE.name, new.id).into());
    }
    let seq = tx.execute_returning(
        "INSERT INTO chat_messages (id, conversation_id, interaction_id, role, provider, aborted, state,
                                    created_at, rev, metadata, content)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING seq",
        params![
            new.id,
            new.conversation_id,
            new.interaction_id,
            new.role.as_str(),
            new.provider,
            new.aborted,
            state_name(new.state),
            new.created_at,
            new.rev,
            new.metadata.get(),
            new.content
        ],
        |row| row.get(0),
    )?;
    let message = Message { seq: seq.unwrap_or_default(), ..new };
    search::add(tx, &message)?;
    tx.put(MESSAGE, &message.id, None, &message)?;
    Ok(message)
}

/// Ends a message that is being written: `after` is the whole of it.
///
/// # Errors
/// SQLite's.
pub fn end(tx: &mut WriteTx<'_>, before: &Message, after: &Message) -> Result<()> {
    pieces::clear(tx, after.seq)?;
    tx.execute(
        "UPDATE chat_messages SET aborted = ?, state = ?, rev = ?, metadata = ?, content = ? WHERE seq = ?",
        params![
            after.aborted,
            state_name(after.state),
            after.rev,
            after.metadata.get(),
            after.content,
            after.seq
        ],
    )?;
    search::add(tx, after)?;
    tx.put(MESSAGE, &after.id, Some(before), after)
}

/// Marks the messages of an interaction as aborted. Those that are being written follow when they end.
///
/// # Errors
/// SQLite's.
pub fn set_aborted(tx: &mut WriteTx<'_>, interaction: &str) -> Result<()> {
    let seqs: Vec<u64> = tx.all(
        "SELECT seq FROM chat_messages WHERE interaction_id = ? AND NOT aborted AND state = 'complete'
         ORDER BY created_at, seq",
        [interaction],
        |row| row.get(0),
    )?;
    for seq in seqs {
        let Some(before) = first(tx, "seq = ?", [seq])? else { continue };
        let after = Message { aborted: true, rev: tx.rev(), ..before.clone() };
        tx.execute("UPDATE chat_messages SET aborted = 1, rev = ? WHERE seq = ?", params![after.rev, seq])?;
        tx.put(MESSAGE, &after.id, Some(&before), &after)?;
    }
    Ok(())
}

/// Removes messages, in their order; answers how many.
///
/// # Errors
/// SQLite's.
pub fn delete(tx: &mut WriteTx<'_>, scope: Scope<'_>) -> Result<u64> {
    let sql = format!("SELECT seq FROM chat_messages WHERE {} = ? ORDER BY created_at, seq", scope.column());
    let seqs: Vec<u64> = tx.all(&sql, [scope.id()], |row| row.get(0))?;
    for &seq in &seqs {
        let Some(before) = first(tx, "seq = ?", [seq])? else { continue };
        search::remove(tx, &before)?;
        tx.execute("DELETE FROM chat_messages WHERE seq = ?", [seq])?;
        tx.delete(MESSAGE, &before.id, &before)?;
    }
    Ok(seqs.len() as u64)
}

/// Ids of the messages that are being written, oldest first; of all when there is no scope.
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
    mut each: impl FnMut(Message) -> Result<bool>,
) -> Result<()> {
    let condition = format!("{} = ?3", scope.column());
    let mut statement = tx.statement(&direction.query(COLUMNS, "chat_messages", &condition))?;
    let from = from.unwrap_or(direction.begin());
    let mut rows = statement.query(params![from.0, from.1, scope.id()])?;
    while let Some(row) = rows.next()? {
        if !each(message(tx, row)?)? {
            break;
        }
    }
    Ok(())
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

/// Where a message stands in the order.
pub fn position(message: &Message) -> Position {
    Position(message.created_at, message.seq)
}
