//! The registry: from a method's definition and a plain function to everything that a method can do.

use super::feed::{Feed, Initial};
use super::peers::{Peer, Peers};
use crate::app::Stop;
use crate::limits::Limits;
use crate::store::{EntityKind, Migration, ModuleSchema, ReadTx, Result, Store, WriteFn, WriteTx};
use futures_util::future::BoxFuture;
use schemars::generate::SchemaGenerator;
use schemars::{JsonSchema, Schema};
use std::collections::BTreeMap;
use std::sync::Arc;
use stina_protocol::error::Result as Told;
use stina_protocol::event::Subscription;
use stina_protocol::method::{Bare, Kind, Method, Read, Wire, Write};
use stina_protocol::params::Members;
use tokio_util::sync::CancellationToken;

/// A module: everything that the daemon needs to know of it.
#[derive(Debug, Clone, Copy)]
pub struct Module {
    /// Its name, the first part of its methods' names.
    pub name: &'static str,
    /// Its tables.
    pub migrations: &'static [Migration],
    /// Its sorts of entities; in a snapshot they come in this order.
    pub entities: &'static [EntityKind],
    /// Registers its methods.
    pub register: fn(&mut Registry),
}

impl Module {
    pub(crate) fn schema(&self) -> ModuleSchema {
        ModuleSchema { module: self.name, migrations: self.migrations }
    }

    /// Sends every entity of the module.
    ///
    /// # Errors
    /// Those of the reads.
    pub fn snapshot(&self, tx: &ReadTx<'_>, out: &mut Initial<'_>) -> Result<()> {
        self.entities.iter().try_for_each(|kind| (kind.walk)(tx, &mut |key, json| out.json(*kind, key, json)))
    }
}

/// What a method that is no plain read or write may use.
#[derive(Debug, Clone)]
pub struct Call {
    /// The store.
    pub store: Store,
    /// Who calls.
    pub peer: Arc<Peer>,
    pub(crate) peers: Arc<Peers>,
    pub(crate) methods: Arc<Methods>,
    pub(crate) stop: Stop,
}

type ReadFn = dyn Fn(&ReadTx<'_>, Members<'_>) -> Result<String> + Send + Sync;
type LongFn = dyn Fn(Members<'_>) -> Told<LongRead> + Send + Sync;
type PrepareFn = dyn Fn(Members<'_>) -> Told<WriteFn> + Send + Sync;
type CallFn = dyn Fn(Call, Members<'_>) -> Told<BoxFuture<'static, Result<String>>> + Send + Sync;
type SubscribeFn = dyn Fn(Members<'_>) -> Told<Opening> + Send + Sync;
type TaskFn = Box<dyn FnOnce(Store, CancellationToken) -> BoxFuture<'static, ()> + Send>;
type StartFn = Box<dyn FnOnce(&mut WriteTx<'_>) -> Result<()> + Send>;
type DisconnectFn = Box<dyn Fn(&Store, u64) + Send + Sync>;

/// A long read whose params are parsed.
pub(crate) type LongRead = Box<dyn FnOnce(&ReadTx<'_>) -> Result<String> + Send>;

/// A subscription whose params are parsed.
pub(crate) struct Opening {
    pub(crate) feed: Arc<dyn Feed>,
    pub(crate) start: stina_protocol::event::Start,
    pub(crate) method: &'static str,
    pub(crate) event: &'static str,
}

/// How a method runs.
pub(crate) enum Run {
    /// A few rows: read where the call arrived, without a hop to another thread.
    Read(Box<ReadFn>),
    /// As many rows as there are: read on a thread for blocking work.
    Scan(Box<LongFn>),
    /// In the writer.
    Write(Arc<PrepareFn>),
    /// On the connection's task, when it is polled.
    Call(Box<CallFn>),
    Subscribe(Box<SubscribeFn>),
    Unsubscribe,
    /// `store.sync`: the connection itself knows when.
    Sync,
    /// `store.transact`: the steps are methods of the registry.
    Transact,
}

pub(crate) struct Entry {
    pub(crate) summary: &'static str,
    pub(crate) run: Run,
    /// Schemas of params and result, each from a generator of its own.
    pub(crate) describe: fn(&mut SchemaGenerator, &mut SchemaGenerator) -> (Schema, Schema),
    /// Whether `requestId` belongs to its params.
    pub(crate) mutates: bool,
    /// Name of its notifications.
    pub(crate) event: Option<&'static str>,
}

/// The methods that are known, by name.
#[derive(Default)]
pub(crate) struct Methods {
    pub(crate) by_name: BTreeMap<&'static str, Entry>,
    pub(crate) modules: Vec<Module>,
    on_disconnect: Vec<DisconnectFn>,
}

impl std::fmt::Debug for Methods {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.by_name.keys()).finish()
    }
}

impl Methods {
    /// Tells the modules that a connection has ended.
    pub(crate) fn disconnected(&self, store: &Store, peer: u64) {
        self.on_disconnect.iter().for_each(|f| f(store, peer));
    }
}

/// Takes the methods of the modules.
#[derive(Default)]
pub struct Registry {
    methods: Methods,
    limits: Arc<Limits>,
    background: Background,
}

/// What runs without being called.
#[derive(Default)]
pub(crate) struct Background {
    /// Writes to be done before the first connection.
    pub(crate) at_start: Vec<StartFn>,
    pub(crate) tasks: Vec<TaskFn>,
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.methods.fmt(f)
    }
}

fn describe<M: Method>(params: &mut SchemaGenerator, results: &mut SchemaGenerator) -> (Schema, Schema) {
    (M::Params::json_schema(params), results.subschema_for::<Wire<M>>())
}

fn answer<T: serde::Serialize>(output: &T) -> Result<String> {
    Ok(serde_json::to_string(output)?)
}

impl Registry {
    /// The registry with all methods of the core and of `modules`.
    pub(crate) fn with(modules: &[Module], limits: &Arc<Limits>) -> Self {
        let mut registry = Self { limits: Arc::clone(limits), ..Self::default() };
        super::core_methods::register(&mut registry, modules);
        for module in modules {
            (module.register)(&mut registry);
        }
        registry.methods.modules = modules.to_vec();
        registry
    }

    pub(crate) fn finish(self) -> (Arc<Methods>, Background) {
        (Arc::new(self.methods), self.background)
    }

    /// The bounds.
    pub fn limits(&self) -> &Arc<Limits> {
        &self.limits
    }

    pub(crate) fn add<M: Method>(&mut self, run: Run, event: Option<&'static str>) {
        let mutates = <M::Kind as Kind>::MUTATES;
        let entry = Entry { summary: M::SUMMARY, run, describe: describe::<M>, mutates, event };
        let before = self.methods.by_name.insert(M::NAME, entry);
        assert!(before.is_none(), "two methods are called {}", M::NAME);
    }

    /// A read of a few rows: it runs on the connection's own task, so it must be quick.
    pub fn read<M: Method<Kind = Read>>(
        &mut self,
        f: impl Fn(&ReadTx<'_>, M::Params) -> Result<M::Output> + Send + Sync + 'static,
    ) {
        let run = move |tx: &ReadTx<'_>, members: Members<'_>| answer(&f(tx, members.parse()?)?);
        self.add::<M>(Run::Read(Box::new(run)), None);
    }

    /// A read of many rows: it runs on a thread of its own.
    pub fn scan<M: Method<Kind = Read>>(
        &mut self,
        f: impl Fn(&ReadTx<'_>, M::Params) -> Result<M::Output> + Send + Sync + 'static,
    ) {
        let f = Arc::new(f);
        let run = move |members: Members<'_>| -> Told<LongRead> {
            let (params, f) = (members.parse()?, Arc::clone(&f));
            Ok(Box::new(move |tx| answer(&f(tx, params)?)))
        };
        self.add::<M>(Run::Scan(Box::new(run)), None);
    }

    /// A write. Retry by `requestId`, the revision in the reply, the group commit and its place in
    /// `store.transact` come with it.
    pub fn write<M: Method<Kind = Write>>(
        &mut self,
        f: impl Fn(&mut WriteTx<'_>, M::Params) -> Result<M::Output> + Send + Sync + 'static,
    ) {
        let f = Arc::new(f);
        let prepare = move |members: Members<'_>| -> Told<WriteFn> {
            let (params, f) = (members.parse()?, Arc::clone(&f));
            Ok(Box::new(move |tx| answer(&f(tx, params)?)))
        };
        self.add::<M>(Run::Write(Arc::new(prepare)), None);
    }

    /// A method that speaks of the daemon rather than of data.
    pub fn call<M: Method<Kind = Bare>, F>(
        &mut self,
        f: impl Fn(Call, M::Params) -> F + Send + Sync + 'static,
    ) where
        F: Future<Output = Result<M::Output>> + Send + 'static,
    {
        let run = move |call: Call, members: Members<'_>| -> Told<BoxFuture<'static, Result<String>>> {
            let output = f(call, members.parse()?);
            Ok(Box::pin(async move { answer(&output.await?) }))
        };
        self.add::<M>(Run::Call(Box::new(run)), None);
    }

    /// A subscription, and the method that ends it.
    pub fn feed<M: Subscription, F: Feed>(
        &mut self,
        f: impl Fn(M::Filter) -> Told<F> + Send + Sync + 'static,
    ) {
        let run = move |members: Members<'_>| -> Told<Opening> {
            let (start, filter) = M::parts(members.parse()?);
            Ok(Opening { feed: Arc::new(f(filter)?), start, method: M::NAME, event: M::EVENT })
        };
        self.add::<M>(Run::Subscribe(Box::new(run)), Some(M::EVENT));
        let entry = Entry {
            summary: "Ends a subscription; answers whether there was one. Params: `[id]`.",
            run: Run::Unsubscribe,
            describe: |params, results| {
                (UnsubscribeParams::json_schema(params), results.subschema_for::<bool>())
            },
            mutates: false,
            event: None,
        };
        let before = self.methods.by_name.insert(M::UNSUBSCRIBE, entry);
        assert!(before.is_none(), "two methods are called {}", M::UNSUBSCRIBE);
    }

    /// A write of the daemon's own, done before the first connection is accepted.
    pub fn at_start(&mut self, f: impl FnOnce(&mut WriteTx<'_>) -> Result<()> + Send + 'static) {
        self.background.at_start.push(Box::new(f));
    }

    /// Work in the background, from the daemon's start until the token is cancelled.
    pub fn task<F>(&mut self, f: impl FnOnce(Store, CancellationToken) -> F + Send + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.background.tasks.push(Box::new(move |store, stop| Box::pin(f(store, stop))));
    }

    /// Called with the number of a connection that has ended.
    pub fn on_disconnect(&mut self, f: impl Fn(&Store, u64) + Send + Sync + 'static) {
        self.methods.on_disconnect.push(Box::new(f));
    }
}

/// Params of every `unsubscribe`, when given by name.
#[derive(Debug, JsonSchema, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct UnsubscribeParams {
    /// Id that `subscribe` answered.
    pub(crate) subscription: u64,
}
