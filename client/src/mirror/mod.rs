//! Mirrors: a collection of entities in memory, sorted and kept up to date.
//!
//! A mirror is a subscription with `initial` whose events are applied. To show it, take a [`Snapshot`] and then
//! [`Patch`]es: whole transactions, as the insertions, moves, updates and removals that a list widget needs.
//! A reset of the subscription becomes the differences between the old set and the new.

mod collections;
mod diff;
mod driver;
mod rows;
mod shared;

use crate::{Client, Error, Result};
use serde::de::DeserializeOwned;
use shared::Shared;
use std::sync::Arc;
use stina_protocol::Method;
use stina_protocol::event::{Delta, Subscription as Subscribe};
use tokio_util::sync::{CancellationToken, DropGuard};

pub use collections::{Conversations, Memories, Messages, Todos};
pub use diff::{Diff, Patch};
pub use shared::Patches;

/// What a mirror shows: which entities, of which subscription, in which order.
pub trait Collection: Send + Sync + 'static {
    /// The subscription that sends their changes.
    type Subscription: Subscribe<Filter: Default>;
    /// An entity, as the API shows it.
    type Item: DeserializeOwned + PartialEq + Send + Sync + 'static;
    /// What the entities are sorted by; entities with equal keys are sorted by their ids.
    type SortKey: Ord + Send + Sync + 'static;
    /// The name of the entity, as changes have it; changes of other entities are ignored.
    const ENTITY: &'static str;

    /// The filter of the subscription; by default all of the module's changes.
    fn filter(&self) -> <Self::Subscription as Subscribe>::Filter {
        Default::default()
    }

    /// What an entity is sorted by.
    fn sort_key(&self, item: &Self::Item) -> Self::SortKey;

    /// Whether an entity belongs to the collection, beyond the subscription's filter. An entity that changes so that it
    /// no longer does is removed.
    fn admits(&self, item: &Self::Item) -> bool {
        let _ = item;
        true
    }

    /// The time at which an entity leaves the collection without being changed, in milliseconds since the Unix epoch, if
    /// there is one.
    fn until(&self, item: &Self::Item) -> Option<i64> {
        let _ = item;
        None
    }

    /// How many entities there are to begin with, where the subscription sends the last ones only. Entities that sort
    /// before the first of them stay out, also when they change.
    fn last(&self) -> Option<usize> {
        None
    }

    /// The entity `item`, which a streamed delta names, with the delta's text; none when it stays unchanged.
    fn extended(&self, item: &Self::Item, delta: &Delta) -> Option<Self::Item> {
        let _ = (item, delta);
        None
    }
}

/// A collection at one revision.
#[derive(Debug)]
pub struct Snapshot<T> {
    /// The revision up to which it is complete.
    pub rev: u64,
    /// The entities, in order.
    pub items: Vec<Arc<T>>,
}

/// A live collection. Cheap to clone; it is kept up to date as long as one clone exists.
#[derive(Debug)]
pub struct Mirror<C: Collection> {
    shared: Arc<Shared<C>>,
    _stop: Arc<DropGuard>,
}

impl<C: Collection> Clone for Mirror<C> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), _stop: Arc::clone(&self._stop) }
    }
}

impl Client {
    /// Keeps a collection in memory, sorted and up to date; returns when the present entities are there.
    ///
    /// # Errors
    /// As [`Self::call`].
    pub async fn mirror<C: Collection>(&self, collection: C) -> Result<Mirror<C>> {
        Mirror::open(self, collection).await
    }
}

impl<C: Collection> Mirror<C> {
    /// Begins to mirror, and waits for the present entities.
    pub(crate) async fn open(client: &Client, collection: C) -> Result<Self> {
        let stop = CancellationToken::new();
        let shared = Arc::new(Shared::new());
        let driver = driver::Driver::open(client, collection, Arc::clone(&shared)).await?;
        let (stopped, ending) = (stop.clone(), Arc::clone(&shared));
        tokio::spawn(async move {
            let error = stopped.run_until_cancelled(driver.run()).await;
            ending.end(error.unwrap_or(Error::Closed));
        });
        let mirror = Self { shared, _stop: Arc::new(stop.drop_guard()) };
        let limit = client.options().deadline;
        let timed_out = |_| Error::TimedOut { method: C::Subscription::NAME.to_owned(), after: limit };
        tokio::time::timeout(limit, mirror.wait(0)).await.map_err(timed_out)??;
        Ok(mirror)
    }

    /// The collection as it is now.
    pub fn snapshot(&self) -> Snapshot<C::Item> {
        self.shared.snapshot()
    }

    /// The entity of that id.
    pub fn get(&self, id: &str) -> Option<Arc<C::Item>> {
        self.shared.get(id)
    }

    /// How many entities there are.
    pub fn len(&self) -> usize {
        self.shared.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The revision up to which it is complete.
    pub fn rev(&self) -> u64 {
        self.shared.rev()
    }

    /// Why it is no longer kept up to date, and [`Patches`] have ended; none as long as it is.
    pub fn ended(&self) -> Option<Error> {
        self.shared.ended()
    }

    /// Waits until it is complete up to `rev`: after a write returned that revision, the write is seen. When the
    /// store is restored or reset meanwhile, what was written went with what was replaced, and the wait is over.
    ///
    /// Revisions that do not concern the collection are heard of within the daemon's `syncedAfterMs`. As long as there is
    /// no daemon this waits for one: where that must not last, put it in a `tokio::time::timeout`. Cancel safe.
    ///
    /// # Errors
    /// Why the mirror has ended.
    pub async fn wait(&self, rev: u64) -> Result<()> {
        self.shared.wait(rev).await
    }

    /// The collection as it is now, and what changes from then on.
    pub fn watch(&self) -> (Snapshot<C::Item>, Patches<C::Item>) {
        Shared::watch(&self.shared)
    }
}
