//! The rows of `kv_entries`. Other modules compose through these functions, inside their own transaction.

use super::ENTRY;
use crate::modules::entity::check_rev;
use crate::store::{ReadTx, Result, WriteTx};
use rusqlite::{Row, params};
use stina_protocol::Json;
use stina_protocol::kv::Entry;

const COLUMNS: &str = "key, value, rev, updated_at";

/// An entry whose value is not yet known to be JSON.
type Raw = (String, String, u64, i64);

fn raw(row: &Row<'_>) -> rusqlite::Result<Raw> {
    Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
}

fn entry((key, value, rev, updated_at): Raw) -> Result<Entry> {
    Ok(Entry { key, value: Json::stored(value)?, rev, updated_at })
}

/// The entry under `key`.
///
/// # Errors
/// SQLite's.
pub fn get(tx: &ReadTx<'_>, key: &str) -> Result<Option<Entry>> {
    tx.first(&format!("SELECT {COLUMNS} FROM kv_entries WHERE key = ?"), [key], raw)?.map(entry).transpose()
}

/// Puts `value` under `key`.
///
/// # Errors
/// `conflict` when `if_rev` is not the entry's, and SQLite's.
pub fn set(tx: &mut WriteTx<'_>, key: &str, value: Json, if_rev: Option<u64>) -> Result<Entry> {
    let before = get(tx, key)?;
    check_rev(before.as_ref().map(|entry| (entry, entry.rev)), if_rev)?;
    let entry = Entry { key: key.to_owned(), value, rev: tx.rev(), updated_at: tx.now() };
    tx.execute(
        "INSERT INTO kv_entries (key, value, rev, updated_at) VALUES (?, ?, ?, ?)
         ON CONFLICT (key) DO UPDATE SET value = excluded.value, rev = excluded.rev, updated_at = excluded.updated_at",
        params![entry.key, entry.value.get(), entry.rev, entry.updated_at],
    )?;
    tx.put(ENTRY, key, before.as_ref(), &entry)?;
    Ok(entry)
}

/// Removes the entry under `key`; answers it, or `None` when there is none.
///
/// # Errors
/// `conflict` when `if_rev` is not the entry's, and SQLite's.
pub fn delete(tx: &mut WriteTx<'_>, key: &str, if_rev: Option<u64>) -> Result<Option<Entry>> {
    let before = get(tx, key)?;
    check_rev(before.as_ref().map(|entry| (entry, entry.rev)), if_rev)?;
    let Some(before) = before else { return Ok(None) };
    tx.execute("DELETE FROM kv_entries WHERE key = ?", [key])?;
    tx.delete(ENTRY, key, &before)?;
    Ok(Some(before))
}

/// Calls `each` with the entries whose keys begin with `prefix`, from the first key after `after` on, in byte
/// order, until it answers `false`.
///
/// # Errors
/// SQLite's, and those of `each`.
pub fn walk(
    tx: &ReadTx<'_>,
    prefix: &str,
    after: Option<&str>,
    mut each: impl FnMut(Entry) -> Result<bool>,
) -> Result<()> {
    let sql =
        format!("SELECT {COLUMNS} FROM kv_entries WHERE key >= ? AND (?2 IS NULL OR key > ?2) ORDER BY key");
    let mut statement = tx.statement(&sql)?;
    let mut rows = statement.query(params![prefix.max(after.unwrap_or_default()), after])?;
    while let Some(row) = rows.next()? {
        let entry = entry(raw(row)?)?;
        if !entry.key.starts_with(prefix) || !each(entry)? {
            break;
        }
    }
    Ok(())
}
