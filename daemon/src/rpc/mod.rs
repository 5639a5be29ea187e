//! From a call to its answer: the registry of methods, their params, subscriptions, and the core's own methods.

mod call;
mod core_methods;
mod dispatch;
mod feed;
mod methods;
mod openrpc;
mod peer_guard;
mod peers;
mod purge;
mod registry;
mod spool;
mod subscription;
mod transact;
mod undo;

pub use call::CallContext;
pub use feed::{Feed, Initial, OpenStreams};
pub use peers::Peer;
pub use registry::{Module, Registry};

pub(crate) use core_methods::register as register_core;
pub(crate) use dispatch::{Reply, Started, start};
pub(crate) use methods::{Methods, Opening};
pub(crate) use peer_guard::PeerGuard;
pub(crate) use peers::{Framing, Peers, Progress};
pub(crate) use subscription::NewSubscription;
