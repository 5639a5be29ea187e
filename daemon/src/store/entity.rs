//! What all entities have in common, done once: found, walked, saved, deleted, logged, and put back from their JSON.
//!
//! A module describes each of its entities by an [`Entity`]; which tables and members it has follows from the type
//! itself (`row.rs`). What one entity does beyond that, such as its search index, it says in the trait's hooks.

use super::row::{self, RowError};
use super::tx::Recorded;
use super::{Failure, JsonText, ReadTx, Result, WriteTx};
use rusqlite::types::Value;
use rusqlite::{Params, Row, ToSql};
use schemars::generate::SchemaGenerator;
use schemars::{JsonSchema, Schema};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use stina_protocol::event::Op;
use stina_protocol::params::fields;
use stina_protocol::types::Target;
use stina_protocol::{EntityId, Error, Json};
use uuid::Uuid;

/// An entity: its members are those that the API shows, and the columns of its table.
pub trait Entity: Serialize + DeserializeOwned + JsonSchema + Clone + PartialEq + Send + 'static {
    /// Whose it is, what it is called, where its rows are.
    const KIND: EntityKind;
    /// The member that is its key, and the primary or a unique key of its table.
    const KEY: &'static str = "id";
    /// Members that have no column, or whose column only the database itself writes.
    const READ_ONLY: &'static [&'static str] = &[];
    /// Members that have no column at all: [`Self::complete`] finds them.
    const ELSEWHERE: &'static [&'static str] = &[];
    /// The member that is the number of its row: the database chooses it where it is 0, and it never changes.
    const ROW: Option<&'static str> = None;
    /// Columns that are made of the entity, for an index say: each with the function that makes it.
    const DERIVED: &'static [Derived<Self>] = &[];

    /// Its table: a static that holds [`Table::of`] this type.
    fn table() -> &'static Table;
    /// Its key.
    fn key(&self) -> &str;
    /// The revision that last changed it.
    fn rev(&self) -> u64;
    /// Says that this revision changes it.
    fn set_rev(&mut self, rev: u64);

    /// Its member [`Self::ROW`].
    fn row(&self) -> u64 {
        0
    }

    /// Takes the number that the database has chosen.
    fn set_row(&mut self, row: u64) {
        let _ = row;
    }

    /// The entity with what is not in its row.
    ///
    /// # Errors
    /// Those of the reads.
    fn complete(self, tx: &ReadTx<'_>) -> Result<Self> {
        let _ = tx;
        Ok(self)
    }

    /// Brings what is made of the entity, such as a search index, up to date. Its row is written already, or is about to
    /// be deleted.
    ///
    /// # Errors
    /// Those of the writes.
    fn index(tx: &WriteTx<'_>, before: Option<&Self>, after: Option<&Self>) -> Result<()> {
        let _ = (tx, before, after);
        Ok(())
    }

    /// Removes what can't be without the entity, each logged, before the entity itself is removed.
    ///
    /// # Errors
    /// Those of the writes.
    fn remove_parts(&self, tx: &mut WriteTx<'_>) -> Result<()> {
        let _ = tx;
        Ok(())
    }
}

/// A column that is made of an entity: its name, and its value.
pub type Derived<T> = (&'static str, fn(&T) -> Value);

/// A sort of entity, for those who know no module: its names, and what can be done with each such entity.
#[derive(Debug, Clone, Copy)]
pub struct EntityKind {
    /// Name of the module that owns it.
    pub module: &'static str,
    /// Name on the wire.
    pub name: &'static str,
    /// The table that holds one row for each.
    pub table: &'static str,
    /// Calls a function with the key and the JSON of every entity, in the order of their rows.
    pub walk: fn(&ReadTx<'_>, &mut Each<'_>) -> Result<()>,
    /// Puts an entity as its JSON says.
    pub put: fn(&mut WriteTx<'_>, &str) -> Result<()>,
    /// Removes the entity with that key, and what can't be without it, if there is one.
    pub remove: fn(&mut WriteTx<'_>, &str) -> Result<()>,
    /// Its JSON schema.
    pub schema: fn(&mut SchemaGenerator) -> Schema,
}

/// Takes the key and the JSON of an entity.
pub type Each<'f> = dyn FnMut(&str, JsonText) -> Result<()> + 'f;

impl EntityKind {
    /// The kind of `T`.
    pub const fn of<T: Entity>(module: &'static str, name: &'static str, table: &'static str) -> Self {
        Self {
            module,
            name,
            table,
            walk: |tx, each| {
                walk::<T>(tx, "ORDER BY rowid", [], |entity| {
                    each(entity.key(), JsonText::of(&entity)?)?;
                    Ok(true)
                })
            },
            put: put_json::<T>,
            remove: |tx, key| match find::<T>(tx, key)? {
                Some(entity) => remove(tx, &entity),
                None => Ok(()),
            },
            schema: |generator| generator.subschema_for::<T>(),
        }
    }
}

impl PartialEq for EntityKind {
    fn eq(&self, other: &Self) -> bool {
        (self.module, self.name) == (other.module, other.name)
    }
}

/// The statements for an entity's table.
#[derive(Debug)]
pub struct Table {
    /// Members that are read, in the order of `columns`.
    read: Vec<&'static str>,
    /// Members that are written.
    written: Vec<&'static str>,
    /// Columns that are read: what stands after `SELECT`.
    columns: String,
    by_key: String,
    insert: String,
    update: String,
    delete: String,
}

impl Table {
    /// The statements for `T`.
    #[must_use]
    pub fn of<T: Entity>() -> Self {
        let has_column = |member: &&str| !T::ELSEWHERE.contains(member);
        let read: Vec<_> = fields::<T>().iter().copied().filter(has_column).collect();
        let is_written = |member: &&str| !T::READ_ONLY.contains(member) && T::ROW != Some(*member);
        let written: Vec<_> = read.iter().copied().filter(is_written).collect();
        let EntityKind { table, .. } = T::KIND;
        let key = row::column(T::KEY);
        let columns: Vec<String> =
            read.iter().map(|member| format!("{table}.{}", row::column(member))).collect();
        let columns = columns.join(", ");
        let derived = T::DERIVED.iter().map(|(name, _)| (*name).to_owned());
        let names: Vec<String> = written.iter().map(|member| row::column(member)).chain(derived).collect();
        let set: Vec<String> =
            names.iter().enumerate().map(|(at, name)| format!("{name} = ?{}", at + 1)).collect();
        let (row, number) = T::ROW.map_or(Default::default(), |row| {
            (format!(", {}", row::column(row)), format!(", nullif(?{}, 0)", names.len() + 1))
        });
        let values: Vec<String> = (1..=names.len()).map(|at| format!("?{at}")).collect();
        let key_at = written.iter().position(|member| *member == T::KEY).unwrap_or_default() + 1;
        Self {
            by_key: format!("SELECT {columns} FROM {table} WHERE {key} = ?"),
            insert: format!(
                "INSERT INTO {table} ({}{row}) VALUES ({}{number})",
                names.join(", "),
                values.join(", ")
            ),
            update: format!("UPDATE {table} SET {} WHERE {key} = ?{key_at}", set.join(", ")),
            delete: format!("DELETE FROM {table} WHERE {key} = ?"),
            columns,
            read,
            written,
        }
    }
}

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

/// Puts an entity as its JSON, out of the change log say, has it: it is as it was, and this write has changed it.
fn put_json<T: Entity>(tx: &mut WriteTx<'_>, json: &str) -> Result<()> {
    let entity: T = serde_json::from_str(json).map_err(|error| {
        tracing::error!(entity = T::KIND.name, %error, "JSON that is no such entity");
        Failure::from(Error::Corrupt)
    })?;
    let before = find::<T>(tx, entity.key())?;
    save(tx, before.as_ref(), entity)?;
    Ok(())
}
