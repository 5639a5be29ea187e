//! Rows of interactions.

use super::{Direction, SortKey};
use crate::store::{ReadTx, Result, entity};
use rusqlite::params;
use stina_protocol::chat::Interaction;

/// Calls `each` with the interactions of a conversation after `from`, without messages, until it returns `false`.
///
/// # Errors
/// SQLite's, and those of `each`.
pub fn walk(
    tx: &ReadTx<'_>,
    conversation: &str,
    from: Option<SortKey>,
    direction: Direction,
    each: impl FnMut(Interaction) -> Result<bool>,
) -> Result<()> {
    let from = from.unwrap_or(direction.start());
    let query = direction.from::<Interaction>("conversation_id = ?3");
    entity::walk_from(tx, &query, params![from.0, from.1, conversation], each)
}

/// The sort key of an interaction.
pub fn sort_key(interaction: &Interaction) -> SortKey {
    SortKey(interaction.created_at, interaction.seq)
}
