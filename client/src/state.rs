//! [`ConnectionState`].

/// The state of a client's connection.
#[derive(Debug, Clone, PartialEq, Eq)]
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
        /// Number of failed attempts since the last connection.
        attempt: u32,
        /// The error of the last attempt, or of the last connection.
        reason: String,
    },
    /// The client is closed.
    Closed,
}
