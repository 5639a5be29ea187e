//! *One writer*: the thread that holds the only writable connection.
//!
//! *Commit, then tell*: replies and notifications leave in [`Thread::commit`], after COMMIT, and nowhere else.

mod finished;
mod resets;

use super::announcer::Announcer;
use super::connection::LOCK_LOOK;
use super::epoch::Epoch;
use super::fatal::{EndsWithPanic, Fatal, FatalSignal};
use super::housekeeping::{Checkpoint, checkpoint};
use super::migrate::{self, Applied};
use super::queue::{self, Done, Job, Queue, Work, fail};
use super::revision::Revision;
use super::steps::{self, Room, Written};
use super::turns::Turns;
use super::tx::WriteTx;
use super::witness::Look;
use super::{
    EventBuffer, Failure, JsonText, OpenError, ReadTx, StoreConfig, Witness, announcer, idempotency,
    recording,
};
use crate::clock::Clock;
use crate::limits::Limits;
use finished::{FinishedJob, Outcome, Ran};
use resets::{Reset, data_version};
use rusqlite::{Connection, ErrorCode};
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;
use stina_protocol::event::Origin;
use stina_protocol::{Error, Fault};
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::CancellationToken;

/// Starts the writer thread, which returns its connection when it ends.
pub(super) fn start(
    conn: Connection,
    head: u64,
    events: Arc<EventBuffer>,
    epoch: Epoch,
    fatal: FatalSignal,
    config: &StoreConfig,
) -> Result<(Queue, std::thread::JoinHandle<Connection>), OpenError> {
    let (queue, receiver) = queue::bounded(Arc::clone(&config.limits));
    conn.busy_timeout(LOCK_LOOK)?;
    let thread = Thread {
        seen: data_version(&conn)?,
        schema: migrate::ledger(&conn)?,
        has_unfinished: Cell::new(steps::has_unfinished(&ReadTx::new(&conn, head, 0)).unwrap_or(true)),
        witness: config.witness.clone(),
        checkpoint_at: config.limits.wal_pages,
        conn,
        epoch,
        fatal,
        head,
        announcer: announcer::start(Arc::clone(&events), &config.limits),
        events,
        queue: receiver.queue,
        shutdown: receiver.shutdown,
        limits: Arc::clone(&config.limits),
        clock: config.clock.clone(),
    };
    let handle = std::thread::Builder::new().name("stinad-writer".to_owned()).spawn(move || {
        let _guard = EndsWithPanic(thread.fatal.clone(), "the writer");
        thread.run()
    })?;
    Ok((queue, handle))
}

struct Thread {
    conn: Connection,
    /// Of a database that is a file.
    witness: Option<Witness>,
    /// What the database has had of migrations.
    schema: Vec<Applied>,
    epoch: Epoch,
    /// Raised once further writes would be lost; nothing is committed any more then.
    fatal: FatalSignal,
    /// Frames in the WAL at which it is moved into the database.
    checkpoint_at: u32,
    /// SQLite's `data_version`: it moves when another connection commits, and no other of ours ever does.
    seen: i64,
    /// Newest committed revision.
    head: u64,
    events: Arc<EventBuffer>,
    announcer: Announcer,
    queue: Turns,
    /// Whether a write may have ended between two steps.
    has_unfinished: Cell<bool>,
    limits: Arc<Limits>,
    clock: Clock,
    /// Cancelled when the daemon is to end.
    shutdown: CancellationToken,
}

/// The end of a write some of whose steps are in a history that another one has replaced.
const OTHER_HISTORY: Error = Error::Conflict { current: None };

impl Thread {
    fn run(mut self) -> Connection {
        let mut next = self.queue.next();
        while let Some(work) = next.take() {
            match work {
                Work::Job(job, permit) => {
                    next = self.batch(job, permit);
                    self.checkpoint_if_large();
                }
                Work::Chore(chore) => {
                    chore(&mut self.conn);
                    self.check_for_foreign();
                }
                Work::CheckForForeign(reply) => {
                    self.check_for_foreign();
                    let is_wal_ours = self.witness.as_ref().is_none_or(Witness::is_wal_ours);
                    // Nobody asks any more when the daemon stops.
                    let _ = reply.send(!is_wal_ours);
                }
            }
            if next.is_none() {
                next = self.queue.next();
            }
        }
        // The last look: to end in order means that all is where it should be.
        self.is_in_place();
        checkpoint(&self.conn, self.witness.as_ref(), Checkpoint::Cut);
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

    /// Whether the database is the one that was opened, where it was; if not, the daemon is to end.
    fn is_in_place(&self) -> bool {
        match self.witness.as_ref().map_or(Look::Same, Witness::look) {
            Look::Same => {}
            Look::Gone => self.end(Fatal::Gone),
            Look::Overwritten => self.end(Fatal::Overwritten),
        }
        self.fatal.cause().is_none()
    }

    fn end(&self, why: fn(PathBuf) -> Fatal) {
        let path = self.witness.as_ref().map(|witness| witness.path().to_owned());
        self.fatal.raise(why(path.unwrap_or_default()));
    }

    /// A store that is never quiet moves its WAL all the same.
    fn checkpoint_if_large(&mut self) {
        let Some(witness) = &self.witness else { return };
        if witness.frames_to_move() >= self.checkpoint_at {
            checkpoint(&self.conn, Some(witness), Checkpoint::Reuse);
            self.is_in_place();
            // A reader may keep some of it from being moved; then not at every commit.
            self.checkpoint_at = witness.frames_to_move() + self.limits.wal_pages;
        }
    }

    /// Runs `first` and all queued jobs, commits once, then notifies. Returns work that is no job.
    fn batch(&mut self, first: Job, permit: Option<OwnedSemaphorePermit>) -> Option<Work> {
        if let Err(error) = self.begin() {
            return self.refuse(first, &Failure::from(error).into_fault());
        }
        let mut finished = Vec::new();
        let mut rev = self.head;
        let reset = self.log_foreign(&mut rev);
        let mut other = None;
        let mut next = Some((first, permit));
        let is_other = reset.as_ref().is_some_and(|reset| reset.epoch.is_some());
        if let Some((job, _)) = next.take_if(|(job, _)| is_other && job.divided.has_begun()) {
            fail(job.reply, &OTHER_HISTORY.into());
        }
        let mut bytes = 0;
        while let Some((job, _permit)) = next.take() {
            bytes += job.bytes;
            let is_step = job.divided.has_begun();
            finished.push(self.run_job(job, &mut rev, finished.is_empty()));
            let has_more = finished.last().is_some_and(|job| matches!(job.outcome, Outcome::More(_)));
            // Nothing waits for more than one step.
            if self.conn.is_autocommit() || is_step || has_more {
                break;
            }
            if finished.len() < self.limits.batch_writes && bytes < self.limits.batch_bytes {
                match self.queue.try_next() {
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
            match self.queue.try_next().ok()? {
                Work::Job(job, _) => fail(job.reply, fault),
                other => return Some(other),
            }
        }
        None
    }

    /// Runs one job, in a savepoint of its own unless it is the first of its transaction.
    fn run_job(&self, job: Job, rev: &mut u64, is_first: bool) -> FinishedJob {
        let Job { run, author, once, reply, called, divided, .. } = job;
        let now = self.clock.now();
        let mut tx = WriteTx::new(&self.conn, *rev + 1, now, &author, self.limits.ring_bytes);
        (tx.divided, tx.room) = (divided, Some(Room::of(&self.limits)));
        tx.unfinished = self.queue.unfinished();
        let step = || -> super::Result<(Ran, Option<Revision>)> {
            if !is_first {
                self.execute("SAVEPOINT job")?;
            }
            let view = ReadTx::new(&self.conn, *rev, now);
            let repeat = once.as_ref().map(|once| idempotency::repeat(&view, once)).transpose()?.flatten();
            if let Some(stored) = repeat {
                let forgotten = stored.value.is_none();
                let value = stored.value.unwrap_or_else(JsonText::null);
                return Ok((Ran::Done(Done { rev: stored.rev, value, forgotten }), None));
            }
            if let Some(once) = once.as_ref().filter(|_| self.has_unfinished.get()) {
                tx.resume_unfinished(once)?;
            }
            let written = catch_unwind(AssertUnwindSafe(|| run(&mut tx)))
                .unwrap_or_else(|panic| Err(Failure::Panic(panic_text(&*panic))))?;
            let changes = std::mem::take(&mut tx.changes);
            let (undoes, continues) = (tx.undoes, tx.divided.first);
            tx.end_step(changes.count, once.as_ref(), matches!(written, Written::Done(_)))?;
            let origin = || Origin { undoes, continues, ..author.origin.clone() };
            let revision =
                (changes.count > 0).then(|| recording::revision_of(*rev + 1, now, origin(), changes));
            let value = match written {
                Written::Done(value) => value,
                Written::More(next) => return Ok((Ran::More(next), revision)),
            };
            let done = Done { rev: *rev + u64::from(revision.is_some()), value, forgotten: false };
            if let Some(once) = &once {
                idempotency::keep(&self.conn, once, now, done.rev, &done.value, revision.is_some())?;
            }
            Ok((Ran::Done(done), revision))
        };
        let result = step().and_then(|ok| {
            if !is_first {
                self.execute("RELEASE job")?;
            }
            Ok(ok)
        });
        let WriteTx { on_end, divided, .. } = tx;
        match result {
            Ok((ran, revision)) => {
                *rev += u64::from(revision.is_some());
                let outcome = match ran {
                    Ran::Done(done) => Outcome::Answered(Ok(done), reply),
                    Ran::More(run) => {
                        self.has_unfinished.set(self.has_unfinished.get() || once.is_some());
                        Outcome::More(Job { run, author, once, bytes: 0, called, divided, reply })
                    }
                };
                FinishedJob { outcome, revision, on_end }
            }
            Err(failure) => {
                // Nothing is lost with the whole transaction when this job is all that it has.
                if is_first {
                    self.roll_back()
                } else {
                    self.roll_back_job()
                }
                on_end.into_iter().for_each(|f| f(false));
                let outcome = Outcome::Answered(Err(called.fault(failure)), reply);
                FinishedJob { outcome, revision: None, on_end: Vec::new() }
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
    fn commit(&mut self, reset: Option<Reset>, finished: Vec<FinishedJob>, rev: u64) {
        // SQLite ends a transaction by itself on some errors: then nothing of the batch is left.
        let lost = self.conn.is_autocommit();
        let committed = match lost {
            true => Err(finished.last().and_then(|job| job.outcome.fault()).cloned()),
            false if !self.is_in_place() => Err(Some(Error::Io.into())),
            false => self.execute("COMMIT").map_err(|e| Some(Failure::from(e).into_fault())),
        };
        // Once more: what was overwritten meanwhile does not hold it.
        let committed = committed.and_then(|()| match self.is_in_place() {
            true => Ok(()),
            false => Err(Some(Error::Io.into())),
        });
        if let Err(fault) = committed {
            self.roll_back();
            let fault = fault.unwrap_or_else(|| Error::Internal.into());
            for job in finished {
                job.on_end.into_iter().for_each(|f| f(false));
                match job.outcome {
                    // A job that failed by itself keeps its own reason.
                    Outcome::Answered(Err(fault), reply) => fail(reply, &fault),
                    Outcome::Answered(Ok(_), reply) | Outcome::More(Job { reply, .. }) => fail(reply, &fault),
                }
            }
            return;
        }
        self.witness.iter().for_each(Witness::has_written_wal);
        self.head = rev;
        let mut revisions = Vec::new();
        if let Some(Reset { seen, revision, epoch }) = reset {
            self.seen = seen;
            if let Some(epoch) = epoch {
                self.epoch.renew(&epoch, revision.rev);
                self.queue.end_divided(&OTHER_HISTORY);
                self.has_unfinished.set(true);
                self.witness.iter().for_each(|witness| witness.set_epoch(&epoch));
            }
            revisions.push(Arc::new(revision));
        }
        let mut replies = Vec::with_capacity(finished.len());
        for job in finished {
            job.on_end.into_iter().for_each(|f| f(true));
            revisions.extend(job.revision.map(Arc::new));
            match job.outcome {
                Outcome::Answered(outcome, reply) => replies.push((reply, outcome)),
                Outcome::More(job) => self.queue.go_on(job),
            }
        }
        if !revisions.is_empty() {
            self.events.publish_revisions(revisions);
        }
        if self.announcer.blocking_send(replies).is_err() {
            self.fatal.raise(Fatal::Died("the announcer".to_owned()));
        }
    }

    fn execute(&self, sql: &str) -> rusqlite::Result<()> {
        self.conn.prepare_cached(sql)?.execute([]).map(drop)
    }
}

/// The message of a panic, if it has one.
fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without a text").to_owned()
}
