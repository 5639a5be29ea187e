//! *Deleted is deleted*: blanks the values of deleted entities in the log and in kept answers.
//!
//! What is then left of them in unused parts of the file is removed by `scrub.rs`.

use super::entity::EntityKind;
use super::recording::{first_seq, rev_of};
use super::{ReadTx, Result, WriteTx, steps};
use rusqlite::{Connection, OptionalExtension, params};
use serde_json::Value;
use stina_protocol::Error;

/// Name of the fact in `core_meta` that a scrub is due: the time from which on, in milliseconds since the Unix epoch.
pub(super) const SCRUB: &str = "scrub";

/// The time of a scrub that somebody waits for.
pub(super) const AT_ONCE: i64 = i64::MIN;

/// What is to be purged.
#[derive(Debug, Clone)]
pub(crate) enum Target {
    /// One deleted entity, with the parts that were deleted with it.
    One {
        /// Its kind.
        kind: EntityKind,
        /// Its key.
        id: String,
    },
    /// All entities deleted before that time, in milliseconds since the Unix epoch.
    DeletedBefore(i64),
}

/// Purges deleted entities; answers how many had values left.
pub(crate) fn purge(tx: &WriteTx<'_>, target: &Target) -> Result<u64> {
    begin(tx)?;
    match target {
        Target::One { kind, id } => add_one(tx, kind, id)?,
        Target::DeletedBefore(time) => _ = tx.execute(ADD_DELETED_BEFORE, [time])?,
    }
    let erased = blank(tx)?;
    forget_answers(tx)?;
    tx.execute("DELETE FROM temp.purged", [])?;
    // At once, and also when nothing was blanked: something may be left of what was pruned.
    mark(tx.conn(), AT_ONCE)?;
    Ok(erased)
}

/// Notes that a scrub is due at that time, if none is due earlier.
pub(super) fn mark(conn: &Connection, due: i64) -> rusqlite::Result<()> {
    conn.execute(
        "INSERT INTO core_meta (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE
         SET value = min(CAST(value AS INTEGER), CAST(?2 AS INTEGER))",
        params![SCRUB, due.to_string()],
    )
    .map(drop)
}

/// A temporary table for the keys, as there may be many. It holds no values.
fn begin(tx: &WriteTx<'_>) -> Result<()> {
    tx.execute(
        "CREATE TABLE IF NOT EXISTS temp.purged (
             module TEXT NOT NULL, entity TEXT NOT NULL, id TEXT NOT NULL, PRIMARY KEY (module, entity, id)
         ) STRICT, WITHOUT ROWID",
        [],
    )?;
    tx.execute("CREATE INDEX IF NOT EXISTS temp.purged_id ON purged (id)", [])?;
    tx.execute("DELETE FROM temp.purged", [])?;
    Ok(())
}

/// Entities whose newest change is a delete from before a time. The log has all changes after that delete, so an entity
/// that exists again is not among them.
const ADD_DELETED_BEFORE: &str = "
    INSERT INTO temp.purged SELECT module, entity, id
    FROM (SELECT module, entity, id, op, at, max(seq) FROM core_changes GROUP BY module, entity, id)
    WHERE op = 'delete' AND at < ?";

fn add_one(tx: &WriteTx<'_>, kind: &EntityKind, id: &str) -> Result<()> {
    if exists(tx, kind, id)? {
        return Err(Error::invalid("id", format!("{} `{id}` is not deleted", kind.name)).into());
    }
    let newest = "SELECT seq, parts FROM core_changes WHERE module = ? AND entity = ? AND id = ? ORDER BY seq DESC LIMIT 1";
    let newest: Option<(u64, u64)> =
        tx.first(newest, [kind.module, kind.name, id], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let Some((seq, parts)) = newest else { return Err(Error::not_found(kind.name, id).into()) };
    // The entity itself, and its parts before it, some of them in earlier steps of the same write.
    let (mut last, mut left, mut first) = (Some(seq), parts + 1, seq);
    while let Some(end) = last {
        let rev = rev_of(end);
        first = first_seq(rev).max((end + 1).saturating_sub(left));
        let deleted = "INSERT OR IGNORE INTO temp.purged SELECT module, entity, id FROM core_changes
                       WHERE seq BETWEEN ? AND ? AND op = 'delete'";
        tx.execute(deleted, [first, end])?;
        left -= end + 1 - first;
        let before = if left > 0 { steps::before(tx, rev)? } else { None };
        let newest = "SELECT max(seq) FROM core_changes WHERE seq >= ? AND seq < ?";
        last = match before {
            Some(rev) => tx.first(newest, [first_seq(rev), first_seq(rev + 1)], |row| row.get(0))?.flatten(),
            None => None,
        };
    }
    // Not the parts that came to be again, be it between two steps.
    tx.execute(
        "DELETE FROM temp.purged WHERE (module, entity, id) IN (
             SELECT module, entity, id FROM (
                 SELECT module, entity, id, op, max(seq) FROM core_changes
                 WHERE seq >= ?1 AND (seq <= ?2 OR op = 'put') GROUP BY module, entity, id)
             WHERE op = 'put')",
        [first, seq],
    )?;
    Ok(())
}

fn exists(tx: &ReadTx<'_>, kind: &EntityKind, id: &str) -> Result<bool> {
    let sql = format!("SELECT 1 FROM {} WHERE {} = ?", kind.table, kind.key);
    Ok(tx.first(&sql, [id], |_| Ok(()))?.is_some())
}

/// Blanks all values of the entities; answers how many entities had any.
///
/// Every change becomes a delete: a replay then says of each of them only that it is gone.
fn blank(tx: &WriteTx<'_>) -> Result<u64> {
    const HAS_VALUE: &str = "(before IS NOT NULL OR after IS NOT NULL) AND
        (module, entity, id) IN (SELECT module, entity, id FROM temp.purged)";
    let count = format!(
        "SELECT count(*) FROM (SELECT DISTINCT module, entity, id FROM core_changes WHERE {HAS_VALUE})"
    );
    let erased = tx.first(&count, [], |row| row.get(0))?.unwrap_or(0);
    tx.execute(
        &format!("UPDATE core_changes SET op = 'delete', before = NULL, after = NULL WHERE {HAS_VALUE}"),
        [],
    )?;
    Ok(erased)
}

/// Forgets the answers that name one of the entities. Those that the log holds are blank already.
fn forget_answers(tx: &WriteTx<'_>) -> Result<()> {
    let conn = tx.conn();
    let mut is_purged = conn.prepare_cached("SELECT 1 FROM temp.purged WHERE id = ?")?;
    let mut ids: Vec<String> = Vec::new();
    let mut answers =
        conn.prepare_cached("SELECT request_id, value FROM core_results WHERE value IS NOT NULL")?;
    let mut rows = answers.query([])?;
    while let Some(row) = rows.next()? {
        let mut is_named = |id: &str| Ok(is_purged.query_row([id], |_| Ok(())).optional()?.is_some());
        // What can't be read is forgotten too: it may name any of them, and must keep none from being purged.
        let names = match serde_json::from_slice::<Value>(row.get_ref(1)?.as_bytes().unwrap_or_default()) {
            Ok(value) => names_any(&value, &mut is_named)?,
            Err(_) => true,
        };
        if names {
            ids.push(row.get(0)?);
        }
    }
    drop(rows);
    let mut forget = conn.prepare_cached("UPDATE core_results SET value = NULL WHERE request_id = ?")?;
    ids.iter().try_for_each(|id| forget.execute([id]).map(drop))?;
    Ok(())
}

/// Longest key of an entity, in bytes; a longer text names none.
const MAX_KEY: usize = 512;

fn names_any(value: &Value, is_wanted: &mut dyn FnMut(&str) -> Result<bool>) -> Result<bool> {
    let mut any = |values: &mut dyn Iterator<Item = &Value>| -> Result<bool> {
        for value in values {
            if names_any(value, is_wanted)? {
                return Ok(true);
            }
        }
        Ok(false)
    };
    match value {
        Value::Array(values) => any(&mut values.iter()),
        Value::Object(members) => any(&mut members.values()),
        Value::String(text) if text.len() <= MAX_KEY => is_wanted(text),
        _ => Ok(false),
    }
}

/// Keys (`seq`) of a few changes that still hold values of entities deleted before `time`.
pub(super) fn outdated(tx: &ReadTx<'_>, time: i64, most: u64) -> Result<Vec<u64>> {
    let oldest =
        tx.first("SELECT at FROM core_changes ORDER BY seq LIMIT 1", [], |row| row.get::<_, i64>(0))?;
    if oldest.is_none_or(|at| at >= time) {
        return Ok(Vec::new());
    }
    tx.all(
        "WITH gone AS MATERIALIZED (
             SELECT module, entity, id
             FROM (SELECT module, entity, id, op, at, max(seq) FROM core_changes GROUP BY module, entity, id)
             WHERE op = 'delete' AND at < ?)
         SELECT seq FROM core_changes
         WHERE (before IS NOT NULL OR after IS NOT NULL) AND (module, entity, id) IN (SELECT * FROM gone)
         ORDER BY seq LIMIT ?",
        params![time, most],
        |row| row.get(0),
    )
}

/// Blanks those changes.
pub(super) fn blank_changes(conn: &Connection, seqs: &[u64]) -> rusqlite::Result<()> {
    let mut blank = conn.prepare_cached(
        "UPDATE core_changes SET op = 'delete', before = NULL, after = NULL WHERE seq = ? AND op <> 'reset'",
    )?;
    seqs.iter().try_for_each(|seq| blank.execute([seq]).map(drop))
}
