//! The options and limits of a client.

use crate::{Error, Result, Unreachable};
use std::path::PathBuf;
use std::time::Duration;
use stina_protocol::paths;
use tokio::sync::Semaphore;

/// *Bounded*: the limits of every queue, buffer and wait of a client.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes of one request, as in the daemon. A longer one is `too_large`, and is not sent.
    pub request_bytes: usize,
    /// Bytes of one message from the daemon. A longer answer fails its call. After a longer event, a subscription
    /// with `initial` starts again with a snapshot; another one ends.
    pub message_bytes: usize,
    /// Calls in flight, at least one; further calls wait. The daemon reads no more of them from one connection.
    pub calls: usize,
    /// Subscriptions and mirrors of one client at a time, at least one, as in the daemon. A further one is `invalid`.
    pub subscriptions: usize,
    /// Bytes of unread events of a subscription or a mirror, exceeded by at most one event. The daemon sends no more
    /// until they are read.
    pub subscription_bytes: usize,
    /// Bytes of changes that a mirror keeps for its watchers. A watcher that is further behind gets
    /// [`Diff::Cleared`](crate::mirror::Diff::Cleared) and the current entities.
    pub patch_bytes: usize,
    /// Maximum duration of connecting, `store.hello` included.
    pub connect: Duration,
    /// Wait before the second attempt to connect; it doubles with each attempt.
    pub first_backoff: Duration,
    /// Maximum wait between attempts to connect, and between repeats of a call that was answered `busy`.
    pub max_backoff: Duration,
    /// Silence after which a connection in use is checked by a ping.
    pub silence: Duration,
    /// Maximum wait for the answer to a ping; then the connection is replaced.
    pub ping: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            request_bytes: 32 << 20,
            message_bytes: 128 << 20,
            calls: 64,
            subscriptions: 64,
            subscription_bytes: 4 << 20,
            patch_bytes: 4 << 20,
            connect: Duration::from_secs(5),
            first_backoff: Duration::from_millis(20),
            max_backoff: Duration::from_secs(1),
            silence: Duration::from_secs(15),
            ping: Duration::from_secs(5),
        }
    }
}

impl Limits {
    /// The calls in flight, as many as a semaphore or a channel can count.
    pub(crate) fn calls(&self) -> usize {
        countable(self.calls)
    }
}

/// A limit of permits or of places in a channel: at least one, and not more than tokio can count.
pub(crate) fn countable(limit: usize) -> usize {
    limit.clamp(1, Semaphore::MAX_PERMITS)
}

/// The options of a client.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Options {
    /// The daemon's socket.
    pub socket: PathBuf,
    /// Name of the program, as others see it in `origin.client`: an id of 1 to 128 characters.
    pub name: String,
    /// Version of the program.
    pub version: String,
    /// Maximum duration of a call, reconnects included.
    pub deadline: Duration,
    /// The limits.
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
    /// The daemon's socket; `$STINA_SOCKET`, else `stinad.sock` in `$STINA_HOME` or `~/.stina` by default.
    pub fn socket(mut self, path: impl Into<PathBuf>) -> Self {
        self.socket = Some(path.into());
        self
    }

    /// Name and version of the program.
    pub fn name(mut self, name: impl Into<String>, version: impl Into<String>) -> Self {
        self.name = Some((name.into(), version.into()));
        self
    }

    /// Maximum duration of a call, reconnects included; 15 s by default.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// The limits.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Builds the options, with defaults for those that were not set.
    ///
    /// # Errors
    /// [`Error::NotReachable`] when neither the builder nor the environment names a socket.
    pub fn options(self) -> Result<Options> {
        let Self { socket, name, deadline, limits } = self;
        let socket = socket.or_else(|| paths::socket(&|name| std::env::var_os(name)));
        let no_home = || Error::NotReachable {
            socket: paths::SOCKET_NAME.into(),
            why: Unreachable::NoSocket,
            reason: "neither STINA_SOCKET, STINA_HOME nor HOME is set".to_owned(),
            source: None,
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
