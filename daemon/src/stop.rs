//! The request to stop, and what a method may know of the running daemon.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// Asks the daemon to stop; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Stop {
    token: CancellationToken,
    started: Instant,
    socket: Arc<Path>,
}

impl Stop {
    /// A handle that cancels `token`, for a daemon that starts now and listens on `socket`.
    pub(crate) fn new(token: CancellationToken, socket: &Path) -> Self {
        Self { token, started: Instant::now(), socket: socket.into() }
    }

    /// Asks.
    pub(crate) fn request(&self) {
        self.token.cancel();
    }

    /// How long the daemon has run.
    pub(crate) fn uptime(&self) -> Duration {
        self.started.elapsed()
    }

    /// Where the daemon listens.
    pub(crate) fn socket(&self) -> &Path {
        &self.socket
    }
}
