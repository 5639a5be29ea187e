//! Who is connected, as far as others may know.

use crate::limits::Limits;
use crate::store::Caller;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
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
    /// Places for long reads.
    pub(crate) scans: Semaphore,
    subscriptions: Mutex<BTreeMap<u64, Arc<Progress>>>,
}

/// How far a subscription has come.
#[derive(Debug)]
pub(crate) struct Progress {
    method: &'static str,
    /// Last revision that it has taken in, sent or passed over.
    pub(crate) rev: AtomicU64,
    /// One more than the sequence number before which it has taken in every item of the ring; 0 while it
    /// reads the log.
    seen: AtomicU64,
}

impl Progress {
    pub(crate) fn set_seen(&self, seq: Option<u64>) {
        self.seen.store(seq.map_or(0, |seq| seq + 1), Ordering::Release);
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

    /// Takes the words of `store.hello`; only the first count, since what was written is signed with them.
    pub(crate) fn introduce(&self, client: ClientInfo) {
        let _ = self.client.set(client);
    }

    fn subscriptions(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<Progress>>> {
        self.subscriptions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn open(&self, id: u64, method: &'static str, rev: u64) -> Arc<Progress> {
        let progress = Arc::new(Progress { method, rev: AtomicU64::new(rev), seen: AtomicU64::new(0) });
        self.subscriptions().insert(id, Arc::clone(&progress));
        progress
    }

    pub(crate) fn close(&self, id: u64) {
        self.subscriptions().remove(&id);
    }

    /// Whether every subscription has taken in all items before `seq`.
    pub(crate) fn has_seen(&self, seq: u64) -> bool {
        self.subscriptions().values().all(|p| p.seen.load(Ordering::Acquire) > seq)
    }

    fn state(&self, head: u64) -> ClientState {
        let client = self.client.get();
        let open = self.subscriptions();
        let subscriptions = open.iter().map(|(id, progress)| {
            let rev = progress.rev.load(Ordering::Acquire);
            SubscriptionState {
                id: *id,
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

/// Everybody who is connected.
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

    /// A new connection.
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
            subscriptions: Mutex::default(),
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
