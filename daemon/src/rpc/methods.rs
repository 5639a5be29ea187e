//! The methods by name, and how each of them runs.

use super::call::CallContext;
use super::feed::Feed;
use crate::store::{EntityKind, JsonText, ReadTx, Result, Store, WriteFn, WriteTx};
use futures_util::future::BoxFuture;
use schemars::generate::SchemaGenerator;
use schemars::{JsonSchema, Schema};
use std::collections::BTreeMap;
use std::sync::Arc;
use stina_protocol::Error;
use stina_protocol::params::Members;

pub(super) type ReadFn = dyn Fn(&ReadTx<'_>, Members<'_>) -> Result<JsonText> + Send + Sync;
pub(super) type ScanFn = dyn Fn(Members<'_>) -> Result<LongRead, Error> + Send + Sync;
pub(super) type PrepareFn = dyn Fn(Members<'_>) -> Result<WriteFn, Error> + Send + Sync;
pub(super) type CallFn = dyn Fn(CallContext, Members<'_>) -> Result<CallFuture, Error> + Send + Sync;
pub(super) type SubscribeFn = dyn Fn(Members<'_>) -> Result<Opening, Error> + Send + Sync;
pub(super) type UndoFn = Box<dyn Fn(&mut WriteTx<'_>) -> Result<()> + Send + Sync>;
pub(super) type DisconnectFn = Box<dyn Fn(&Store, u64) + Send + Sync>;

/// The result of a method that is async.
pub(super) type CallFuture = BoxFuture<'static, Result<JsonText>>;

/// A long read whose params are parsed.
pub(super) type LongRead = Box<dyn FnOnce(&ReadTx<'_>) -> Result<JsonText> + Send>;

/// A subscription whose params are parsed.
pub(crate) struct Opening {
    pub(super) feed: Arc<dyn Feed>,
    pub(crate) start: stina_protocol::event::Start,
    /// Name of the method that opens it.
    pub(crate) method: &'static str,
    /// Name of its notifications.
    pub(crate) event: &'static str,
}

/// How a method runs.
pub(super) enum Run {
    /// A few rows: read where the call arrived, without a hop to another thread.
    Read(Box<ReadFn>),
    /// Any number of rows: read on a thread for blocking work.
    Scan(Box<ScanFn>),
    /// In the writer.
    Write(Arc<PrepareFn>),
    /// On the connection's task, when it is polled.
    Call(Box<CallFn>),
    Subscribe(Box<SubscribeFn>),
    Unsubscribe,
    /// `store.sync`: the connection answers it when its subscriptions have caught up.
    Sync,
    /// `store.credit`: the connection gives it to the subscription.
    Credit,
    /// `store.transact`: the steps are methods of this table.
    Transact,
    /// `store.purge`: a write, after which the files are scrubbed.
    Purge,
    /// `store.undo`: what it can undo is what the modules have, and they follow it.
    Undo,
    /// `rpc.discover`: the answer describes this table.
    Discover,
}

pub(super) struct Entry {
    pub(super) summary: &'static str,
    pub(super) run: Run,
    /// Schemas of params and result, each from a generator of its own.
    pub(super) describe: fn(&mut SchemaGenerator, &mut SchemaGenerator) -> (Schema, Schema),
    /// Whether `requestId` belongs to its params.
    pub(super) mutates: bool,
    /// Name of its notifications.
    pub(super) event: Option<&'static str>,
}

/// The methods, by name.
#[derive(Default)]
pub(crate) struct Methods {
    pub(super) by_name: BTreeMap<&'static str, Entry>,
    /// The kinds of entities.
    pub(super) entities: Vec<EntityKind>,
    pub(super) on_disconnect: Vec<DisconnectFn>,
    pub(super) on_undo: Vec<UndoFn>,
}

impl std::fmt::Debug for Methods {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.by_name.keys()).finish()
    }
}

impl Methods {
    pub(super) fn insert(&mut self, name: &'static str, entry: Entry) {
        let before = self.by_name.insert(name, entry);
        assert!(before.is_none(), "two methods are called {name}");
    }

    /// Runs what the modules registered for the end of a connection.
    pub(super) fn disconnected(&self, store: &Store, peer: u64) {
        self.on_disconnect.iter().for_each(|f| f(store, peer));
    }
}

/// Params of every `unsubscribe`, when given by name.
#[derive(Debug, JsonSchema, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UnsubscribeParams {
    /// Id that `subscribe` answered.
    pub(super) subscription: u64,
}
