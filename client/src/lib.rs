//! Client of `stinad`: typed calls that happen once, subscriptions that miss nothing, live mirrors.
//!
//! In reading order: how to connect ([`ClientBuilder`], [`Options`]), what to do then ([`Client`]), what can go
//! wrong ([`Error`]), what is told ([`Subscription`]), what is kept up to date ([`Mirror`]), what happens as one
//! ([`Transaction`]). Beneath that: one connection (jsonrpsee's async client core over NDJSON on a Unix socket), a
//! link that replaces it when it breaks, and calls that outlive both.
//!
//! ```no_run
//! # async fn example() -> Result<(), stina_client::Error> {
//! let client = stina_client::Client::builder().name("app", "1.0").connect().await?;
//! let set = client.kv().set("greeting", "hej").await?;
//! println!("revision {}: {}", set.rev, set.value.value.get());
//! # Ok(())
//! # }
//! ```
//!
//! A list that stays as the store has it, whatever becomes of the daemon:
//!
//! ```no_run
//! # async fn example(client: stina_client::Client) -> Result<(), stina_client::Error> {
//! let todos = client.todos().mirror(stina_client::mirror::Todos::open()).await?;
//! let (snapshot, mut patches) = todos.watch();
//! let mut list = snapshot.items;
//! let added = client.todos().add("Buy milk").await?;
//! todos.wait(added.rev).await?;
//! while let Some(patch) = patches.next().await {
//!     patch.apply(&mut list);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! What is promised:
//! - **Exactly once.** Every write carries a `requestId` and is sent again with the same one when a connection
//!   breaks, until its deadline; past it, [`Error::OutcomeUnknown`] names the id to ask for.
//! - **A gap is told.** A subscription delivers each revision once and in order, across restarts of the daemon;
//!   or it says [`Event::Reset`](stina_protocol::event::Event::Reset).
//! - **Bounded.** Every buffer has its limit in [`Limits`].

mod options;
mod state;

mod client;
mod error;
mod retry;
mod subscription;
mod transact;

pub mod mirror;

mod calls;
mod connection;
mod inbox;
mod link;
mod transport;

mod chat;
mod kv;
mod memories;
mod store;
mod todos;

#[cfg(feature = "cli")]
pub mod cli;

pub use chat::{Chat, Interaction, MessageStream, Stopped};
pub use client::{CallOptions, Callable, Client, MethodInfo, Methods};
pub use error::{Error, Result};
pub use kv::{Entries, Kv};
pub use memories::Memories;
pub use mirror::Mirror;
pub use options::{ClientBuilder, Limits, Options};
pub use state::State;
pub use stina_protocol as protocol;
pub use store::Store;
pub use subscription::Subscription;
pub use todos::Todos;
pub use transact::{Committed, Placed, Transaction};
