//! *One writer*: the thread that holds the only writable connection.
//!
//! *Commit, then tell*: replies and notifications leave in [`Thread::commit`], after COMMIT, and nowhere else.

use super::announcer::Announcer;
use super::connection::LOCK_LOOK;
use super::epoch::Epoch;
use super::fatal::{EndsWithPanic, Fatal, FatalSignal};
use super::housekeeping::{Checkpoint, checkpoint};
use super::interrupt::WriterInterrupt;
use super::jobs::{FinishedJob, Jobs, Outcome, execute, roll_back};
use super::queue::{self, ChoreFn, Job, Queue, Work, fail};

use super::resets::{Foreign, Reset, Served};
use super::steps;
use super::turns::Turns;
use super::witness::Look;
use super::{EventBuffer, Failure, OpenError, ReadTx, StoreConfig, Witness, announcer};
use crate::clock::Clock;
use crate::limits::Limits;
use rusqlite::{Connection, ErrorCode};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use stina_protocol::{Error, Fault};
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::CancellationToken;

/// How often a writer looks whether readers of a database in memory have ended.
const LOOK_AT_READERS: Duration = Duration::from_millis(1);

/// Starts the writer thread, which returns its connection when it ends.
pub(super) fn start(
    conn: Connection,
    head: u64,
    events: Arc<EventBuffer>,
    epoch: Epoch,
    fatal: FatalSignal,
    config: &StoreConfig,
) -> Result<(Queue, std::thread::JoinHandle<Connection>), OpenError> {
    let interrupt = Arc::new(WriterInterrupt::new(conn.get_interrupt_handle()));
    let (queue, receiver) = queue::bounded(Arc::clone(&config.limits), Arc::clone(&interrupt));
    conn.busy_timeout(LOCK_LOOK)?;
    let has_unfinished = steps::has_unfinished(&ReadTx::new(&conn, head, 0)).unwrap_or(true);
    let (limits, clock) = (Arc::clone(&config.limits), config.clock.clone());
    let jobs = Jobs { limits, clock, interrupt, has_unfinished: has_unfinished.into() };
    let thread = Thread {
        served: Served::by(&conn, epoch)?,
        witness: config.witness.clone(),
        checkpoint_at: config.limits.wal_pages,
        conn,
        fatal,
        head,
        announcer: announcer::start(Arc::clone(&events), &config.limits),
        events,
        queue: Turns::of(receiver.queue),
        shutdown: receiver.shutdown,
        jobs,
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
    served: Served,
    /// Raised once further writes would be lost; nothing is committed any more then.
    fatal: FatalSignal,
    /// Frames in the WAL at which it is moved into the database.
    checkpoint_at: u32,
    /// Newest committed revision.
    head: u64,
    events: Arc<EventBuffer>,
    announcer: Announcer,
    queue: Turns,
    jobs: Jobs,
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
                Work::Chore(chore, may_be_interrupted) => {
                    self.run_chore(chore, may_be_interrupted);
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

    fn run_chore(&mut self, chore: ChoreFn, may_be_interrupted: bool) {
        let interrupt = &self.jobs.interrupt;
        if may_be_interrupted && interrupt.ending.has_begun() {
            return;
        }
        let _allowed = may_be_interrupted.then(|| interrupt.allow());
        chore(&mut self.conn);
    }

    /// Begins a transaction. Waits for a lock that another process holds, as long as the limits allow and the daemon is
    /// not to end.
    ///
    /// EXCLUSIVE is IMMEDIATE where there is a WAL. In memory there is none: the lock that shuts readers out is taken now, so
    /// that COMMIT waits for no reader. While the writer waits for readers it holds no lock that they wait for.
    fn begin(&self) -> rusqlite::Result<()> {
        let until = Instant::now() + self.limits.lock_wait;
        let in_memory = self.witness.is_none();
        if in_memory {
            self.conn.busy_timeout(Duration::ZERO)?;
        }
        let begun = loop {
            let begun = execute(&self.conn, "BEGIN EXCLUSIVE");
            let is_locked =
                begun.as_ref().is_err_and(|e| e.sqlite_error_code() == Some(ErrorCode::DatabaseBusy));
            if !is_locked || Instant::now() >= until || self.shutdown.is_cancelled() {
                break begun;
            }
            if in_memory {
                std::thread::park_timeout(LOOK_AT_READERS);
            }
        };
        if in_memory {
            self.conn.busy_timeout(LOCK_LOOK)?;
        }
        begun
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
            let fault = match self.shutdown.is_cancelled() {
                true => Error::ShuttingDown.into(),
                false => Failure::from(error).into_fault(),
            };
            return self.refuse(first, &fault);
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
            let (is_first, unfinished) = (finished.is_empty(), self.queue.unfinished());
            finished.push(self.jobs.run(&self.conn, job, &mut rev, is_first, unfinished));
            let has_more = finished.last().is_some_and(|job| matches!(job.outcome, Outcome::More(_)));
            // Nothing waits for more than one step.
            if self.conn.is_autocommit() || is_step || has_more {
                break;
            }
            if finished.len() < self.limits.batch_writes && bytes < self.limits.batch_bytes {
                match self.queue.try_next() {
                    Ok(Work::Job(job, permit)) => next = Some((job, permit)),
                    Ok(work) => {
                        self.queue.put_off_step();
                        other = Some(work);
                    }
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

    /// Commits, then notifies; or fails every job of the batch.
    fn commit(&mut self, reset: Option<Reset>, finished: Vec<FinishedJob>, rev: u64) {
        // SQLite ends a transaction by itself on some errors: then nothing of the batch is left.
        let lost = self.conn.is_autocommit();
        let committed = match lost {
            true => Err(finished.last().and_then(|job| job.outcome.fault()).cloned()),
            false if !self.is_in_place() => Err(Some(Error::Io.into())),
            false => execute(&self.conn, "COMMIT").map_err(|e| Some(Failure::from(e).into_fault())),
        };
        // Once more: what was overwritten meanwhile does not hold it.
        let committed = committed.and_then(|()| match self.is_in_place() {
            true => Ok(()),
            false => Err(Some(Error::Io.into())),
        });
        if let Err(fault) = committed {
            roll_back(&self.conn);
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
            self.served.seen = seen;
            if let Some(epoch) = epoch {
                self.served.epoch.renew(&epoch, revision.rev);
                self.queue.end_divided(&OTHER_HISTORY);
                self.jobs.has_unfinished.set(true);
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

    /// Commits a reset if another process has written, without waiting for a job.
    fn check_for_foreign(&mut self) {
        if !self.is_in_place() {
            return;
        }
        match self.served.was_written(&self.conn) {
            Ok(false) => return,
            Ok(true) => {}
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

    /// Logs a reset if another process has written; within a transaction.
    fn log_foreign(&self, rev: &mut u64) -> Option<Reset> {
        match self.served.log_foreign(&self.conn, *rev, self.clock.now()) {
            Ok(Foreign::Nothing) => None,
            Ok(Foreign::Logged(reset)) => {
                *rev = reset.revision.rev;
                Some(*reset)
            }
            Ok(Foreign::Exchanged) => {
                self.witness.iter().for_each(Witness::disown);
                self.end(Fatal::Exchanged);
                None
            }
            Err(error) => {
                tracing::warn!(%error, "can't log whether another process wrote");
                None
            }
        }
    }
}
