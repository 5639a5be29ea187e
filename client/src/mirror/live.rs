//! [`Mirror`]: the handle of a live collection.

use super::collection::Collection;
use super::driver::Driver;
use super::patches::{Patches, watch};
use super::shared::Shared;
use super::snapshot::Snapshot;
use super::state::MirrorState;
use crate::timer::timeout;
use crate::{Client, Error, Result, States};
use futures_util::FutureExt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use stina_protocol::Method;
use tokio_util::sync::{CancellationToken, DropGuard};

/// A live collection. It is cheap to clone, and stays up to date as long as one clone exists.
///
/// It needs no daemon: it is empty at first, fills when the daemon comes, and keeps what it shows while the daemon is
/// away. [`Self::state`] tells which.
#[derive(Debug)]
pub struct Mirror<C: Collection> {
    shared: Arc<Shared<C>>,
    client: Client,
    _stop: Arc<DropGuard>,
}

impl<C: Collection> Clone for Mirror<C> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), client: self.client.clone(), _stop: Arc::clone(&self._stop) }
    }
}

impl Client {
    /// Mirrors a collection. The mirror is empty at first; [`Mirror::ready`] waits for its entities.
    ///
    /// # Errors
    /// `invalid` when this client has as many subscriptions and mirrors as
    /// [`Limits::subscriptions`](crate::Limits::subscriptions) allow.
    pub fn mirror<C: Collection>(&self, collection: C) -> Result<Mirror<C>> {
        Mirror::start(self, collection)
    }
}

/// Ends a mirror when its task ends, also when the task panics or its runtime is shut down.
struct EndOnDrop<C: Collection>(Arc<Shared<C>>);

impl<C: Collection> Drop for EndOnDrop<C> {
    fn drop(&mut self) {
        self.0.end(Error::Closed);
    }
}

impl<C: Collection> Mirror<C> {
    fn start(client: &Client, collection: C) -> Result<Self> {
        let permit = client.subscription_permit()?;
        let shared = Arc::new(Shared::new(client.options().limits.patch_bytes));
        let driver = Driver::new(client, collection, Arc::clone(&shared))?;
        let stop = CancellationToken::new();
        let (stopped, ending) = (stop.clone(), EndOnDrop(Arc::clone(&shared)));
        client.runtime().spawn(async move {
            let (_permit, ending) = (permit, ending);
            let run = AssertUnwindSafe(driver.run()).catch_unwind();
            ending.0.end(match stopped.run_until_cancelled(run).await {
                None => Error::Closed,
                Some(Ok(error)) => error,
                Some(Err(panic)) => Error::Panicked(message(&*panic)),
            });
        });
        Ok(Self { shared, client: client.clone(), _stop: Arc::new(stop.drop_guard()) })
    }

    /// Waits for the first snapshot.
    ///
    /// # Errors
    /// The error that ended the mirror. [`Error::NotReachable`] and [`Error::TimedOut`] when there is none within the
    /// client's deadline; the mirror goes on trying.
    pub async fn ready(&self) -> Result<()> {
        let (shared, within) = (Arc::clone(&self.shared), self.client.options().deadline);
        let ready = async move { timeout(within, shared.ready()).await };
        match self.client.run(ready).await? {
            Ok(ready) => ready,
            Err(_) => Err(self.client.link().expired(C::Subscription::NAME, within)),
        }
    }

    /// Whether it is up to date.
    pub fn state(&self) -> MirrorState {
        self.shared.state()
    }

    /// A stream of its state. It ends after [`MirrorState::Ended`].
    pub fn states(&self) -> States<MirrorState> {
        self.shared.states()
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

    /// The revision that the mirror has reached; 0 before the first snapshot.
    pub fn rev(&self) -> u64 {
        self.shared.rev()
    }

    /// The error that ended the mirror and its [`Patches`]; `None` while it goes on.
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
        let epoch = self.client.server().map(|server| server.epoch);
        let newest = async { self.client.store().ping().await.ok() };
        self.shared.wait(rev, epoch, newest).await
    }

    /// The current entities, and every patch that follows, without a gap.
    pub fn watch(&self) -> (Snapshot<C::Item>, Patches<C::Item>) {
        watch(&self.shared)
    }
}

/// The message of a panic.
fn message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default()
}
