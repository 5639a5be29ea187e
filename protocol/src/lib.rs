//! The protocol between `stinad` and its clients: JSON-RPC 2.0 over a Unix socket.
//!
//! Everything that both sides must agree on is defined here once. In reading order: framing ([`frame`], [`envelope`]),
//! errors ([`error`]), methods ([`method`]) and their params ([`params`], [`common`], [`resource`]), common types ([`types`],
//! [`text`], [`json`], [`names`], [`validation`]), the events of subscriptions ([`event`]), and the methods of each module.
//!
//! There is no I/O and no SQL in this crate.
//!
//! With the feature `schema`, the types are `schemars::JsonSchema`: the daemon describes its methods by them.

pub mod common;
pub mod envelope;
pub mod error;
pub mod event;
pub mod frame;
pub mod json;
pub mod json_check;
pub mod method;
pub mod names;
pub mod params;
pub mod paths;
pub mod resource;
pub mod text;
pub mod types;
pub mod validation;

#[cfg(feature = "schema")]
mod schema;

pub mod chat;
pub mod kv;
pub mod memory;
pub mod store;
pub mod todo;
pub mod undo;

pub use error::{Error, Fault};
pub use json::{Json, JsonObject};
pub use method::{Method, MethodKind, Reply};
pub use params::{Params, With};
pub use resource::Resource;
pub use types::{EntityId, Page, RequestId};
pub use validation::ValidationError;

/// The version of this protocol. `store.hello` refuses clients that do not speak it.
pub const VERSION: u32 = 1;
