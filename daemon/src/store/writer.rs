//! *One writer*: the thread that holds the only writable connection, and its queue.
//!
//! *Commit, then tell*: replies and notifications leave in [`Thread::commit`], after COMMIT, and nowhere else.

use super::hub::Revision;
use super::tx::{Author, OnEnd, WriteTx};
use super::{Failure, Hub, Once, OpenError, ReadTx, StoreConfig, change_log, housekeeping, idempotency};
use crate::clock::Clock;
use crate::limits::Limits;
use rusqlite::Connection;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use stina_protocol::event::ResetReason;
use stina_protocol::{Error, Fault};
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

/// What a write does: changes rows, answers its `value` as JSON.
pub type WriteFn = Box<dyn FnOnce(&mut WriteTx<'_>) -> super::Result<String> + Send>;

/// Work that is no write of a client: runs between batches, with the connection to itself.
pub(super) type ChoreFn = Box<dyn FnOnce(&mut Connection) + Send>;

/// What a committed write answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done {
    /// Revision that it made, or the newest one when it changed nothing.
    pub rev: u64,
    /// The result, as JSON.
    pub value: String,
}

/// A queued write.
pub(crate) struct Job {
    pub(crate) run: WriteFn,
    pub(crate) author: Author,
    pub(crate) once: Option<Once>,
    /// Size of its params.
    pub(crate) bytes: usize,
    pub(crate) span: tracing::Span,
    pub(crate) reply: oneshot::Sender<Result<Done, Fault>>,
}

enum Work {
    Job(Job, OwnedSemaphorePermit),
    Chore(ChoreFn),
    /// Look whether another process has written.
    LookForForeign,
}

/// The writer's queue, bounded in writes and in bytes; cheap to clone.
#[derive(Clone)]
pub(crate) struct Queue {
    sender: Arc<Mutex<Option<mpsc::Sender<Work>>>>,
    direct: mpsc::WeakSender<Work>,
    bytes: Arc<Semaphore>,
    limits: Arc<Limits>,
}

/// Bytes are counted in units of this, so that the count fits a semaphore.
const UNIT: usize = 1024;

/// What became of a job that was offered without waiting.
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

    /// Queues a job; waits for room as long as the limits say. A job that finds none is answered `busy`, or
    /// `shutting_down` when the queue is closed.
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

    /// Looks whether another process has written to the database; subscribers are told if so.
    pub(super) async fn look_for_foreign(&self) {
        if let Some(sender) = self.direct.upgrade() {
            // A closed queue means that the daemon is stopping: then nobody is there to be told.
            let _ = sender.send(Work::LookForForeign).await;
        }
    }

    /// Closes the queue: what is in it is still done.
    pub(super) async fn close(&self) {
        self.sender.lock().await.take();
    }
}

/// Starts the writer thread.
pub(super) fn start(
    conn: Connection,
    head: u64,
    hub: Arc<Hub>,
    config: &StoreConfig,
) -> Result<(Queue, std::thread::JoinHandle<()>), OpenError> {
    let limits = Arc::clone(&config.limits);
    let (sender, queue) = mpsc::channel(limits.queued_writes);
    let seen = data_version(&conn)?;
    let thread =
        Thread { conn, seen, head, hub, queue, limits: Arc::clone(&limits), clock: config.clock.clone() };
    let handle = std::thread::Builder::new().name("stinad-writer".to_owned()).spawn(move || thread.run())?;
    let bytes = Arc::new(Semaphore::new(limits.queued_write_bytes / UNIT));
    let direct = sender.downgrade();
    Ok((Queue { sender: Arc::new(Mutex::new(Some(sender))), direct, bytes, limits }, handle))
}

struct Thread {
    conn: Connection,
    /// SQLite's `data_version`: it moves when another connection commits, and no other of ours ever does.
    seen: i64,
    /// Newest committed revision.
    head: u64,
    hub: Arc<Hub>,
    queue: mpsc::Receiver<Work>,
    limits: Arc<Limits>,
    clock: Clock,
}

/// A job that ran in the batch and waits for the COMMIT.
struct Ran {
    outcome: Result<Done, Fault>,
    revision: Option<Revision>,
    on_end: Vec<OnEnd>,
    reply: oneshot::Sender<Result<Done, Fault>>,
}

impl Thread {
    fn run(mut self) {
        let mut next = self.queue.blocking_recv();
        while let Some(work) = next.take() {
            match work {
                Work::Job(job, permit) => next = self.batch(job, permit),
                Work::Chore(chore) => chore(&mut self.conn),
                Work::LookForForeign => self.look_for_foreign(),
            }
            if next.is_none() {
                next = self.queue.blocking_recv();
            }
        }
        housekeeping::checkpoint(&self.conn, &self.limits);
    }

    /// Runs `first` and all jobs that are queued, commits once, then tells. Answers work that is no job.
    fn batch(&mut self, first: Job, permit: OwnedSemaphorePermit) -> Option<Work> {
        if let Err(error) = self.execute("BEGIN IMMEDIATE") {
            return self.refuse(first, &Failure::from(error).into_fault());
        }
        let mut ran = Vec::new();
        let mut rev = self.head;
        let reset = self.log_foreign(&mut rev);
        let mut other = None;
        let mut next = Some((first, permit));
        let mut bytes = 0;
        while let Some((job, _permit)) = next.take() {
            bytes += job.bytes;
            ran.push(self.run_job(job, &mut rev));
            if self.conn.is_autocommit() {
                break;
            }
            if ran.len() < self.limits.batch_writes && bytes < self.limits.batch_bytes {
                match self.queue.try_recv() {
                    Ok(Work::Job(job, permit)) => next = Some((job, permit)),
                    Ok(work) => other = Some(work),
                    Err(_) => {}
                }
            }
        }
        self.commit(reset, ran, rev);
        other
    }

    /// Fails `first` and all jobs that are queued: what kept the batch from beginning, such as another process
    /// that holds the lock, would let each of them wait as long again. Answers work that is no job.
    fn refuse(&mut self, first: Job, fault: &Fault) -> Option<Work> {
        fail(first.reply, fault);
        for _ in 1..self.limits.batch_writes {
            match self.queue.try_recv().ok()? {
                Work::Job(job, _) => fail(job.reply, fault),
                other => return Some(other),
            }
        }
        None
    }

    /// Runs one job in a savepoint of its own.
    fn run_job(&self, job: Job, rev: &mut u64) -> Ran {
        let Job { run, author, once, reply, span, .. } = job;
        let _entered = span.enter();
        let now = self.clock.now();
        let mut tx = WriteTx::new(&self.conn, *rev + 1, now, &author);
        let step = || -> super::Result<(Done, Option<Revision>)> {
            self.execute("SAVEPOINT job")?;
            let view = ReadTx::new(&self.conn, *rev, now);
            let repeat = once.as_ref().map(|once| idempotency::repeat(&view, once)).transpose()?.flatten();
            if let Some(stored) = repeat {
                return Ok((Done { rev: stored.rev, value: stored.value }, None));
            }
            let value = catch_unwind(AssertUnwindSafe(|| run(&mut tx)))
                .unwrap_or_else(|panic| Err(Failure::Panic(panic_text(&*panic))))?;
            let changes = std::mem::take(&mut tx.changes);
            let revision = match changes.is_empty() {
                true => None,
                false => Some(change_log::append(&self.conn, *rev + 1, now, &author, changes)?),
            };
            let done = Done { rev: *rev + u64::from(revision.is_some()), value };
            if let Some(once) = &once {
                idempotency::keep(&self.conn, once, now, done.rev, &done.value)?;
            }
            Ok((done, revision))
        };
        let result = step().and_then(|ok| {
            self.execute("RELEASE job")?;
            Ok(ok)
        });
        let on_end = std::mem::take(&mut tx.on_end);
        match result {
            Ok((done, revision)) => {
                *rev = done.rev.max(*rev);
                Ran { outcome: Ok(done), revision, on_end, reply }
            }
            Err(failure) => {
                self.roll_back_job();
                on_end.into_iter().for_each(|f| f(false));
                Ran { outcome: Err(failure.into_fault()), revision: None, on_end: Vec::new(), reply }
            }
        }
    }

    /// Undoes the job alone; if even that fails, the whole batch.
    fn roll_back_job(&self) {
        if self.conn.is_autocommit() {
            return;
        }
        let undone = self.execute("ROLLBACK TO job").and_then(|()| self.execute("RELEASE job"));
        if let Err(error) = undone {
            tracing::error!(%error, "a failed job can't be undone alone");
            self.roll_back();
        }
    }

    fn roll_back(&self) {
        if self.conn.is_autocommit() {
            return;
        }
        if let Err(error) = self.execute("ROLLBACK") {
            tracing::error!(%error, "rollback failed");
        }
    }

    /// COMMIT, then tell; or fail every job of the batch.
    fn commit(&mut self, reset: Option<(i64, Revision)>, ran: Vec<Ran>, rev: u64) {
        // SQLite ends a transaction by itself on some errors: then nothing of the batch is left.
        let lost = self.conn.is_autocommit();
        let committed = match lost {
            true => Err(ran.last().and_then(|r| r.outcome.as_ref().err()).cloned()),
            false => self.execute("COMMIT").map_err(|e| Some(Failure::from(e).into_fault())),
        };
        if let Err(fault) = committed {
            self.roll_back();
            let fault = fault.unwrap_or_else(|| Error::Internal.into());
            for job in ran {
                job.on_end.into_iter().for_each(|f| f(false));
                // A job that failed by itself keeps its own reason.
                fail(job.reply, &job.outcome.err().unwrap_or_else(|| fault.clone()));
            }
            return;
        }
        self.head = rev;
        let mut revisions = Vec::new();
        if let Some((version, revision)) = reset {
            self.seen = version;
            revisions.push(Arc::new(revision));
        }
        let mut replies = Vec::with_capacity(ran.len());
        for job in ran {
            job.on_end.into_iter().for_each(|f| f(true));
            revisions.extend(job.revision.map(Arc::new));
            replies.push((job.reply, job.outcome));
        }
        if !revisions.is_empty() {
            self.hub.publish_revisions(revisions);
        }
        for (reply, outcome) in replies {
            // Whoever asked may be gone; the write stands.
            let _ = reply.send(outcome);
        }
    }

    /// Commits a reset if another process has written, even though no job is there to be told with it.
    fn look_for_foreign(&mut self) {
        match data_version(&self.conn) {
            Ok(version) if version == self.seen => return,
            Ok(_) => {}
            Err(error) => return tracing::warn!(%error, "can't tell whether another process wrote"),
        }
        let mut rev = self.head;
        match self.execute("BEGIN IMMEDIATE") {
            Ok(()) => {
                let reset = self.log_foreign(&mut rev);
                self.commit(reset, Vec::new(), rev);
            }
            // The next batch looks again.
            Err(error) => tracing::warn!(%error, "can't log that another process wrote"),
        }
    }

    /// A commit of another process is in no revision: what subscribers hold is void, and the log says so. Called
    /// within a transaction, where no further lock is needed to look.
    fn log_foreign(&self, rev: &mut u64) -> Option<(i64, Revision)> {
        let logged = data_version(&self.conn).and_then(|version| {
            if version == self.seen {
                return Ok(None);
            }
            tracing::warn!("another process wrote to the database");
            let revision =
                change_log::append_reset(&self.conn, *rev + 1, self.clock.now(), ResetReason::External)?;
            *rev += 1;
            Ok(Some((version, revision)))
        });
        logged.unwrap_or_else(|error| {
            tracing::warn!(%error, "can't log whether another process wrote");
            None
        })
    }

    fn execute(&self, sql: &str) -> rusqlite::Result<()> {
        self.conn.prepare_cached(sql)?.execute([]).map(drop)
    }
}

fn data_version(conn: &Connection) -> rusqlite::Result<i64> {
    conn.prepare_cached("PRAGMA data_version")?.query_row([], |row| row.get(0))
}

fn fail(reply: oneshot::Sender<Result<Done, Fault>>, fault: &Fault) {
    // Whoever asked may be gone.
    let _ = reply.send(Err(fault.clone()));
}

/// The text of a panic, if it has one.
fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without a text").to_owned()
}
