//! The transactions that methods run in: a snapshot to read, or a write.

use super::divided::{Divided, Room};
use super::interrupt::Ending;
use super::recording::{self, Changes, MAX_CHANGES, Recorded};
use super::{Failure, Result};
use rusqlite::{CachedStatement, Connection, OptionalExtension, Params, Row};
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use stina_protocol::Error;
use stina_protocol::event::Origin;

/// A consistent view of the store.
#[derive(Debug)]
pub struct ReadTx<'c> {
    conn: &'c Connection,
    rev: u64,
    now: i64,
    ending: Option<&'c Ending>,
}

impl<'c> ReadTx<'c> {
    pub(super) fn new(conn: &'c Connection, rev: u64, now: i64) -> Self {
        Self { conn, rev, now, ending: None }
    }

    /// The same, for as long as transactions are not to end.
    pub(super) fn ending_with(self, ending: &'c Ending) -> Self {
        Self { ending: Some(ending), ..self }
    }

    /// A prepared statement, from the cache of its connection.
    fn prepare(&self, sql: &str) -> Result<CachedStatement<'c>> {
        if self.ending.is_some_and(Ending::has_begun) {
            return Err(Error::ShuttingDown.into());
        }
        Ok(self.conn.prepare_cached(sql)?)
    }

    /// Revision of this view; in a write, the revision that it will be.
    pub fn rev(&self) -> u64 {
        self.rev
    }

    /// The time, in milliseconds since the Unix epoch; the same throughout a transaction.
    pub fn now(&self) -> i64 {
        self.now
    }

    /// A prepared statement that only reads, from the cache of its connection.
    ///
    /// # Errors
    /// SQLite's, [`Failure::Writes`] for a statement that writes, and `shutting_down`.
    pub fn statement(&self, sql: &str) -> Result<CachedStatement<'c>> {
        let statement = self.prepare(sql)?;
        // The writer's own connection would run it: only a `WriteTx` may, which logs what it changes. A statement without
        // columns is no query: SQLite calls COMMIT and PRAGMA read-only too.
        if statement.readonly() && statement.column_count() > 0 {
            Ok(statement)
        } else {
            Err(Failure::Writes)
        }
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
        Ok(self.statement(sql)?.query_row(params, read).optional()?)
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
        Ok(self.statement(sql)?.query_map(params, read)?.collect::<rusqlite::Result<_>>()?)
    }

    pub(super) fn conn(&self) -> &Connection {
        self.conn
    }
}

/// The caller of a write.
#[derive(Debug, Clone, Default)]
pub struct Author {
    /// What events and the change log show as `origin`.
    pub origin: Origin,
    /// The connection; `None` for the daemon itself, and where a connection lasts no longer than its call.
    pub peer: Option<Caller>,
}

/// A connection, for state that ends with it.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Its number.
    pub id: u64,
    pub(crate) open: Arc<AtomicBool>,
}

impl Caller {
    /// Whether it is still open. Once this is false, `Registry::on_disconnect` is called or has been.
    pub fn is_open(&self) -> bool {
        self.open.load(Ordering::Acquire)
    }
}

impl Author {
    /// The daemon itself.
    pub fn daemon() -> Self {
        Self { origin: recording::daemon(), peer: None }
    }
}

/// A change that a write has made and not committed yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TxChange {
    /// The entity's name, such as `todo`.
    pub entity: String,
    /// Its id.
    pub id: String,
    /// Whether it exists after the change.
    pub exists: bool,
}

/// Called at the end of a transaction: with whether it was committed.
pub(super) type OnEnd = Box<dyn FnOnce(bool) + Send>;

/// A write in progress. Entities change through [`entity`](super::entity), which logs each change.
///
/// **Failure**: an error rolls the whole job back. **Concurrency**: there is only one at a time.
pub struct WriteTx<'c> {
    read: ReadTx<'c>,
    author: &'c Author,
    pub(super) changes: Changes,
    pub(super) on_end: Vec<OnEnd>,
    /// The revision that this write undoes.
    pub(super) undoes: Option<u64>,
    /// What the earlier steps of this write have done.
    pub(super) divided: Divided,
    /// How much this step may do; `None` where all is done in one.
    pub(super) room: Option<Room>,
    /// First revisions of other writes that are between two steps.
    pub(super) unfinished: Vec<u64>,
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
    /// A write that makes `rev`, and holds up to `most_bytes` of its changes in memory.
    pub(super) fn new(
        conn: &'c Connection,
        rev: u64,
        now: i64,
        author: &'c Author,
        most_bytes: usize,
    ) -> Self {
        let changes = Changes::up_to(most_bytes);
        Self {
            read: ReadTx::new(conn, rev, now),
            author,
            changes,
            on_end: Vec::new(),
            undoes: None,
            divided: Divided::default(),
            room: None,
            unfinished: Vec::new(),
        }
    }

    /// The same, for as long as transactions are not to end.
    pub(super) fn ending_with(self, ending: &'c Ending) -> Self {
        Self { read: self.read.ending_with(ending), ..self }
    }

    /// The caller of this write.
    pub fn author(&self) -> &Author {
        self.author
    }

    /// Runs a statement that changes rows; answers how many.
    ///
    /// # Errors
    /// SQLite's.
    pub fn execute(&self, sql: &str, params: impl Params) -> Result<usize> {
        let mut statement = self.read.prepare(sql)?;
        // BEGIN, COMMIT and the like change no rows: the transaction is the writer's.
        if statement.readonly() { Err(Failure::Writes) } else { Ok(statement.execute(params)?) }
    }

    /// Runs a statement that changes rows and answers the first of its `RETURNING` rows, if there is one.
    ///
    /// # Errors
    /// SQLite's, and those of `read`.
    pub fn execute_returning<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>> {
        Ok(self.read.prepare(sql)?.query_row(params, read).optional()?)
    }

    /// Logs a change of an entity, so that subscribers are notified of it.
    pub(super) fn record(&mut self, change: Recorded) -> Result<()> {
        if self.changes.count == MAX_CHANGES {
            return Err(Error::TooLarge { limit: MAX_CHANGES as u64 }.into());
        }
        let origin = &self.author.origin;
        recording::append(
            self.read.conn,
            self.rev,
            self.changes.count,
            self.now,
            origin,
            self.undoes,
            &change,
        )?;
        self.changes.add(change);
        Ok(())
    }

    /// What this write has changed so far, in order; of a write in steps, what this step has; from the log, because memory may not hold all of it.
    ///
    /// # Errors
    /// SQLite's.
    pub fn changed(&self) -> Result<Vec<TxChange>> {
        self.all(
            "SELECT entity, id, op = 'put' FROM core_changes WHERE seq >= ? ORDER BY seq",
            [recording::first_seq(self.rev)],
            |row| Ok(TxChange { entity: row.get(0)?, id: row.get(1)?, exists: row.get(2)? }),
        )
    }

    /// Calls `f` at the end of this write, on the writer thread: with `true` after its commit and before subscribers are
    /// notified, with `false` after a rollback. For state in memory that belongs to rows.
    pub fn on_end(&mut self, f: impl FnOnce(bool) + Send + 'static) {
        self.on_end.push(Box::new(f));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_read_runs_no_statement_that_writes() {
        let conn = Connection::open_in_memory().unwrap();
        conn.execute_batch("CREATE TABLE t (x INTEGER) STRICT").unwrap();
        let author = Author::default();
        let tx = WriteTx::new(&conn, 1, 0, &author, 0);
        // The view that a write reads through too: it is on the connection that can write.
        let read: &ReadTx<'_> = &tx;
        for sql in [
            "INSERT INTO t VALUES (1)",
            "INSERT INTO t VALUES (1) RETURNING x",
            "DELETE FROM t RETURNING x",
            "COMMIT",
            "SAVEPOINT s",
            "PRAGMA query_only = 0",
            "PRAGMA synchronous = 0",
            "CREATE TABLE u (x)",
            "PRAGMA user_version = 7",
        ] {
            assert!(matches!(read.statement(sql), Err(Failure::Writes)), "{sql}");
            assert!(matches!(read.first(sql, [], |_| Ok(())), Err(Failure::Writes)), "{sql}");
            assert!(matches!(read.all(sql, [], |_| Ok(())), Err(Failure::Writes)), "{sql}");
        }
        for sql in ["COMMIT", "ROLLBACK", "RELEASE s", "PRAGMA foreign_keys = 0", "SELECT 1"] {
            assert!(matches!(tx.execute(sql, []), Err(Failure::Writes)), "{sql}");
        }
        let count = || read.first("SELECT count(*) FROM t", [], |row| row.get::<_, i64>(0)).unwrap();
        assert_eq!(count(), Some(0));
        let added = tx.execute_returning("INSERT INTO t VALUES (5) RETURNING x", [], |row| row.get(0));
        assert_eq!(added.unwrap(), Some(5_i64));
        assert_eq!((tx.execute("INSERT INTO t VALUES (6)", []).unwrap(), count()), (1, Some(2)));
    }
}
