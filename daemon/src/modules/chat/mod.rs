//! `chat`: conversations, their interactions and messages, and messages as they are being written.
//!
//! Rows change in `repository`; what a method does is in `methods`. What must not wait for the disk, the words of
//! messages that are being written, is in `streams`, and `saving` brings it to the disk.

mod feed;
mod methods;
pub mod repository;
mod saving;
mod streams;

use crate::rpc::Module;
use crate::store::{Entity, Migration};

const NAME: &str = "chat";

/// A conversation.
pub const CONVERSATION: Entity = Entity { module: NAME, name: "conversation", table: "chat_conversations" };
/// An interaction.
pub const INTERACTION: Entity = Entity { module: NAME, name: "interaction", table: "chat_interactions" };
/// A message.
pub const MESSAGE: Entity = Entity { module: NAME, name: "message", table: "chat_messages" };

/// The module. It writes entries of kv, whose tables must come first.
pub const MODULE: Module = Module {
    name: NAME,
    migrations: &[Migration {
        version: 1,
        name: "chat",
        sql: include_str!("../../../../migrations/chat/0001_chat.sql"),
    }],
    entities: &[CONVERSATION, INTERACTION, MESSAGE],
    present: feed::present,
    register: methods::register,
};
