//! Rows of entries. Other modules call these functions in their own transactions.

use crate::store::entity::{self, check_rev};
use crate::store::{Entity, EntityKind, ReadTx, Result, Table, WriteTx};
use rusqlite::params;
use std::sync::LazyLock;
use stina_protocol::Json;
use stina_protocol::kv::{Entry, Key};

impl Entity for Entry {
    const KIND: EntityKind = EntityKind::of::<Self>("kv", "kv", "kv_entries");
    const KEY: &'static str = "key";

    fn table() -> &'static Table {
        static TABLE: LazyLock<Table> = LazyLock::new(Table::of::<Entry>);
        &TABLE
    }

    fn key(&self) -> &str {
        &self.key
    }

    fn rev(&self) -> u64 {
        self.rev
    }

    fn set_rev(&mut self, rev: u64) {
        self.rev = rev;
    }
}

/// The entry under `key`.
///
/// # Errors
/// SQLite's.
pub fn get(tx: &ReadTx<'_>, key: &str) -> Result<Option<Entry>> {
    entity::find(tx, key)
}

/// Sets the value under `key`.
///
/// # Errors
/// `conflict` when `if_rev` is not the entry's `rev`, and SQLite's.
pub fn set(tx: &mut WriteTx<'_>, key: &str, value: Json, if_rev: Option<u64>) -> Result<Entry> {
    let before: Option<Entry> = entity::find(tx, key)?;
    check_rev(before.as_ref(), if_rev)?;
    let mut entry = Entry::new(Key::stored(key), value);
    (entry.rev, entry.updated_at) = (tx.rev(), tx.now());
    entity::save(tx, before.as_ref(), entry)
}

/// Deletes the entry under `key`; returns it, or `None` if there is none.
///
/// # Errors
/// `conflict` when `if_rev` is not the entry's `rev`, and SQLite's.
pub fn delete(tx: &mut WriteTx<'_>, key: &str, if_rev: Option<u64>) -> Result<Option<Entry>> {
    let entry: Option<Entry> = entity::find(tx, key)?;
    check_rev(entry.as_ref(), if_rev)?;
    if let Some(entry) = &entry {
        entity::remove(tx, entry)?;
    }
    Ok(entry)
}

/// Calls `each` with the entries whose keys begin with `prefix` and follow `after`, in byte order, until it returns
/// `false`.
///
/// # Errors
/// SQLite's, and those of `each`.
pub fn walk(
    tx: &ReadTx<'_>,
    prefix: &str,
    after: Option<&str>,
    mut each: impl FnMut(Entry) -> Result<bool>,
) -> Result<()> {
    let from = prefix.max(after.unwrap_or_default());
    let rest = "WHERE key >= ?1 AND (?2 IS NULL OR key > ?2) ORDER BY key";
    entity::walk(tx, rest, params![from, after], |entry: Entry| {
        Ok(entry.key.starts_with(prefix) && each(entry)?)
    })
}
