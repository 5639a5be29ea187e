//! `chat`: conversations, interactions, messages, and streaming messages.
//!
//! `repository` changes rows, `methods` implements the methods. The text of streaming messages must not wait for the
//! disk: `streams` holds it in memory, `saving` writes it to the disk.

mod entity;
mod feed;
mod methods;
pub mod repository;
mod retry;
mod saving;
mod streams;

use crate::rpc::Module;
use crate::store::{Entity, Migration};
use stina_protocol::chat::{Conversation, Interaction, Message};

const NAME: &str = "chat";

/// The module. It writes entries of kv, so the migrations of kv must run first.
pub const MODULE: Module = Module {
    name: NAME,
    migrations: &[Migration {
        version: 1,
        name: "chat",
        sql: include_str!("../../../../migrations/chat/0001_chat.sql"),
    }],
    entities: &[Conversation::KIND, Interaction::KIND, Message::KIND],
    register: methods::register,
};
