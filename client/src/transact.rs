//! `client.transact()`: several writes in one transaction.

use crate::call::Call;
use crate::{CallOptions, Client, Error, Result, field};
use std::marker::PhantomData;
use std::time::Duration;
use stina_protocol::method::Write;
use stina_protocol::store::{Step, Transact, TransactParams};
use stina_protocol::{Json, Method, RequestId};

impl Client {
    /// Begins a transaction.
    pub fn transact(&self) -> Transaction {
        Transaction::new(self.clone())
    }
}

/// Builds a transaction: its writes happen together, as one revision and one notification, or not at all.
///
/// To refer to an entity in a later step, choose its id.
#[derive(Debug, Clone)]
#[must_use = "nothing happens until it is committed"]
pub struct Transaction {
    client: Client,
    params: TransactParams,
    options: CallOptions,
}

/// Handle of one step, to read its result by [`Committed::get`].
#[derive(Debug)]
pub struct StepHandle<M> {
    index: usize,
    method: PhantomData<fn() -> M>,
}

impl<M> Clone for StepHandle<M> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<M> Copy for StepHandle<M> {}

impl Transaction {
    pub(crate) fn new(client: Client) -> Self {
        let params = TransactParams { ops: Vec::new(), if_rev: None };
        Self { client, params, options: CallOptions::default() }
    }

    /// Adds a write as a step; returns the handle of its result. Its id and its timeout do not count: they are those of
    /// the transaction.
    ///
    /// # Errors
    /// `invalid` when a value of it is not valid.
    pub fn add<M: Method<Kind = Write>>(&mut self, call: Call<M>) -> Result<StepHandle<M>> {
        let params = field::json("", &call.into_params()?)?;
        self.params.ops.push(Step { method: M::NAME.to_owned(), params: Some(params) });
        Ok(StepHandle { index: self.params.ops.len() - 1, method: PhantomData })
    }

    /// Makes the transaction fail unless this is the newest revision of the whole store.
    pub fn if_rev(mut self, rev: u64) -> Self {
        self.params.if_rev = Some(rev);
        self
    }

    /// The id of the transaction; generated otherwise.
    pub fn request_id(mut self, id: RequestId) -> Self {
        self.options.request_id = Some(id);
        self
    }

    /// Maximum duration of [`Self::commit`], reconnects included.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.options.deadline = Some(timeout);
        self
    }

    /// Commits the transaction, exactly once.
    ///
    /// # Errors
    /// As [`Client::call`]; the fault's `index` is that of the failed step, and nothing changed.
    pub async fn commit(self) -> Result<Committed> {
        let reply = self.client.execute::<Transact>(self.params, self.options).await?;
        Ok(Committed { rev: reply.rev, results: reply.value.results })
    }
}

/// The results of a transaction.
#[derive(Debug)]
pub struct Committed {
    /// Its revision.
    pub rev: u64,
    /// The result of each step, in order.
    pub results: Vec<Json>,
}

impl Committed {
    /// The result of one step.
    ///
    /// # Errors
    /// [`Error::Protocol`] when the result does not fit the method, or the handle is of another transaction.
    pub fn get<M: Method<Kind = Write>>(&self, step: StepHandle<M>) -> Result<M::Output> {
        let missing = || Error::Protocol(format!("there is no step {}", step.index));
        let result = self.results.get(step.index).ok_or_else(missing)?;
        result.to().map_err(|e| Error::Protocol(format!("{}: {e}", M::NAME)))
    }
}
