//! The link to the daemon: a connection, replaced when it breaks, and watched over while it lasts.

use crate::connection::{Connection, Failure};
use crate::transport::Broken;
use crate::{Error, Limits, Options, Result, State};
use std::sync::Arc;
use std::time::{Duration, Instant};
use stina_protocol::Fault;
use stina_protocol::store::Welcome;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::{CancellationToken, DropGuard};
use uuid::Uuid;

/// A wait that doubles with each attempt up to a bound, less up to half of it at random so that the clients of a
/// daemon that restarts do not all come at once.
pub(crate) fn backoff(limits: &Limits, attempt: u32) -> Duration {
    let doublings = attempt.saturating_sub(1).min(16);
    let longest = limits.first_backoff.saturating_mul(1 << doublings).min(limits.max_backoff);
    let [random, ..] = Uuid::new_v4().into_bytes();
    longest - longest * u32::from(random) / 512
}

#[derive(Debug, Clone)]
enum Now {
    Up(Arc<Connection>),
    Down { attempt: u32, reason: Reason },
    Closed,
}

/// Why there is no connection.
#[derive(Debug, Clone)]
enum Reason {
    Broken(Broken),
    Refused(Box<Fault>),
    TimedOut(Duration),
    NotYet,
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Broken(broken) => broken.fmt(f),
            Self::Refused(fault) => fault.fmt(f),
            Self::TimedOut(after) => write!(f, "it did not answer within {after:?}"),
            Self::NotYet => f.write_str("not connected yet"),
        }
    }
}

/// A link that is kept up as long as this exists.
#[derive(Debug)]
pub(crate) struct Link {
    now: watch::Receiver<Now>,
    options: Arc<Options>,
    stop: CancellationToken,
    _stop_on_drop: DropGuard,
}

type Opened = (Arc<Connection>, mpsc::Receiver<u64>);

impl Link {
    /// Connects, or says why that can't be.
    pub(crate) async fn connect(options: Options) -> Result<Self> {
        let opened = open(&options).await;
        let opened = opened.map_err(|reason| match reason {
            Reason::Refused(fault) if !fault.error.is_transient() => Error::Rpc(fault),
            reason => not_reachable(&options, &reason),
        })?;
        Ok(Self::tend(options, Some(opened)))
    }

    /// Connects in the background.
    pub(crate) fn start(options: Options) -> Self {
        Self::tend(options, None)
    }

    fn tend(options: Options, opened: Option<Opened>) -> Self {
        let options = Arc::new(options);
        let stop = CancellationToken::new();
        let first = match &opened {
            Some((connection, _)) => Now::Up(Arc::clone(connection)),
            None => Now::Down { attempt: 0, reason: Reason::NotYet },
        };
        let (state, now) = watch::channel(first);
        let (tended, stopped) = (Arc::clone(&options), stop.clone());
        tokio::spawn(async move {
            stopped.run_until_cancelled(keep_up(&tended, &state, opened)).await;
            if let Now::Up(connection) = state.send_replace(Now::Closed) {
                connection.pulse().end(Broken::Closed);
            }
        });
        Self { now, options, _stop_on_drop: stop.clone().drop_guard(), stop }
    }

    /// Waits for a connection that has not ended. Cancel safe.
    pub(crate) async fn connection(&self) -> Result<Arc<Connection>> {
        match &*self.now.borrow() {
            Now::Up(connection) if !connection.pulse().has_ended() => return Ok(Arc::clone(connection)),
            Now::Closed => return Err(Error::Closed),
            _ => {}
        }
        let mut now = self.now.clone();
        let settled = now.wait_for(|now| match now {
            Now::Up(connection) => !connection.pulse().has_ended(),
            Now::Down { .. } => false,
            Now::Closed => true,
        });
        match settled.await.as_deref() {
            Ok(Now::Up(connection)) => Ok(Arc::clone(connection)),
            _ => Err(Error::Closed),
        }
    }

    /// Why there is no connection.
    pub(crate) fn not_reachable(&self) -> Error {
        match &*self.now.borrow() {
            Now::Down { reason, .. } => not_reachable(&self.options, reason),
            Now::Up(connection) => not_reachable(&self.options, &Reason::Broken(connection.pulse().why())),
            Now::Closed => Error::Closed,
        }
    }

    /// What the daemon said of itself, if there is a connection.
    pub(crate) fn server(&self) -> Option<Welcome> {
        match &*self.now.borrow() {
            Now::Up(connection) => connection.server(),
            Now::Down { .. } | Now::Closed => None,
        }
    }

    /// The present state.
    pub(crate) fn state(&self) -> State {
        state(&self.now.borrow())
    }

    /// The present state, then each that follows; one that is over before it is read is skipped.
    pub(crate) fn states(&self) -> impl futures_util::Stream<Item = State> + Send + use<> {
        let mut now = self.now.clone();
        now.mark_changed();
        futures_util::stream::unfold((now, false), |(mut now, ended)| async move {
            if ended || now.changed().await.is_err() {
                return None;
            }
            let state = state(&now.borrow_and_update());
            let ended = state == State::Closed;
            Some((state, (now, ended)))
        })
    }

    /// How this client connects.
    pub(crate) fn options(&self) -> &Options {
        &self.options
    }

    /// Ends the link for good.
    pub(crate) async fn close(&self) {
        self.stop.cancel();
        // An error says that it is closed too.
        let _ = self.now.clone().wait_for(|now| matches!(now, Now::Closed)).await;
    }
}

fn state(now: &Now) -> State {
    match now {
        Now::Up(connection) => State::Connected { epoch: connection.epoch(), pid: connection.pid() },
        Now::Down { attempt, reason } => {
            State::Reconnecting { attempt: *attempt, reason: reason.to_string() }
        }
        Now::Closed => State::Closed,
    }
}

fn not_reachable(options: &Options, reason: &Reason) -> Error {
    Error::NotReachable { socket: options.socket.clone(), reason: reason.to_string() }
}

async fn open(options: &Options) -> std::result::Result<Opened, Reason> {
    let limit = options.limits.connect;
    match tokio::time::timeout(limit, Connection::open(options)).await {
        Ok(Ok(opened)) => Ok(opened),
        Ok(Err(Failure::Fault(fault))) => Err(Reason::Refused(fault)),
        Ok(Err(Failure::Lost(broken))) => Err(Reason::Broken(broken)),
        Err(_) => Err(Reason::TimedOut(limit)),
    }
}

/// A connection that breaks sooner than this is not replaced at once: something is wrong with it.
const SHORT_LIVED: Duration = Duration::from_millis(100);

async fn keep_up(options: &Options, state: &watch::Sender<Now>, mut opened: Option<Opened>) {
    let mut attempt = 0;
    loop {
        let opening = match opened.take() {
            Some(opened) => Ok(opened),
            None => open(options).await,
        };
        let reason = match opening {
            Ok((connection, given_up)) => {
                state.send_replace(Now::Up(Arc::clone(&connection)));
                let began = Instant::now();
                let why = watch_over(&connection, given_up, &options.limits).await;
                tracing::debug!(%why, "the connection to stinad ended");
                attempt = u32::from(began.elapsed() < SHORT_LIVED);
                Reason::Broken(why)
            }
            Err(reason) => {
                attempt += 1;
                reason
            }
        };
        state.send_replace(Now::Down { attempt, reason });
        if attempt > 0 {
            tokio::time::sleep(backoff(&options.limits, attempt)).await;
        }
    }
}

/// Waits for the end of a connection; ends it when it is in use and the daemon gives no sign of life.
async fn watch_over(
    connection: &Arc<Connection>,
    mut given_up: mpsc::Receiver<u64>,
    limits: &Limits,
) -> Broken {
    let pulse = connection.pulse();
    let mut check = limits.silence;
    loop {
        tokio::select! {
            why = pulse.ended() => return why,
            Some(id) = given_up.recv() => connection.unsubscribe(id),
            () = tokio::time::sleep(check) => {
                if connection.is_in_use() && pulse.silence() >= limits.silence && !is_alive(connection, limits).await {
                    pulse.end(Broken::Silent);
                }
                check = limits.silence.saturating_sub(pulse.silence()).max(limits.silence / 4);
            }
        }
    }
}

/// Whatever arrives after the question is a sign of life: after a suspension there may be much before the answer.
async fn is_alive(connection: &Connection, limits: &Limits) -> bool {
    let answered = tokio::select! {
        answered = tokio::time::timeout(limits.ping, connection.ping()) => matches!(answered, Ok(Ok(()))),
        _ = connection.pulse().ended() => false,
    };
    answered || connection.pulse().silence() < limits.ping
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_their_bound_and_differ() {
        let limits = Limits::default();
        for (attempt, longest) in [(0, 20), (1, 20), (2, 40), (5, 320), (7, 1000), (1000, 1000)] {
            let waits: Vec<Duration> = (0..32).map(|_| backoff(&limits, attempt)).collect();
            let longest = Duration::from_millis(longest);
            assert!(waits.iter().all(|w| *w <= longest && *w >= longest / 2), "{attempt}: {waits:?}");
            assert!(waits.iter().any(|w| *w != waits[0]));
        }
    }
}
