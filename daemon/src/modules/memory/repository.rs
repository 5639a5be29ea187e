//! The rows of `memories`, and what is made of them: `memory_tags` and the search index.
//!
//! Other modules compose through these functions, inside their own transaction.

use super::{MEMORY, search};
use crate::modules::entity::{check_rev, id_or_new};
use crate::modules::text_search::fold_case;
use crate::store::{ReadTx, Result, WriteTx};
use rusqlite::{Row, params};
use stina_protocol::memory::{CreateParams, DeleteParams, Memory, UpdateParams};
use stina_protocol::text::trim;
use stina_protocol::{Error, Json, JsonObject};

const COLUMNS: &str = "m.id, m.title, m.content, m.metadata, m.source, m.tags, m.valid_until, m.created_at, m.updated_at, m.rev";

fn read(row: &Row<'_>) -> Result<Memory> {
    let metadata: Option<String> = row.get(3)?;
    let tags: String = row.get(5)?;
    Ok(Memory {
        id: row.get(0)?,
        title: row.get(1)?,
        content: row.get(2)?,
        metadata: metadata.map(|text| JsonObject::new(Json::stored(text)?)).transpose()?,
        source: row.get(4)?,
        tags: serde_json::from_str(&tags).map_err(|_| Error::Corrupt)?,
        valid_until: row.get(6)?,
        created_at: row.get(7)?,
        updated_at: row.get(8)?,
        rev: row.get(9)?,
    })
}

/// Which memories count: those that hold at a time or longer.
#[derive(Debug, Clone, Copy)]
pub struct Valid {
    at: i64,
}

impl Valid {
    /// Those that have not expired, or all of them.
    pub fn now_or(tx: &ReadTx<'_>, include_expired: bool) -> Self {
        Self { at: if include_expired { i64::MIN } else { tx.now() } }
    }

    /// The value that `valid_until` must not be below.
    pub(super) fn at(self) -> i64 {
        self.at
    }
}

/// The memory `id`, if there is one.
///
/// # Errors
/// SQLite's.
pub fn find(tx: &ReadTx<'_>, id: &str) -> Result<Option<Memory>> {
    tx.first(&format!("SELECT {COLUMNS} FROM memories m WHERE m.id = ?"), [id], |row| Ok(read(row)))?
        .transpose()
}

/// The memory `id`.
///
/// # Errors
/// `not_found`, and SQLite's.
pub fn get(tx: &ReadTx<'_>, id: &str) -> Result<Memory> {
    Ok(find(tx, id)?.ok_or_else(|| Error::not_found(MEMORY.name, id))?)
}

/// The memory with the number `seq`, if there is one.
pub(super) fn by_seq(tx: &ReadTx<'_>, seq: i64) -> Result<Option<Memory>> {
    tx.first(&format!("SELECT {COLUMNS} FROM memories m WHERE m.seq = ?"), [seq], |row| Ok(read(row)))?
        .transpose()
}

/// The newest memory with that content, else the newest whose content contains it in any case.
///
/// # Errors
/// SQLite's.
pub fn find_by_content(tx: &ReadTx<'_>, content: &str, valid: Valid) -> Result<Option<Memory>> {
    let wanted = fold_case(content);
    // White space is part of nearly every content: only one that is just that can be meant.
    let by_part = !trim(content).is_empty();
    let sql = "SELECT id, content FROM memories WHERE ifnull(valid_until >= ?, true) ORDER BY created_at DESC, id DESC";
    let mut statement = tx.statement(sql)?;
    let mut rows = statement.query([valid.at])?;
    let mut holds_it: Option<String> = None;
    while let Some(row) = rows.next()? {
        let found = row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?;
        if found == content {
            holds_it = Some(row.get(0)?);
            break;
        }
        if by_part && holds_it.is_none() && fold_case(found).contains(&wanted) {
            holds_it = Some(row.get(0)?);
        }
    }
    holds_it.map(|id| get(tx, &id)).transpose()
}

/// Makes a memory.
///
/// # Errors
/// `already_exists` when the id is taken, and SQLite's.
pub fn create(tx: &mut WriteTx<'_>, params: CreateParams) -> Result<Memory> {
    let id = id_or_new(params.id, "mem_");
    if find(tx, &id)?.is_some() {
        return Err(Error::already_exists(MEMORY.name, id).into());
    }
    let memory = Memory {
        id,
        title: params.title.into(),
        content: params.content.into(),
        metadata: params.metadata,
        source: params.source.map(String::from),
        tags: params.tags.map(Vec::from).unwrap_or_default(),
        valid_until: params.valid_until.map(|at| at.get()),
        created_at: tx.now(),
        updated_at: tx.now(),
        rev: tx.rev(),
    };
    save(tx, None, &memory)?;
    Ok(memory)
}

/// Changes what `params` names.
///
/// # Errors
/// `not_found`, `conflict`, and SQLite's.
pub fn update(tx: &mut WriteTx<'_>, params: UpdateParams) -> Result<Memory> {
    let before = get(tx, params.id.as_str())?;
    check_rev(Some((&before, before.rev)), params.if_rev)?;
    let now = before.clone();
    let memory = Memory {
        title: params.title.map_or(now.title, String::from),
        content: params.content.map_or(now.content, String::from),
        metadata: params.metadata.unwrap_or(now.metadata),
        source: params.source.map_or(now.source, |text| text.map(String::from)),
        tags: params.tags.map_or(now.tags, |tags| tags.map(Vec::from).unwrap_or_default()),
        valid_until: params.valid_until.map_or(now.valid_until, |at| at.map(|at| at.get())),
        updated_at: tx.now(),
        rev: tx.rev(),
        ..now
    };
    save(tx, Some(&before), &memory)?;
    Ok(memory)
}

/// Removes a memory; answers it.
///
/// # Errors
/// `not_found`, `conflict`, and SQLite's.
pub fn delete(tx: &mut WriteTx<'_>, params: &DeleteParams) -> Result<Memory> {
    let memory = get(tx, params.id.as_str())?;
    check_rev(Some((&memory, memory.rev)), params.if_rev)?;
    remove(tx, &memory)?;
    Ok(memory)
}

/// Removes a memory and all that was made of it.
pub(super) fn remove(tx: &mut WriteTx<'_>, memory: &Memory) -> Result<()> {
    tx.execute("DELETE FROM memory_tags WHERE id = ?", [&memory.id])?;
    let sql = "DELETE FROM memories WHERE id = ? RETURNING seq";
    if let Some(seq) = tx.execute_returning(sql, [&memory.id], |row| row.get(0))? {
        search::forget(tx, seq)?;
    }
    tx.delete(MEMORY, &memory.id, memory)
}

fn save(tx: &mut WriteTx<'_>, before: Option<&Memory>, memory: &Memory) -> Result<()> {
    let seq = tx.execute_returning(
        "INSERT INTO memories (id, title, content, metadata, source, tags, valid_until, created_at, updated_at, rev)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT (id) DO UPDATE SET title = excluded.title, content = excluded.content,
             metadata = excluded.metadata, source = excluded.source, tags = excluded.tags,
             valid_until = excluded.valid_until, updated_at = excluded.updated_at, rev = excluded.rev
         RETURNING seq",
        params![
            memory.id,
            memory.title,
            memory.content,
            memory.metadata.as_ref().map(|metadata| metadata.json().get()),
            memory.source,
            serde_json::to_string(&memory.tags)?,
            memory.valid_until,
            memory.created_at,
            memory.updated_at,
            memory.rev
        ],
        |row| row.get::<_, i64>(0),
    )?;
    let parts = |memory: &Memory| (memory.title.clone(), memory.content.clone(), memory.tags.clone());
    if let (Some(seq), true) = (seq, before.map(parts) != Some(parts(memory))) {
        search::index(tx, seq, memory)?;
        tx.execute("DELETE FROM memory_tags WHERE id = ?", [&memory.id])?;
        for tag in &memory.tags {
            let sql = "INSERT INTO memory_tags (tag, created_at, id) VALUES (?, ?, ?)";
            tx.execute(sql, params![tag, memory.created_at, memory.id])?;
        }
    }
    tx.put(MEMORY, &memory.id, before, memory)
}

/// A memory's place in the order of `memory.list`: `createdAt` and id.
pub type Place = (i64, String);

/// Calls `each` with the memories after `after`, newest first, until it answers `false`.
///
/// # Errors
/// SQLite's, and those of `each`.
pub fn walk(
    tx: &ReadTx<'_>,
    tag: Option<&str>,
    valid: Valid,
    after: Option<Place>,
    mut each: impl FnMut(Memory) -> Result<bool>,
) -> Result<()> {
    let (created_at, id) = after.unwrap_or((i64::MAX, String::new()));
    let mut statement = tx.statement(&walk_sql(tag.is_some()))?;
    let mut rows = statement.query(params![created_at, id, valid.at, tag])?;
    while let Some(row) = rows.next()? {
        if !each(read(row)?)? {
            break;
        }
    }
    Ok(())
}

/// Memories after the place (?1, ?2) that are valid at ?3, newest first; those with the tag ?4 when `tagged`.
fn walk_sql(tagged: bool) -> String {
    // The table that has the order comes first: no sorting, no row more than are asked for.
    let (from, order) = match tagged {
        true => ("memory_tags o CROSS JOIN memories m ON m.id = o.id", "o.tag = ?4"),
        false => ("memories o CROSS JOIN memories m ON m.seq = o.seq", "?4 IS NULL"),
    };
    format!(
        "SELECT {COLUMNS} FROM {from} WHERE {order} AND (o.created_at, o.id) < (?1, ?2)
             AND ifnull(m.valid_until >= ?3, true) ORDER BY o.created_at DESC, o.id DESC"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use rusqlite::Connection;

    #[test]
    fn a_page_is_read_off_an_index_from_its_first_row_on() {
        let conn = Connection::open_in_memory().unwrap();
        conn.execute_batch(super::super::MODULE.migrations[0].sql).unwrap();
        for (tagged, in_order) in [
            (false, "SEARCH o USING COVERING INDEX memories_created ((created_at,id)<(?,?))"),
            (true, "SEARCH o USING PRIMARY KEY (tag=? AND (created_at,id)<(?,?))"),
        ] {
            let mut plan = conn.prepare(&format!("EXPLAIN QUERY PLAN {}", walk_sql(tagged))).unwrap();
            let steps = plan.query_map(params![0, "", 0, "t"], |row| row.get::<_, String>(3)).unwrap();
            let steps = steps.collect::<rusqlite::Result<Vec<_>>>().unwrap();
            assert_eq!(steps.len(), 2, "{steps:#?}");
            assert_eq!(steps[0], in_order);
        }
    }
}
