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
            match self.try_next() {
                Ok(work) => {
                    // What is no job takes no turn: the jobs behind it come before the next step.
                    self.is_step_due = matches!(work, Work::Job(..));
                    return Some(work);
                }
                Err(TryRecvError::Empty) if !self.divided.is_empty() => self.is_step_due = true,
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

    /// Puts off the next step until the jobs that wait have run: a batch has ended before them.
    pub(super) fn put_off_step(&mut self) {
        self.is_step_due = false;
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

#[cfg(test)]
mod tests {
    use super::super::{Author, Called, JsonText, Written};
    use super::*;
    use tokio::sync::oneshot;

    fn job(bytes: usize) -> Job {
        Job {
            run: Box::new(|_| Ok(Written::Done(JsonText::null()))),
            author: Box::new(Author::default()),
            once: None,
            is_call: false,
            bytes,
            called: Called::BY_DAEMON,
            divided: Box::default(),
            reply: oneshot::channel().0,
        }
    }

    /// The size of the next job; none of what is no job.
    fn next(turns: &mut Turns) -> Option<usize> {
        match turns.next()? {
            Work::Job(job, _) => Some(job.bytes),
            _ => None,
        }
    }

    #[test]
    fn a_job_waits_for_one_step_whatever_is_before_it_in_the_queue() {
        let (queue, receiver) = mpsc::channel(10);
        let mut turns = Turns::of(receiver);
        let step = 1000;
        turns.go_on(job(step));
        for work in [Work::CheckForForeign(oneshot::channel().0), Work::Job(job(1), None)] {
            assert!(queue.try_send(work).is_ok());
        }
        assert_eq!((next(&mut turns), next(&mut turns)), (None, Some(1)));
        assert_eq!(next(&mut turns), Some(step));
        turns.go_on(job(step));
        // A batch has taken a job, and has ended at what is no job.
        assert!(queue.try_send(Work::Job(job(2), None)).is_ok());
        assert_eq!(next(&mut turns), Some(2));
        turns.put_off_step();
        assert!(queue.try_send(Work::Job(job(3), None)).is_ok());
        assert_eq!((next(&mut turns), next(&mut turns)), (Some(3), Some(step)));
    }
}
