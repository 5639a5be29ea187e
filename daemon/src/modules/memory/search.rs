//! Search in memories; `entity.rs` maintains the index `memory_search`.

use super::repository::Valid;
use crate::modules::page::PageBuilder;
use crate::modules::text_search::{Plan, Query};
use crate::store::{ReadTx, Result, entity};
use rusqlite::params;
use stina_protocol::Page;
use stina_protocol::memory::{Hit, Memory, SearchParams};

/// Ranks at most `ranked` matches, the newest.
pub(super) fn search(tx: &ReadTx<'_>, ranked: usize, params: SearchParams) -> Result<Page<Hit>> {
    let query = Query::new(params.query.as_str());
    let valid = Valid::now_or(tx, params.include_expired);
    let limit = params.limit.get();
    let mut page = PageBuilder::new(limit);
    for seq in found(tx, &query, valid, ranked, limit)? {
        let Some(memory) = entity::first::<Memory>(tx, "WHERE seq = ?", [seq])? else { continue };
        let snippet = query
            .snippet(&memory.content)
            .or_else(|| query.snippet(&memory.title))
            .or_else(|| query.snippet(&memory.tags.join(", ")));
        if !page.push(Hit { memory, snippet: snippet.unwrap_or_default() })? {
            break;
        }
    }
    Ok(Page { items: page.into_items(), next: None })
}

/// Row numbers of the matches, best match first, then newest first.
fn found(tx: &ReadTx<'_>, query: &Query, valid: Valid, ranked: usize, limit: usize) -> Result<Vec<i64>> {
    match query.plan() {
        Plan::Nothing => Ok(Vec::new()),
        Plan::Match(words) => tx.all(
            "SELECT rowid FROM (
                 SELECT rowid, rank FROM memory_search
                 WHERE memory_search MATCH ?1 AND rowid NOT IN (SELECT seq FROM memories WHERE valid_until < ?2)
                 ORDER BY rowid DESC LIMIT ?3)
             ORDER BY rank, rowid DESC LIMIT ?4",
            params![words, valid.at(), ranked, limit],
            |row| row.get(0),
        ),
        Plan::Contains(text) => tx.all(
            "SELECT seq FROM memories m
             WHERE ifnull(valid_until >= ?2, true) AND (instr(content, ?1) > 0 OR instr(title, ?1) > 0
                 OR EXISTS (SELECT 1 FROM memory_tags t WHERE t.id = m.id AND instr(t.tag, ?1) > 0))
             ORDER BY created_at DESC, id DESC LIMIT ?3",
            params![text, valid.at(), limit],
            |row| row.get(0),
        ),
    }
}
