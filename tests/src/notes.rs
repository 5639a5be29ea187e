//! A module that the daemon does not have: what a developer would write, through the public contract alone.

use serde::{Deserialize, Serialize};
use stina_protocol::event::Subscription;
use stina_protocol::method::Method;
use stina_protocol::{Error, Json};
use stinad::modules::kv;
use stinad::rpc::{Feed, Initial, Module, Registry};
use stinad::store::{Entity, LiveChange, Migration, ReadTx, Result, WriteTx};

/// The entity.
pub const NOTE: Entity = Entity { module: "notes", name: "note", table: "notes" };

/// The module.
pub const MODULE: Module =
    Module { name: "notes", migrations: &[MIGRATION], entities: &[NOTE], present, register };

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
#[derive(Debug, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Note {
    id: String,
    text: String,
    rev: u64,
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

/// Params of `notes.subscribe`.
#[derive(Debug, Clone, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SubscribeParams {
    since: Option<u64>,
    epoch: Option<String>,
    #[serde(default)]
    initial: bool,
}

stina_protocol::methods! {
    /// Adds a note.
    Add = "notes.add": Write(AddParams) -> Note;
    /// Panics, as a defect would.
    Panic = "notes.panic": Write(stina_protocol::types::NoParams) -> Note;
    /// A note.
    Get = "notes.get": Read(GetParams) -> Option<Note>;
    /// Panics, as a defect would.
    PanicRead = "notes.panicRead": Read(stina_protocol::types::NoParams) -> Note;
}

stina_protocol::subscriptions! {
    /// Changes of notes.
    Subscribe = "notes" (SubscribeParams);
}

const _: fn() = || {
    fn is_method<M: Method>() {}
    fn is_subscription<M: Subscription>() {}
    is_method::<Add>();
    is_subscription::<Subscribe>();
};

fn register(registry: &mut Registry) {
    registry.write::<Add>(add);
    registry.write::<Panic>(|_, _| panic!("a defect"));
    registry.read::<Get>(|tx, params| get(tx, &params.id));
    registry.scan::<PanicRead>(|_, _| panic!("a defect"));
    registry.feed::<Subscribe, _>(|_| Ok(Notes));
}

fn get(tx: &ReadTx<'_>, id: &str) -> Result<Option<Note>> {
    tx.first("SELECT id, text, rev FROM notes WHERE id = ?", [id], |row| {
        Ok(Note { id: row.get(0)?, text: row.get(1)?, rev: row.get(2)? })
    })
}

fn add(tx: &mut WriteTx<'_>, params: AddParams) -> Result<Note> {
    let AddParams { id, text, parent, count } = params;
    if get(tx, &id)?.is_some() {
        return Err(Error::already_exists("note", id).into());
    }
    let note = Note { id, text, rev: tx.rev() };
    tx.execute(
        "INSERT INTO notes (id, text, rev, parent) VALUES (?, ?, ?, ?)",
        (&note.id, &note.text, note.rev, parent),
    )?;
    tx.put(NOTE, &note.id, None, &note)?;
    if let Some(key) = count {
        let notes = tx.first("SELECT count(*) FROM notes", [], |row| row.get::<_, u64>(0))?;
        kv::repository::set(tx, &key, Json::of(&notes)?, None)?;
    }
    Ok(note)
}

struct Notes;

impl Feed for Notes {
    fn wants(&self, change: &LiveChange) -> bool {
        change.module == NOTE.module
    }

    fn initial(&self, tx: &ReadTx<'_>, out: &mut Initial<'_>) -> Result<()> {
        present(tx, out)
    }
}

fn present(tx: &ReadTx<'_>, out: &mut Initial<'_>) -> Result<()> {
    let read = |row: &rusqlite::Row<'_>| Ok(Note { id: row.get(0)?, text: row.get(1)?, rev: row.get(2)? });
    for note in tx.all("SELECT id, text, rev FROM notes ORDER BY id", [], read)? {
        out.entity(NOTE.name, &note.id, &note)?;
    }
    Ok(())
}
