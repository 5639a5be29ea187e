//! The pool of read-only connections.

use super::{Failure, OpenError, ReadTx, Result, StoreConfig, connection, recording};
use crate::clock::Clock;
use crate::limits::Limits;
use r2d2::{Pool, PooledConnection};
use r2d2_sqlite::SqliteConnectionManager;
use rusqlite::Connection;
use std::sync::Arc;
use stina_protocol::Error;
use tokio::sync::Semaphore;
use tokio_util::task::AbortOnDropHandle;

/// Read-only connections; cheap to clone.
#[derive(Clone)]
pub(crate) struct Readers {
    pool: Pool<SqliteConnectionManager>,
    /// Fewer permits than there are connections, so that long reads leave one to short reads.
    scans: Arc<Semaphore>,
    clock: Clock,
}

impl Readers {
    pub(super) fn open(config: &StoreConfig) -> std::result::Result<Self, OpenError> {
        let limits: Arc<Limits> = Arc::clone(&config.limits);
        let for_init = Arc::clone(&limits);
        let manager = SqliteConnectionManager::file(config.location.name())
            .with_flags(connection::read_flags())
            .with_init(move |conn: &mut Connection| connection::read_settings(conn, &for_init));
        let pool = Pool::builder()
            .max_size(limits.readers)
            // Without lifetimes r2d2 starts no reaper that would wake the process every 30 seconds.
            .idle_timeout(None)
            .max_lifetime(None)
            .test_on_check_out(false)
            .connection_timeout(limits.reader_wait)
            .build(manager)?;
        Ok(Self { pool, scans: Arc::new(Semaphore::new(limits.scans)), clock: config.clock.clone() })
    }

    /// Reads on this thread; waits for a connection when none is free.
    pub(crate) fn read<T>(&self, f: impl FnOnce(&ReadTx<'_>) -> Result<T>) -> Result<T> {
        snapshot(&*self.pool.get()?, &self.clock, f)
    }

    /// A connection, if one is free at once.
    pub(crate) fn try_reader(&self) -> Option<Reader> {
        Some(Reader { conn: self.pool.try_get()?, clock: self.clock.clone() })
    }

    /// Reads on a thread for blocking work.
    pub(crate) async fn scan<T: Send + 'static>(
        &self,
        f: impl FnOnce(&ReadTx<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let readers = self.clone();
        // A task of its own: permits are granted in turn. Granted to a call that is not polled, because its connection does
        // not read, a permit would be lost to all others.
        let task = tokio::spawn(async move {
            let scans = Arc::clone(&readers.scans);
            let permit = scans.acquire_owned().await.map_err(|_| Error::ShuttingDown)?;
            let read = tokio::task::spawn_blocking(move || {
                let _permit = permit;
                readers.read(f)
            });
            read.await.unwrap_or_else(|error| Err(Failure::Panic(error.to_string())))
        });
        let ended = AbortOnDropHandle::new(task).await;
        ended.unwrap_or_else(|error| Err(Failure::Panic(error.to_string())))
    }
}

/// One free connection.
pub(crate) struct Reader {
    conn: PooledConnection<SqliteConnectionManager>,
    clock: Clock,
}

impl Reader {
    /// Reads in one snapshot.
    pub(crate) fn read<T>(&self, f: impl FnOnce(&ReadTx<'_>) -> Result<T>) -> Result<T> {
        snapshot(&self.conn, &self.clock, f)
    }
}

/// Ends the read transaction when it is dropped, also by a panic: the connection goes back to the pool.
struct EndRead<'c>(&'c Connection);

impl Drop for EndRead<'_> {
    fn drop(&mut self) {
        let ended = self.0.prepare_cached("COMMIT").and_then(|mut s| s.execute([]));
        if let Err(error) = ended {
            tracing::error!(%error, "a read transaction did not end");
        }
    }
}

fn snapshot<T>(conn: &Connection, clock: &Clock, f: impl FnOnce(&ReadTx<'_>) -> Result<T>) -> Result<T> {
    conn.prepare_cached("BEGIN")?.execute([])?;
    let _end = EndRead(conn);
    // The first read of the transaction fixes the snapshot that the others see.
    let rev = recording::head(conn)?;
    f(&ReadTx::new(conn, rev, clock.now()))
}
