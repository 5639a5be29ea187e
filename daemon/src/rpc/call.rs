//! The context of a call.

use super::peers::{Peer, Peers};
use crate::stop::Stop;
use crate::store::Store;
use std::sync::Arc;

/// The context of a method that is not a plain read or write.
#[derive(Debug, Clone)]
pub struct CallContext {
    /// The store.
    pub store: Store,
    /// The connection that calls.
    pub peer: Arc<Peer>,
    pub(crate) peers: Arc<Peers>,
    pub(crate) stop: Stop,
}
