//! What can go wrong with a call.

use std::path::PathBuf;
use std::time::Duration;
use stina_protocol::{Error as Kind, Fault, RequestId};

/// Result of everything that needs the daemon.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a call failed.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The daemon said no; nothing was changed.
    #[error("{0}")]
    Rpc(Box<Fault>),
    /// There was no connection to the daemon until the deadline. Nothing was sent, so nothing was changed.
    #[error("stinad is not reachable at {}: {reason}", socket.display())]
    NotReachable {
        /// Where it was looked for.
        socket: PathBuf,
        /// What the last attempt ran into.
        reason: String,
    },
    /// The write was sent, and its answer never came: it may have happened or not. Ask with `store.result`, or
    /// send it again with the same id.
    #[error("the outcome is unknown: request {request_id} was sent, and no answer came")]
    OutcomeUnknown {
        /// The id that the write carried.
        request_id: RequestId,
    },
    /// The write has happened, and its answer is no longer kept.
    #[error("the write has happened, at or before revision {rev}; its answer is no longer kept")]
    Forgotten {
        /// The revision of the answer.
        rev: u64,
    },
    /// A call that changes nothing was not answered in time.
    #[error("`{method}` was not answered within {after:?}")]
    TimedOut {
        /// The method.
        method: String,
        /// How long it was waited for.
        after: Duration,
    },
    /// The connection broke before a call that is never sent twice was answered.
    #[error("the connection broke before `{method}` was answered")]
    Disconnected {
        /// The method.
        method: String,
    },
    /// The daemon answered something that this client can't read.
    #[error("cannot understand the daemon: {0}")]
    Protocol(String),
    /// This client was closed.
    #[error("the client is closed")]
    Closed,
}

impl Error {
    /// What the daemon said, when it was the daemon that said no.
    pub fn kind(&self) -> Option<&Kind> {
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

/// Input that is wrong before it was sent reads as if the daemon had refused it.
impl From<Kind> for Error {
    fn from(error: Kind) -> Self {
        Fault::from(error).into()
    }
}
