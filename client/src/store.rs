//! `client.store()`: the store and the daemon.

use crate::{CallOptions, Client, Error, Result};
use stina_protocol::store::{
    ChangePage, ChangesParams, ClientList, Clients, GetChanges, GetInfo, GetResult, Info, Ping, Purge,
    PurgeOutput, PurgeParams, ResultParams, Stop, StoredReply, Sync,
};
use stina_protocol::types::NoParams;
use stina_protocol::undo::{
    EntityRevision, History, HistoryParams, Trash, TrashItem, TrashParams, Undo, UndoParams, Undone,
};
use stina_protocol::{Page, Reply, RequestId};

impl Client {
    /// `store.*`: the store and the daemon.
    pub fn store(&self) -> Store {
        Store::new(self.clone())
    }
}

/// The methods `store.*`. Their errors are those of [`Client::call`].
#[derive(Debug, Clone)]
pub struct Store {
    client: Client,
}

impl Store {
    pub(crate) fn new(client: Client) -> Self {
        Self { client }
    }

    /// Checks that the daemon can read the database; returns the newest revision.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn ping(&self) -> Result<u64> {
        Ok(self.client.call::<Ping>(NoParams {}).await?.rev)
    }

    /// Reads versions, sizes, counts, the WAL, uptime and limits.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn info(&self) -> Result<Info> {
        self.client.call::<GetInfo>(NoParams {}).await
    }

    /// Lists the connected clients, with their subscriptions and lag.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn clients(&self) -> Result<ClientList> {
        self.client.call::<Clients>(NoParams {}).await
    }

    /// Reads revisions from the change log, with each entity before and after.
    ///
    /// # Errors
    /// As [`Client::call`]; `compacted` when the log no longer has the revision.
    pub async fn changes(&self, params: ChangesParams) -> Result<Reply<ChangePage>> {
        self.client.call::<GetChanges>(params).await
    }

    /// Waits until every event up to now was sent on this connection; returns the revision.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn sync(&self) -> Result<u64> {
        Ok(self.client.call::<Sync>(NoParams {}).await?.rev)
    }

    /// Erases deleted entities for good: one, or all that were deleted before a time.
    ///
    /// # Errors
    /// As [`Client::call`]; `not_found` for an entity that the change log does not know, `invalid` for one that exists.
    pub async fn purge(&self, params: PurgeParams) -> Result<Reply<PurgeOutput>> {
        self.client.call::<Purge>(params).await
    }

    /// Reads the answer of the write with that id: use it after [`Error::OutcomeUnknown`].
    ///
    /// # Errors
    /// As [`Client::call`]; `not_found` when no such write happened, or more than 7 days ago.
    pub async fn result(&self, request_id: RequestId) -> Result<StoredReply> {
        self.client.call::<GetResult>(ResultParams { request_id }).await
    }

    /// Puts back what the revision `rev` changed, as a new revision; undoing an undo is redo.
    ///
    /// # Errors
    /// As [`Client::call`]; `conflict` when something of it has changed since: `current` is a list of
    /// [`ChangedSince`](stina_protocol::undo::ChangedSince).
    pub async fn undo(&self, rev: u64) -> Result<Reply<Undone>> {
        self.client.call::<Undo>(UndoParams::new(rev)).await
    }

    /// As [`Self::undo`], also what has changed since.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn undo_by_force(&self, rev: u64) -> Result<Reply<Undone>> {
        self.client.call::<Undo>(UndoParams { rev, force: true }).await
    }

    /// The revisions of one entity, newest first, with the entity before and after.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn history(&self, params: HistoryParams) -> Result<Reply<Page<EntityRevision>>> {
        self.client.call::<History>(params).await
    }

    /// What was deleted and can still be put back, newest first.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn trash(&self, params: TrashParams) -> Result<Reply<Page<TrashItem>>> {
        self.client.call::<Trash>(params).await
    }

    /// Stops the daemon; returns its newest revision, if the answer arrived. The call is sent once, so that it can't
    /// stop a daemon that was started meanwhile.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn stop(&self) -> Result<Option<u64>> {
        let how = CallOptions { once: true, ..CallOptions::default() };
        match self.client.call_with::<Stop>(NoParams {}, how).await {
            Ok(rev) => Ok(Some(rev.rev)),
            // The connection broke because the daemon stopped.
            Err(Error::Disconnected { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}
