//! A module that the daemon does not have: what a developer would write, through the public contract alone.

use serde::{Deserialize, Serialize};
use std::sync::LazyLock;
use stina_protocol::Json;
use stina_protocol::event::SubscribeMethod;
use stina_protocol::method::Method;
use stina_protocol::types::NoParams;
use stinad::modules::{everything::Everything, kv};
use stinad::rpc::{Module, Registry};
use stinad::store::{Entity, EntityKind, Migration, Result, Table, WriteTx, entity};

/// The module.
pub const MODULE: Module =
    Module { name: "notes", migrations: &[MIGRATION], entities: &[Note::KIND], register };

/// Its first migration.
pub const MIGRATION: Migration = Migration {
    version: 1,
    name: "notes",
    // The deferred key makes COMMIT itself fail: nothing else can be made to, from outside.
    sql: "CREATE TABLE notes (
              id TEXT NOT NULL PRIMARY KEY, text TEXT NOT NULL, rev INTEGER NOT NULL,
              parent TEXT REFERENCES notes (id) DEFERRABLE INITIALLY DEFERRED
          ) STRICT",
};

/// A note.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Note {
    id: String,
    text: String,
    parent: Option<String>,
    rev: u64,
}

impl Entity for Note {
    const KIND: EntityKind = EntityKind::of::<Self>("notes", "note", "notes");

    fn table() -> &'static Table {
        static TABLE: LazyLock<Table> = LazyLock::new(Table::of::<Note>);
        &TABLE
    }

    fn key(&self) -> &str {
        &self.id
    }

    fn rev(&self) -> u64 {
        self.rev
    }

    fn set_rev(&mut self, rev: u64) {
        self.rev = rev;
    }
}

/// Params of `notes.add`.
#[derive(Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AddParams {
    id: String,
    text: String,
    parent: Option<String>,
    /// Also counts notes under this kv key, in the same transaction.
    count: Option<String>,
}

/// Params of `notes.get`.
#[derive(Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GetParams {
    id: String,
}

stina_protocol::methods! {
    /// Adds a note.
    Add = "notes.add": Write(AddParams) -> Note;
    /// Panics, as a defect would.
    Panic = "notes.panic": Write(NoParams) -> Note;
    /// A note.
    Get = "notes.get": Read(GetParams) -> Option<Note>;
    /// Panics, as a defect would.
    PanicRead = "notes.panicRead": Read(NoParams) -> Note;
}

stina_protocol::subscriptions! {
    /// Changes of notes.
    Subscribe = "notes" (NoParams);
}

const _: fn() = || {
    fn is_method<M: Method>() {}
    fn is_subscription<M: SubscribeMethod>() {}
    is_method::<Add>();
    is_subscription::<Subscribe>();
};

fn register(registry: &mut Registry) {
    registry.write::<Add>(add);
    registry.write::<Panic>(|_, _| panic!("a defect"));
    registry.read::<Get>(|tx, params| entity::find(tx, &params.id));
    registry.scan::<PanicRead>(|_, _| panic!("a defect"));
    registry.feed::<Subscribe, _>(|_| Ok(Everything(&MODULE)));
}

fn add(tx: &mut WriteTx<'_>, params: AddParams) -> Result<Note> {
    let AddParams { id, text, parent, count } = params;
    let note = entity::create(tx, Note { id, text, parent, rev: tx.rev() })?;
    if let Some(key) = count {
        let notes = tx.first("SELECT count(*) FROM notes", [], |row| row.get::<_, u64>(0))?;
        kv::repository::set(tx, &key, Json::of(&notes)?, None)?;
    }
    Ok(note)
}
