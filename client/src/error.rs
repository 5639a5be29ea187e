//! [`Error`]: the errors of a client.

use std::path::PathBuf;
use std::time::Duration;
use stina_protocol::{Fault, RequestId};

/// A result whose error is a client [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

/// The error of a call.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The daemon refused the call; nothing changed.
    #[error("{0}")]
    Rpc(Box<Fault>),
    /// There was no connection until the deadline. Nothing was sent, so nothing changed.
    #[error("stinad is not reachable at {}: {reason}", socket.display())]
    NotReachable {
        /// The daemon's socket.
        socket: PathBuf,
        /// The error of the last attempt.
        reason: String,
    },
    /// The write was sent and not answered, so it may have happened. Ask `store.result`, or send it again with the same
    /// id.
    #[error("the outcome is unknown: request {request_id} was sent and not answered")]
    OutcomeUnknown {
        /// The id of the write.
        request_id: RequestId,
    },
    /// The write has happened, and its answer is no longer kept.
    #[error("the write has happened, at or before revision {rev}; its answer is no longer kept")]
    Forgotten {
        /// The revision of the answer.
        rev: u64,
    },
    /// A read was not answered in time.
    #[error("`{method}` was not answered within {after:?}")]
    TimedOut {
        /// The method.
        method: String,
        /// How long the client waited.
        after: Duration,
    },
    /// The connection broke during a call that is never sent twice.
    #[error("the connection broke before `{method}` was answered")]
    Disconnected {
        /// The method.
        method: String,
    },
    /// The daemon's answer is not readable.
    #[error("unreadable answer of the daemon: {0}")]
    Protocol(String),
    /// A mirror has ended, because its collection panicked.
    #[error("the collection of a mirror panicked: {0}")]
    Panicked(String),
    /// This client was closed, or its runtime has ended.
    #[error("the client is closed")]
    Closed,
}

impl Error {
    /// The protocol error, if the daemon refused the call.
    pub fn kind(&self) -> Option<&stina_protocol::Error> {
        match self {
            Self::Rpc(fault) => Some(&fault.error),
            _ => None,
        }
    }

    pub(crate) fn unreadable(what: &str, error: &serde_json::Error) -> Self {
        Self::Protocol(format!("{what}: {error}"))
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        Self::Rpc(Box::new(fault))
    }
}

/// Invalid input that was not sent gives the same error as a refusal of the daemon.
impl From<stina_protocol::Error> for Error {
    fn from(error: stina_protocol::Error) -> Self {
        Fault::from(error).into()
    }
}
