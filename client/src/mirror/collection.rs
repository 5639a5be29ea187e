//! [`Collection`]: the description of what a mirror shows.

use serde::de::DeserializeOwned;
use stina_protocol::event::{Change, SubscribeMethod};

/// The entities that a mirror shows, their subscription and their order.
pub trait Collection: Send + Sync + 'static {
    /// The subscription that sends their changes.
    type Subscription: SubscribeMethod<Filter: Default>;
    /// The entity.
    type Item: Item;
    /// The sort key; entities with equal keys are sorted by id.
    type SortKey: Ord + Send + Sync + 'static;
    /// The name of the entity in changes; changes of other entities are ignored.
    const ENTITY: &'static str;

    /// The filter of the subscription; by default all changes of the module.
    fn filter(&self) -> <Self::Subscription as SubscribeMethod>::Filter {
        Default::default()
    }

    /// The sort key of an entity. New text of a streaming message must not change it.
    fn sort_key(&self, item: &Self::Item) -> Self::SortKey;

    /// Whether an entity belongs to the collection. It narrows the subscription's filter; an entity that no longer
    /// belongs is removed.
    fn admits(&self, item: &Self::Item) -> bool {
        let _ = item;
        true
    }

    /// The time at which an unchanged entity leaves the collection, if any, in milliseconds since the Unix epoch.
    fn until(&self, item: &Self::Item) -> Option<i64> {
        let _ = item;
        None
    }

    /// Number of entities that the mirror shows of a snapshot, if the subscription sends only the last ones: it must
    /// send one at least. Entities that sort before those stay out, even when they change.
    fn last(&self) -> Option<usize> {
        None
    }

    /// Is called before each snapshot.
    fn begin_snapshot(&mut self) {}

    /// Is called with every change of the subscription, of any entity, before the change is applied. Returns whether
    /// the collection now shows other entities: then the mirror takes a new snapshot.
    fn observe(&mut self, change: &Change) -> bool {
        let _ = change;
        false
    }
}

/// An entity of a mirror.
pub trait Item: DeserializeOwned + Clone + PartialEq + Send + Sync + 'static {
    /// Keeps the first `offset` bytes of the entity's text, and adds the new text of a streaming message. Returns
    /// whether the entity has a text with that offset, and changed.
    fn append(&mut self, offset: usize, text: &str) -> bool {
        let _ = (offset, text);
        false
    }
}
