//! The store: one writable connection, a pool of read-only ones, the change log, and the event buffer.
//!
//! *Blind core*: nothing here knows a module. A module brings [`Migration`]s and functions over [`ReadTx`] and
//! [`WriteTx`].

mod backup;
mod change_log;
mod config;
mod connection;
pub mod cursor;
pub mod entity;
mod event_buffer;
mod failure;
mod foreign;
mod history;
mod housekeeping;
mod idempotency;
mod json_text;
mod lineage;
mod logged;
mod migrate;
mod queue;
mod readers;
mod revision;
mod row;
mod trash;
mod tx;
mod undo;
mod writer;

pub use config::StoreConfig;
pub use connection::{APPLICATION_ID, Location};
pub(crate) use connection::{beside, file_bytes};
pub use entity::{Entity, EntityKind, Table};
pub use event_buffer::Position;
pub use failure::{Failure, OpenError, Result};
pub use json_text::JsonText;
pub use migrate::{Migration, ModuleSchema};
pub use queue::WriteFn;
pub use revision::{LiveChange, Revision, Transient};
pub use tx::{Author, Caller, ReadTx, TxChange, WriteTx};

pub(crate) use change_log::{View, oldest_rev, read_since};
pub(crate) use history::history;
pub(crate) use trash::trash;
pub(crate) use undo::undo;

pub(crate) use event_buffer::{CatchUp, EventBuffer, Item};
pub(crate) use idempotency::{Fingerprint, Once, find as find_result};
pub(crate) use migrate::versions as schema_versions;
pub(crate) use queue::{Admission, Done, Job};
pub(crate) use readers::Readers;

use crate::clock::Clock;
use rusqlite::Connection;
use std::sync::Arc;
use stina_protocol::Fault;
use stina_protocol::event::ResetReason;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

/// Handle to the open store; cheap to clone.
#[derive(Clone)]
pub struct Store {
    pub(crate) events: Arc<EventBuffer>,
    pub(crate) readers: Readers,
    pub(crate) queue: queue::Queue,
    epoch: Arc<str>,
    lost: CancellationToken,
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
        let conn = migrate::open(&config, schemas)?;
        let mut head = change_log::head(&conn)?;
        if config.was_touched {
            tracing::warn!("another program wrote to the database while no daemon ran");
            let tx = conn.unchecked_transaction()?;
            // An older copy may have been put in its place: what follows is another history. The reset in the log
            // reaches a client that resumes without an epoch.
            migrate::renew_epoch(&tx)?;
            head = change_log::append_reset(&tx, head + 1, config.clock.now(), ResetReason::External)?.rev;
            tx.commit()?;
        }
        let epoch: Arc<str> = migrate::epoch(&conn)?.into();
        let events = Arc::new(EventBuffer::new(&config.limits, head));
        let readers = Readers::open(&config)?;
        let lost = CancellationToken::new();
        let (queue, thread) = writer::start(conn, head, Arc::clone(&events), lost.clone(), &config)?;
        let store = Self { events, readers, queue, epoch, lost, config };
        Ok((store, Writer { thread }))
    }

    /// Runs a short read in one snapshot: on the current thread when a connection is free, as it nearly always is.
    ///
    /// # Errors
    /// Those of `f`, and that no reader was free in time.
    pub async fn read<T: Send + 'static>(
        &self,
        f: impl FnOnce(&ReadTx<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        match self.readers.try_reader() {
            Some(reader) => reader.read(f),
            None => self.scan(f).await,
        }
    }

    /// Runs a long read on a thread for blocking work.
    ///
    /// # Errors
    /// As [`Store::read`].
    pub async fn scan<T: Send + 'static>(
        &self,
        f: impl FnOnce(&ReadTx<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.readers.scan(f).await
    }

    /// Runs a write of the daemon's own, and waits for its commit.
    ///
    /// # Errors
    /// The fault that a client would have got.
    pub async fn write(
        &self,
        f: impl FnOnce(&mut WriteTx<'_>) -> Result<()> + Send + 'static,
    ) -> Result<(), Fault> {
        let (reply, outcome) = oneshot::channel();
        let job = Job {
            run: Box::new(|tx| f(tx).map(|()| JsonText::null())),
            author: Box::new(Author::daemon()),
            once: None,
            bytes: 0,
            span: tracing::Span::current(),
            reply,
        };
        self.queue.admit(job).await;
        outcome.await.unwrap_or(Err(stina_protocol::Error::ShuttingDown.into())).map(drop)
    }

    /// Newest revision whose commit is done.
    pub fn head(&self) -> u64 {
        self.events.head()
    }

    /// The newest revision, if readers see it and it is not published yet; unknown while all readers are in use.
    pub(crate) fn ahead(&self) -> Option<u64> {
        let newest = self.readers.try_reader()?.read(|tx| Ok(tx.rev())).ok()?;
        (newest > self.head()).then_some(newest)
    }

    /// Waits until everything up to a committed revision is published: readers see it a little earlier.
    pub(crate) async fn published(&self, rev: u64) {
        let mut changed = self.events.watch();
        while self.events.head() < rev {
            // This store keeps the buffer, so its sender is not dropped.
            _ = changed.changed().await;
        }
    }

    /// Waits until the database's file is removed or replaced under the daemon; from then on nothing is written.
    pub async fn lost(&self) {
        self.lost.cancelled().await;
    }

    /// Signals the shutdown: the writer stops waiting for locks of other processes.
    pub(crate) fn begin_shutdown(&self) {
        self.queue.begin_shutdown();
    }

    /// Notifies the subscribers of a module of an event that is not in the log.
    pub fn notify(&self, transient: Transient) {
        self.events.publish_transient(transient);
    }

    /// Id of this database's history.
    pub fn epoch(&self) -> &str {
        &self.epoch
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
    /// Closes the queue, waits until its jobs are committed and checkpointed, then closes the database. The readers close
    /// first: only a connection that can write, closed last, removes `-wal` and `-shm`.
    pub async fn finish(self, store: Store) {
        store.queue.close().await;
        let joined = tokio::task::spawn_blocking(|| self.thread.join()).await;
        drop(store);
        match joined {
            Ok(Ok(conn)) => {
                if let Err((_, error)) = conn.close() {
                    tracing::warn!(%error, "the database did not close");
                }
            }
            _ => tracing::error!("the writer thread ended with a panic"),
        }
    }
}
