//! The state that all connections share, and their end.

use crate::limits::Limits;
use crate::rpc::{CallContext, Framing, Methods, PeerGuard, Peers};
use crate::stop::Stop;
use crate::store::Store;
use std::sync::Arc;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The state that all connections share.
pub(crate) struct Server {
    store: Store,
    methods: Arc<Methods>,
    peers: Arc<Peers>,
    stop: Stop,
    /// One task for each connection.
    pub(super) tasks: TaskTracker,
    /// Cancelled when connections are to end their subscriptions, answer their calls in flight, and close.
    pub(super) closing: CancellationToken,
    /// Cancelled when connections are to close at once.
    pub(super) killing: CancellationToken,
}

impl Server {
    pub(crate) fn new(store: Store, methods: Arc<Methods>, stop: Stop) -> Arc<Self> {
        Arc::new(Self {
            store,
            methods,
            peers: Arc::default(),
            stop,
            tasks: TaskTracker::new(),
            closing: CancellationToken::new(),
            killing: CancellationToken::new(),
        })
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.store.config().limits
    }

    /// Registers a connection; it is deregistered when the guard is dropped.
    pub(super) fn connect(&self, framing: Framing, pid: Option<i32>) -> PeerGuard {
        let call = CallContext {
            store: self.store.clone(),
            peer: self.peers.connect(framing, pid, self.store.clock().now(), self.limits()),
            peers: Arc::clone(&self.peers),
            stop: self.stop.clone(),
        };
        PeerGuard { call, methods: Arc::clone(&self.methods) }
    }

    /// Ends all connections: in order until `deadline`; then what still runs for them is interrupted, and once that is
    /// answered, or can't be sent in time, they close at once.
    pub(crate) async fn close(&self, deadline: Instant) {
        self.tasks.close();
        self.closing.cancel();
        let answered = timeout_at(deadline + self.limits().interrupt_wait, self.tasks.wait());
        if self.store.end_by(deadline, answered).await.is_err() {
            tracing::warn!(connections = self.tasks.len(), "closing connections that do not read");
        }
        self.killing.cancel();
        self.store.end_by(deadline, self.tasks.wait()).await;
    }
}
