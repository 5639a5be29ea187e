//! `store.*` and `rpc.discover`: the methods of every daemon, independent of its modules.

use super::call::CallContext;
use super::feed::{Feed, Initial};
use super::methods::Run;
use super::registry::{Module, Registry};
use crate::store::{EntityKind, JsonText, LiveChange, ReadTx, Result, changes, history, oldest_rev, trash};
use std::collections::BTreeMap;
use std::sync::Arc;
use stina_protocol::store::{
    ClientList, Clients, Credit, Discover, Filter, GetChanges, GetInfo, GetResult, Hello, HelloParams, Info,
    Ping, Purge, ResultParams, Rev, ServerInfo, Stop, StoredReply, Subscribe, Sync, Transact, Welcome,
};
use stina_protocol::types::{MAX_ID, NoParams};
use stina_protocol::undo::{History, Trash, Undo};
use stina_protocol::{Error, Json, RequestId, VERSION};

/// Registers the core methods.
pub(crate) fn register(registry: &mut Registry, modules: &[Module]) {
    let all: Arc<[Module]> = modules.into();
    registry.know(modules.iter().flat_map(|module| module.entities));
    let known = Arc::clone(&all);
    registry.call::<Hello, _>(move |call, params| hello(call, Arc::clone(&known), params));
    registry.call::<Ping, _>(|call, NoParams {}| async move {
        let read = call.store.read(|tx| {
            tx.first("SELECT value FROM core_meta WHERE name = 'epoch'", [], |_| Ok(()))?;
            Ok(Rev { rev: tx.rev() })
        });
        read.await
    });
    let known = Arc::clone(&all);
    registry.call::<GetInfo, _>(move |call, NoParams {}| info(call, Arc::clone(&known)));
    registry.call::<Clients, _>(|call, NoParams {}| async move {
        Ok(ClientList { clients: call.peers.states(call.store.head()) })
    });
    let (known, frame_bytes) = (Arc::clone(&all), registry.limits().frame_bytes);
    registry.scan::<GetChanges>(move |tx, params| {
        check_modules(&known, params.modules.as_deref())?;
        changes(tx, frame_bytes, &params)
    });
    registry.call::<GetResult, _>(|call, ResultParams { request_id }| async move {
        let find = |id: RequestId| call.store.read(move |tx| crate::store::find_result(tx, &id));
        let mut stored = find(request_id.clone()).await?;
        if stored.is_none() {
            // The write may be queued. `not_found` must not be answered for a write that then happens.
            call.store.settled(call.peer.caller()).await.map_err(|fault| fault.error)?;
            stored = find(request_id.clone()).await?;
        }
        let stored = stored.ok_or_else(|| Error::not_found("result", request_id))?;
        let forgotten = stored.value.is_none();
        let value = stored.value.unwrap_or_else(JsonText::null).into_string();
        Ok(StoredReply { rev: stored.rev, value: Json::stored(value)?, forgotten })
    });
    registry.call::<Stop, _>(|call, NoParams {}| async move {
        tracing::info!(client = call.peer.name(), "asked to stop");
        call.stop.request();
        Ok(Rev { rev: call.store.head() })
    });
    registry.add::<Sync>(Run::Sync, None);
    registry.add::<Credit>(Run::Credit, None);
    registry.add::<Transact>(Run::Transact, None);
    registry.add::<Purge>(Run::Purge, None);
    registry.add::<Undo>(Run::Undo, None);
    let kinds: Arc<[EntityKind]> = modules.iter().flat_map(|module| module.entities).copied().collect();
    let of = Arc::clone(&kinds);
    registry.scan::<History>(move |tx, params| history(tx, &of, params));
    let known = Arc::clone(&all);
    registry.scan::<Trash>(move |tx, params| {
        check_modules(&known, params.fields.modules.as_deref())?;
        trash(tx, &kinds, params)
    });
    registry.add::<Discover>(Run::Discover, None);
    registry.feed::<Subscribe, _>(move |mut params: Filter| {
        check_modules(&all, params.modules.as_deref())?;
        if let Some(names) = &mut params.modules {
            names.sort_unstable();
            names.dedup();
        }
        Ok(AllModules { names: params.modules, modules: Arc::clone(&all) })
    });
}

async fn hello(call: CallContext, known: Arc<[Module]>, params: HelloParams) -> Result<Welcome> {
    if params.protocol.is_some_and(|v| !(v.min..=v.max).contains(&VERSION)) {
        let what = format!("a protocol without version {VERSION}");
        return Err(Error::Unsupported { what }.into());
    }
    if params.client.version.len() > MAX_ID {
        return Err(Error::invalid("client.version", format!("longer than {MAX_ID} bytes")).into());
    }
    call.peer.introduce(params.client);
    let modules = known.iter().map(|m| m.name.to_owned());
    let features = ["transact", "requestId", "sync", "undo", "credit"].map(ToOwned::to_owned);
    let (rev, oldest_rev) = call.store.read(|tx| Ok((tx.rev(), oldest_rev(tx)?))).await?;
    Ok(Welcome {
        server: ServerInfo { version: env!("CARGO_PKG_VERSION").to_owned(), pid: std::process::id() },
        protocol: VERSION,
        capabilities: modules.chain(features).collect(),
        epoch: call.store.epoch().to_string(),
        rev,
        oldest_rev,
        db_path: call.store.config().location.display(),
    })
}

async fn info(call: CallContext, known: Arc<[Module]>) -> Result<Info> {
    let (rev, oldest_rev, counts, schemas) = call
        .store
        .scan(move |tx| {
            Ok((tx.rev(), oldest_rev(tx)?, counts(tx, &known)?, crate::store::schema_versions(tx)?))
        })
        .await?;
    let config = call.store.config();
    let size = |suffix: &str| config.location.file().map_or(0, |path| crate::store::file_bytes(path, suffix));
    let uptime = call.stop.uptime();
    Ok(Info {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        sqlite_version: rusqlite::version().to_owned(),
        protocol: VERSION,
        pid: std::process::id(),
        db_path: config.location.display(),
        socket_path: call.stop.socket().display().to_string(),
        socket_problem: call.stop.socket_problem(),
        watch: call.store.watched_by().to_owned(),
        epoch: call.store.epoch().to_string(),
        rev,
        oldest_rev,
        started_at: call
            .store
            .clock()
            .now()
            .saturating_sub(i64::try_from(uptime.as_millis()).unwrap_or(i64::MAX)),
        uptime_ms: u64::try_from(uptime.as_millis()).unwrap_or(u64::MAX),
        db_bytes: size(""),
        wal_bytes: size("-wal"),
        counts,
        schemas,
        clients: call.peers.count() as u64,
        limits: config.limits.by_name(),
    })
}

fn counts(tx: &ReadTx<'_>, modules: &[Module]) -> Result<BTreeMap<String, u64>> {
    let mut counts = BTreeMap::new();
    for entity in modules.iter().flat_map(|m| m.entities) {
        let sql = format!("SELECT count(*) FROM {}", entity.table);
        counts.insert(entity.name.to_owned(), tx.first(&sql, [], |row| row.get(0))?.unwrap_or(0));
    }
    Ok(counts)
}

fn check_modules(modules: &[Module], names: Option<&[String]>) -> Result<(), Error> {
    let known = |name: &String| modules.iter().any(|m| m.name == name);
    match names.and_then(|names| names.iter().find(|name| !known(name))) {
        Some(name) => Err(Error::invalid("modules", format!("there is no module `{name}`"))),
        None => Ok(()),
    }
}

/// `store.subscribe`: the changes of all modules, or of some.
struct AllModules {
    names: Option<Vec<String>>,
    modules: Arc<[Module]>,
}

impl AllModules {
    fn has(&self, module: &str) -> bool {
        self.names.as_ref().is_none_or(|names| names.iter().any(|n| n == module))
    }
}

impl Feed for AllModules {
    fn wants(&self, change: &LiveChange) -> bool {
        self.has(&change.module)
    }

    fn initial(&self, tx: &ReadTx<'_>, out: &mut Initial<'_>) -> Result<()> {
        self.modules.iter().filter(|m| self.has(m.name)).try_for_each(|m| m.snapshot(tx, out))
    }
}
