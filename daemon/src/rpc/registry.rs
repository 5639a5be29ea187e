//! The registry: from a method's definition and a plain function to everything that a method can do.

use super::call::CallContext;
use super::feed::{Feed, Initial};
use super::methods::{CallFuture, Entry, LongRead, Methods, Opening, Run, UnsubscribeParams};
use crate::limits::Limits;
use crate::store::{
    EntityKind, JsonText, Migration, ModuleSchema, ReadTx, Result, Store, WriteFn, WriteTx, Written,
};
use futures_util::future::BoxFuture;
use schemars::generate::SchemaGenerator;
use schemars::{JsonSchema, Schema};
use std::sync::Arc;
use stina_protocol::Error;
use stina_protocol::event::SubscribeMethod;
use stina_protocol::method::{Bare, Method, MethodKind, Read, Wire, Write};
use stina_protocol::params::Members;
use tokio_util::sync::CancellationToken;

/// A module: everything that the daemon needs from it.
#[derive(Debug, Clone, Copy)]
pub struct Module {
    /// Its name, the first part of its methods' names.
    pub name: &'static str,
    /// Its tables.
    pub migrations: &'static [Migration],
    /// Its kinds of entities; in a snapshot they come in this order.
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

/// Collects the methods of the modules.
#[derive(Default)]
pub struct Registry {
    methods: Methods,
    limits: Arc<Limits>,
    background: Background,
}

type TaskFn = Box<dyn FnOnce(Store, CancellationToken) -> BoxFuture<'static, ()> + Send>;
type StartFn = Box<dyn FnOnce(Store) -> BoxFuture<'static, ()> + Send>;

/// Work that no call starts.
#[derive(Default)]
pub(crate) struct Background {
    /// Work to be done before the first connection.
    pub(crate) at_start: Vec<StartFn>,
    /// Work that runs until the daemon stops.
    pub(crate) tasks: Vec<TaskFn>,
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.methods.fmt(f)
    }
}

fn describe<M>(params: &mut SchemaGenerator, results: &mut SchemaGenerator) -> (Schema, Schema)
where
    M: Method<Params: JsonSchema>,
    Wire<M>: JsonSchema,
{
    (M::Params::json_schema(params), results.subschema_for::<Wire<M>>())
}

impl Registry {
    /// A registry without methods.
    pub(crate) fn new(limits: &Arc<Limits>) -> Self {
        Self { limits: Arc::clone(limits), ..Self::default() }
    }

    /// Adds kinds of entities.
    pub(super) fn know(&mut self, entities: impl Iterator<Item = &'static EntityKind>) {
        self.methods.entities.extend(entities);
    }

    /// The methods, and the work that no call starts.
    pub(crate) fn finish(self) -> (Arc<Methods>, Background) {
        (Arc::new(self.methods), self.background)
    }

    /// The bounds.
    pub fn limits(&self) -> &Arc<Limits> {
        &self.limits
    }

    pub(super) fn add<M>(&mut self, run: Run, event: Option<&'static str>)
    where
        M: Method<Params: JsonSchema>,
        Wire<M>: JsonSchema,
    {
        let mutates = <M::Kind as MethodKind>::MUTATES;
        self.methods
            .insert(M::NAME, Entry { summary: M::SUMMARY, run, describe: describe::<M>, mutates, event });
    }

    /// A read of a few rows: it runs on the connection's own task, so it must be quick.
    pub fn read<M: Method<Kind = Read, Params: JsonSchema, Output: JsonSchema>>(
        &mut self,
        f: impl Fn(&ReadTx<'_>, M::Params) -> Result<M::Output> + Send + Sync + 'static,
    ) {
        let run = move |tx: &ReadTx<'_>, members: Members<'_>| Ok(JsonText::of(&f(tx, members.parse()?)?)?);
        self.add::<M>(Run::Read(Box::new(run)), None);
    }

    /// A read of many rows: it runs on a thread of its own.
    pub fn scan<M: Method<Kind = Read, Params: JsonSchema, Output: JsonSchema>>(
        &mut self,
        f: impl Fn(&ReadTx<'_>, M::Params) -> Result<M::Output> + Send + Sync + 'static,
    ) {
        let f = Arc::new(f);
        let run = move |members: Members<'_>| -> Result<LongRead, Error> {
            let (params, f) = (members.parse()?, Arc::clone(&f));
            Ok(Box::new(move |tx| Ok(JsonText::of(&f(tx, params)?)?)))
        };
        self.add::<M>(Run::Scan(Box::new(run)), None);
    }

    /// A write. It comes with retry by `requestId`, the revision in the reply, group commit, and the use as a step
    /// of `store.transact`.
    pub fn write<M: Method<Kind = Write, Params: JsonSchema, Output: JsonSchema>>(
        &mut self,
        f: impl Fn(&mut WriteTx<'_>, M::Params) -> Result<M::Output> + Send + Sync + 'static,
    ) {
        self.write_in_steps::<M>(move |tx, params| f(tx, params).map(Written::Done));
    }

    /// A write that may be large: once [`WriteTx::is_full`] it answers [`Written::More`], which goes on in another revision
    /// after other writes have had their turn.
    pub fn write_in_steps<M: Method<Kind = Write, Params: JsonSchema, Output: JsonSchema>>(
        &mut self,
        f: impl Fn(&mut WriteTx<'_>, M::Params) -> Result<Written<M::Output>> + Send + Sync + 'static,
    ) {
        let f = Arc::new(f);
        let prepare = move |members: Members<'_>| -> Result<WriteFn, Error> {
            let (params, f) = (members.parse()?, Arc::clone(&f));
            Ok(Box::new(move |tx| f(tx, params)?.into_json()))
        };
        self.add::<M>(Run::Write(Arc::new(prepare)), None);
    }

    /// A method about the daemon rather than about data.
    pub fn call<M: Method<Kind = Bare, Params: JsonSchema, Output: JsonSchema>, F>(
        &mut self,
        f: impl Fn(CallContext, M::Params) -> F + Send + Sync + 'static,
    ) where
        F: Future<Output = Result<M::Output>> + Send + 'static,
    {
        let run = move |call: CallContext, members: Members<'_>| -> Result<CallFuture, Error> {
            let output = f(call, members.parse()?);
            Ok(Box::pin(async move { Ok(JsonText::of(&output.await?)?) }))
        };
        self.add::<M>(Run::Call(Box::new(run)), None);
    }

    /// A subscription, and the method that ends it.
    pub fn feed<M: SubscribeMethod<Params: JsonSchema>, F: Feed>(
        &mut self,
        f: impl Fn(M::Filter) -> Result<F, Error> + Send + Sync + 'static,
    ) {
        let run = move |members: Members<'_>| -> Result<Opening, Error> {
            let (start, filter) = M::parts(members.parse()?);
            Ok(Opening { feed: Arc::new(f(filter)?), start, method: M::NAME, event: M::EVENT })
        };
        self.add::<M>(Run::Subscribe(Box::new(run)), Some(M::EVENT));
        let unsubscribe = Entry {
            summary: "Ends a subscription; answers whether there was one. Params: `[id]`.",
            run: Run::Unsubscribe,
            describe: |params, results| {
                (UnsubscribeParams::json_schema(params), results.subschema_for::<bool>())
            },
            mutates: false,
            event: None,
        };
        self.methods.insert(M::UNSUBSCRIBE, unsubscribe);
    }

    /// Work that is done before the first connection is accepted, such as clearing up after a crash. It must not fail: on a
    /// full disk, for example, the daemon still serves reads.
    pub fn at_start<F>(&mut self, f: impl FnOnce(Store) -> F + Send + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.background.at_start.push(Box::new(move |store| Box::pin(f(store))));
    }

    /// Work in the background, from the daemon's start until the token is cancelled.
    pub fn task<F>(&mut self, f: impl FnOnce(Store, CancellationToken) -> F + Send + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.background.tasks.push(Box::new(move |store, stop| Box::pin(f(store, stop))));
    }

    /// Calls `f` in each undo, once everything is put back, for what goes with the rows: [`WriteTx::changed`] is what the
    /// undo has changed.
    pub fn on_undo(&mut self, f: impl Fn(&mut WriteTx<'_>) -> Result<()> + Send + Sync + 'static) {
        self.methods.on_undo.push(Box::new(f));
    }

    /// Calls `f` with the number of each connection that has ended.
    pub fn on_disconnect(&mut self, f: impl Fn(&Store, u64) + Send + Sync + 'static) {
        self.methods.on_disconnect.push(Box::new(f));
    }
}
