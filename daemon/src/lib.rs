//! `stinad`: one daemon that owns Stina's database, serializes every write, and notifies its clients of changes.
//!
//! In the order in which a request passes through: how it is started ([`cli`], [`config`]), what runs ([`app`],
//! [`instance`]), where bytes arrive (`transport`), which method they name ([`rpc`]), what it does to the
//! tables ([`modules`]), and what holds them ([`store`]).

pub mod app;
pub mod cli;
pub mod clock;
pub mod config;
pub mod instance;
pub mod limits;
pub mod modules;
pub mod rpc;
mod stop;
pub mod store;
mod transport;
