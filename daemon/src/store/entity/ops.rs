//! What is done with entities, the same for all sorts.

use super::description::{Entity, EntityKind};
use crate::store::row::{self, RowError};
use crate::store::tx::Recorded;
use crate::store::{Failure, JsonText, ReadTx, Result, WriteTx};
use rusqlite::{Params, Row, ToSql};
use serde::Serialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use stina_protocol::event::Op;
use stina_protocol::types::Target;
use stina_protocol::{EntityId, Error, Json};
use uuid::Uuid;

fn failure(kind: EntityKind, error: RowError) -> Failure {
    match error {
        RowError::Sqlite(error) => error.into(),
        RowError::Value(_) | RowError::Compound => {
            tracing::error!(entity = kind.name, %error, "a row of the database can't be read");
            Error::Corrupt.into()
        }
    }
}

/// The entity of a row whose columns are the entity's.
fn from_row<T: Entity>(tx: &ReadTx<'_>, row: &Row<'_>) -> Result<T> {
    let entity: T = row::read(row, &T::table().read).map_err(|error| failure(T::KIND, error))?;
    entity.complete(tx)
}

/// The entity `key`, if there is one.
///
/// # Errors
/// SQLite's; `corrupt` when its row holds what can't be.
pub fn find<T: Entity>(tx: &ReadTx<'_>, key: &str) -> Result<Option<T>> {
    let mut statement = tx.statement(&T::table().by_key)?;
    let mut rows = statement.query([key])?;
    rows.next()?.map(|row| from_row(tx, row)).transpose()
}

/// The entity `key`.
///
/// # Errors
/// `not_found`, and those of [`find`].
pub fn get<T: Entity>(tx: &ReadTx<'_>, key: &str) -> Result<T> {
    Ok(find(tx, key)?.ok_or_else(|| Error::not_found(T::KIND.name, key))?)
}

/// The first entity that the `rest` of a query finds: what stands after the name of the table.
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

/// Calls `each` with the entities that the `rest` of a query finds (what stands after the name of the table), until it
/// answers `false`.
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

/// As [`walk`], where the order comes from another table: `from` is what stands after `FROM`, the entity's table in it.
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

/// The columns of `T`, as they stand after `SELECT`.
pub fn columns<T: Entity>() -> &'static str {
    &T::table().columns
}

/// The query of [`walk_from`].
pub fn select<T: Entity>(from: &str) -> String {
    format!("SELECT {} FROM {from}", T::table().columns)
}

/// The id that a caller chose, or a new one: `prefix` and a UUIDv7.
pub fn id_or_new(chosen: Option<EntityId>, prefix: &str) -> String {
    chosen.map_or_else(|| format!("{prefix}{}", Uuid::now_v7()), String::from)
}

/// Checks `ifRev` against an entity; no entity counts as revision 0.
///
/// # Errors
/// `conflict` with the entity as it is.
pub fn check_rev<T: Entity>(current: Option<&T>, if_rev: Option<u64>) -> Result<()> {
    if if_rev.is_none_or(|rev| rev == current.map_or(0, T::rev)) {
        return Ok(());
    }
    let current = current.map(Json::of).transpose()?;
    Err(Error::Conflict { current }.into())
}

/// The entity that `target` names, if it is as that says.
///
/// # Errors
/// `not_found`, `conflict`, and those of [`find`].
pub fn get_if<T: Entity>(tx: &ReadTx<'_>, target: &Target) -> Result<T> {
    let entity = get(tx, target.id.as_str())?;
    check_rev(Some(&entity), target.if_rev)?;
    Ok(entity)
}

/// Adds an entity whose key must be free.
///
/// # Errors
/// `already_exists`, and SQLite's.
pub fn create<T: Entity>(tx: &mut WriteTx<'_>, entity: T) -> Result<T> {
    if find::<T>(tx, entity.key())?.is_some() {
        return Err(Error::already_exists(T::KIND.name, entity.key()).into());
    }
    save(tx, None, entity)
}

/// Writes an entity, new or changed, with what is made of it, and logs it.
///
/// # Errors
/// SQLite's.
pub fn save<T: Entity>(tx: &mut WriteTx<'_>, before: Option<&T>, mut after: T) -> Result<T> {
    after.set_rev(tx.rev());
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
    T::index(tx, before, Some(&after))?;
    let before = before.map(JsonText::of).transpose()?;
    record::<T>(tx, Op::Put, after.key(), before, Some(JsonText::of(&after)?));
    Ok(after)
}

/// Removes an entity with what can't be without it and what is made of it, and logs it.
///
/// # Errors
/// SQLite's.
pub fn remove<T: Entity>(tx: &mut WriteTx<'_>, entity: &T) -> Result<()> {
    entity.remove_parts(tx)?;
    T::index(tx, Some(entity), None)?;
    tx.execute(&T::table().delete, [entity.key()])?;
    record::<T>(tx, Op::Delete, entity.key(), Some(JsonText::of(entity)?), None);
    Ok(())
}

fn record<T: Entity>(
    tx: &mut WriteTx<'_>,
    op: Op,
    id: &str,
    before: Option<JsonText>,
    after: Option<JsonText>,
) {
    let EntityKind { module, name: entity, .. } = T::KIND;
    tx.record(Recorded { module, entity, id: id.to_owned(), op, before, after });
}

/// Removes the entity that `target` names, as [`remove`] does; answers it.
///
/// # Errors
/// `not_found`, `conflict`, and SQLite's.
pub fn remove_if<T: Entity>(tx: &mut WriteTx<'_>, target: &Target) -> Result<T> {
    let entity = get_if(tx, target)?;
    remove(tx, &entity)?;
    Ok(entity)
}

/// Removes, one after the other, the entities that the `rest` of a query finds; answers how many.
///
/// # Errors
/// SQLite's.
pub fn remove_all<T: Entity>(tx: &mut WriteTx<'_>, rest: &str, params: impl Params) -> Result<u64> {
    // The keys first: not all entities are held at once, and no row is removed under a running query.
    let (key, table) = (row::column(T::KEY), T::KIND.table);
    let keys: Vec<String> = tx.all(&format!("SELECT {key} FROM {table} {rest}"), params, |row| row.get(0))?;
    for key in &keys {
        let entity: T = get(tx, key)?;
        remove(tx, &entity)?;
    }
    Ok(keys.len() as u64)
}

/// `entity` with the members that `changes` has, such as the params of an update: what is absent stays, null clears.
///
/// # Errors
/// `invalid` when a member can't be that.
pub fn with<T: Entity>(entity: &T, changes: &impl Serialize) -> Result<T> {
    let mut members = members(entity)?;
    members.extend(self::members(changes)?);
    let text = serde_json::to_string(&members)?;
    serde_json::from_str(&text).map_err(|error| Error::invalid("", error.to_string()).into())
}

fn members(value: &impl Serialize) -> Result<BTreeMap<String, Box<RawValue>>> {
    Ok(serde_json::from_str(&serde_json::to_string(value)?)?)
}

/// The entity that JSON out of the change log, say, is.
pub(super) fn from_json<T: Entity>(json: &str) -> Result<T> {
    serde_json::from_str(json).map_err(|error| {
        tracing::error!(entity = T::KIND.name, %error, "JSON that is no such entity");
        Error::Corrupt.into()
    })
}

/// Puts an entity as its JSON, out of the change log say, has it: it is as it was, and this write has changed it.
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
