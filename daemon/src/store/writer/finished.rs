//! What has become of a job, until its batch is committed.

use crate::store::queue::{Done, Job};
use crate::store::revision::Revision;
use crate::store::steps::WriteFn;
use crate::store::tx::OnEnd;
use stina_protocol::Fault;
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

/// How far a job has come.
pub(super) enum Ran {
    Done(Done),
    More(WriteFn),
}

impl Outcome {
    pub(super) fn fault(&self) -> Option<&Fault> {
        match self {
            Self::Answered(outcome, _) => outcome.as_ref().err(),
            Self::More(_) => None,
        }
    }
}
