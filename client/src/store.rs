//! `client.store()`: the store and the daemon.

use crate::call::Call;
use crate::{Client, Error};
use stina_protocol::store::{
    ChangesParams, Clients, GetChanges, GetInfo, GetResult, Ping, Purge, PurgeParams, ResultParams, Stop,
    Sync,
};
use stina_protocol::types::{NoParams, Paging};
use stina_protocol::undo::{History, Subject, Trash, Undo, UndoParams};
use stina_protocol::{RequestId, With};

impl Client {
    /// `store.*`: the store and the daemon.
    pub fn store(&self) -> Store {
        Store::new(self.clone())
    }
}

/// The methods `store.*`. Each is a [`Call`], to be completed and awaited.
#[derive(Debug, Clone)]
pub struct Store {
    client: Client,
}

impl Store {
    pub(crate) fn new(client: Client) -> Self {
        Self { client }
    }

    /// Checks that the daemon can read the database; answers the newest revision.
    pub fn ping(&self) -> Call<Ping, u64> {
        Call::with(&self.client, Ok(NoParams {}), |client, params, options| {
            Box::pin(async move { Ok(client.execute::<Ping>(params, options).await?.rev) })
        })
    }

    /// Reads versions, sizes, counts, the WAL, uptime and limits.
    pub fn info(&self) -> Call<GetInfo> {
        Call::new(&self.client, Ok(NoParams {}))
    }

    /// Lists the connected clients, with their subscriptions and lag.
    pub fn clients(&self) -> Call<Clients> {
        Call::new(&self.client, Ok(NoParams {}))
    }

    /// Reads revisions from the change log, with each entity before and after. `compacted` when the log no longer has
    /// the revision.
    pub fn changes(&self, params: ChangesParams) -> Call<GetChanges> {
        Call::new(&self.client, Ok(params))
    }

    /// Waits until every event up to now was sent on this connection; answers the revision.
    pub fn sync(&self) -> Call<Sync, u64> {
        Call::with(&self.client, Ok(NoParams {}), |client, params, options| {
            Box::pin(async move { Ok(client.execute::<Sync>(params, options).await?.rev) })
        })
    }

    /// Erases deleted entities for good: one, or all that were deleted before a time. `not_found` for an entity that the
    /// change log does not know, `invalid` for one that exists.
    pub fn purge(&self, params: PurgeParams) -> Call<Purge> {
        Call::new(&self.client, Ok(params))
    }

    /// Reads the answer of the write with that id: use it after [`Error::OutcomeUnknown`]. `not_found` when no such write
    /// happened, or more than 7 days ago.
    pub fn result(&self, request_id: RequestId) -> Call<GetResult> {
        Call::new(&self.client, Ok(ResultParams { request_id }))
    }

    /// Puts back what the revision `rev` changed, as a new revision; undoing an undo is redo.
    ///
    /// `conflict` when something of it has changed since, unless [`forced`](Call::force): `current` is a list of
    /// [`ChangedSince`](stina_protocol::undo::ChangedSince).
    pub fn undo(&self, rev: u64) -> Call<Undo> {
        Call::new(&self.client, Ok(UndoParams::new(rev)))
    }

    /// The revisions of one entity, newest first, with the entity before and after.
    pub fn history(&self, entity: impl Into<String>, id: impl Into<String>) -> Call<History> {
        let fields = Subject { entity: entity.into(), id: id.into() };
        Call::new(&self.client, Ok(With { head: Paging::default(), fields }))
    }

    /// What was deleted and can still be put back, newest first.
    pub fn trash(&self) -> Call<Trash> {
        Call::new(&self.client, Ok(Paging::default().into()))
    }

    /// Stops the daemon; answers its newest revision, if the answer arrived. The call is sent once, so that it can't
    /// stop a daemon that was started meanwhile.
    pub fn stop(&self) -> Call<Stop, Option<u64>> {
        Call::with(&self.client, Ok(NoParams {}), |client, params, mut options| {
            options.once = true;
            Box::pin(async move {
                match client.execute::<Stop>(params, options).await {
                    Ok(rev) => Ok(Some(rev.rev)),
                    // The connection broke because the daemon stopped.
                    Err(Error::Disconnected { .. }) => Ok(None),
                    Err(error) => Err(error),
                }
            })
        })
    }
}

impl Call<Undo> {
    /// Also puts back what has changed since.
    pub fn force(self) -> Self {
        self.set(|params| params.force = true)
    }
}
