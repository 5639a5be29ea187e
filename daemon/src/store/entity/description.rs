//! [`Entity`]: the description that a module gives of each entity, and the SQL statements derived from it.

use crate::store::row;
use crate::store::{JsonText, ReadTx, Result, WriteTx};
use rusqlite::types::Value;
use schemars::generate::SchemaGenerator;
use schemars::{JsonSchema, Schema};
use serde::Serialize;
use serde::de::DeserializeOwned;
use stina_protocol::params::fields;

/// An entity: its members are those in the API, and the columns of its table.
pub trait Entity: Serialize + DeserializeOwned + JsonSchema + Clone + PartialEq + Send + 'static {
    /// Its module, its name and its table.
    const KIND: EntityKind;
    /// The member that is its key; its column must be unique.
    const KEY: &'static str = "id";
    /// Members whose columns only the database writes.
    const READ_ONLY: &'static [&'static str] = &[];
    /// Members without a column: [`Self::complete`] reads them.
    const ELSEWHERE: &'static [&'static str] = &[];
    /// The member that is its row number: the database assigns it if it is 0, and it never changes.
    const ROW: Option<&'static str> = None;
    /// Columns computed from the entity, such as for an index, each with its function.
    const DERIVED: &'static [Derived<Self>] = &[];

    /// Its statements: a static with [`Table::of`] this type.
    fn table() -> &'static Table;
    /// Its key.
    fn key(&self) -> &str;
    /// The revision that last changed it.
    fn rev(&self) -> u64;
    /// Sets the revision that changes it.
    fn set_rev(&mut self, rev: u64);

    /// What the subscriptions of its module filter by, such as the conversation of a message. The change log has it with
    /// every change, so that no filter reads the entity itself.
    ///
    /// It is an id and never content: a purge leaves it in the log.
    fn scope(&self) -> Option<&str> {
        None
    }

    /// Its row number: the member [`Self::ROW`].
    fn row(&self) -> u64 {
        0
    }

    /// Sets the row number that the database assigned.
    fn set_row(&mut self, row: u64) {
        let _ = row;
    }

    /// Reads the members that are not in its row.
    ///
    /// # Errors
    /// Those of the reads.
    fn complete(self, tx: &ReadTx<'_>) -> Result<Self> {
        let _ = tx;
        Ok(self)
    }

    /// The entity as it comes back out of the change log, at the time `now`.
    #[must_use]
    fn put_back(self, now: i64) -> Self {
        let _ = now;
        self
    }

    /// Updates data derived from the entity, such as a search index. It runs after the row was written, or before it is
    /// deleted.
    ///
    /// # Errors
    /// Those of the writes.
    fn index(tx: &WriteTx<'_>, before: Option<&Self>, after: Option<&Self>) -> Result<()> {
        let _ = (tx, before, after);
        Ok(())
    }

    /// Removes the parts of the entity, each with a change, before the entity itself is removed: as many as the step has
    /// room for. Returns whether all are gone.
    ///
    /// # Errors
    /// Those of the writes.
    fn remove_parts(&self, tx: &mut WriteTx<'_>) -> Result<bool> {
        let _ = tx;
        Ok(true)
    }
}

/// A computed column: its name, and the function of its value.
pub type Derived<T> = (&'static str, fn(&T) -> Value);

/// A kind of entity, for code that knows no module: its names, and functions for entities of that kind.
#[derive(Debug, Clone, Copy)]
pub struct EntityKind {
    /// Name of the module that owns it.
    pub module: &'static str,
    /// Name on the wire.
    pub name: &'static str,
    /// Its table.
    pub table: &'static str,
    /// The column of its key.
    pub key: &'static str,
    /// Calls a function with the key and the JSON of every entity, in the order of rows.
    pub walk: fn(&ReadTx<'_>, &mut Each<'_>) -> Result<()>,
    /// Its members that only the database itself writes.
    pub read_only: &'static [&'static str],
    /// The entity with that key, if there is one: its revision and its JSON.
    pub find: fn(&ReadTx<'_>, &str) -> Result<Found>,
    /// The JSON of an entity out of the change log as it comes back at a time.
    pub put_back: fn(&str, i64) -> Result<JsonText>,
    /// Saves an entity from its JSON.
    pub put: fn(&mut WriteTx<'_>, &str) -> Result<()>,
    /// Logs that the entity that was the first JSON is now as the second says, but for what only the database writes.
    pub replace: fn(&mut WriteTx<'_>, &str, &str) -> Result<()>,
    /// Removes the entity with that key and its parts, if it exists.
    pub remove: fn(&mut WriteTx<'_>, &str) -> Result<()>,
    /// Its JSON schema.
    pub schema: fn(&mut SchemaGenerator) -> Schema,
}

/// An entity that exists: its revision and its JSON.
pub type Found = Option<(u64, JsonText)>;

/// A function of the key and the JSON of an entity.
pub type Each<'f> = dyn FnMut(&str, JsonText) -> Result<()> + 'f;

impl PartialEq for EntityKind {
    fn eq(&self, other: &Self) -> bool {
        (self.module, self.name) == (other.module, other.name)
    }
}

/// The SQL statements of an entity's table.
#[derive(Debug)]
pub struct Table {
    /// Members that are read, in the order of `columns`.
    pub(super) read: Vec<&'static str>,
    /// Members that are written.
    pub(super) written: Vec<&'static str>,
    /// Columns that are read, as a list for `SELECT`.
    pub(super) columns: String,
    pub(super) by_key: String,
    pub(super) insert: String,
    pub(super) update: String,
    pub(super) delete: String,
}

impl Table {
    /// The statements of `T`.
    #[must_use]
    pub fn of<T: Entity>() -> Self {
        let has_column = |member: &&str| !T::ELSEWHERE.contains(member);
        let read: Vec<_> = fields::<T>().iter().copied().filter(has_column).collect();
        let is_written = |member: &&str| !T::READ_ONLY.contains(member) && T::ROW != Some(*member);
        let written: Vec<_> = read.iter().copied().filter(is_written).collect();
        let EntityKind { table, .. } = T::KIND;
        let is_member = |name: &&str| fields::<T>().contains(name);
        assert!(
            T::READ_ONLY.iter().chain(T::ELSEWHERE).chain(&T::ROW).all(is_member),
            "{table}: no such member"
        );
        let key = row::column(T::KEY);
        let columns: Vec<String> =
            read.iter().map(|member| format!("{table}.{}", row::column(member))).collect();
        let columns = columns.join(", ");
        let derived = T::DERIVED.iter().map(|(name, _)| (*name).to_owned());
        let names: Vec<String> = written.iter().map(|member| row::column(member)).chain(derived).collect();
        // Not the key: SQLite would write its index too.
        let set: Vec<String> = (1..)
            .zip(&names)
            .filter(|(_, name)| **name != key)
            .map(|(at, name)| format!("{name} = ?{at}"))
            .collect();
        let (row, number) = T::ROW.map_or(Default::default(), |row| {
            (format!(", {}", row::column(row)), format!(", nullif(?{}, 0)", names.len() + 1))
        });
        let values: Vec<String> = (1..=names.len()).map(|at| format!("?{at}")).collect();
        let key_at = written.iter().position(|member| *member == T::KEY);
        let Some(key_at) = key_at.map(|at| at + 1) else { panic!("{table} has no member {}", T::KEY) };
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
