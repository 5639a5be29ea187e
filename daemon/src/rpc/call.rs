//! What a call may use beside its params.

use super::peers::{Peer, Peers};
use crate::stop::Stop;
use crate::store::Store;
use std::sync::Arc;

/// What a method that is no plain read or write may use.
#[derive(Debug, Clone)]
pub struct CallContext {
    /// The store.
    pub store: Store,
    /// The connection that calls.
    pub peer: Arc<Peer>,
    pub(crate) peers: Arc<Peers>,
    pub(crate) stop: Stop,
}
