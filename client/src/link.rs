//! The link to the daemon: one connection at a time, health-checked, and replaced when it ends.

use crate::connection::{CallError, Connection};
use crate::timer::{sleep, timeout};
use crate::transport::Disconnect;
use crate::{ConnectionState, Error, Limits, Options, Result, States};
use std::io;
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
    longest - longest / 512 * u32::from(random)
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
            Disconnect::Refused(fault) | Disconnect::Rejected(fault) if !fault.error.is_transient() => {
                Error::Rpc(fault)
            }
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

    /// Waits for an open connection, unless the daemon refuses this client for good. Cancel safe.
    pub(crate) async fn connection(&self) -> Result<Arc<Connection>> {
        if let Some(settled) = settled(&self.now.borrow()) {
            return settled;
        }
        let mut now = self.now.clone();
        match now.wait_for(|now| settled(now).is_some()).await.as_deref() {
            Ok(now) => settled(now).unwrap_or(Err(Error::Closed)),
            Err(_) => Err(Error::Closed),
        }
    }

    /// The error of a call that was not answered, and not sent or not a write.
    pub(crate) fn expired(&self, method: &str, after: Duration) -> Error {
        match &*self.now.borrow() {
            LinkState::Up(connection) if !connection.pulse().has_ended() => {
                Error::TimedOut { method: method.to_owned(), after }
            }
            LinkState::Up(connection) => not_reachable(&self.options, &connection.pulse().why()),
            LinkState::Down { reason, .. } => not_reachable(&self.options, reason),
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

/// The connection, or the error that waiting does not change; `None` while there may soon be a connection.
fn settled(now: &LinkState) -> Option<Result<Arc<Connection>>> {
    match now {
        LinkState::Up(connection) if connection.pulse().has_ended() => None,
        LinkState::Up(connection) => Some(Ok(Arc::clone(connection))),
        LinkState::Down { reason: Disconnect::Refused(fault), .. } if !fault.error.is_transient() => {
            Some(Err(Error::Rpc(fault.clone())))
        }
        LinkState::Down { .. } => None,
        LinkState::Closed => Some(Err(Error::Closed)),
    }
}

fn state(now: &LinkState) -> ConnectionState {
    match now {
        LinkState::Up(connection) => {
            ConnectionState::Connected { epoch: connection.epoch(), pid: connection.pid() }
        }
        LinkState::Down { attempt, reason } => {
            ConnectionState::Reconnecting { attempt: *attempt, why: reason.why(), reason: reason.to_string() }
        }
        LinkState::Closed => ConnectionState::Closed,
    }
}

fn not_reachable(options: &Options, reason: &Disconnect) -> Error {
    let source = match reason {
        Disconnect::Io(error) => Some(Arc::clone(error)),
        _ => None,
    };
    Error::NotReachable {
        socket: options.socket.clone(),
        why: reason.why(),
        reason: reason.to_string(),
        source,
    }
}

async fn open(options: &Options) -> std::result::Result<Opened, Disconnect> {
    let limit = options.limits.connect;
    match timeout(limit, Connection::open(options)).await {
        Ok(Ok(opened)) => Ok(opened),
        Ok(Err(CallError::Refused(fault))) => Err(Disconnect::Refused(fault)),
        Ok(Err(CallError::Disconnected(reason))) => Err(reason),
        Ok(Err(CallError::Unusable(reason))) => {
            Err(Disconnect::Io(io::Error::new(io::ErrorKind::InvalidData, reason).into()))
        }
        Err(_) => Err(Disconnect::TimedOut(limit)),
    }
}

/// A connection that ends sooner than this is replaced after a wait, so that a failing daemon is not flooded.
const SHORT_LIVED: Duration = Duration::from_millis(100);

async fn keep_connected(options: &Options, state: &watch::Sender<LinkState>, mut opened: Option<Opened>) {
    let (mut attempt, mut waited) = (0_u32, Duration::ZERO);
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
                // One that lives no longer than the wait before it counts as a failed attempt, so that waits grow.
                let is_short = began.elapsed() < SHORT_LIVED.max(waited);
                attempt = if is_short { attempt.saturating_add(1) } else { 0 };
                why
            }
            Err(reason) => {
                attempt = attempt.saturating_add(1);
                reason
            }
        };
        state.send_replace(LinkState::Down { attempt, reason });
        waited = if attempt > 0 { backoff(&options.limits, attempt) } else { Duration::ZERO };
        sleep(waited).await;
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
        let endless = Limits { first_backoff: Duration::MAX, max_backoff: Duration::MAX, ..limits };
        assert!(backoff(&endless, 7) >= Duration::MAX / 2 - Duration::from_secs(1));
    }
}
