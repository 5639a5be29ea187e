//! `client.transact()`: several writes, all or nothing.

use crate::{CallOptions, Client, Error, Result};
use std::marker::PhantomData;
use stina_protocol::method::Write;
use stina_protocol::store::{Step, Transact, TransactParams};
use stina_protocol::{Json, Method};

impl Client {
    /// Begins a transaction.
    pub fn transact(&self) -> Transaction {
        Transaction::new(self.clone())
    }
}

/// Builds a transaction: one revision, one notification; or nothing at all.
///
/// A step that later ones refer to needs an id that its caller chose.
#[derive(Debug, Clone)]
#[must_use = "nothing happens until it is committed"]
pub struct Transaction {
    client: Client,
    params: TransactParams,
    how: CallOptions,
}

/// Stands for the result of one step.
#[derive(Debug)]
pub struct Placed<M> {
    index: usize,
    method: PhantomData<fn() -> M>,
}

impl<M> Clone for Placed<M> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<M> Copy for Placed<M> {}

impl Transaction {
    pub(crate) fn new(client: Client) -> Self {
        let params = TransactParams { ops: Vec::new(), if_rev: None };
        Self { client, params, how: CallOptions::default() }
    }

    /// Adds a step; what it answers is found with what this gives.
    ///
    /// # Errors
    /// `invalid` when the params can't be written as JSON.
    pub fn add<M: Method<Kind = Write>>(&mut self, params: &M::Params) -> Result<Placed<M>> {
        let params =
            serde_json::to_string(params).map_err(|e| stina_protocol::Error::invalid("", e.to_string()))?;
        let step = Step { method: M::NAME.to_owned(), params: Some(Json::parse(&params)?) };
        self.params.ops.push(step);
        Ok(Placed { index: self.params.ops.len() - 1, method: PhantomData })
    }

    /// Only if the newest revision of the whole store is this.
    pub fn if_rev(mut self, rev: u64) -> Self {
        self.params.if_rev = Some(rev);
        self
    }

    /// How the call is made, where it differs from the client's ways.
    pub fn with(mut self, how: CallOptions) -> Self {
        self.how = how;
        self
    }

    /// Does it, exactly once.
    ///
    /// # Errors
    /// As [`Client::call`]; the fault's `index` says which step failed, and nothing was changed.
    pub async fn commit(self) -> Result<Committed> {
        let reply = self.client.call_with::<Transact>(self.params, self.how).await?;
        Ok(Committed { rev: reply.rev, results: reply.value.results })
    }
}

/// What a transaction answered.
#[derive(Debug)]
pub struct Committed {
    /// The revision that it made.
    pub rev: u64,
    /// What each step answered, in order.
    pub results: Vec<Json>,
}

impl Committed {
    /// What one step answered.
    ///
    /// # Errors
    /// [`Error::Protocol`] when it is not what its method answers, or was placed in another transaction.
    pub fn get<M: Method<Kind = Write>>(&self, step: Placed<M>) -> Result<M::Output> {
        let missing = || Error::Protocol(format!("there is no step {}", step.index));
        let result = self.results.get(step.index).ok_or_else(missing)?;
        result.to().map_err(|e| Error::Protocol(format!("{}: {e}", M::NAME)))
    }
}
