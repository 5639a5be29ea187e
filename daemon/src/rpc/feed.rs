//! What a module says of its subscriptions.

use super::spool::Spool;
use crate::store::{JsonText, LiveChange, Place, ReadTx, Result, Transient};
use stina_protocol::event::Op;

/// The changes that concern one subscription: made from the params of a `subscribe` call.
pub trait Feed: Send + Sync + 'static {
    /// Whether a change concerns this subscription.
    fn wants(&self, change: &LiveChange) -> bool;

    /// Sends the present entities that concern it.
    ///
    /// # Errors
    /// Those of the reads.
    fn initial(&self, tx: &ReadTx<'_>, out: &mut Initial<'_>) -> Result<()>;

    /// Whether something that is not in the log concerns it.
    fn wants_transient(&self, transient: &Transient) -> bool {
        let _ = transient;
        false
    }

    /// The present state of what is told by transients only, for who has caught up with the log.
    ///
    /// `outline.capture()` must be called while no such transient can be told: it marks the place from which
    /// on the subscription gets them. Of what a revision after [`Place::head`] tells, nothing may be said here.
    fn open_streams(&self, outline: Outline<'_>) -> OpenStreams {
        OpenStreams { from: outline.capture(), events: Vec::new() }
    }
}

/// Takes the present entities of a feed.
#[derive(Debug)]
pub struct Initial<'s> {
    pub(super) spool: &'s mut Spool,
}

impl Initial<'_> {
    /// Sends one entity.
    ///
    /// # Errors
    /// When it can't be written as JSON, or a temporary file fails.
    pub fn entity<T: serde::Serialize>(&mut self, entity: &'static str, id: &str, value: &T) -> Result<()> {
        let value = JsonText::of(value)?;
        let change = LiveChange::new(entity.into(), entity.into(), id.to_owned(), Op::Put, None, Some(value));
        Ok(self.spool.push(change.json().get())?)
    }
}

/// Marks the place in the ring from which on a subscription is live.
pub struct Outline<'h> {
    pub(super) capture: &'h dyn Fn() -> Place,
}

impl Outline<'_> {
    /// The place.
    pub fn capture(&self) -> Place {
        (self.capture)()
    }
}

impl std::fmt::Debug for Outline<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Outline")
    }
}

/// The answer of [`Feed::open_streams`].
#[derive(Debug)]
pub struct OpenStreams {
    /// What [`Outline::capture`] gave.
    pub from: Place,
    /// Events, as JSON.
    pub events: Vec<JsonText>,
}
