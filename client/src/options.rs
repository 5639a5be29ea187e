//! How a client connects, and every bound that it keeps.

use crate::{Error, Result};
use std::path::PathBuf;
use std::time::Duration;
use stina_protocol::paths;

/// *Bounded*: every queue, buffer and wait of a client.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes of one request. A longer one is `too_large` without being sent; the daemon takes as much.
    pub request_bytes: usize,
    /// Bytes of one message from the daemon. A longer answer ends the connection; at a longer event its subscription
    /// begins anew with the present entities, or ends where it was not to begin with them.
    pub message_bytes: usize,
    /// Calls in flight, at least one; one more waits for its turn. The daemon reads no more than these from one connection.
    pub calls: usize,
    /// Bytes of events that a subscription holds which is not read, one event over. When it is full, the
    /// subscription is given up, and taken up where it was once it is read again.
    pub subscription_bytes: usize,
    /// How long full subscriptions may hold up the connection before they are given up: all together, forgiven at a
    /// tenth of its pace; for each event anew while the present entities are on their way, which only come as a whole.
    pub subscription_wait: Duration,
    /// Events, at least one, that are read ahead for a [`Subscription`](crate::Subscription).
    pub read_ahead: usize,
    /// How long connecting, the daemon's welcome included, may take.
    pub connect: Duration,
    /// Wait before the second attempt to connect; the first is made at once. It doubles with each.
    pub first_backoff: Duration,
    /// Longest wait between attempts to connect, and to repeat a call that the daemon was too busy for.
    pub max_backoff: Duration,
    /// A connection that is in use and has been silent for this long is asked for a sign of life.
    pub silence: Duration,
    /// How long the daemon may take to give it; then the connection is replaced.
    pub ping: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            request_bytes: 32 << 20,
            message_bytes: 128 << 20,
            calls: 64,
            subscription_bytes: 4 << 20,
            subscription_wait: Duration::from_millis(250),
            read_ahead: 16,
            connect: Duration::from_secs(5),
            first_backoff: Duration::from_millis(20),
            max_backoff: Duration::from_secs(1),
            silence: Duration::from_secs(15),
            ping: Duration::from_secs(5),
        }
    }
}

/// How a client connects and calls.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Options {
    /// The daemon's socket.
    pub socket: PathBuf,
    /// Name of the program, as others see it in `origin.client`: an id of 1 to 128 characters.
    pub name: String,
    /// Version of the program.
    pub version: String,
    /// How long a call may take, reconnecting included.
    pub deadline: Duration,
    /// Every bound.
    pub limits: Limits,
}

/// Builds a [`Client`](crate::Client).
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct ClientBuilder {
    socket: Option<PathBuf>,
    name: Option<(String, String)>,
    deadline: Option<Duration>,
    limits: Limits,
}

impl ClientBuilder {
    /// The daemon's socket; `$STINA_SOCKET`, else `stinad.sock` in `$STINA_HOME` or `~/.stina` when not said.
    pub fn socket(mut self, path: impl Into<PathBuf>) -> Self {
        self.socket = Some(path.into());
        self
    }

    /// Name and version of the program.
    pub fn name(mut self, name: impl Into<String>, version: impl Into<String>) -> Self {
        self.name = Some((name.into(), version.into()));
        self
    }

    /// How long a call may take, reconnecting included; 15 s when not said.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// Other bounds.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// What was built so far, with what was not said filled in.
    ///
    /// # Errors
    /// [`Error::NotReachable`] when no socket was named and the environment names none.
    pub fn options(self) -> Result<Options> {
        let Self { socket, name, deadline, limits } = self;
        let socket = socket.or_else(|| paths::socket(&|name| std::env::var_os(name)));
        let no_home = || Error::NotReachable {
            socket: paths::SOCKET_NAME.into(),
            reason: "neither STINA_SOCKET, STINA_HOME nor HOME is set".to_owned(),
        };
        let (name, version) =
            name.unwrap_or_else(|| ("stina-client".to_owned(), env!("CARGO_PKG_VERSION").to_owned()));
        Ok(Options {
            socket: socket.ok_or_else(no_home)?,
            name,
            version,
            deadline: deadline.unwrap_or(Duration::from_secs(15)),
            limits,
        })
    }
}
