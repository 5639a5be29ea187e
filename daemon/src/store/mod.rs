//! The store: one writable connection, a pool of read-only ones, the change log, and the event buffer.
//!
//! *Blind core*: nothing here knows a module. A module brings [`Migration`]s and functions over [`ReadTx`] and
//! [`WriteTx`].

mod announcer;
mod backup;
mod change_log;
mod config;
mod connection;
pub mod cursor;
mod divided;
pub mod entity;
mod epoch;
mod event_buffer;
mod failure;
mod fatal;
mod foreign;
mod history;
mod housekeeping;
mod idempotency;
mod inode_lock;
mod interrupt;
mod jobs;
mod json_text;
mod judge;
mod lineage;
mod logged;
mod migrate;
mod purge;
mod queue;
mod readers;
mod recording;
mod resets;
mod revision;
mod row;
mod scrub;
mod steps;
mod trash;
mod turns;
mod tx;
mod undo;
mod undo_steps;
mod wal;
mod witness;
mod writer;

pub use config::StoreConfig;
pub use connection::{APPLICATION_ID, Location};
pub(crate) use connection::{beside, file_bytes};
pub use entity::{Entity, EntityKind, Table};
pub use event_buffer::Position;
pub use failure::{Failure, OpenError, Result};
pub use fatal::Fatal;
pub use json_text::JsonText;
pub use migrate::{Migration, ModuleSchema};
pub use revision::{LiveChange, Revision, Transient};
pub use steps::{Next, WriteFn, Written};
pub use tx::{Author, Caller, ReadTx, TxChange, WriteTx};
pub use witness::Witness;

pub(crate) use change_log::{before_write, changes, oldest_rev, read_since};
pub(crate) use event_buffer::{CatchUp, EventBuffer, Item};
pub(crate) use failure::Called;
pub(crate) use fatal::FatalSignal;
pub(crate) use history::history;
pub(crate) use idempotency::{Fingerprint, Once, find as find_result};
pub(crate) use inode_lock::{InodeLock, holder};
pub(crate) use migrate::versions as schema_versions;
pub(crate) use purge::{Target as PurgeTarget, purge};
pub(crate) use queue::{Admission, Done, Job};
pub(crate) use readers::Readers;
pub(crate) use trash::trash;
pub(crate) use undo_steps::Undo;

use crate::clock::Clock;
use futures_util::FutureExt;
use judge::{Verdict, judge};
use rusqlite::Connection;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use stina_protocol::Fault;
use stina_protocol::event::{Origin, ResetReason};
use tokio::sync::oneshot;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout, timeout_at};

/// Handle to the open store; cheap to clone.
#[derive(Clone)]
pub struct Store {
    pub(crate) events: Arc<EventBuffer>,
    pub(crate) readers: Readers,
    pub(crate) queue: queue::Queue,
    epoch: epoch::Epoch,
    scrubs: scrub::Scrubs,
    fatal: FatalSignal,
    watched_by: foreign::WatchedBy,
    config: StoreConfig,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("location", &self.config.location).finish_non_exhaustive()
    }
}

impl Store {
    /// Opens or creates the database and starts the writer thread.
    ///
    /// Nothing is touched before the file is known to be ours and of a schema that this binary knows. An
    /// existing database that needs migrations is copied and the copy verified first.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open(config: StoreConfig, schemas: &[ModuleSchema]) -> Result<(Self, Writer), OpenError> {
        let location = config.location.display();
        Self::start(config, schemas).map_err(|error| error.of(location))
    }

    fn start(config: StoreConfig, schemas: &[ModuleSchema]) -> Result<(Self, Writer), OpenError> {
        let verdict = config.witness.as_ref().map_or(Ok(Verdict::New), judge)?;
        let conn = migrate::open(&config, schemas, verdict == Verdict::Renew)?;
        let mut head = recording::head(&conn)?;
        let epoch = migrate::epoch(&conn)?;
        if config.witness.as_ref().is_some_and(|witness| !verdict.goes_on(witness, &epoch, head)) {
            tracing::warn!("the database is not as the last daemon left it: a new epoch begins");
            let tx = conn.unchecked_transaction()?;
            // An older copy may have been put in its place: what follows is another history. The reset in the log
            // reaches a client that resumes without an epoch.
            migrate::renew_epoch(&tx)?;
            head = recording::append_reset(&tx, head + 1, config.clock.now(), ResetReason::External)?.rev;
            tx.commit()?;
        }
        let epoch = migrate::epoch(&conn)?;
        if let Some(witness) = &config.witness {
            witness.serving(&epoch, head)?;
        }
        let (epoch, fatal) = (epoch::Epoch::new(&epoch), FatalSignal::default());
        let events = Arc::new(EventBuffer::new(&config.limits, head));
        let readers = Readers::open(&config)?;
        let scrubs = scrub::Scrubs::new(&conn)?;
        let (queue, thread) =
            writer::start(conn, head, Arc::clone(&events), epoch.clone(), fatal.clone(), &config)?;
        let watched_by = foreign::WatchedBy::default();
        let store = Self { events, readers, queue, epoch, scrubs, fatal, watched_by, config };
        Ok((store, Writer { thread }))
    }

    /// Runs a short read in one snapshot: on the current thread when a connection is free, as it nearly always is. No long
    /// read takes such a connection, so the wait for one is short.
    ///
    /// # Errors
    /// Those of `f`, `busy` when no connection was free in time, and `shutting_down`.
    pub async fn read<T: Send + 'static>(
        &self,
        f: impl FnOnce(&ReadTx<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        match self.readers.try_short() {
            Some(reader) => reader.read(f),
            None => self.readers.short(f).await,
        }
    }

    /// Runs a long read on a thread for blocking work, once one of the connections for long reads is free.
    ///
    /// # Errors
    /// As [`Store::read`].
    pub async fn scan<T: Send + 'static>(
        &self,
        f: impl FnOnce(&ReadTx<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.readers.long(f).await
    }

    /// Runs a write of the daemon's own, and waits for its commit.
    ///
    /// # Errors
    /// The fault that a client would have got.
    pub async fn write(
        &self,
        f: impl FnOnce(&mut WriteTx<'_>) -> Result<()> + Send + 'static,
    ) -> Result<(), Fault> {
        self.write_as(Author::daemon(), f).await
    }

    /// Waits until every write that `caller` has sent has ended.
    ///
    /// # Errors
    /// `busy` when the queue has no room in time, and `shutting_down`.
    pub(crate) async fn settled(&self, caller: Option<Caller>) -> Result<(), Fault> {
        // Writes of one connection happen in the order sent, so behind them is where one that does nothing is.
        self.write_as(Author { origin: Origin::default(), peer: caller }, |_| Ok(())).await
    }

    async fn write_as(
        &self,
        author: Author,
        f: impl FnOnce(&mut WriteTx<'_>) -> Result<()> + Send + 'static,
    ) -> Result<(), Fault> {
        let (reply, outcome) = oneshot::channel();
        let job = Job {
            run: Box::new(|tx| f(tx).map(|()| Written::Done(JsonText::null()))),
            author: Box::new(author),
            once: None,
            is_call: false,
            bytes: 0,
            called: Called::BY_DAEMON,
            divided: Box::default(),
            reply,
        };
        self.queue.admit(job).await;
        outcome.await.unwrap_or(Err(stina_protocol::Error::ShuttingDown.into())).map(drop)
    }

    /// Newest revision whose commit is done.
    pub fn head(&self) -> u64 {
        self.events.head()
    }

    /// Waits until all that readers see is published; `None` if it is known to be.
    pub(crate) fn all_published(&self) -> Option<impl Future<Output = ()> + Send + 'static> {
        let newest = self.readers.try_short().and_then(|reader| reader.read(|tx| Ok(tx.rev())).ok());
        if newest.is_some_and(|newest| newest <= self.head()) {
            return None;
        }
        let store = self.clone();
        Some(async move {
            let newest = match newest {
                Some(newest) => Ok(newest),
                None => store.read(|tx| Ok(tx.rev())).await,
            };
            match newest {
                Ok(newest) => store.published(newest).await,
                Err(failure) => tracing::warn!(%failure, "can't tell what readers see"),
            }
        })
    }

    /// Waits until everything up to a committed revision is published: readers see it a little earlier.
    pub(crate) async fn published(&self, rev: u64) {
        let mut changed = self.events.watch();
        while self.events.head() < rev {
            // This store keeps the buffer, so its sender is not dropped.
            _ = changed.changed().await;
        }
    }

    /// Runs a part of the daemon without which it can't go on: should it panic, the daemon ends.
    pub(crate) async fn vital(self, name: &'static str, part: impl Future<Output = ()> + Send) {
        if AssertUnwindSafe(part).catch_unwind().await.is_err() {
            self.fatal.raise(Fatal::Died(name.to_owned()));
        }
    }

    /// What is raised then.
    pub(crate) fn fatal_signal(&self) -> FatalSignal {
        self.fatal.clone()
    }

    /// Waits until the daemon has to end, as when its database is replaced; then nothing more is written.
    pub async fn fatal(&self) -> Fatal {
        self.fatal.wait().await
    }

    /// Signals the shutdown: the writer stops waiting for locks of other processes.
    pub(crate) fn begin_shutdown(&self) {
        self.queue.begin_shutdown();
    }

    /// Waits for `work`. From `deadline` on it ends whatever runs in SQLite for a call or for maintenance: a call is answered
    /// `shutting_down`.
    pub(crate) async fn end_by<T>(&self, deadline: Instant, work: impl Future<Output = T>) -> T {
        let mut work = std::pin::pin!(work);
        if let Ok(done) = timeout_at(deadline, &mut work).await {
            return done;
        }
        self.readers.begin_ending();
        self.queue.begin_ending();
        loop {
            match timeout(interrupt::AGAIN, &mut work).await {
                Ok(done) => return done,
                Err(_) => {
                    self.readers.interrupt();
                    self.queue.interrupt();
                }
            }
        }
    }

    /// Notifies the subscribers of a module of an event that is not in the log.
    pub fn notify(&self, transient: Transient) {
        self.events.publish_transient(transient);
    }

    /// Id of this database's history.
    pub fn epoch(&self) -> Arc<str> {
        self.epoch.id()
    }

    /// Whether a cursor that has read up to `rev` has read it in another history.
    pub(crate) fn is_of_another_history(&self, rev: u64) -> bool {
        self.epoch.begins_after(rev)
    }

    /// What it was opened with.
    pub fn config(&self) -> &StoreConfig {
        &self.config
    }

    /// Source of time.
    pub fn clock(&self) -> &Clock {
        &self.config.clock
    }
}

/// The writer thread. Dropping every [`Store`] is not enough to end it: the queue must be closed.
#[derive(Debug)]
pub struct Writer {
    thread: std::thread::JoinHandle<Connection>,
}

impl Writer {
    /// Ends all reads, closes the queue, waits until its jobs are committed and checkpointed, then closes the database. The
    /// readers close first: only a connection that can write, closed last, removes `-wal` and `-shm`. Jobs of calls that
    /// are not done by `deadline` are refused, and the one that runs then is interrupted.
    pub async fn finish(self, store: Store, deadline: Instant) {
        store.queue.close().await;
        let have_ended = store.readers.end(store.config.limits.interrupt_wait).await;
        if !have_ended {
            tracing::error!("a read does not end; the WAL stays");
        }
        let joined = store.end_by(deadline, spawn_blocking(|| self.thread.join())).await;
        // Nothing is noted for a file that is not what it was, and its WAL stays, so that it can be examined.
        let witness = store.config.witness.clone();
        let witness = witness.filter(|_| have_ended && store.fatal.cause().is_none());
        drop(store);
        match joined {
            Ok(Ok(conn)) => close(conn, witness.as_ref()),
            _ => tracing::error!("the writer thread ended with a panic"),
        }
    }
}

/// Closes the last connection, and leaves the database alone in one file if it is in order.
fn close(conn: Connection, witness: Option<&Witness>) {
    if let Some(witness) = witness
        && witness.begin_writing(recording::head(&conn).unwrap_or(0))
        && let Err(error) = connection::keep_wal_when_closed(&conn, false)
    {
        tracing::warn!(%error, "the WAL stays");
    }
    match (conn.close(), witness) {
        (Ok(()), Some(witness)) => witness.at_rest(),
        (Ok(()), None) => {}
        (Err((_, error)), _) => tracing::warn!(%error, "the database did not close"),
    }
}
