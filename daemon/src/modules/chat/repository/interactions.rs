//! Interactions.

use super::{Direction, Position};
use crate::store::{ReadTx, Result, entity};
use rusqlite::params;
use stina_protocol::chat::Interaction;

/// Calls `each` with the interactions of a conversation from `from` on, without their messages, until it answers `false`.
///
/// # Errors
/// SQLite's, and those of `each`.
pub fn walk(
    tx: &ReadTx<'_>,
    conversation: &str,
    from: Option<Position>,
    direction: Direction,
    each: impl FnMut(Interaction) -> Result<bool>,
) -> Result<()> {
    let from = from.unwrap_or(direction.begin());
    let query = direction.from::<Interaction>("conversation_id = ?3");
    entity::walk_from(tx, &query, params![from.0, from.1, conversation], each)
}

/// The position of an interaction in the order.
pub fn position(interaction: &Interaction) -> Position {
    Position(interaction.created_at, interaction.seq)
}
