//! Where bytes arrive. NDJSON and WebSocket run the same [`session`]; HTTP runs it for one message.

mod batches;
mod http;
mod listener;
mod ndjson;
mod server;
mod session;
mod websocket;
mod wire;

pub(crate) use listener::Listener;
pub(crate) use server::Server;
