//! What a method sees of the store: a snapshot to read, or a transaction to write.

use super::{EntityKind, Result};
use rusqlite::{CachedStatement, Connection, OptionalExtension, Params, Row};
use serde::Serialize;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use stina_protocol::event::{Op, Origin};

/// A consistent view of the store.
#[derive(Debug)]
pub struct ReadTx<'c> {
    conn: &'c Connection,
    rev: u64,
    now: i64,
}

impl<'c> ReadTx<'c> {
    pub(super) fn new(conn: &'c Connection, rev: u64, now: i64) -> Self {
        Self { conn, rev, now }
    }

    /// Revision of this view; in a write, the revision that it makes.
    pub fn rev(&self) -> u64 {
        self.rev
    }

    /// The time, in milliseconds since the Unix epoch; the same throughout a transaction.
    pub fn now(&self) -> i64 {
        self.now
    }

    /// A prepared statement, kept for the next time.
    ///
    /// # Errors
    /// SQLite's.
    pub fn statement(&self, sql: &str) -> Result<CachedStatement<'c>> {
        Ok(self.conn.prepare_cached(sql)?)
    }

    /// The first row of a query, if there is one.
    ///
    /// # Errors
    /// SQLite's, and those of `read`.
    pub fn first<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>> {
        Ok(self.conn.prepare_cached(sql)?.query_row(params, read).optional()?)
    }

    /// All rows of a query.
    ///
    /// # Errors
    /// SQLite's, and those of `read`.
    pub fn all<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>> {
        Ok(self.conn.prepare_cached(sql)?.query_map(params, read)?.collect::<rusqlite::Result<_>>()?)
    }

    pub(crate) fn conn(&self) -> &Connection {
        self.conn
    }
}

/// Who asked for a write.
#[derive(Debug, Clone, Default)]
pub struct Author {
    /// What subscribers and the change log are told.
    pub origin: Origin,
    /// The connection; `None` for the daemon itself, and where a connection lasts no longer than its call.
    pub peer: Option<Caller>,
}

/// A connection, for what is to end with it.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Its number.
    pub id: u64,
    pub(crate) open: Arc<AtomicBool>,
}

impl Caller {
    /// Whether it is still there. Once this is false, `Registry::on_disconnect` is called or has been.
    pub fn is_open(&self) -> bool {
        self.open.load(Ordering::Acquire)
    }
}

impl Author {
    /// The daemon itself.
    pub fn daemon() -> Self {
        Self { origin: Origin { client: Some("stinad".to_owned()), request_id: None }, peer: None }
    }
}

/// A change on its way into the log.
#[derive(Debug)]
pub(super) struct Recorded {
    pub(super) entity: EntityKind,
    pub(super) id: String,
    pub(super) op: Op,
    pub(super) before: Option<String>,
    pub(super) after: Option<String>,
}

/// Called when the fate of a transaction is known: whether it was committed.
pub(super) type OnEnd = Box<dyn FnOnce(bool) + Send>;

/// A write in progress. What it changes must be [`put`](Self::put) or [`delete`](Self::delete)d here too, so
/// that it is logged and told.
///
/// **Failure**: an error rolls the whole job back. **Concurrency**: there is only one at a time.
pub struct WriteTx<'c> {
    read: ReadTx<'c>,
    author: &'c Author,
    pub(super) changes: Vec<Recorded>,
    pub(super) on_end: Vec<OnEnd>,
}

impl std::fmt::Debug for WriteTx<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WriteTx").field("rev", &self.read.rev).finish_non_exhaustive()
    }
}

impl<'c> Deref for WriteTx<'c> {
    type Target = ReadTx<'c>;

    fn deref(&self) -> &ReadTx<'c> {
        &self.read
    }
}

impl<'c> WriteTx<'c> {
    pub(super) fn new(conn: &'c Connection, rev: u64, now: i64, author: &'c Author) -> Self {
        Self { read: ReadTx::new(conn, rev, now), author, changes: Vec::new(), on_end: Vec::new() }
    }

    /// Who asked for this write.
    pub fn author(&self) -> &Author {
        self.author
    }

    /// Runs a statement that changes rows; answers how many.
    ///
    /// # Errors
    /// SQLite's.
    pub fn execute(&self, sql: &str, params: impl Params) -> Result<usize> {
        Ok(self.read.conn.prepare_cached(sql)?.execute(params)?)
    }

    /// Logs that an entity is now `after`; `before` is `None` when it is new.
    ///
    /// # Errors
    /// When a value can't be written as JSON.
    pub fn put<T: Serialize>(
        &mut self,
        entity: EntityKind,
        id: &str,
        before: Option<&T>,
        after: &T,
    ) -> Result<()> {
        let before = before.map(serde_json::to_string).transpose()?;
        let after = Some(serde_json::to_string(after)?);
        self.changes.push(Recorded { entity, id: id.to_owned(), op: Op::Put, before, after });
        Ok(())
    }

    /// Logs that an entity, which was `before`, is gone.
    ///
    /// # Errors
    /// When the value can't be written as JSON.
    pub fn delete<T: Serialize>(&mut self, entity: EntityKind, id: &str, before: &T) -> Result<()> {
        let before = Some(serde_json::to_string(before)?);
        self.changes.push(Recorded { entity, id: id.to_owned(), op: Op::Delete, before, after: None });
        Ok(())
    }

    /// What an entity of which this write made `now` (JSON) was before; `None` when this write has not made it so.
    pub(crate) fn committed(&self, now: &str) -> Option<Option<&str>> {
        let made = self.changes.iter().rev().find(|c| c.after.as_deref() == Some(now))?;
        let first = self.changes.iter().find(|c| c.entity == made.entity && c.id == made.id)?;
        Some(first.before.as_deref())
    }

    /// Calls `f` when the fate of this write is known, on the writer thread: with `true` after its commit and
    /// before anybody is told, with `false` when it was rolled back. For state in memory that goes with rows.
    pub fn on_end(&mut self, f: impl FnOnce(bool) + Send + 'static) {
        self.on_end.push(Box::new(f));
    }
}
