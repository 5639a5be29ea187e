//! The writer's queue: each write with its author and the receiver of its answer.

use super::Once;
use super::json_text::JsonText;
use super::tx::{Author, WriteTx};
use crate::limits::Limits;
use rusqlite::Connection;
use std::sync::Arc;
use stina_protocol::{Error, Fault};
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio_util::sync::CancellationToken;

/// A write: changes rows and answers its `value` as JSON.
pub type WriteFn = Box<dyn FnOnce(&mut WriteTx<'_>) -> super::Result<JsonText> + Send>;

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
    /// Size of its params.
    pub(crate) bytes: usize,
    pub(crate) span: tracing::Span,
    pub(crate) reply: oneshot::Sender<Result<Done, Fault>>,
}

pub(super) enum Work {
    Job(Job, OwnedSemaphorePermit),
    Chore(ChoreFn),
    /// Check whether another process has written.
    CheckForForeign,
}

/// The writer's queue, bounded in writes and in bytes; cheap to clone.
#[derive(Clone)]
pub(crate) struct Queue {
    sender: Arc<Mutex<Option<mpsc::Sender<Work>>>>,
    direct: mpsc::WeakSender<Work>,
    bytes: Arc<Semaphore>,
    limits: Arc<Limits>,
    shutdown: CancellationToken,
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
                slot.send(Work::Job(job, permit));
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
            Ok((slot, bytes)) => _ = slot.send(Work::Job(job, bytes)),
            Err(error) => fail(job.reply, &error.into()),
        }
    }

    /// Runs a chore between two batches; waits until it has run. Does nothing when the queue is closed.
    pub(super) async fn chore<T: Send + 'static>(
        &self,
        f: impl FnOnce(&mut Connection) -> T + Send + 'static,
    ) -> Option<T> {
        let (reply, result) = oneshot::channel();
        let chore: ChoreFn = Box::new(move |conn| _ = reply.send(f(conn)));
        self.direct.upgrade()?.send(Work::Chore(chore)).await.ok()?;
        result.await.ok()
    }

    /// Waits until every write that was queued before has ended.
    ///
    /// # Errors
    /// `shutting_down` when the queue is closed.
    pub(crate) async fn settled(&self) -> Result<(), Error> {
        self.chore(|_| ()).await.ok_or(Error::ShuttingDown)
    }

    /// Checks whether another process has written to the database; subscribers then get a reset.
    pub(super) async fn check_for_foreign(&self) {
        if let Some(sender) = self.direct.upgrade() {
            // The queue is closed only when the daemon stops: no subscriber is left then.
            let _ = sender.send(Work::CheckForForeign).await;
        }
    }

    /// Signals the shutdown: the writer stops waiting for locks of other processes.
    pub(super) fn begin_shutdown(&self) {
        self.shutdown.cancel();
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

/// A queue with these bounds.
pub(super) fn bounded(limits: Arc<Limits>) -> (Queue, Receiver) {
    let (sender, queue) = mpsc::channel(limits.queued_writes);
    let direct = sender.downgrade();
    let bytes = Arc::new(Semaphore::new(limits.queued_write_bytes / UNIT));
    let shutdown = CancellationToken::new();
    let receiver = Receiver { queue, shutdown: shutdown.clone() };
    (Queue { sender: Arc::new(Mutex::new(Some(sender))), direct, bytes, limits, shutdown }, receiver)
}

/// Answers a job that was not committed.
pub(super) fn fail(reply: oneshot::Sender<Result<Done, Fault>>, fault: &Fault) {
    // The receiver may be gone.
    let _ = reply.send(Err(fault.clone()));
}
