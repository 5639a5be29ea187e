//! The order in which the writer takes its work: all that waits in the queue, then one step of a large write, and again.

use super::queue::{Job, Work, fail};
use std::collections::{HashSet, VecDeque};
use stina_protocol::Error;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::mpsc::{self, error::TryRecvError};

/// The queue as the writer reads it, and the writes that are between two steps.
pub(super) struct Turns {
    queue: mpsc::Receiver<Work>,
    /// Writes that have begun and have more steps to make. They are calls in flight, so their number is bounded.
    divided: VecDeque<Job>,
    /// Jobs that wait for the end of one of those: a connection's writes commit in the order sent, and one `requestId` is
    /// one write. Bounded as the calls in flight of a connection are.
    held: VecDeque<(Job, Option<OwnedSemaphorePermit>)>,
    /// Whether the next turn is a step's.
    is_step_due: bool,
    /// Whether some of `held` may have nothing left to wait for.
    may_be_free: bool,
}

impl Turns {
    pub(super) fn of(queue: mpsc::Receiver<Work>) -> Self {
        let (divided, held) = Default::default();
        Self { queue, divided, held, is_step_due: false, may_be_free: false }
    }

    /// The next work. Waits for it; `None` once the queue is closed and empty. Then what is between two steps is answered
    /// `shutting_down`: a repeat goes on with it.
    pub(super) fn next(&mut self) -> Option<Work> {
        loop {
            if std::mem::take(&mut self.is_step_due)
                && let Some(job) = self.divided.pop_front()
            {
                self.may_be_free = true;
                return Some(Work::Job(job, None));
            }
            self.is_step_due = true;
            match self.try_next() {
                Ok(work) => return Some(work),
                Err(TryRecvError::Empty) if !self.divided.is_empty() => {}
                Err(TryRecvError::Empty) => match self.queue.blocking_recv() {
                    // Nothing is divided, so nothing holds it.
                    Some(work) => return Some(work),
                    None => return None,
                },
                Err(TryRecvError::Disconnected) if self.divided.is_empty() => return None,
                Err(TryRecvError::Disconnected) => self.end_divided(&Error::ShuttingDown),
            }
        }
    }

    /// The next work that waits in the queue and is not held.
    pub(super) fn try_next(&mut self) -> Result<Work, TryRecvError> {
        loop {
            if let Some((job, permit)) = self.take_free() {
                return Ok(Work::Job(job, permit));
            }
            match self.queue.try_recv()? {
                Work::Job(job, permit) if self.is_held(&job) => self.held.push_back((job, permit)),
                work => return Ok(work),
            }
        }
    }

    /// Takes a write that has made a step: it goes on behind the others that do.
    pub(super) fn go_on(&mut self, job: Job) {
        self.divided.push_back(job);
    }

    /// Fails the writes that are between two steps.
    pub(super) fn end_divided(&mut self, error: &Error) {
        let fault = error.clone().into();
        self.divided.drain(..).for_each(|job| fail(job.reply, &fault));
        self.may_be_free = true;
    }

    /// First revisions of the writes that are between two steps.
    pub(super) fn unfinished(&self) -> Vec<u64> {
        self.divided.iter().filter_map(|job| job.divided.first).collect()
    }

    fn is_held(&self, job: &Job) -> bool {
        let mut earlier = self.divided.iter().chain(self.held.iter().map(|(job, _)| job));
        earlier.any(|earlier| {
            (peer(job).is_some() && peer(job) == peer(earlier))
                || (request(job).is_some() && request(job) == request(earlier))
        })
    }

    /// The first of `held` that waits for nothing any more.
    fn take_free(&mut self) -> Option<(Job, Option<OwnedSemaphorePermit>)> {
        if !self.may_be_free || self.held.is_empty() {
            return None;
        }
        let mut peers: HashSet<u64> = self.divided.iter().filter_map(peer).collect();
        let mut requests: HashSet<&str> = self.divided.iter().filter_map(request).collect();
        let free = self.held.iter().position(|(job, _)| {
            let is_new_peer = peer(job).is_none_or(|peer| peers.insert(peer));
            let is_new_request = request(job).is_none_or(|request| requests.insert(request));
            is_new_peer && is_new_request
        });
        match free {
            Some(at) => self.held.remove(at),
            None => {
                self.may_be_free = false;
                None
            }
        }
    }
}

fn peer(job: &Job) -> Option<u64> {
    job.author.peer.as_ref().map(|peer| peer.id)
}

fn request(job: &Job) -> Option<&str> {
    job.once.as_ref().map(|once| once.id.as_str())
}
