//! Announces commits on the runtime: once for each batch, so that the writer wakes the runtime once, whatever the number of
//! replies and subscribers.
//!
//! *Commit, then tell*: the writer hands over what is committed, and nothing else.

use super::EventBuffer;
use super::queue::Done;
use crate::limits::Limits;
use std::sync::Arc;
use stina_protocol::Fault;
use tokio::sync::{mpsc, oneshot};

/// A job's answer, and who waits for it.
pub(super) type Answer = (oneshot::Sender<Result<Done, Fault>>, Result<Done, Fault>);

/// The writer's end; the writer waits while it is full.
pub(super) type Announcer = mpsc::Sender<Vec<Answer>>;

/// Starts to announce; ends when the writer does. Runs within a runtime.
pub(super) fn start(events: Arc<EventBuffer>, limits: &Limits) -> Announcer {
    let (announcer, mut batches) = mpsc::channel::<Vec<Answer>>(limits.announced_batches);
    tokio::spawn(async move {
        while let Some(answers) = batches.recv().await {
            events.announce();
            for (reply, outcome) in answers {
                // The receiver may be gone; the write stands.
                let _ = reply.send(outcome);
            }
        }
    });
    announcer
}
