//! From a call to its answer: the registry of methods, their params, subscriptions, and the core's own methods.

mod core_methods;
mod dispatch;
mod feed;
mod openrpc;
mod peers;
mod registry;
mod spool;
mod subscription;
mod transact;

pub use feed::{Feed, Initial, OpenStreams, Outline};
pub use peers::Peer;
pub use registry::{Call, Module, Registry};

pub(crate) use dispatch::{Reply, Started, start};
pub(crate) use peers::{Framing, PeerGuard, Peers};
pub(crate) use registry::{Methods, Opening};
pub(crate) use subscription::Subscription;
