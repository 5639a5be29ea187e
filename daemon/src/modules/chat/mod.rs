//! `chat`: conversations, their interactions and messages, and messages as they are being written.
//!
//! Rows change in `repository`; what a method does is in `methods`. What must not wait for the disk, the words of
//! messages that are being written, is in `streams`, and `saving` brings it to the disk.

mod entity;
mod feed;
mod methods;
pub mod repository;
mod saving;
mod streams;

use crate::rpc::Module;
use crate::store::{Entity, Migration};
use stina_protocol::chat::{Conversation, Interaction, Message};

const NAME: &str = "chat";

/// The module. It writes entries of kv, whose tables must come first.
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
