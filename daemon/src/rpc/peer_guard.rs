//! A connection, from its first byte to its end.

use super::call::CallContext;
use super::methods::Methods;
use std::sync::Arc;

/// An open connection. Dropping it deregisters the connection and runs what modules registered for its end,
/// however the connection ended.
#[derive(Debug)]
pub(crate) struct PeerGuard {
    /// The context of its calls.
    pub(crate) call: CallContext,
    /// The methods that it may call.
    pub(crate) methods: Arc<Methods>,
}

impl Drop for PeerGuard {
    fn drop(&mut self) {
        let CallContext { store, peer, peers, .. } = &self.call;
        // The modules come last: a module that still finds the connection open is called at its end after that.
        peers.disconnect(peer);
        self.methods.disconnected(store, peer.id);
    }
}
