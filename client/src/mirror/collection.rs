//! [`Collection`]: the description of what a mirror shows.

use serde::de::DeserializeOwned;
use stina_protocol::event::{Delta, SubscribeMethod};

/// The entities that a mirror shows, their subscription and their order.
pub trait Collection: Send + Sync + 'static {
    /// The subscription that sends their changes.
    type Subscription: SubscribeMethod<Filter: Default>;
    /// The entity.
    type Item: DeserializeOwned + PartialEq + Send + Sync + 'static;
    /// The sort key; entities with equal keys are sorted by id.
    type SortKey: Ord + Send + Sync + 'static;
    /// The name of the entity in changes; changes of other entities are ignored.
    const ENTITY: &'static str;

    /// The filter of the subscription; by default all changes of the module.
    fn filter(&self) -> <Self::Subscription as SubscribeMethod>::Filter {
        Default::default()
    }

    /// The sort key of an entity.
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

    /// Number of entities in the first snapshot, if the subscription sends only the last ones. Entities that sort
    /// before them stay out, even when they change.
    fn last(&self) -> Option<usize> {
        None
    }

    /// The entity with the text of a delta added; `None` if it stays unchanged.
    fn extended(&self, item: &Self::Item, delta: &Delta) -> Option<Self::Item> {
        let _ = (item, delta);
        None
    }
}
