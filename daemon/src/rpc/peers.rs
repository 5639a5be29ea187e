//! The connections, as far as other connections can see them.

use crate::limits::Limits;
use crate::store::{Caller, Position};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use stina_protocol::store::{ClientInfo, ClientState, SubscriptionState};
use tokio::sync::Semaphore;

/// How a connection's bytes become messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    Ndjson,
    WebSocket,
    Http,
}

impl Framing {
    fn name(self) -> &'static str {
        match self {
            Self::Ndjson => "ndjson",
            Self::WebSocket => "websocket",
            Self::Http => "http",
        }
    }
}

/// One connection.
#[derive(Debug)]
pub struct Peer {
    /// Its number, never used twice by one daemon.
    pub id: u64,
    framing: Framing,
    pid: Option<i32>,
    connected_at: i64,
    open: Arc<AtomicBool>,
    client: OnceLock<ClientInfo>,
    pub(crate) calls: AtomicUsize,
    /// Permits for long reads.
    pub(crate) scans: Semaphore,
    /// Its subscriptions, for `store.clients`; weak, because the session owns them.
    progress: Mutex<Vec<Weak<Progress>>>,
}

/// How far a subscription has come.
#[derive(Debug)]
pub(crate) struct Progress {
    id: u64,
    method: &'static str,
    reached: Mutex<Reached>,
}

/// Where a subscription is. Every event before was handed to its connection.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reached {
    /// Last revision that it has read, whether it was sent or dropped by the filter.
    pub(super) rev: u64,
    pub(super) doing: Doing,
}

/// What a subscription does next.
#[derive(Debug, Clone, Copy)]
pub(super) enum Doing {
    /// It sends a snapshot, or the state of open streams.
    Snapshot,
    /// It catches up with the head.
    CatchUp,
    /// It takes the item with this sequence number from the event buffer.
    Live(u64),
}

impl Progress {
    fn reached(&self) -> MutexGuard<'_, Reached> {
        self.reached.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records how far the subscription has come.
    pub(super) fn report(&self, reached: Reached) {
        *self.reached() = reached;
    }

    /// Whether the connection has every event before `position`.
    ///
    /// A subscription that catches up has passed the position with the first revision after it: on a busy store it may never
    /// be live. Of the streams that were open it sends the state, once it has caught up.
    pub(crate) fn has_reached(&self, position: Position) -> bool {
        let Reached { rev, doing } = *self.reached();
        match doing {
            Doing::Snapshot => false,
            Doing::CatchUp => rev > position.head,
            Doing::Live(next) => rev >= position.head && next >= position.next,
        }
    }
}

impl Peer {
    /// Name from `store.hello`.
    pub fn name(&self) -> Option<&str> {
        self.client.get().map(|c| c.name.as_str())
    }

    /// The connection as writes know it; `None` over HTTP, where it lasts no longer than the call.
    pub(crate) fn caller(&self) -> Option<Caller> {
        let lasts = self.framing != Framing::Http;
        lasts.then(|| Caller { id: self.id, open: Arc::clone(&self.open) })
    }

    /// Takes the name from `store.hello`. Only the first one counts: writes carry it as `origin`.
    pub(crate) fn introduce(&self, client: ClientInfo) {
        let _ = self.client.set(client);
    }

    fn progress(&self) -> MutexGuard<'_, Vec<Weak<Progress>>> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Shows a new subscription to others, for as long as its session keeps what this returns.
    pub(crate) fn register(&self, id: u64, method: &'static str, rev: u64) -> Arc<Progress> {
        let reached = Mutex::new(Reached { rev, doing: Doing::Snapshot });
        let progress = Arc::new(Progress { id, method, reached });
        let mut all = self.progress();
        all.retain(|other| other.strong_count() > 0);
        all.push(Arc::downgrade(&progress));
        progress
    }

    fn state(&self, head: u64) -> ClientState {
        let client = self.client.get();
        let all = self.progress();
        let subscriptions = all.iter().filter_map(Weak::upgrade).map(|progress| {
            let rev = progress.reached().rev;
            SubscriptionState {
                id: progress.id,
                method: progress.method.to_owned(),
                rev,
                lag: head.saturating_sub(rev),
            }
        });
        ClientState {
            id: self.id,
            name: client.map(|c| c.name.to_string()),
            version: client.map(|c| c.version.clone()),
            pid: self.pid,
            framing: self.framing.name().to_owned(),
            connected_at: self.connected_at,
            calls: self.calls.load(Ordering::Acquire) as u64,
            subscriptions: subscriptions.collect(),
        }
    }
}

/// The open connections.
#[derive(Debug, Default)]
pub(crate) struct Peers {
    next: AtomicU64,
    next_subscription: AtomicU64,
    connected: Mutex<BTreeMap<u64, Arc<Peer>>>,
}

impl Peers {
    fn connected(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<Peer>>> {
        self.connected.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a connection.
    pub(crate) fn connect(&self, framing: Framing, pid: Option<i32>, now: i64, limits: &Limits) -> Arc<Peer> {
        let id = self.next.fetch_add(1, Ordering::Relaxed) + 1;
        let peer = Arc::new(Peer {
            id,
            framing,
            pid,
            connected_at: now,
            open: Arc::new(AtomicBool::new(true)),
            client: OnceLock::new(),
            calls: AtomicUsize::new(0),
            scans: Semaphore::new(limits.scans_per_connection),
            progress: Mutex::default(),
        });
        self.connected().insert(id, Arc::clone(&peer));
        peer
    }

    /// Removes a connection that has ended.
    pub(super) fn disconnect(&self, peer: &Peer) {
        self.connected().remove(&peer.id);
        peer.open.store(false, Ordering::Release);
    }

    /// An id for a subscription, never used twice by one daemon.
    pub(crate) fn subscription_id(&self) -> u64 {
        self.next_subscription.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(crate) fn states(&self, head: u64) -> Vec<ClientState> {
        self.connected().values().map(|peer| peer.state(head)).collect()
    }

    pub(crate) fn count(&self) -> usize {
        self.connected().len()
    }
}
