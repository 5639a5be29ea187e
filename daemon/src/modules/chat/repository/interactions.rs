//! The rows of `chat_interactions`.

use super::{Direction, Position};
use crate::modules::chat::INTERACTION;
use crate::store::{ReadTx, Result, WriteTx};
use rusqlite::{Row, params};
use stina_protocol::Error;
use stina_protocol::chat::Interaction;

const COLUMNS: &str = "seq, id, conversation_id, provider, ai_model, aborted, created_at, rev";

fn interaction(row: &Row<'_>) -> rusqlite::Result<Interaction> {
    Ok(Interaction {
        seq: row.get(0)?,
        id: row.get(1)?,
        conversation_id: row.get(2)?,
        provider: row.get(3)?,
        ai_model: row.get(4)?,
        aborted: row.get(5)?,
        created_at: row.get(6)?,
        rev: row.get(7)?,
        messages: None,
    })
}

/// The interaction `id`, if there is one, without its messages.
///
/// # Errors
/// SQLite's.
pub fn get(tx: &ReadTx<'_>, id: &str) -> Result<Option<Interaction>> {
    tx.first(&format!("SELECT {COLUMNS} FROM chat_interactions WHERE id = ?"), [id], interaction)
}

/// The interaction `id`, without its messages.
///
/// # Errors
/// `not_found` when there is none, and SQLite's.
pub fn require(tx: &ReadTx<'_>, id: &str) -> Result<Interaction> {
    Ok(get(tx, id)?.ok_or_else(|| Error::not_found(INTERACTION.name, id))?)
}

/// Adds an interaction with an id that is free; answers it with its `seq`.
///
/// # Errors
/// SQLite's.
pub fn insert(tx: &mut WriteTx<'_>, new: Interaction) -> Result<Interaction> {
    let seq = tx.execute_returning(
        "INSERT INTO chat_interactions (id, conversation_id, provider, ai_model, aborted, created_at, rev)
         VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING seq",
        params![
            new.id,
            new.conversation_id,
            new.provider,
            new.ai_model,
            new.aborted,
            new.created_at,
            new.rev
        ],
        |row| row.get(0),
    )?;
    let interaction = Interaction { seq: seq.unwrap_or_default(), ..new };
    tx.put(INTERACTION, &interaction.id, None, &interaction)?;
    Ok(interaction)
}

/// Marks an interaction as aborted; answers it.
///
/// # Errors
/// SQLite's.
pub fn set_aborted(tx: &mut WriteTx<'_>, before: &Interaction) -> Result<Interaction> {
    let after = Interaction { aborted: true, rev: tx.rev(), ..before.clone() };
    tx.execute(
        "UPDATE chat_interactions SET aborted = 1, rev = ? WHERE seq = ?",
        params![after.rev, after.seq],
    )?;
    tx.put(INTERACTION, &after.id, Some(before), &after)?;
    Ok(after)
}

/// Removes an interaction, which has no messages left.
///
/// # Errors
/// SQLite's.
pub fn delete(tx: &mut WriteTx<'_>, interaction: &Interaction) -> Result<()> {
    tx.execute("DELETE FROM chat_interactions WHERE seq = ?", [interaction.seq])?;
    tx.delete(INTERACTION, &interaction.id, interaction)
}

/// Calls `each` with the interactions of a conversation from `from` on, until it answers `false`.
///
/// # Errors
/// SQLite's, and those of `each`.
pub fn walk(
    tx: &ReadTx<'_>,
    conversation: &str,
    from: Option<Position>,
    direction: Direction,
    mut each: impl FnMut(Interaction) -> Result<bool>,
) -> Result<()> {
    let mut statement =
        tx.statement(&direction.query(COLUMNS, "chat_interactions", "conversation_id = ?3"))?;
    let from = from.unwrap_or(direction.begin());
    let mut rows = statement.query(params![from.0, from.1, conversation])?;
    while let Some(row) = rows.next()? {
        if !each(interaction(row)?)? {
            break;
        }
    }
    Ok(())
}

/// All interactions of a conversation, oldest first.
///
/// # Errors
/// SQLite's.
pub fn of_conversation(tx: &ReadTx<'_>, conversation: &str) -> Result<Vec<Interaction>> {
    let mut all = Vec::new();
    walk(tx, conversation, None, Direction::Newer, |interaction| {
        all.push(interaction);
        Ok(true)
    })?;
    Ok(all)
}

/// Where an interaction stands in the order.
pub fn position(interaction: &Interaction) -> Position {
    Position(interaction.created_at, interaction.seq)
}
