//! One call: finds the method, parses its params, and starts it where it runs.

use super::call::CallContext;
use super::methods::{Entry, LongRead, Methods, Opening, Run, UnsubscribeParams};
use super::peer_guard::PeerGuard;
use super::{openrpc, purge, transact, undo};
use crate::store::{Admission, Author, Called, Done, Failure, Fingerprint, Job, JsonText, Once, WriteFn};
use futures_util::future::BoxFuture;
use serde_json::value::RawValue;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use stina_protocol::event::Origin;
use stina_protocol::params::Members;
use stina_protocol::store::CreditParams;
use stina_protocol::types::NoParams;
use stina_protocol::{Error, Fault};
use tokio::sync::oneshot;

/// The result of a call as JSON, or why it failed.
pub(crate) type Reply = Result<JsonText, Fault>;

/// How a call goes on once it has begun.
pub(crate) enum Started {
    /// It has finished.
    Done(Reply),
    /// It is running. Everything that must happen in order of arrival has happened.
    Running(BoxFuture<'static, Reply>),
    /// A write that found the queue full. No later call may begin before the first future ends.
    Waiting(BoxFuture<'static, ()>, BoxFuture<'static, Reply>),
    Subscribe(Opening),
    Unsubscribe(u64),
    Credit(CreditParams),
    /// `store.sync`: to be answered once every pending notification was sent.
    Sync,
}

/// Begins a call.
pub(crate) fn start(connection: &PeerGuard, method: &str, params: Option<&RawValue>) -> Started {
    let PeerGuard { call, methods } = connection;
    let Some((method, entry)) = methods.by_name.get_key_value(method) else {
        return Started::Done(Err(Fault::unknown_method(method)));
    };
    let called = Called { method, peer: call.peer.id };
    tracing::debug!(method, peer = called.peer, client = call.peer.name(), "begins");
    let started = begin(connection, entry, called, params).unwrap_or_else(|fault| Started::Done(Err(fault)));
    if let Started::Done(Err(fault)) = &started {
        tracing::debug!(method, peer = called.peer, code = fault.code, "refused");
    }
    started
}

fn begin(
    PeerGuard { call, methods }: &PeerGuard,
    entry: &Entry,
    called: Called,
    params: Option<&RawValue>,
) -> Result<Started, Fault> {
    let method = called.method;
    if let (Run::Unsubscribe, Some(params)) = (&entry.run, params) {
        return Ok(Started::Unsubscribe(unsubscribe_params(params)?));
    }
    let mut fields = Members::read(params)?;
    let started = match &entry.run {
        Run::Read(f) => match call.store.readers.try_short() {
            Some(reader) => {
                let read = || reader.read(|tx| Ok(envelope(tx.rev(), &f(tx, fields)?)));
                let outcome = catch_unwind(AssertUnwindSafe(read));
                let reply = outcome.unwrap_or_else(|_| Err(Failure::Panic(method.to_owned())));
                Started::Done(reply.map_err(|failure| called.fault(failure)))
            }
            None => Started::Running(read_later(call, methods, called, params)),
        },
        Run::Scan(prepare) => Started::Running(scan(call, prepare(fields)?, called)),
        Run::Write(prepare) => {
            let once = once(method, &mut fields)?;
            write(call, prepare(fields)?, once, params, called)
        }
        Run::Transact => {
            let once = once(method, &mut fields)?;
            let run = transact::prepare(methods, fields.parse()?, &call.store.config().limits)?;
            write(call, run, once, params, called)
        }
        Run::Purge => {
            let once = once(method, &mut fields)?;
            let run = purge::prepare(methods, fields.parse()?, &call.store)?;
            let scrubbed = |reply| purge::scrubbed(call.store.clone(), reply);
            match write(call, run, once, params, called) {
                Started::Running(reply) => Started::Running(scrubbed(reply)),
                Started::Waiting(room, reply) => Started::Waiting(room, scrubbed(reply)),
                other => other,
            }
        }
        Run::Undo => {
            let once = once(method, &mut fields)?;
            write(call, undo::prepare(methods, fields.parse()?), once, params, called)
        }
        Run::Call(f) => {
            let output = f(call.clone(), fields)?;
            Started::Running(Box::pin(async move { output.await.map_err(|failure| called.fault(failure)) }))
        }
        Run::Subscribe(open) => Started::Subscribe(open(fields)?),
        Run::Credit => Started::Credit(fields.parse()?),
        Run::Sync => {
            fields.parse::<NoParams>()?;
            Started::Sync
        }
        Run::Discover => {
            fields.parse::<NoParams>()?;
            Started::Done(Ok(openrpc::document(methods)))
        }
        Run::Unsubscribe => return Err(Error::invalid("subscription", "missing").into()),
    };
    Ok(started)
}

fn envelope(rev: u64, value: &JsonText) -> JsonText {
    JsonText::assembled(format!("{{\"rev\":{rev},\"value\":{}}}", value.get()))
}

/// The id in `[id]`, as jsonrpsee sends it, or in params by name.
fn unsubscribe_params(params: &RawValue) -> Result<u64, Fault> {
    if let Ok([id]) = serde_json::from_str::<[u64; 1]>(params.get()) {
        return Ok(id);
    }
    let parsed = Members::read(Some(params)).and_then(Members::parse::<UnsubscribeParams>);
    let params = parsed
        .map_err(|_| Error::invalid("subscription", "params are [id], the id that subscribe answered"))?;
    Ok(params.subscription)
}

/// A short read for which no read connection was free: it waits for one.
fn read_later(
    call: &CallContext,
    methods: &Arc<Methods>,
    called: Called,
    params: Option<&RawValue>,
) -> BoxFuture<'static, Reply> {
    let (store, methods) = (call.store.clone(), Arc::clone(methods));
    let params = params.map(ToOwned::to_owned);
    Box::pin(async move {
        let read = store.read(move |tx| {
            let Some(Entry { run: Run::Read(f), .. }) = methods.by_name.get(called.method) else {
                return Err(Failure::Panic(called.method.to_owned()));
            };
            Ok(envelope(tx.rev(), &f(tx, Members::read(params.as_deref())?)?))
        });
        read.await.map_err(|failure| called.fault(failure))
    })
}

fn scan(call: &CallContext, run: LongRead, called: Called) -> BoxFuture<'static, Reply> {
    let (store, peer) = (call.store.clone(), Arc::clone(&call.peer));
    Box::pin(async move {
        // Held until the answer is taken, so that a client that does not read holds few large answers.
        let _permit = peer.scans.acquire().await.map_err(|_| Error::ShuttingDown)?;
        let read = store.scan(move |tx| Ok(envelope(tx.rev(), &run(tx)?)));
        read.await.map_err(|failure| called.fault(failure))
    })
}

fn once(method: &str, fields: &mut Members<'_>) -> Result<Option<Once>, Fault> {
    let Some(id) = fields.take_request_id()? else { return Ok(None) };
    let canonical = fields.canonical();
    let parts = std::iter::once(method).chain(canonical.iter().map(String::as_str));
    Ok(Some(Once { id, fingerprint: Fingerprint::of(parts) }))
}

fn write(
    call: &CallContext,
    run: WriteFn,
    once: Option<Once>,
    params: Option<&RawValue>,
    called: Called,
) -> Started {
    let origin = Origin {
        client: call.peer.name().map(ToOwned::to_owned),
        request_id: once.as_ref().map(|once| once.id.to_string()),
        undoes: None,
        continues: None,
    };
    let (reply, outcome) = oneshot::channel();
    let job = Job {
        run,
        author: Box::new(Author { origin, peer: call.peer.caller() }),
        once,
        is_call: true,
        bytes: params.map_or(0, |p| p.get().len()),
        called,
        divided: Box::default(),
        reply,
    };
    let outcome: BoxFuture<'static, Reply> = Box::pin(async move {
        // The writer answers every job that it receives: a dropped sender means that it has ended.
        let Done { rev, value, forgotten } = outcome.await.unwrap_or(Err(Error::ShuttingDown.into()))?;
        Ok(match forgotten {
            true => JsonText::assembled(format!("{{\"rev\":{rev},\"value\":null,\"forgotten\":true}}")),
            false => envelope(rev, &value),
        })
    });
    match call.store.queue.offer(job) {
        Admission::Queued => Started::Running(outcome),
        Admission::Full(job) => {
            let queue = call.store.queue.clone();
            Started::Waiting(Box::pin(async move { queue.admit(job).await }), outcome)
        }
    }
}
