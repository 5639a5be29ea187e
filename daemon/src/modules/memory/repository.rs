//! Rows of memories. Other modules call these functions in their own transactions.

use crate::modules::text_search::fold_case;
use crate::store::entity::{self, id_or_new};
use crate::store::{ReadTx, Result, WriteTx};
use rusqlite::params;
use stina_protocol::With;
use stina_protocol::memory::{CreateParams, Memory, UpdateParams};
use stina_protocol::text::trim;
use stina_protocol::types::Target;

/// Selects memories that are valid at a time.
#[derive(Debug, Clone, Copy)]
pub struct Valid {
    at: i64,
}

impl Valid {
    /// Memories that are valid now, or all.
    pub fn now_or(tx: &ReadTx<'_>, include_expired: bool) -> Self {
        Self { at: if include_expired { i64::MIN } else { tx.now() } }
    }

    /// The minimum of `valid_until`.
    pub(super) fn at(self) -> i64 {
        self.at
    }
}

/// The newest memory with that content, else the newest whose content contains it in any case.
///
/// # Errors
/// SQLite's.
pub fn find_by_content(tx: &ReadTx<'_>, content: &str, valid: Valid) -> Result<Option<Memory>> {
    let wanted = fold_case(content);
    // Nearly every content contains white space, so a query of white space only matches equal contents.
    let by_part = !trim(content).is_empty();
    let sql = "SELECT id, content FROM memories WHERE ifnull(valid_until >= ?, true) ORDER BY created_at DESC, id DESC";
    let mut statement = tx.statement(sql)?;
    let mut rows = statement.query([valid.at])?;
    let mut matching: Option<String> = None;
    while let Some(row) = rows.next()? {
        let found = entity::text(row, 1)?;
        if found == content {
            matching = Some(row.get(0)?);
            break;
        }
        if by_part && matching.is_none() && fold_case(&found).contains(&wanted) {
            matching = Some(row.get(0)?);
        }
    }
    matching.map(|id| entity::get(tx, &id)).transpose()
}

/// Creates a memory.
///
/// # Errors
/// `already_exists` when the id is taken, and SQLite's.
pub fn create(tx: &mut WriteTx<'_>, params: CreateParams) -> Result<Memory> {
    let With { head: new, fields } = params;
    let mut memory = Memory::new(id_or_new(new.id, "mem_"), new.title, new.content);
    (memory.created_at, memory.updated_at) = (tx.now(), tx.now());
    entity::create(tx, entity::with(&memory, &fields)?)
}

/// Updates the memory that `params` names.
///
/// # Errors
/// `not_found`, `conflict`, and SQLite's.
pub fn update(tx: &mut WriteTx<'_>, params: UpdateParams) -> Result<Memory> {
    let before: Memory = entity::get_if(tx, &params.head)?;
    entity::update(tx, before, &params.fields, |memory, now| memory.updated_at = now)
}

/// Deletes a memory; returns it.
///
/// # Errors
/// `not_found`, `conflict`, and SQLite's.
pub fn delete(tx: &mut WriteTx<'_>, target: &Target) -> Result<Memory> {
    let memory = entity::get_if(tx, target)?;
    entity::remove(tx, &memory)?;
    Ok(memory)
}

/// The sort key of memories: `createdAt` and id.
pub type SortKey = (i64, String);

/// Calls `each` with the memories after `after`, newest first, until it returns `false`.
///
/// # Errors
/// SQLite's, and those of `each`.
pub fn walk(
    tx: &ReadTx<'_>,
    tag: Option<&str>,
    valid: Valid,
    after: Option<SortKey>,
    each: impl FnMut(Memory) -> Result<bool>,
) -> Result<()> {
    let (created_at, id) = after.unwrap_or((i64::MAX, String::new()));
    entity::walk_from(tx, newest_first(tag.is_some()), params![created_at, id, valid.at, tag], each)
}

/// SQL for the memories after the sort key (?1, ?2) that are valid at ?3, newest first; with the tag ?4 if `tagged`.
///
/// The table with the index comes first, so that SQLite does not sort, and reads no more rows than the page needs.
fn newest_first(tagged: bool) -> &'static str {
    match tagged {
        true => {
            "memory_tags o CROSS JOIN memories ON memories.id = o.id
             WHERE o.tag = ?4 AND (o.created_at, o.id) < (?1, ?2) AND ifnull(memories.valid_until >= ?3, true)
             ORDER BY o.created_at DESC, o.id DESC"
        }
        false => {
            "memories o CROSS JOIN memories ON memories.seq = o.seq
             WHERE ?4 IS NULL AND (o.created_at, o.id) < (?1, ?2) AND ifnull(memories.valid_until >= ?3, true)
             ORDER BY o.created_at DESC, o.id DESC"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rusqlite::Connection;

    #[test]
    fn a_page_reads_only_its_own_rows_from_an_index() {
        let conn = Connection::open_in_memory().unwrap();
        conn.execute_batch(super::super::MODULE.migrations[0].sql).unwrap();
        for (tagged, in_order) in [
            (false, "SEARCH o USING COVERING INDEX memories_created ((created_at,id)<(?,?))"),
            (true, "SEARCH o USING PRIMARY KEY (tag=? AND (created_at,id)<(?,?))"),
        ] {
            let mut plan = conn
                .prepare(&format!("EXPLAIN QUERY PLAN {}", entity::select::<Memory>(newest_first(tagged))))
                .unwrap();
            let steps = plan.query_map(params![0, "", 0, "t"], |row| row.get::<_, String>(3)).unwrap();
            let steps = steps.collect::<rusqlite::Result<Vec<_>>>().unwrap();
            assert_eq!(steps.len(), 2, "{steps:#?}");
            assert_eq!(steps[0], in_order);
        }
    }
}
