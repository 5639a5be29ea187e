//! Search in complete messages; `chat_search` is the index.

use crate::modules::text_search::{Plan, Query};
use crate::store::{ReadTx, Result};
use rusqlite::{Row, params};
use stina_protocol::Error;
use stina_protocol::chat::Hit;

const COLUMNS: &str = "m.id, m.conversation_id, m.interaction_id, m.role, m.created_at, m.content";

fn hit(row: &Row<'_>, query: &Query) -> Result<Hit> {
    let role: String = row.get(3)?;
    let content = row.get_ref(5)?.as_str().map_err(rusqlite::Error::from)?;
    Ok(Hit {
        message_id: row.get(0)?,
        conversation_id: row.get(1)?,
        interaction_id: row.get(2)?,
        role: role.parse().map_err(|_| Error::Corrupt)?,
        created_at: row.get(4)?,
        snippet: query.snippet(content).unwrap_or_default(),
    })
}

/// Messages that match `query`, best match first, then newest first.
///
/// # Errors
/// SQLite's.
pub fn find(tx: &ReadTx<'_>, query: &Query, conversation: Option<&str>, limit: usize) -> Result<Vec<Hit>> {
    let (source, wanted, order, sought) = match query.plan() {
        Plan::Nothing => return Ok(Vec::new()),
        Plan::Match(expression) => (
            "chat_search JOIN chat_messages m ON m.seq = chat_search.rowid",
            "chat_search MATCH ?1",
            "rank, ",
            expression,
        ),
        Plan::Contains(text) => {
            ("chat_messages m", "m.state = 'complete' AND instr(m.content, ?1) > 0", "", text.to_owned())
        }
    };
    let mut statement = tx.statement(&format!(
        "SELECT {COLUMNS} FROM {source} WHERE {wanted} AND (?2 IS NULL OR m.conversation_id = ?2)
         ORDER BY {order}m.created_at DESC, m.seq DESC LIMIT ?3"
    ))?;
    let mut rows = statement.query(params![sought, conversation, limit])?;
    let mut hits = Vec::new();
    while let Some(row) = rows.next()? {
        hits.push(hit(row, query)?);
    }
    Ok(hits)
}
