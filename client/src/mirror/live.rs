//! [`Mirror`]: the handle of a live collection.

use super::collection::Collection;
use super::driver::Driver;
use super::shared::{Patches, Shared};
use super::snapshot::Snapshot;
use crate::{Client, Error, Result};
use std::sync::Arc;
use stina_protocol::Method;
use tokio_util::sync::{CancellationToken, DropGuard};

/// A live collection. It is cheap to clone, and stays up to date as long as one clone exists.
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
    /// Mirrors a collection; returns when the first snapshot is complete.
    ///
    /// # Errors
    /// As [`Self::call`].
    pub async fn mirror<C: Collection>(&self, collection: C) -> Result<Mirror<C>> {
        Mirror::open(self, collection).await
    }
}

impl<C: Collection> Mirror<C> {
    /// Opens a mirror, and waits for the first snapshot.
    pub(crate) async fn open(client: &Client, collection: C) -> Result<Self> {
        let stop = CancellationToken::new();
        let shared = Arc::new(Shared::new());
        let driver = Driver::open(client, collection, Arc::clone(&shared)).await?;
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

    /// The current entities.
    pub fn snapshot(&self) -> Snapshot<C::Item> {
        self.shared.snapshot()
    }

    /// The entity with that id.
    pub fn get(&self, id: &str) -> Option<Arc<C::Item>> {
        self.shared.get(id)
    }

    /// The number of entities.
    pub fn len(&self) -> usize {
        self.shared.len()
    }

    /// Whether there are no entities.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The revision that the mirror has reached.
    pub fn rev(&self) -> u64 {
        self.shared.rev()
    }

    /// The error that ended the mirror and its [`Patches`]; `None` while it is up to date.
    pub fn ended(&self) -> Option<Error> {
        self.shared.ended()
    }

    /// Waits until the mirror has reached a revision, such as that of your own write. The wait also ends when the store
    /// is restored or reset, because that replaces the revisions.
    ///
    /// Revisions that do not concern the collection arrive within the daemon's `syncedAfterMs`. Without a connection
    /// this waits for one, without a deadline: use `tokio::time::timeout` to limit it. Cancel safe.
    ///
    /// # Errors
    /// The error that ended the mirror.
    pub async fn wait(&self, rev: u64) -> Result<()> {
        self.shared.wait(rev).await
    }

    /// The current entities, and every patch that follows, without a gap.
    pub fn watch(&self) -> (Snapshot<C::Item>, Patches<C::Item>) {
        Shared::watch(&self.shared)
    }
}
