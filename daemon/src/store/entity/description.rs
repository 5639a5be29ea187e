//! The description of an entity: what a module says of each, and the statements that follow from it.

use crate::store::row;
use crate::store::{JsonText, ReadTx, Result, WriteTx};
use rusqlite::types::Value;
use schemars::generate::SchemaGenerator;
use schemars::{JsonSchema, Schema};
use serde::Serialize;
use serde::de::DeserializeOwned;
use stina_protocol::params::fields;

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

    /// The entity as it comes back out of the change log, at the time `now`.
    #[must_use]
    fn put_back(self, now: i64) -> Self {
        let _ = now;
        self
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
    /// Its members that only the database itself writes.
    pub read_only: &'static [&'static str],
    /// The entity with that key, if there is one: its revision and its JSON.
    pub find: fn(&ReadTx<'_>, &str) -> Result<Found>,
    /// The JSON of an entity out of the change log as it comes back at a time.
    pub put_back: fn(&str, i64) -> Result<JsonText>,
    /// Puts an entity as its JSON says.
    pub put: fn(&mut WriteTx<'_>, &str) -> Result<()>,
    /// Logs that the entity that was the first JSON is now as the second says, but for what only the database writes.
    pub replace: fn(&mut WriteTx<'_>, &str, &str) -> Result<()>,
    /// Removes the entity with that key, and what can't be without it, if there is one.
    pub remove: fn(&mut WriteTx<'_>, &str) -> Result<()>,
    /// Its JSON schema.
    pub schema: fn(&mut SchemaGenerator) -> Schema,
}

/// An entity that there is, for those who know no module: its revision and its JSON.
pub type Found = Option<(u64, JsonText)>;

/// Takes the key and the JSON of an entity.
pub type Each<'f> = dyn FnMut(&str, JsonText) -> Result<()> + 'f;

impl PartialEq for EntityKind {
    fn eq(&self, other: &Self) -> bool {
        (self.module, self.name) == (other.module, other.name)
    }
}

/// The statements for an entity's table.
#[derive(Debug)]
pub struct Table {
    /// Members that are read, in the order of `columns`.
    pub(super) read: Vec<&'static str>,
    /// Members that are written.
    pub(super) written: Vec<&'static str>,
    /// Columns that are read: what stands after `SELECT`.
    pub(super) columns: String,
    pub(super) by_key: String,
    pub(super) insert: String,
    pub(super) update: String,
    pub(super) delete: String,
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
