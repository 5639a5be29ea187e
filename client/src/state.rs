//! Whether there is a connection.

/// The state of a client's connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// There is one.
    Connected {
        /// Id of the history that the daemon serves.
        epoch: String,
        /// Process id of the daemon.
        pid: u32,
    },
    /// There is none, and another is being made.
    Reconnecting {
        /// Attempts that failed since there was one; 0 before the first.
        attempt: u32,
        /// What the last of them, or the last connection, ran into.
        reason: String,
    },
    /// The client was closed.
    Closed,
}
