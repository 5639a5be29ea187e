//! Where bytes arrive. NDJSON and WebSocket run the same [`session`]; HTTP runs it for one message.
//!
//! A session has an [`inbox`], calls [`in_flight`], an [`outbox`] and [`subscriptions`].

mod batches;
mod http;
mod in_flight;
mod inbox;
mod listener;
mod messages;
mod ndjson;
mod outbox;
mod server;
mod session;
mod subscriptions;
mod websocket;
mod wire;

pub(crate) use listener::Listener;
pub(crate) use server::Server;
