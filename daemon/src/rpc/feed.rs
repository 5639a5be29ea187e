//! How a module defines its subscriptions.

use super::spool::Spool;
use crate::store::{Entity, EntityKind, JsonText, LiveChange, Position, ReadTx, Result, Transient};
use stina_protocol::event::Op;

/// The filter of one subscription, parsed from the params of its `subscribe` call.
pub trait Feed: Send + Sync + 'static {
    /// Whether a change concerns this subscription. It is asked for every change and every subscription, so it compares
    /// names, ids and scopes. A change that is read from the log has no value yet.
    fn wants(&self, change: &LiveChange) -> bool;

    /// Sends a snapshot of the entities that concern it.
    ///
    /// # Errors
    /// Those of the reads.
    fn initial(&self, tx: &ReadTx<'_>, out: &mut Initial<'_>) -> Result<()>;

    /// Whether a transient event concerns it.
    fn wants_transient(&self, transient: &Transient) -> bool {
        let _ = transient;
        false
    }

    /// The state of the open streams, whose events are not in the log, for a subscription that has caught up with it.
    ///
    /// Call `position` while no such event can be published: the subscription gets those that follow this position.
    /// Leave out streams that begin in a revision after its [`Position::head`].
    fn open_streams(&self, position: &dyn Fn() -> Position) -> OpenStreams {
        OpenStreams { from: position(), events: Vec::new() }
    }
}

/// Takes the entities of a snapshot.
#[derive(Debug)]
pub struct Initial<'s> {
    pub(super) spool: &'s mut Spool,
}

impl Initial<'_> {
    /// Sends one entity.
    ///
    /// # Errors
    /// When it can't be written as JSON, or a temporary file fails.
    pub fn entity<T: Entity>(&mut self, entity: &T) -> Result<()> {
        self.json(T::KIND, entity.key(), JsonText::of(entity)?)
    }

    /// Sends an entity of that kind, which is JSON already.
    pub(super) fn json(&mut self, kind: EntityKind, key: &str, value: JsonText) -> Result<()> {
        let (module, entity) = (kind.module.into(), kind.name.into());
        let change = LiveChange::new(module, entity, key.to_owned(), Op::Put, None, Some(&value));
        Ok(self.spool.push(change.json().get())?)
    }
}

/// The answer of [`Feed::open_streams`].
#[derive(Debug)]
pub struct OpenStreams {
    /// The position from which the subscription continues live.
    pub from: Position,
    /// Events, as JSON.
    pub events: Vec<JsonText>,
}
