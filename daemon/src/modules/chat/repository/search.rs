//! Search in complete messages; `chat_search` is the index.

use crate::modules::text_search::{Plan, Query};
use crate::store::{ReadTx, Result, entity};
use rusqlite::params;
use serde::Deserialize;
use stina_protocol::EntityId;
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

const COLUMNS: &str = "id, conversation_id, interaction_id, role, created_at, content";

fn hit(found: Found, query: &Query) -> Hit {
    Hit {
        message_id: EntityId::stored(found.id),
        conversation_id: EntityId::stored(found.conversation_id),
        interaction_id: EntityId::stored(found.interaction_id),
        role: found.role,
        created_at: found.created_at,
        snippet: query.snippet(&found.content).unwrap_or_default(),
    }
}

/// Messages that match `query`, best match first, then newest first. At most `ranked` matches are ranked, the newest: of
/// `conversation`, if given.
///
/// # Errors
/// SQLite's.
pub fn find(
    tx: &ReadTx<'_>,
    query: &Query,
    conversation: Option<&str>,
    ranked: usize,
    limit: usize,
) -> Result<Vec<Hit>> {
    let sql = format!("SELECT {COLUMNS} FROM chat_messages WHERE seq = ?");
    let mut message = tx.statement(&sql)?;
    let mut hits = Vec::new();
    for seq in found(tx, query, conversation, ranked, limit)? {
        let mut rows = message.query([seq])?;
        if let Some(row) = rows.next()? {
            hits.push(hit(entity::read_row(row)?, query));
        }
    }
    Ok(hits)
}

/// The `seq` of each, in that order. SQLite sorts these numbers alone, not the texts.
fn found(
    tx: &ReadTx<'_>,
    query: &Query,
    conversation: Option<&str>,
    ranked: usize,
    limit: usize,
) -> Result<Vec<i64>> {
    match query.plan() {
        Plan::Nothing => Ok(Vec::new()),
        Plan::Match(words) => tx.all(
            "SELECT rowid FROM (
                 SELECT rowid, rank FROM chat_search
                 WHERE chat_search MATCH ?1
                     AND (?2 IS NULL OR rowid IN (SELECT seq FROM chat_messages WHERE conversation_id = ?2))
                 ORDER BY rowid DESC LIMIT ?3)
             ORDER BY rank, rowid DESC LIMIT ?4",
            params![words, conversation, ranked, limit],
            |row| row.get(0),
        ),
        Plan::Contains(text) => tx.all(
            "SELECT seq FROM chat_messages
             WHERE (?2 IS NULL OR conversation_id = ?2) AND state = 'complete' AND instr(content, ?1) > 0
             ORDER BY seq DESC LIMIT ?3",
            params![text, conversation, limit],
            |row| row.get(0),
        ),
    }
}
