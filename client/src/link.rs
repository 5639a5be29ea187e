//! The link to the daemon: one connection at a time, health-checked, and replaced when it ends.

use crate::connection::{CallError, Connection};
use crate::timer::{sleep, timeout};
use crate::transport::Disconnect;
use crate::{ConnectionState, Error, Limits, Options, Result, States};
use std::sync::Arc;
use std::time::{Duration, Instant};
use stina_protocol::store::Welcome;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::{CancellationToken, DropGuard};
use uuid::Uuid;

/// The wait before an attempt: it doubles up to a maximum. A random part of up to half is subtracted, so that clients
/// do not all reconnect at the same time.
pub(crate) fn backoff(limits: &Limits, attempt: u32) -> Duration {
    let doublings = attempt.saturating_sub(1).min(16);
    let longest = limits.first_backoff.saturating_mul(1 << doublings).min(limits.max_backoff);
    let [random, ..] = Uuid::new_v4().into_bytes();
    longest - longest * u32::from(random) / 512
}

#[derive(Debug, Clone)]
enum LinkState {
    Up(Arc<Connection>),
    Down { attempt: u32, reason: Disconnect },
    Closed,
}

/// A link. Dropping it closes the connection.
#[derive(Debug)]
pub(crate) struct Link {
    now: watch::Receiver<LinkState>,
    options: Arc<Options>,
    stop: CancellationToken,
    _stop_on_drop: DropGuard,
}

type Opened = (Arc<Connection>, mpsc::Receiver<u64>);

impl Link {
    /// Connects.
    pub(crate) async fn connect(options: Options) -> Result<Self> {
        let opened = open(&options).await;
        let opened = opened.map_err(|reason| match reason {
            Disconnect::Refused(fault) if !fault.error.is_transient() => Error::Rpc(fault),
            reason => not_reachable(&options, &reason),
        })?;
        Ok(Self::maintain(options, Some(opened)))
    }

    /// Connects in the background.
    pub(crate) fn start(options: Options) -> Self {
        Self::maintain(options, None)
    }

    fn maintain(options: Options, opened: Option<Opened>) -> Self {
        let options = Arc::new(options);
        let stop = CancellationToken::new();
        let first = match &opened {
            Some((connection, _)) => LinkState::Up(Arc::clone(connection)),
            None => LinkState::Down { attempt: 0, reason: Disconnect::NotYet },
        };
        let (state, now) = watch::channel(first);
        let (shared, stopped) = (Arc::clone(&options), stop.clone());
        tokio::spawn(async move {
            stopped.run_until_cancelled(keep_connected(&shared, &state, opened)).await;
            if let LinkState::Up(connection) = state.send_replace(LinkState::Closed) {
                connection.pulse().end(Disconnect::Closed);
            }
        });
        Self { now, options, _stop_on_drop: stop.clone().drop_guard(), stop }
    }

    /// Waits for an open connection. Cancel safe.
    pub(crate) async fn connection(&self) -> Result<Arc<Connection>> {
        match &*self.now.borrow() {
            LinkState::Up(connection) if !connection.pulse().has_ended() => {
                return Ok(Arc::clone(connection));
            }
            LinkState::Closed => return Err(Error::Closed),
            _ => {}
        }
        let mut now = self.now.clone();
        let settled = now.wait_for(|now| match now {
            LinkState::Up(connection) => !connection.pulse().has_ended(),
            LinkState::Down { .. } => false,
            LinkState::Closed => true,
        });
        match settled.await.as_deref() {
            Ok(LinkState::Up(connection)) => Ok(Arc::clone(connection)),
            _ => Err(Error::Closed),
        }
    }

    /// The error for a missing connection.
    pub(crate) fn not_reachable(&self) -> Error {
        match &*self.now.borrow() {
            LinkState::Down { reason, .. } => not_reachable(&self.options, reason),
            LinkState::Up(connection) => not_reachable(&self.options, &connection.pulse().why()),
            LinkState::Closed => Error::Closed,
        }
    }

    /// The daemon's welcome, if there is a connection.
    pub(crate) fn server(&self) -> Option<Welcome> {
        match &*self.now.borrow() {
            LinkState::Up(connection) => connection.server(),
            LinkState::Down { .. } | LinkState::Closed => None,
        }
    }

    /// The current state.
    pub(crate) fn state(&self) -> ConnectionState {
        state(&self.now.borrow())
    }

    /// The current state, then each new one.
    pub(crate) fn states(&self) -> States<ConnectionState> {
        States::new(self.now.clone(), state, |state| *state == ConnectionState::Closed)
    }

    /// The options of this client.
    pub(crate) fn options(&self) -> &Options {
        &self.options
    }

    /// Closes the link.
    pub(crate) async fn close(&self) {
        self.stop.cancel();
        // An error means that the link is closed too.
        let _ = self.now.clone().wait_for(|now| matches!(now, LinkState::Closed)).await;
    }
}

fn state(now: &LinkState) -> ConnectionState {
    match now {
        LinkState::Up(connection) => {
            ConnectionState::Connected { epoch: connection.epoch(), pid: connection.pid() }
        }
        LinkState::Down { attempt, reason } => {
            ConnectionState::Reconnecting { attempt: *attempt, reason: reason.to_string() }
        }
        LinkState::Closed => ConnectionState::Closed,
    }
}

fn not_reachable(options: &Options, reason: &Disconnect) -> Error {
    Error::NotReachable { socket: options.socket.clone(), reason: reason.to_string() }
}

async fn open(options: &Options) -> std::result::Result<Opened, Disconnect> {
    let limit = options.limits.connect;
    match timeout(limit, Connection::open(options)).await {
        Ok(Ok(opened)) => Ok(opened),
        Ok(Err(CallError::Refused(fault))) => Err(Disconnect::Refused(fault)),
        Ok(Err(CallError::Disconnected(reason))) => Err(reason),
        Err(_) => Err(Disconnect::TimedOut(limit)),
    }
}

/// A connection that ends sooner than this is replaced after a wait, so that a failing daemon is not flooded.
const SHORT_LIVED: Duration = Duration::from_millis(100);

async fn keep_connected(options: &Options, state: &watch::Sender<LinkState>, mut opened: Option<Opened>) {
    let mut attempt = 0;
    loop {
        let opening = match opened.take() {
            Some(opened) => Ok(opened),
            None => open(options).await,
        };
        let reason = match opening {
            Ok((connection, dropped)) => {
                state.send_replace(LinkState::Up(Arc::clone(&connection)));
                let began = Instant::now();
                let why = watch_over(&connection, dropped, &options.limits).await;
                tracing::debug!(%why, "the connection to stinad ended");
                attempt = u32::from(began.elapsed() < SHORT_LIVED);
                why
            }
            Err(reason) => {
                attempt += 1;
                reason
            }
        };
        state.send_replace(LinkState::Down { attempt, reason });
        if attempt > 0 {
            sleep(backoff(&options.limits, attempt)).await;
        }
    }
}

/// Waits until a connection ends. Ends it if it is in use and the daemon does not answer a ping.
async fn watch_over(
    connection: &Arc<Connection>,
    mut dropped: mpsc::Receiver<u64>,
    limits: &Limits,
) -> Disconnect {
    let pulse = connection.pulse();
    let mut check = limits.silence;
    loop {
        tokio::select! {
            why = pulse.ended() => return why,
            Some(id) = dropped.recv() => connection.unsubscribe(id),
            () = sleep(check) => {
                if connection.is_in_use() && pulse.silence() >= limits.silence && !is_alive(connection, limits).await {
                    pulse.end(Disconnect::Silent);
                }
                check = limits.silence.saturating_sub(pulse.silence()).max(limits.silence / 4);
            }
        }
    }
}

/// Pings the daemon. Any data counts as an answer, because much data may precede the reply after a suspension.
async fn is_alive(connection: &Connection, limits: &Limits) -> bool {
    let answered = tokio::select! {
        answered = timeout(limits.ping, connection.ping()) => matches!(answered, Ok(Ok(()))),
        _ = connection.pulse().ended() => false,
    };
    answered || connection.pulse().silence() < limits.ping
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backoff_grows_to_its_maximum_and_varies() {
        let limits = Limits::default();
        for (attempt, longest) in [(0, 20), (1, 20), (2, 40), (5, 320), (7, 1000), (1000, 1000)] {
            let waits: Vec<Duration> = (0..32).map(|_| backoff(&limits, attempt)).collect();
            let longest = Duration::from_millis(longest);
            assert!(waits.iter().all(|w| *w <= longest && *w >= longest / 2), "{attempt}: {waits:?}");
            assert!(waits.iter().any(|w| *w != waits[0]));
        }
    }
}
