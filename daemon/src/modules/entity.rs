//! What the entities of every module have in common: an id, a revision, a place in their module's feed.

use crate::rpc::{Feed, Initial, Module};
use crate::store::{LiveChange, ReadTx, Result};
use serde::Serialize;
use stina_protocol::{EntityId, Error, Json};
use uuid::Uuid;

/// The id that a caller chose, or a new one: `prefix` and a UUIDv7.
pub fn id_or_new(chosen: Option<EntityId>, prefix: &str) -> String {
    chosen.map_or_else(|| format!("{prefix}{}", Uuid::now_v7()), String::from)
}

/// Checks `ifRev` against an entity and its revision; no entity counts as revision 0.
///
/// # Errors
/// `conflict` with the entity as it is.
pub fn check_rev<T: Serialize>(current: Option<(&T, u64)>, if_rev: Option<u64>) -> Result<()> {
    if if_rev.is_none_or(|rev| rev == current.map_or(0, |(_, rev)| rev)) {
        return Ok(());
    }
    let current = current.map(|(entity, _)| Json::of(entity)).transpose()?;
    Err(Error::Conflict { current }.into())
}

/// Subscribers to everything that a module has.
#[derive(Debug)]
pub struct Everything(pub &'static Module);

impl Feed for Everything {
    fn wants(&self, change: &LiveChange) -> bool {
        change.module == self.0.name
    }

    fn initial(&self, tx: &ReadTx<'_>, out: &mut Initial<'_>) -> Result<()> {
        (self.0.present)(tx, out)
    }
}
