//! [`Error`]: the errors of a client.

use serde::ser::{Serialize, SerializeMap, Serializer};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use stina_protocol::{Fault, RequestId, ValidationError};

/// A result whose error is a client [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

/// The error of a call.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The daemon refused the call, or this client: nothing changed.
    #[error(transparent)]
    Rpc(Box<Fault>),
    /// There was no connection until the deadline. Nothing was sent, so nothing changed.
    #[error("stinad is not reachable at {}: {reason}", socket.display())]
    NotReachable {
        /// The daemon's socket.
        socket: PathBuf,
        /// Why, for programs.
        why: Unreachable,
        /// Why, for people: the error of the last attempt.
        reason: String,
        /// The error of the operating system, if it is one.
        source: Option<Arc<io::Error>>,
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
    /// A call was not answered in time: a read, or a write that was not sent, so that nothing changed.
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

/// Why the daemon is not reachable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Unreachable {
    /// There is no socket: no daemon has been started there.
    NoSocket,
    /// There is a socket, and no program listens at it: the daemon has ended.
    Refused,
    /// The socket belongs to another user.
    Denied,
    /// A program listens, and has not answered in time: it may be suspended.
    NoAnswer,
    /// The daemon has too many connections, or is stopping.
    Busy,
    /// The connection broke while it was being opened, or its other end is no daemon.
    Broken,
}

impl Error {
    /// The protocol error, if the daemon refused the call.
    pub fn kind(&self) -> Option<&stina_protocol::Error> {
        match self {
            Self::Rpc(fault) => Some(&fault.error),
            _ => None,
        }
    }

    /// Its name, as in its JSON: the kind of a refusal, such as `not_found`, else that of the variant, such as
    /// `not_reachable`.
    pub fn name(&self) -> &str {
        match self {
            Self::Rpc(fault) => fault.error.kind(),
            Self::NotReachable { .. } => "not_reachable",
            Self::OutcomeUnknown { .. } => "outcome_unknown",
            Self::Forgotten { .. } => "forgotten",
            Self::TimedOut { .. } => "timed_out",
            Self::Disconnected { .. } => "disconnected",
            Self::Protocol(_) => "protocol",
            Self::Panicked(_) => "panicked",
            Self::Closed => "closed",
        }
    }

    pub(crate) fn unreadable(what: &str, error: &serde_json::Error) -> Self {
        Self::Protocol(format!("{what}: {error}"))
    }
}

/// For a user interface in another process: `kind` ([`Error::name`]), `message` for people, and the fields of the variant
/// by their names on the wire; of a refusal `rpc`, the JSON-RPC error object as the daemon sent it. A path that is not
/// Unicode loses what is not.
impl Serialize for Error {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("kind", self.name())?;
        map.serialize_entry("message", &self.to_string())?;
        match self {
            Self::Rpc(fault) => map.serialize_entry("rpc", fault)?,
            // The error of the operating system is in the reason.
            Self::NotReachable { socket, why, reason, source: _ } => {
                map.serialize_entry("socket", &socket.to_string_lossy())?;
                map.serialize_entry("why", why)?;
                map.serialize_entry("reason", reason)?;
            }
            Self::OutcomeUnknown { request_id } => map.serialize_entry("requestId", request_id)?,
            Self::Forgotten { rev } => map.serialize_entry("rev", rev)?,
            Self::TimedOut { method, after } => {
                map.serialize_entry("method", method)?;
                map.serialize_entry("afterMs", &u64::try_from(after.as_millis()).unwrap_or(u64::MAX))?;
            }
            Self::Disconnected { method } => map.serialize_entry("method", method)?,
            Self::Protocol(_) | Self::Panicked(_) | Self::Closed => {}
        }
        map.end()
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        Self::Rpc(Box::new(fault))
    }
}

impl From<ValidationError> for Error {
    fn from(error: ValidationError) -> Self {
        stina_protocol::Error::from(error).into()
    }
}

/// Invalid input that was not sent gives the same error as a refusal of the daemon.
impl From<stina_protocol::Error> for Error {
    fn from(error: stina_protocol::Error) -> Self {
        Fault::from(error).into()
    }
}
