//! The request to stop, and what a method may know of the running daemon.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// Asks the daemon to stop; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Stop {
    token: CancellationToken,
    started: Instant,
    socket: Arc<Path>,
    /// Why no new client can connect, if so.
    socket_problem: Arc<Mutex<Option<String>>>,
}

impl Stop {
    /// A handle that cancels `token`, for a daemon that starts now and listens on `socket`.
    pub(crate) fn new(token: CancellationToken, socket: &Path) -> Self {
        Self { token, started: Instant::now(), socket: socket.into(), socket_problem: Arc::default() }
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

    /// Why no new client can connect to the socket, if so.
    pub(crate) fn socket_problem(&self) -> Option<String> {
        self.socket_problem.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Notes why no new client can connect; logs it when that is new.
    pub(crate) fn set_socket_problem(&self, problem: Option<String>) {
        let mut known = self.socket_problem.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(problem) = problem.as_ref().filter(|problem| known.as_ref() != Some(problem)) {
            tracing::error!("no new client can connect: {problem}");
        }
        *known = problem;
    }
}
