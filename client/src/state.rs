//! [`ConnectionState`].

use crate::Unreachable;
use serde::Serialize;

/// The state of a client's connection.
///
/// Its JSON, for a user interface in another process: `{"state":"connected","epoch":"…","pid":1}`,
/// `{"state":"reconnecting","attempt":1,"why":"refused","reason":"…"}`, `{"state":"closed"}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
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
