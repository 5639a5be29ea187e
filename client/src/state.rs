//! [`ConnectionState`].

use crate::Unreachable;

/// The state of a client's connection.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConnectionState {
    /// The client is connected.
    Connected {
        /// Epoch of the daemon's database.
        epoch: String,
        /// Process id of the daemon.
        pid: u32,
    },
    /// The client is connecting.
    Reconnecting {
        /// Number of failed attempts since the last connection that lasted.
        attempt: u32,
        /// Why the last attempt failed or the last connection ended, for programs.
        why: Unreachable,
        /// The same for people.
        reason: String,
    },
    /// The client is closed.
    Closed,
}
