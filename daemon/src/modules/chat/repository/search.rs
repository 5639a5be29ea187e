//! Search in complete messages; `chat_search` is the index.

use crate::modules::text_search::{Plan, Query};
use crate::store::{ReadTx, Result, entity};
use rusqlite::params;
use serde::Deserialize;
use stina_protocol::chat::{Hit, Role};

/// The columns of a message that a search reads.
#[derive(Deserialize)]
struct Found {
    id: String,
    conversation_id: String,
    interaction_id: String,
    role: Role,
    created_at: i64,
    content: String,
}

const COLUMNS: &str = "m.id, m.conversation_id, m.interaction_id, m.role, m.created_at, m.content";

fn hit(found: Found, query: &Query) -> Hit {
    Hit {
        message_id: found.id,
        conversation_id: found.conversation_id,
        interaction_id: found.interaction_id,
        role: found.role,
        created_at: found.created_at,
        snippet: query.snippet(&found.content).unwrap_or_default(),
    }
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
        hits.push(hit(entity::read_row(row)?, query));
    }
    Ok(hits)
}
