//! *One writer*: the thread that holds the only writable connection.
//!
//! *Commit, then tell*: replies and notifications leave in [`Thread::commit`], after COMMIT, and nowhere else.

use super::connection::{Identity, LOCK_LOOK};
use super::queue::{self, Done, Job, Queue, Work, fail};
use super::revision::Revision;
use super::tx::{OnEnd, WriteTx};
use super::{EventBuffer, Failure, OpenError, ReadTx, StoreConfig, change_log, housekeeping, idempotency};
use crate::clock::Clock;
use crate::limits::Limits;
use rusqlite::{Connection, ErrorCode};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;
use stina_protocol::event::{Origin, ResetReason};
use stina_protocol::{Error, Fault};
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};
use tokio_util::sync::CancellationToken;

/// Starts the writer thread, which returns its connection when it ends.
pub(super) fn start(
    conn: Connection,
    head: u64,
    events: Arc<EventBuffer>,
    lost: CancellationToken,
    config: &StoreConfig,
) -> Result<(Queue, std::thread::JoinHandle<Connection>), OpenError> {
    let (queue, receiver) = queue::bounded(Arc::clone(&config.limits));
    conn.busy_timeout(LOCK_LOOK)?;
    let thread = Thread {
        seen: data_version(&conn)?,
        files: Identity::of_database(&config.location)?,
        conn,
        lost,
        head,
        events,
        queue: receiver.queue,
        shutdown: receiver.shutdown,
        limits: Arc::clone(&config.limits),
        clock: config.clock.clone(),
    };
    let handle = std::thread::Builder::new().name("stinad-writer".to_owned()).spawn(move || thread.run())?;
    Ok((queue, handle))
}

struct Thread {
    conn: Connection,
    /// The files of the database. Once one of them was removed or replaced, nobody would find what is written.
    files: Vec<Identity>,
    /// Cancelled once that happened.
    lost: CancellationToken,
    /// SQLite's `data_version`: it moves when another connection commits, and no other of ours ever does.
    seen: i64,
    /// Newest committed revision.
    head: u64,
    events: Arc<EventBuffer>,
    queue: mpsc::Receiver<Work>,
    limits: Arc<Limits>,
    clock: Clock,
    /// Cancelled when the daemon is to end.
    shutdown: CancellationToken,
}

/// A finished job, which waits for the COMMIT of its batch.
struct FinishedJob {
    outcome: Result<Done, Fault>,
    revision: Option<Revision>,
    on_end: Vec<OnEnd>,
    reply: oneshot::Sender<Result<Done, Fault>>,
}

impl Thread {
    fn run(mut self) -> Connection {
        let mut next = self.queue.blocking_recv();
        while let Some(work) = next.take() {
            match work {
                Work::Job(job, permit) => next = self.batch(job, permit),
                Work::Chore(chore) => chore(&mut self.conn),
                Work::CheckForForeign => self.check_for_foreign(),
            }
            if next.is_none() {
                next = self.queue.blocking_recv();
            }
        }
        housekeeping::checkpoint(&self.conn);
        self.conn
    }

    /// Begins a transaction. Waits for a lock that another process holds, as long as the limits allow and the daemon is
    /// not to end.
    fn begin(&self) -> rusqlite::Result<()> {
        let until = Instant::now() + self.limits.lock_wait;
        loop {
            let begun = self.execute("BEGIN IMMEDIATE");
            let is_locked =
                begun.as_ref().is_err_and(|e| e.sqlite_error_code() == Some(ErrorCode::DatabaseBusy));
            if !is_locked || Instant::now() >= until || self.shutdown.is_cancelled() {
                return begun;
            }
        }
    }

    /// Whether the database's files are still in place; logs it once when they are not.
    fn is_in_place(&self) -> bool {
        let missing = self.files.iter().find(|file| !file.holds());
        if let Some(file) = missing.filter(|_| !self.lost.is_cancelled()) {
            tracing::error!(?file, "the database was removed or replaced; nothing more is written");
            self.lost.cancel();
        }
        missing.is_none()
    }

    /// Runs `first` and all queued jobs, commits once, then notifies. Returns work that is no job.
    fn batch(&mut self, first: Job, permit: OwnedSemaphorePermit) -> Option<Work> {
        if let Err(error) = self.begin() {
            return self.refuse(first, &Failure::from(error).into_fault());
        }
        let mut finished = Vec::new();
        let mut rev = self.head;
        let reset = self.log_foreign(&mut rev);
        let mut other = None;
        let mut next = Some((first, permit));
        let mut bytes = 0;
        while let Some((job, _permit)) = next.take() {
            bytes += job.bytes;
            finished.push(self.run_job(job, &mut rev));
            if self.conn.is_autocommit() {
                break;
            }
            if finished.len() < self.limits.batch_writes && bytes < self.limits.batch_bytes {
                match self.queue.try_recv() {
                    Ok(Work::Job(job, permit)) => next = Some((job, permit)),
                    Ok(work) => other = Some(work),
                    Err(_) => {}
                }
            }
        }
        self.commit(reset, finished, rev);
        other
    }

    /// Fails `first` and all queued jobs: the cause, such as another process that holds the lock, would make each of them
    /// wait as long again. Returns work that is no job.
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
    fn run_job(&self, job: Job, rev: &mut u64) -> FinishedJob {
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
            if changes.len() > change_log::MAX_CHANGES {
                return Err(Error::TooLarge { limit: change_log::MAX_CHANGES as u64 }.into());
            }
            let revision = match changes.is_empty() {
                true => None,
                false => {
                    let origin = Origin { undoes: tx.undoes, ..author.origin.clone() };
                    Some(change_log::append(&self.conn, *rev + 1, now, origin, changes)?)
                }
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
                FinishedJob { outcome: Ok(done), revision, on_end, reply }
            }
            Err(failure) => {
                self.roll_back_job();
                on_end.into_iter().for_each(|f| f(false));
                FinishedJob { outcome: Err(failure.into_fault()), revision: None, on_end: Vec::new(), reply }
            }
        }
    }

    /// Rolls back the job alone; if that fails, the whole batch.
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

    /// Commits, then notifies; or fails every job of the batch.
    fn commit(&mut self, reset: Option<(i64, Revision)>, finished: Vec<FinishedJob>, rev: u64) {
        // SQLite ends a transaction by itself on some errors: then nothing of the batch is left.
        let lost = self.conn.is_autocommit();
        let committed = match lost {
            true => Err(finished.last().and_then(|r| r.outcome.as_ref().err()).cloned()),
            false if !self.is_in_place() => Err(Some(Error::Io.into())),
            false => self.execute("COMMIT").map_err(|e| Some(Failure::from(e).into_fault())),
        };
        if let Err(fault) = committed {
            self.roll_back();
            let fault = fault.unwrap_or_else(|| Error::Internal.into());
            for job in finished {
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
        let mut replies = Vec::with_capacity(finished.len());
        for job in finished {
            job.on_end.into_iter().for_each(|f| f(true));
            revisions.extend(job.revision.map(Arc::new));
            replies.push((job.reply, job.outcome));
        }
        if !revisions.is_empty() {
            self.events.publish_revisions(revisions);
        }
        for (reply, outcome) in replies {
            // The receiver may be gone; the write stands.
            let _ = reply.send(outcome);
        }
    }

    /// Commits a reset if another process has written, without waiting for a job.
    fn check_for_foreign(&mut self) {
        if !self.is_in_place() {
            return;
        }
        match data_version(&self.conn) {
            Ok(version) if version == self.seen => return,
            Ok(_) => {}
            Err(error) => return tracing::warn!(%error, "can't tell whether another process wrote"),
        }
        let mut rev = self.head;
        match self.begin() {
            Ok(()) => {
                let reset = self.log_foreign(&mut rev);
                self.commit(reset, Vec::new(), rev);
            }
            // The next batch checks again.
            Err(error) => tracing::warn!(%error, "can't log that another process wrote"),
        }
    }

    /// Logs a reset if another process has committed: its changes are in no revision, so what subscribers hold is void.
    /// It runs within a transaction, where no further lock is needed.
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

/// The message of a panic, if it has one.
fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without a text").to_owned()
}
