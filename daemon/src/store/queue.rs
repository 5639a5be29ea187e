//! The writer's queue: each write with its author and the receiver of its answer.

use super::Once;
use super::divided::Divided;
use super::failure::Called;
use super::interrupt::WriterInterrupt;
use super::json_text::JsonText;
use super::steps::WriteFn;
use super::tx::Author;
use crate::limits::Limits;
use rusqlite::Connection;
use std::sync::Arc;
use stina_protocol::{Error, Fault};
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio_util::sync::CancellationToken;

/// Maintenance: runs between batches, with the connection to itself.
pub(super) type ChoreFn = Box<dyn FnOnce(&mut Connection) + Send>;

/// What a committed write answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Done {
    /// Revision that it made, or the newest one when it changed nothing.
    pub(crate) rev: u64,
    /// The result, as JSON; null once it is forgotten.
    pub(crate) value: JsonText,
    /// Whether the result is forgotten: the write happened long ago, or its values were purged.
    pub(crate) forgotten: bool,
}

/// A queued write.
pub(crate) struct Job {
    pub(crate) run: WriteFn,
    pub(crate) author: Box<Author>,
    pub(crate) once: Option<Once>,
    /// Whether it is a call, rather than a write of the daemon's own: a shutdown may end it.
    pub(crate) is_call: bool,
    /// Size of its params.
    pub(crate) bytes: usize,
    pub(crate) called: Called,
    /// What its earlier steps have done.
    pub(crate) divided: Box<Divided>,
    pub(crate) reply: oneshot::Sender<Result<Done, Fault>>,
}

pub(super) enum Work {
    /// A write, and its room in the queue. One that has begun needs none.
    Job(Job, Option<OwnedSemaphorePermit>),
    /// With whether a shutdown may interrupt it.
    Chore(ChoreFn, bool),
    /// Check whether another process has written, and answer whether one may be about to commit.
    CheckForForeign(oneshot::Sender<bool>),
}

/// The writer's queue, bounded in writes and in bytes; cheap to clone.
#[derive(Clone)]
pub(crate) struct Queue {
    sender: Arc<Mutex<Option<mpsc::Sender<Work>>>>,
    direct: mpsc::WeakSender<Work>,
    bytes: Arc<Semaphore>,
    limits: Arc<Limits>,
    shutdown: CancellationToken,
    interrupt: Arc<WriterInterrupt>,
}

/// Bytes are counted in units of this, so that the count fits a semaphore.
const UNIT: usize = 1024;

/// The answer to a job that was offered without waiting.
pub(crate) enum Admission {
    /// It is queued; its reply will come.
    Queued,
    /// There is no room: wait with [`Queue::admit`].
    Full(Job),
}

impl Queue {
    fn units(&self, job: &Job) -> u32 {
        let max = self.limits.queued_write_bytes / UNIT;
        u32::try_from((job.bytes / UNIT + 1).min(max)).unwrap_or(u32::MAX)
    }

    /// Queues a job if there is room now.
    pub(crate) fn offer(&self, job: Job) -> Admission {
        let Some(sender) = self.direct.upgrade() else { return Admission::Full(job) };
        let Ok(slot) = sender.try_reserve() else { return Admission::Full(job) };
        match Arc::clone(&self.bytes).try_acquire_many_owned(self.units(&job)) {
            Ok(permit) => {
                slot.send(Work::Job(job, Some(permit)));
                Admission::Queued
            }
            Err(_) => Admission::Full(job),
        }
    }

    /// Queues a job; waits for room as long as the limits allow. Without room the job is answered `busy`; a closed queue
    /// answers it `shutting_down`.
    pub(crate) async fn admit(&self, job: Job) {
        let units = self.units(&job);
        let room = async {
            let sender = self.direct.upgrade().ok_or(Error::ShuttingDown)?;
            let bytes = Arc::clone(&self.bytes).acquire_many_owned(units).await;
            let slot = sender.reserve_owned().await.map_err(|_| Error::ShuttingDown)?;
            Ok((slot, bytes.map_err(|_| Error::ShuttingDown)?))
        };
        match tokio::time::timeout(self.limits.queue_wait, room).await.unwrap_or(Err(Error::Busy)) {
            Ok((slot, bytes)) => _ = slot.send(Work::Job(job, Some(bytes))),
            Err(error) => fail(job.reply, &error.into()),
        }
    }

    /// Runs a chore between two batches; waits until it has run. Does nothing when the queue is closed. A shutdown may
    /// interrupt it: then SQLite fails, and the chore must leave things so that a later daemon can begin it again.
    pub(super) async fn chore<T: Send + 'static>(
        &self,
        f: impl FnOnce(&mut Connection) -> T + Send + 'static,
    ) -> Option<T> {
        self.run_between(true, f).await
    }

    /// Runs a chore that is never interrupted.
    pub(super) async fn whole_chore<T: Send + 'static>(
        &self,
        f: impl FnOnce(&mut Connection) -> T + Send + 'static,
    ) -> Option<T> {
        self.run_between(false, f).await
    }

    async fn run_between<T: Send + 'static>(
        &self,
        may_be_interrupted: bool,
        f: impl FnOnce(&mut Connection) -> T + Send + 'static,
    ) -> Option<T> {
        let (reply, result) = oneshot::channel();
        let chore: ChoreFn = Box::new(move |conn| _ = reply.send(f(conn)));
        self.direct.upgrade()?.send(Work::Chore(chore, may_be_interrupted)).await.ok()?;
        result.await.ok()
    }

    /// Checks whether another process has written to the database; subscribers then get a reset. Answers whether one may be
    /// about to commit.
    pub(super) async fn check_for_foreign(&self) -> bool {
        let (reply, is_foreign) = oneshot::channel();
        // The queue is closed only when the daemon stops: no subscriber is left then.
        let Some(sender) = self.direct.upgrade() else { return false };
        sender.send(Work::CheckForForeign(reply)).await.is_ok() && is_foreign.await.unwrap_or(false)
    }

    /// Waits until the writer no longer waits for anything, because the daemon ends.
    pub(super) async fn shutdown(&self) {
        self.shutdown.cancelled().await;
    }

    /// Signals the shutdown: the writer stops waiting for locks of other processes.
    pub(super) fn begin_shutdown(&self) {
        self.shutdown.cancel();
    }

    /// Ends the calls: those that wait are refused, and the one that runs begins no further statement.
    pub(super) fn begin_ending(&self) {
        self.begin_shutdown();
        self.interrupt.ending.begin();
    }

    /// Interrupts the statement that runs, if a shutdown may.
    pub(super) fn interrupt(&self) {
        self.interrupt.interrupt();
    }

    /// Closes the queue. Jobs that are in it still run.
    pub(super) async fn close(&self) {
        self.sender.lock().await.take();
    }
}

/// The writer's end of the queue.
pub(super) struct Receiver {
    pub(super) queue: mpsc::Receiver<Work>,
    /// Cancelled when the daemon is to end.
    pub(super) shutdown: CancellationToken,
}

/// A queue with these bounds, for the writer that `interrupt` is of.
pub(super) fn bounded(limits: Arc<Limits>, interrupt: Arc<WriterInterrupt>) -> (Queue, Receiver) {
    let (sender, queue) = mpsc::channel(limits.queued_writes);
    let direct = sender.downgrade();
    let bytes = Arc::new(Semaphore::new(limits.queued_write_bytes / UNIT));
    let shutdown = CancellationToken::new();
    let receiver = Receiver { queue, shutdown: shutdown.clone() };
    let sender = Arc::new(Mutex::new(Some(sender)));
    (Queue { sender, direct, bytes, limits, shutdown, interrupt }, receiver)
}

/// Answers a job that was not committed.
pub(super) fn fail(reply: oneshot::Sender<Result<Done, Fault>>, fault: &Fault) {
    // The receiver may be gone.
    let _ = reply.send(Err(fault.clone()));
}
