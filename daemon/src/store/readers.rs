//! The read-only connections, in two lanes: a long read never takes a connection of the short ones.
//!
//! A read waits for a permit of its lane, not for a connection: a thread is taken once there is one. Each lane has a pool of
//! its own, so that the caches of a connection fit what it reads.

use super::interrupt::{AGAIN, Ending, ReadInterrupts};
use super::{Failure, OpenError, ReadTx, Result, StoreConfig, connection, recording};
use crate::clock::Clock;
use crate::limits::Limits;
use r2d2::{Pool, PooledConnection};
use r2d2_sqlite::SqliteConnectionManager;
use rusqlite::{Connection, ErrorCode};
use std::sync::Arc;
use std::time::Duration;
use stina_protocol::Error;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;

/// How long the opening of the connections may take, which is nothing but a few reads of the file.
const OPEN_WAIT: Duration = Duration::from_secs(30);

/// Read-only connections; cheap to clone.
#[derive(Clone)]
pub(crate) struct Readers {
    short: Lane,
    long: Lane,
    /// Whether a read may have to wait for the writer, within SQLite. Then it needs a thread for blocking work.
    may_block: bool,
    /// How long a short read waits for a connection.
    wait: Duration,
    interrupts: ReadInterrupts,
}

impl Readers {
    pub(super) fn open(config: &StoreConfig) -> std::result::Result<Self, OpenError> {
        let (limits, interrupts) = (&config.limits, ReadInterrupts::default());
        Ok(Self {
            short: Lane::open(config, limits.readers, &interrupts)?,
            long: Lane::open(config, limits.scans, &interrupts)?,
            may_block: config.location.file().is_none(),
            wait: limits.reader_wait,
            interrupts,
        })
    }

    /// A connection for a short read on this thread, if one is free at once.
    pub(crate) fn try_short(&self) -> Option<Reader> {
        if self.may_block { None } else { self.short.try_reader() }
    }

    /// Runs a short read; waits for a connection as long as the limits allow.
    pub(super) async fn short<T: Send + 'static>(
        &self,
        f: impl FnOnce(&ReadTx<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (lane, wait, may_block) = (self.short.clone(), self.wait, self.may_block);
        in_turn(async move {
            let reader = timeout(wait, lane.reader()).await.unwrap_or(Err(Error::Busy.into()))?;
            if may_block { on_a_thread(reader, f).await } else { reader.read(f) }
        })
        .await
    }

    /// Runs a long read on a thread for blocking work; waits for a connection.
    pub(super) async fn long<T: Send + 'static>(
        &self,
        f: impl FnOnce(&ReadTx<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let lane = self.long.clone();
        in_turn(async move { on_a_thread(lane.reader().await?, f).await }).await
    }

    /// Lets no read begin, nor a statement of those that run.
    pub(super) fn begin_ending(&self) {
        [&self.short, &self.long].into_iter().for_each(Lane::close);
    }

    /// Interrupts the statements that run.
    pub(super) fn interrupt(&self) {
        self.interrupts.interrupt();
    }

    /// Ends all reads; answers whether they ended in that time.
    pub(super) async fn end(&self, within: Duration) -> bool {
        self.begin_ending();
        let idle = async {
            while !(self.short.is_idle() && self.long.is_idle()) {
                self.interrupt();
                tokio::time::sleep(AGAIN).await;
            }
        };
        timeout(within, idle).await.is_ok()
    }
}

/// Runs a read in a task of its own: permits are granted in turn. Granted to a call that is not polled, because its
/// connection does not read, a permit would be lost to all others.
async fn in_turn<T: Send + 'static>(read: impl Future<Output = Result<T>> + Send + 'static) -> Result<T> {
    let ended = AbortOnDropHandle::new(tokio::spawn(read)).await;
    ended.unwrap_or_else(|error| Err(Failure::Panic(error.to_string())))
}

async fn on_a_thread<T: Send + 'static>(
    reader: Reader,
    f: impl FnOnce(&ReadTx<'_>) -> Result<T> + Send + 'static,
) -> Result<T> {
    let read = spawn_blocking(move || reader.read(f)).await;
    read.unwrap_or_else(|error| Err(Failure::Panic(error.to_string())))
}

/// Connections for one sort of reads.
#[derive(Clone)]
struct Lane {
    pool: Pool<SqliteConnectionManager>,
    /// One for each connection: who has one finds a connection free.
    permits: Arc<Semaphore>,
    clock: Clock,
    ending: Ending,
}

impl Lane {
    fn open(
        config: &StoreConfig,
        connections: usize,
        interrupts: &ReadInterrupts,
    ) -> std::result::Result<Self, OpenError> {
        let (limits, interrupts): (Arc<Limits>, _) = (Arc::clone(&config.limits), interrupts.clone());
        let manager = SqliteConnectionManager::file(config.location.name())
            .with_flags(connection::read_flags())
            .with_init(move |conn: &mut Connection| {
                connection::read_settings(conn, &limits)?;
                interrupts.add(conn.get_interrupt_handle());
                connection::warm_up(conn)?;
                begin(conn)?;
                end(conn)
            });
        let pool = Pool::builder()
            .max_size(u32::try_from(connections).unwrap_or(u32::MAX))
            // Without lifetimes r2d2 starts no reaper that would wake the process every 30 seconds.
            .idle_timeout(None)
            .max_lifetime(None)
            .test_on_check_out(false)
            // All of them are opened here, and none later.
            .connection_timeout(OPEN_WAIT)
            .build(manager)?;
        let permits = Arc::new(Semaphore::new(connections));
        Ok(Self { pool, permits, clock: config.clock.clone(), ending: Ending::default() })
    }

    fn try_reader(&self) -> Option<Reader> {
        let permit = Arc::clone(&self.permits).try_acquire_owned().ok()?;
        self.clone().with(permit).ok()
    }

    async fn reader(self) -> Result<Reader> {
        let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(|_| Error::ShuttingDown)?;
        self.with(permit)
    }

    fn with(self, permit: OwnedSemaphorePermit) -> Result<Reader> {
        let conn = self.pool.get_timeout(Duration::ZERO)?;
        Ok(Reader { conn, clock: self.clock, ending: self.ending, _permit: permit })
    }

    fn close(&self) {
        self.ending.begin();
        self.permits.close();
    }

    fn is_idle(&self) -> bool {
        self.permits.available_permits() == self.pool.max_size() as usize
    }
}

/// A connection, until it is dropped.
pub(crate) struct Reader {
    conn: PooledConnection<SqliteConnectionManager>,
    clock: Clock,
    ending: Ending,
    /// Last, because fields are dropped in order: the connection is back in the pool before another read may take it.
    _permit: OwnedSemaphorePermit,
}

impl Reader {
    /// Reads in one snapshot.
    pub(crate) fn read<T>(self, f: impl FnOnce(&ReadTx<'_>) -> Result<T>) -> Result<T> {
        let Self { conn, clock, ending, .. } = &self;
        // The first read of the transaction fixes the snapshot that the others see.
        let rev = begin(conn)?;
        let _end = EndRead(conn);
        f(&ReadTx::new(conn, rev, clock.now()).ending_with(ending))
    }
}

/// Ends the read transaction when it is dropped, also by a panic: the connection goes back to the pool.
struct EndRead<'c>(&'c Connection);

impl Drop for EndRead<'_> {
    fn drop(&mut self) {
        match end(self.0) {
            // The daemon stops: no other read follows on this connection.
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::OperationInterrupted) => {}
            Err(error) => tracing::error!(%error, "a read transaction did not end"),
            Ok(()) => {}
        }
    }
}

/// Begins a read transaction; returns its revision.
fn begin(conn: &Connection) -> rusqlite::Result<u64> {
    conn.prepare_cached("BEGIN")?.execute([])?;
    recording::head(conn).inspect_err(|_| _ = end(conn))
}

fn end(conn: &Connection) -> rusqlite::Result<()> {
    conn.prepare_cached("COMMIT")?.execute([]).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Location, migrate};
    use tempfile::TempDir;
    use tokio::sync::oneshot;

    /// One connection in each lane.
    fn readers(wait: Duration) -> (TempDir, Readers) {
        let dir = tempfile::tempdir().unwrap();
        let limits = Limits { readers: 1, scans: 1, reader_wait: wait, ..Limits::default() };
        let location = Location::new(&dir.path().join("x.db"));
        let conn = connection::writable(&location, &limits).unwrap();
        conn.execute_batch(migrate::CORE.migrations[0].sql).unwrap();
        let (limits, clock) = (Arc::new(limits), Clock::system());
        let readers = Readers::open(&StoreConfig { location, limits, clock, witness: None }).unwrap();
        (dir, readers)
    }

    /// Begins a long read, which lasts until the sender is dropped.
    async fn begin_long(readers: &Readers) -> (oneshot::Sender<()>, tokio::task::JoinHandle<Result<()>>) {
        let (begun, has_begun) = oneshot::channel();
        let (end, ended) = oneshot::channel();
        let readers = readers.clone();
        let read = tokio::spawn(async move {
            let wait = |_: &ReadTx<'_>| {
                begun.send(()).unwrap();
                _ = ended.blocking_recv();
                Ok(())
            };
            readers.long(wait).await
        });
        has_begun.await.unwrap();
        (end, read)
    }

    fn is_error<T>(read: Result<T>, error: &Error) -> bool {
        matches!(read, Err(Failure::Protocol(found)) if found == *error)
    }

    // On one thread: a read that blocked it would wait for ever.
    #[tokio::test]
    async fn a_lane_has_its_own_connections_and_reads_wait_for_them_without_a_thread() {
        let (_dir, readers) = readers(Duration::from_secs(60));
        let (end, long) = begin_long(&readers).await;
        let other = readers.clone();
        let waits = tokio::spawn(async move { other.long(|_| Ok(())).await });
        let held = readers.try_short().unwrap();
        assert!(readers.try_short().is_none());
        let other = readers.clone();
        let next = tokio::spawn(async move { other.short(|tx| Ok(tx.rev())).await });
        tokio::task::yield_now().await;
        assert!(!next.is_finished());
        drop(held);
        assert_eq!(next.await.unwrap().unwrap(), 0);
        assert_eq!(readers.short(|tx| Ok(tx.rev())).await.unwrap(), 0);
        assert!(!long.is_finished() && !waits.is_finished());
        drop(end);
        assert!(long.await.unwrap().is_ok() && waits.await.unwrap().is_ok());
    }

    #[tokio::test]
    async fn a_short_read_that_finds_no_connection_in_time_is_busy() {
        let (_dir, readers) = readers(Duration::from_millis(1));
        let held = readers.try_short().unwrap();
        assert!(is_error(readers.short(|_| Ok(())).await, &Error::Busy));
        drop(held);
        assert!(readers.short(|_| Ok(())).await.is_ok());
    }

    #[tokio::test]
    async fn connections_are_open_and_know_the_schema_from_the_start() {
        let (dir, readers) = readers(Duration::from_secs(60));
        // What a connection that is opened later, or reads the schema later, could not do.
        for file in ["x.db", "x.db-wal", "x.db-shm"] {
            std::fs::rename(dir.path().join(file), dir.path().join(format!("moved-{file}"))).unwrap();
        }
        assert_eq!(readers.short(|tx| Ok(tx.rev())).await.unwrap(), 0);
        assert_eq!(readers.long(|tx| Ok(tx.rev())).await.unwrap(), 0);
        assert_eq!(readers.short.pool.state().connections + readers.long.pool.state().connections, 2);
    }

    #[tokio::test]
    async fn reads_that_wait_when_the_daemon_stops_are_refused_and_those_that_run_are_waited_for() {
        let (_dir, readers) = readers(Duration::from_secs(60));
        let (end, long) = begin_long(&readers).await;
        let other = readers.clone();
        let waits = tokio::spawn(async move { other.long(|_| Ok(())).await });
        tokio::task::yield_now().await;
        assert!(!readers.end(Duration::from_millis(20)).await);
        assert!(is_error(waits.await.unwrap(), &Error::ShuttingDown));
        assert!(is_error(readers.short(|_| Ok(())).await, &Error::ShuttingDown));
        drop(end);
        assert!(long.await.unwrap().is_ok());
        assert!(readers.end(Duration::from_secs(60)).await);
    }
}
