//! Operations on entities of every kind.

use super::description::{Entity, EntityKind};
use crate::store::recording::{self, Recorded};
use crate::store::row::{self, RowError};
use crate::store::{Failure, JsonText, ReadTx, Result, WriteTx, Written};
use rusqlite::{Params, Row, ToSql, params};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::BTreeMap;
use stina_protocol::event::Op;
use stina_protocol::params::fields;
use stina_protocol::types::Target;
use stina_protocol::{EntityId, Error, Json};
use uuid::Uuid;

fn failure(kind: EntityKind, error: RowError) -> Failure {
    match error {
        RowError::Sqlite(error) => error.into(),
        error => Failure::Corrupt(format!("{}: {error}", kind.name)),
    }
}

/// The text in a column, for what is no entity. Bytes that are not UTF-8 become U+FFFD.
///
/// # Errors
/// When there is no text.
pub fn text<'r>(row: &'r Row<'_>, column: usize) -> Result<Cow<'r, str>> {
    row::text(row, column).map_err(|error| Failure::Corrupt(error.to_string()))
}

/// A row as a struct whose fields are its first columns, in that order; for what is no entity.
///
/// # Errors
/// `corrupt` when a column holds what its field can't be.
pub fn read_row<T: DeserializeOwned>(row: &Row<'_>) -> Result<T> {
    row::read(row, fields::<T>()).map_err(|error| Failure::Corrupt(error.to_string()))
}

/// Reads an entity from a row with the entity's columns.
fn from_row<T: Entity>(tx: &ReadTx<'_>, row: &Row<'_>) -> Result<T> {
    let entity: T = row::read(row, &T::table().read).map_err(|error| failure(T::KIND, error))?;
    entity.complete(tx)
}

/// Reads the entity with a key, if it exists.
///
/// # Errors
/// SQLite's; `corrupt` when its row is invalid.
pub fn find<T: Entity>(tx: &ReadTx<'_>, key: &str) -> Result<Option<T>> {
    let mut statement = tx.statement(&T::table().by_key)?;
    let mut rows = statement.query([key])?;
    rows.next()?.map(|row| from_row(tx, row)).transpose()
}

/// Reads the entity with a key.
///
/// # Errors
/// `not_found`, and those of [`find`].
pub fn get<T: Entity>(tx: &ReadTx<'_>, key: &str) -> Result<T> {
    Ok(find(tx, key)?.ok_or_else(|| Error::not_found(T::KIND.name, key))?)
}

/// Reads the first entity of a query. `rest` is the SQL after the name of the table.
///
/// # Errors
/// Those of [`find`].
pub fn first<T: Entity>(tx: &ReadTx<'_>, rest: &str, params: impl Params) -> Result<Option<T>> {
    let mut found = None;
    walk(tx, rest, params, |entity| {
        found = Some(entity);
        Ok(false)
    })?;
    Ok(found)
}

/// Calls `each` with the entities of a query, until it returns `false`. `rest` is the SQL after the name of the table.
///
/// # Errors
/// Those of [`find`], and those of `each`.
pub fn walk<T: Entity>(
    tx: &ReadTx<'_>,
    rest: &str,
    params: impl Params,
    each: impl FnMut(T) -> Result<bool>,
) -> Result<()> {
    walk_from(tx, &format!("{} {rest}", T::KIND.table), params, each)
}

/// As [`walk`], with other tables in the query. `from` is the SQL after `FROM`; it includes the entity's table.
///
/// # Errors
/// As [`walk`].
pub fn walk_from<T: Entity>(
    tx: &ReadTx<'_>,
    from: &str,
    params: impl Params,
    mut each: impl FnMut(T) -> Result<bool>,
) -> Result<()> {
    let mut statement = tx.statement(&select::<T>(from))?;
    let mut rows = statement.query(params)?;
    while let Some(row) = rows.next()? {
        if !each(from_row(tx, row)?)? {
            break;
        }
    }
    Ok(())
}

/// The columns of `T`, as a list for `SELECT`.
pub fn columns<T: Entity>() -> &'static str {
    &T::table().columns
}

/// The query of [`walk_from`].
pub fn select<T: Entity>(from: &str) -> String {
    format!("SELECT {} FROM {from}", T::table().columns)
}

/// The chosen id, or a new one: `prefix` and a UUIDv7.
pub fn id_or_new(chosen: Option<EntityId>, prefix: &str) -> EntityId {
    chosen.unwrap_or_else(|| EntityId::stored(format!("{prefix}{}", Uuid::now_v7())))
}

/// Checks `ifRev` against an entity; a missing entity counts as revision 0.
///
/// # Errors
/// `conflict` with the current entity.
pub fn check_rev<T: Entity>(current: Option<&T>, if_rev: Option<u64>) -> Result<()> {
    if if_rev.is_none_or(|rev| rev == current.map_or(0, T::rev)) {
        return Ok(());
    }
    let current = current.map(Json::of).transpose()?;
    Err(Error::Conflict { current }.into())
}

/// Reads the entity that `target` names, and checks its `ifRev`.
///
/// # Errors
/// `not_found`, `conflict`, and those of [`find`].
pub fn get_if<T: Entity>(tx: &ReadTx<'_>, target: &Target) -> Result<T> {
    let entity = get(tx, target.id.as_str())?;
    check_rev(Some(&entity), target.if_rev)?;
    Ok(entity)
}

/// Creates an entity; its key must be free.
///
/// # Errors
/// `already_exists`, and SQLite's.
pub fn create<T: Entity>(tx: &mut WriteTx<'_>, entity: T) -> Result<T> {
    if find::<T>(tx, entity.key())?.is_some() {
        return Err(Error::already_exists(T::KIND.name, entity.key()).into());
    }
    save(tx, None, entity)
}

/// Applies changes to an entity and saves it; `touch` sets the time of the change. Changes that change nothing make no
/// revision.
///
/// # Errors
/// Those of [`with`] and [`save`].
pub fn update<T: Entity>(
    tx: &mut WriteTx<'_>,
    before: T,
    changes: &impl Serialize,
    touch: impl FnOnce(&mut T, i64),
) -> Result<T> {
    let mut after = with(&before, changes)?;
    if after == before {
        return Ok(before);
    }
    touch(&mut after, tx.now());
    save(tx, Some(&before), after)
}

/// Saves an entity, new or changed, with its derived data, and records the change.
///
/// # Errors
/// SQLite's.
pub fn save<T: Entity>(tx: &mut WriteTx<'_>, before: Option<&T>, mut after: T) -> Result<T> {
    after.set_rev(tx.rev());
    if let Some(before) = before {
        after.set_row(before.row());
    }
    let table = T::table();
    let sql = if before.is_some() { &table.update } else { &table.insert };
    let mut statement = tx.conn().prepare_cached(sql)?;
    row::bind(&after, &table.written, &mut statement).map_err(|error| failure(T::KIND, error))?;
    for (at, (_, derive)) in T::DERIVED.iter().enumerate() {
        let value: &dyn ToSql = &derive(&after);
        statement.raw_bind_parameter(table.written.len() + at + 1, value)?;
    }
    let is_new = before.is_none();
    if is_new && T::ROW.is_some() {
        statement.raw_bind_parameter(table.written.len() + T::DERIVED.len() + 1, after.row())?;
    }
    statement.raw_execute()?;
    drop(statement);
    if is_new && T::ROW.is_some() {
        after.set_row(tx.conn().last_insert_rowid().cast_unsigned());
    }
    if !T::READ_ONLY.is_empty() {
        // What the database writes itself is logged as it is, whatever `after` had.
        after = get(tx, after.key())?;
    }
    T::index(tx, before, Some(&after))?;
    if let Some(before) = before.filter(|before| before.scope() != after.scope()) {
        // Subscribers of the scope that it leaves must not keep it.
        record(tx, Some(before), None, 0)?;
    }
    record(tx, before, Some(&after), 0)?;
    Ok(after)
}

/// Removes an entity with its parts and its derived data, and records the change.
///
/// # Errors
/// SQLite's.
pub fn remove<T: Entity>(tx: &mut WriteTx<'_>, entity: &T) -> Result<()> {
    tx.undivided(|tx| remove_some(tx, entity)).map(drop)
}

/// Removes an entity as [`remove`], as far as this step has room: its parts first. Returns whether it is gone.
///
/// # Errors
/// SQLite's.
pub fn remove_some<T: Entity>(tx: &mut WriteTx<'_>, entity: &T) -> Result<bool> {
    let key = entity.key();
    let begun = tx.removal_begun(T::KIND.name, key);
    if !entity.remove_parts(tx)? {
        tx.leave_removal(T::KIND.name, key, begun);
        if !T::READ_ONLY.is_empty() {
            // What the database counts has changed with the parts.
            let left = get(tx, key)?;
            save(tx, Some(entity), left)?;
        }
        return Ok(false);
    }
    let parts = tx.logged() - begun;
    T::index(tx, Some(entity), None)?;
    tx.execute(&T::table().delete, [key])?;
    record(tx, Some(entity), None, parts)?;
    Ok(true)
}

/// Logs a put of `after`, or without one a delete of `before`.
fn record<T: Entity>(
    tx: &mut WriteTx<'_>,
    before: Option<&T>,
    after: Option<&T>,
    parts: usize,
) -> Result<()> {
    let Some(entity) = after.or(before) else { return Ok(()) };
    let change = Recorded {
        module: T::KIND.module,
        entity: T::KIND.name,
        id: entity.key().to_owned(),
        op: if after.is_some() { Op::Put } else { Op::Delete },
        scope: entity.scope().map(ToOwned::to_owned),
        before: before.map(JsonText::of).transpose()?,
        after: after.map(JsonText::of).transpose()?,
        parts,
    };
    tx.record(change)
}

/// Reads the entity that `target` names, to remove it. It is chosen once: where a removal was cut off between two steps, its
/// `ifRev` is not checked again, and if somebody else has removed it meanwhile, this is the entity as it was then.
///
/// # Errors
/// `not_found`, `conflict`, and those of [`find`].
pub fn get_to_remove<T: Entity>(tx: &mut WriteTx<'_>, target: &Target) -> Result<T> {
    let Some(row) = tx.chosen()? else {
        let entity: T = get_if(tx, target)?;
        tx.choose(&entity.row())?;
        return Ok(entity);
    };
    let key = target.id.as_str();
    let left = find(tx, key)?.filter(|found: &T| found.row() == row);
    match (left, tx.divided.first) {
        (None, Some(since)) => find_removed(tx, key, row, since)?,
        (left, _) => left,
    }
    .ok_or_else(|| Error::not_found(T::KIND.name, key).into())
}

/// Reads an entity that was removed in the revision `since` or later from the change log, if that still has it.
fn find_removed<T: Entity>(tx: &ReadTx<'_>, key: &str, row: u64, since: u64) -> Result<Option<T>> {
    let mut statement = tx.statement(
        "SELECT before FROM core_changes
         WHERE seq >= ? AND entity = ? AND id = ? AND op = 'delete' AND before IS NOT NULL ORDER BY seq DESC",
    )?;
    let mut rows = statement.query(params![recording::first_seq(since), T::KIND.name, key])?;
    while let Some(removed) = rows.next()? {
        let removed: T = from_json(&text(removed, 0)?)?;
        if removed.row() == row {
            return Ok(Some(removed));
        }
    }
    Ok(None)
}

/// Reads the same entity again, in a later step; `None` once it is gone.
///
/// # Errors
/// Those of [`find`].
pub fn find_again<T: Entity>(tx: &ReadTx<'_>, entity: &T) -> Result<Option<T>> {
    // The number of a row never changes: one with another number is another entity of that name.
    Ok(find::<T>(tx, entity.key())?.filter(|found| found.row() == entity.row()))
}

/// Removes the entity that `target` names, as [`remove_some`], in as many steps as it takes; returns it as it was.
///
/// # Errors
/// `not_found`, `conflict`, and SQLite's.
pub fn remove_if<T: Entity>(tx: &mut WriteTx<'_>, target: &Target) -> Result<Written<T>> {
    let entity = get_to_remove(tx, target)?;
    remove_rest(tx, entity)
}

fn remove_rest<T: Entity>(tx: &mut WriteTx<'_>, entity: T) -> Result<Written<T>> {
    Ok(match find_again(tx, &entity)? {
        Some(left) if !remove_some(tx, &left)? => Written::more(move |tx| remove_rest(tx, entity)),
        _ => Written::Done(entity),
    })
}

/// Removes the entities of a query, as [`remove_some`]; returns whether all are gone.
///
/// # Errors
/// SQLite's.
pub fn remove_all<T: Entity>(tx: &mut WriteTx<'_>, rest: &str, params: impl Params + Clone) -> Result<bool> {
    // Read some keys first, so that memory stays small and no row is removed during the query.
    let (key, table) = (row::column(T::KEY), T::KIND.table);
    let sql = format!("SELECT {key} FROM {table} {rest} LIMIT {REMOVED_AT_ONCE}");
    loop {
        let keys: Vec<String> = tx.all(&sql, params.clone(), |row| row.get(0))?;
        if keys.is_empty() {
            return Ok(true);
        }
        for key in &keys {
            if tx.is_full() {
                return Ok(false);
            }
            // One that belongs to another of them has gone with that.
            if let Some(entity) = find::<T>(tx, key)?
                && !remove_some(tx, &entity)?
            {
                return Ok(false);
            }
        }
    }
}

/// Keys that [`remove_all`] holds.
const REMOVED_AT_ONCE: usize = 256;

/// Applies changes, such as the params of an update, to an entity as its row has it: null clears a member, omitted members
/// stay unchanged.
///
/// # Errors
/// `corrupt` when a member has the wrong type, which the types of params prevent.
pub fn with<T: Entity>(entity: &T, changes: &impl Serialize) -> Result<T> {
    let changes = serde_json::to_string(changes)?;
    let changes: BTreeMap<String, &RawValue> = serde_json::from_str(&changes)?;
    row::with(entity, &T::table().read, &changes).map_err(|error| failure(T::KIND, error))
}

/// Reads an entity from its JSON in the change log.
pub(super) fn from_json<T: Entity>(json: &str) -> Result<T> {
    serde_json::from_str(json)
        .map_err(|error| Failure::Corrupt(format!("{} in the change log: {error}", T::KIND.name)))
}

/// Saves an entity from its JSON, such as from the change log, with the `rev` of this write.
pub(super) fn put_json<T: Entity>(tx: &mut WriteTx<'_>, json: &str) -> Result<()> {
    let entity: T = from_json(json)?;
    let mut before = find::<T>(tx, entity.key())?;
    // The number of a row never changes: one with another number is another entity of that name.
    if let Some(other) = before.take_if(|before| before.row() != entity.row()) {
        remove(tx, &other)?;
    }
    save(tx, before.as_ref(), entity)?;
    Ok(())
}
