//! The rows of `chat_pieces`: saved text of streaming messages.

use crate::store::{ReadTx, Result, WriteTx, entity};
use rusqlite::params;

/// Saves text of message `id` at offset `start`; returns whether the message is streaming.
pub(crate) fn save(tx: &WriteTx<'_>, id: &str, start: usize, text: &str) -> Result<bool> {
    let saved = tx.execute(
        "INSERT INTO chat_pieces (message, start, text)
         SELECT seq, ?, ? FROM chat_messages WHERE id = ? AND state = 'streaming'",
        params![start, text, id],
    )?;
    Ok(saved > 0)
}

/// The saved text of a message, which follows its `content`.
pub(crate) fn text(tx: &ReadTx<'_>, message: u64) -> Result<String> {
    let mut statement = tx.statement("SELECT text FROM chat_pieces WHERE message = ? ORDER BY start")?;
    let mut rows = statement.query([message])?;
    let mut text = String::new();
    while let Some(row) = rows.next()? {
        text.push_str(&entity::text(row, 0)?);
    }
    Ok(text)
}

/// Deletes the pieces of a message.
pub(super) fn clear(tx: &WriteTx<'_>, message: u64) -> Result<()> {
    tx.execute("DELETE FROM chat_pieces WHERE message = ?", [message])?;
    Ok(())
}
