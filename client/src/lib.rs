//! Client of `stinad`: typed calls that happen exactly once, subscriptions without gaps, live mirrors.
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
//! A list that stays equal to the store, across restarts of the daemon:
//!
//! ```no_run
//! # async fn example(client: stina_client::Client) -> Result<(), stina_client::Error> {
//! let todos = client.todos().mirror(stina_client::mirror::Todos::open())?;
//! todos.ready().await?;
//! let (snapshot, mut patches) = todos.watch();
//! let mut list = snapshot.items;
//! let added = client.todos().create("Buy milk").due(stina_client::when::parse("fri")?).await?;
//! todos.wait(added.rev).await?;
//! while let Some(patch) = patches.next().await {
//!     patch.apply(&mut list);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! All errors are one type, [`Error`]. Guarantees:
//! - **Exactly once.** Every write has a `requestId`, and is sent again with the same one when a connection breaks.
//!   After its deadline, [`Error::OutcomeUnknown`] has the id to ask for.
//! - **A gap is told.** A subscription delivers each revision once and in order, across restarts of the daemon, or it
//!   delivers [`Event::Reset`](stina_protocol::event::Event::Reset).
//! - **Bounded.** Every buffer has a limit in [`Limits`].
//!
//! What only a newer daemon knows, such as a status, is kept as `Unknown`, never an error. Errors, states and mirrors are
//! `Serialize`, for a user interface in another process. The feature `blocking` adds a client without async.
//!
//! `docs/rust.md` in the repository explains this crate by the programs in `client/examples/`. The types in reading
//! order: [`ClientBuilder`] and [`Options`] connect, [`Client`] and [`Call`] call, [`when`] reads due times, [`Mirror`]
//! keeps a live list, [`Subscription`] delivers events, [`Transaction`] makes several writes one.

mod options;
mod state;

mod call;
mod client;
mod error;
mod field;
mod retry;
mod subscription;
mod transact;

pub mod mirror;
pub mod when;

#[cfg(feature = "blocking")]
pub mod blocking;

mod calls;
mod connection;
mod cursor;
mod inbox;
mod link;
mod timer;
mod transport;

mod chat;
mod entities;
mod kv;
mod memories;
mod store;
mod todos;

pub use call::Call;
pub use chat::{Chat, InteractionScope, MessageStream, Stopped};
pub use client::{CallOptions, Callable, Client, MethodInfo, Methods};
pub use entities::Entities;
pub use error::{Error, Result, Unreachable};
pub use field::OptionalText;
pub use kv::{Entries, Kv};
pub use memories::Memories;
pub use mirror::Mirror;
pub use options::{ClientBuilder, Limits, Options};
pub use state::{ConnectionState, States};
pub use stina_protocol as protocol;
pub use store::Store;
pub use subscription::Subscription;
pub use todos::Todos;
pub use transact::{Committed, StepHandle, Transaction};
