//! Runs the jobs of a batch.

use super::divided::Room;
use super::interrupt::WriterInterrupt;
use super::queue::{Done, Job};
use super::revision::Revision;
use super::steps::{WriteFn, Written};
use super::tx::{OnEnd, WriteTx};
use super::{Failure, JsonText, ReadTx, Result, idempotency, recording};
use crate::clock::Clock;
use crate::limits::Limits;
use rusqlite::Connection;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use stina_protocol::event::Origin;
use stina_protocol::{Error, Fault};
use tokio::sync::oneshot;

/// A finished job, which waits for the COMMIT of its batch.
pub(super) struct FinishedJob {
    pub(super) outcome: Outcome,
    pub(super) revision: Option<Revision>,
    pub(super) on_end: Vec<OnEnd>,
}

pub(super) enum Outcome {
    Answered(Result<Done, Fault>, oneshot::Sender<Result<Done, Fault>>),
    /// It has made a step; this is the rest.
    More(Job),
}

impl Outcome {
    pub(super) fn fault(&self) -> Option<&Fault> {
        match self {
            Self::Answered(outcome, _) => outcome.as_ref().err(),
            Self::More(_) => None,
        }
    }
}

/// How far a job has come.
enum Ran {
    Done(Done),
    More(WriteFn),
}

/// What running a job takes.
pub(super) struct Jobs {
    pub(super) limits: Arc<Limits>,
    pub(super) clock: Clock,
    pub(super) interrupt: Arc<WriterInterrupt>,
    /// Whether a write may have ended between two steps.
    pub(super) has_unfinished: Cell<bool>,
}

impl Jobs {
    /// Runs one job in the open transaction of its batch, in a savepoint of its own unless it is the first; `rev` is the
    /// newest revision, and becomes the job's if it changes something. `unfinished` are the first revisions of the writes that
    /// are between two steps.
    ///
    /// **Shutdown**: once calls are to end, a call begins no further statement, and is rolled back alone. A statement that
    /// has begun is interrupted; if it is one that writes, SQLite rolls back the whole batch.
    pub(super) fn run(
        &self,
        conn: &Connection,
        job: Job,
        rev: &mut u64,
        is_first: bool,
        unfinished: Vec<u64>,
    ) -> FinishedJob {
        let Job { run, author, once, reply, called, is_call, divided, .. } = job;
        let now = self.clock.now();
        let mut tx = WriteTx::new(conn, *rev + 1, now, &author, self.limits.ring_bytes);
        let mut view = ReadTx::new(conn, *rev, now);
        (tx.divided, tx.room, tx.unfinished) = (*divided, Some(Room::of(&self.limits)), unfinished);
        let ending = &self.interrupt.ending;
        if is_call {
            (tx, view) = (tx.ending_with(ending), view.ending_with(ending));
        }
        let step = || -> Result<(Ran, Option<Revision>)> {
            if !is_first {
                execute(conn, "SAVEPOINT job")?;
            }
            if is_call && ending.has_begun() {
                return Err(Error::ShuttingDown.into());
            }
            let _allowed = is_call.then(|| self.interrupt.allow());
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
            // Of its own last step: somebody else may have ended what it was doing.
            let done = Done { rev: tx.divided.last.unwrap_or(*rev), value, forgotten: false };
            if let Some(once) = &once {
                idempotency::keep(conn, once, now, done.rev, &done.value, revision.is_some())?;
            }
            Ok((Ran::Done(done), revision))
        };
        let result = step().and_then(|ok| {
            if !is_first {
                execute(conn, "RELEASE job")?;
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
                        Outcome::More(Job {
                            run,
                            author,
                            once,
                            bytes: 0,
                            called,
                            is_call,
                            divided: Box::new(divided),
                            reply,
                        })
                    }
                };
                FinishedJob { outcome, revision, on_end }
            }
            Err(failure) => {
                // Nothing is lost with the whole transaction when this job is all that it has.
                if is_first {
                    roll_back(conn)
                } else {
                    roll_back_job(conn)
                }
                on_end.into_iter().for_each(|f| f(false));
                let outcome = Outcome::Answered(Err(called.fault(failure)), reply);
                FinishedJob { outcome, revision: None, on_end: Vec::new() }
            }
        }
    }
}

/// Rolls back the job alone; if that fails, the whole batch.
fn roll_back_job(conn: &Connection) {
    if conn.is_autocommit() {
        return;
    }
    let undone = execute(conn, "ROLLBACK TO job").and_then(|()| execute(conn, "RELEASE job"));
    if let Err(error) = undone {
        tracing::error!(%error, "a failed job can't be undone alone");
        roll_back(conn);
    }
}

/// Rolls back the batch, if SQLite has not.
pub(super) fn roll_back(conn: &Connection) {
    if conn.is_autocommit() {
        return;
    }
    if let Err(error) = execute(conn, "ROLLBACK") {
        tracing::error!(%error, "rollback failed");
    }
}

/// Runs a statement that begins or ends a transaction.
pub(super) fn execute(conn: &Connection, sql: &str) -> rusqlite::Result<()> {
    conn.prepare_cached(sql)?.execute([]).map(drop)
}

/// The message of a panic, if it has one.
fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without a text").to_owned()
}
