//! `store.*`: the store and the daemon itself.

use crate::event::{Op, Origin, Start};
use crate::types::{
    EntityId, Limit, Millis, NoParams, RequestId, null_is_default, object, objects, optional_object,
};
use crate::{Json, With};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Who is calling.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ClientInfo {
    /// Name of the program, as subscribers see it in `origin.client`.
    pub name: EntityId,
    /// Its version.
    pub version: String,
}

/// A range of protocol versions, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Versions {
    /// Oldest.
    pub min: u32,
    /// Newest.
    pub max: u32,
}

/// Params of [`Hello`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct HelloParams {
    /// Who is calling.
    #[serde(deserialize_with = "object")]
    pub client: ClientInfo,
    /// Protocol versions that the client speaks; any when not said.
    #[serde(default, deserialize_with = "optional_object", skip_serializing_if = "Option::is_none")]
    pub protocol: Option<Versions>,
}

/// The daemon that answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(not(feature = "schema"), non_exhaustive)]
pub struct ServerInfo {
    /// Version of `stinad`.
    pub version: String,
    /// Its process id.
    pub pid: u32,
}

/// Answer of [`Hello`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[cfg_attr(not(feature = "schema"), non_exhaustive)]
pub struct Welcome {
    /// The daemon.
    pub server: ServerInfo,
    /// Protocol version in use.
    pub protocol: u32,
    /// What this daemon can do: the names of its modules, and features by name.
    pub capabilities: Vec<String>,
    /// Id of this database's history.
    pub epoch: String,
    /// Newest revision.
    pub rev: u64,
    /// First revision that is still in the change log; 0 while there is none.
    pub oldest_rev: u64,
    /// Where the database is.
    pub db_path: String,
}

/// A bare revision: answer of [`Ping`] and [`Sync`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Rev {
    /// The revision.
    pub rev: u64,
}

/// Answer of [`Info`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[cfg_attr(not(feature = "schema"), non_exhaustive)]
pub struct Info {
    /// Version of `stinad`.
    pub version: String,
    /// Version of the SQLite inside.
    pub sqlite_version: String,
    /// Protocol version.
    pub protocol: u32,
    /// Process id of the daemon.
    pub pid: u32,
    /// Where the database is.
    pub db_path: String,
    /// Where the socket is.
    pub socket_path: String,
    /// Why no new client can connect there, such as when another program has taken its name; null if clients can.
    #[serde(default)]
    pub socket_problem: Option<String>,
    /// How writes of other programs, and files that are removed, are noticed: at once by `inotify` (on other systems
    /// `fsevents` or `kqueue`), or within seconds by `polling` where that fails.
    #[serde(default)]
    pub watch: String,
    /// Id of this database's history.
    pub epoch: String,
    /// Newest revision.
    pub rev: u64,
    /// First revision that is still in the change log; 0 while there is none.
    pub oldest_rev: u64,
    /// When the daemon started, in milliseconds since the Unix epoch.
    pub started_at: i64,
    /// How long it has run, in milliseconds.
    pub uptime_ms: u64,
    /// Size of the database, in bytes, without its WAL.
    pub db_bytes: u64,
    /// Size of the WAL, in bytes.
    pub wal_bytes: u64,
    /// How many there are of each kind of entity.
    pub counts: BTreeMap<String, u64>,
    /// Newest migration of each module.
    pub schemas: BTreeMap<String, u32>,
    /// Clients connected now.
    pub clients: u64,
    /// Every bound that is in force, by name; bytes, items or milliseconds as the name says.
    pub limits: BTreeMap<String, u64>,
}

/// One connected client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[cfg_attr(not(feature = "schema"), non_exhaustive)]
pub struct ClientState {
    /// Number of the connection, never used twice by one daemon.
    pub id: u64,
    /// Name from `store.hello`; null when it said none.
    pub name: Option<String>,
    /// Version from `store.hello`.
    pub version: Option<String>,
    /// Process id of the peer, where the system gives it.
    pub pid: Option<i32>,
    /// `ndjson`, `websocket` or `http`.
    pub framing: String,
    /// When it connected, in milliseconds since the Unix epoch.
    pub connected_at: i64,
    /// Calls being worked on.
    pub calls: u64,
    /// Open subscriptions.
    pub subscriptions: Vec<SubscriptionState>,
}

/// One open subscription.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(not(feature = "schema"), non_exhaustive)]
pub struct SubscriptionState {
    /// Its id.
    pub id: u64,
    /// The method that opened it.
    pub method: String,
    /// Last revision it has taken in.
    pub rev: u64,
    /// Revisions that it is behind.
    pub lag: u64,
}

/// Answer of [`Clients`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(not(feature = "schema"), non_exhaustive)]
pub struct ClientList {
    /// The clients, oldest connection first.
    pub clients: Vec<ClientState>,
}

/// Params of [`GetChanges`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ChangesParams {
    /// Only revisions after this one.
    pub since: u64,
    /// Most revisions of one page. A page also ends once it is large.
    #[serde(default, deserialize_with = "null_is_default")]
    pub limit: Limit,
    /// Only changes of these modules.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modules: Option<Vec<String>>,
}

/// A revision of the change log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(not(feature = "schema"), non_exhaustive)]
pub struct LogRevision {
    /// Its number.
    pub rev: u64,
    /// Time of the commit, in milliseconds since the Unix epoch.
    pub at: i64,
    /// Who made it.
    pub origin: Origin,
    /// Why everything read before it is void: another process wrote, or the store was restored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reset: Option<crate::event::ResetReason>,
    /// Whether `before` and `after` are left out of changes: together they are more than the limit `frameBytes`, or they were
    /// purged.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub omitted: bool,
    /// What changed, in order.
    pub changes: Vec<LogChange>,
}

/// A change in the change log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(not(feature = "schema"), non_exhaustive)]
pub struct LogChange {
    /// Module that owns the entity.
    pub module: String,
    /// The name of the entity, such as `todo`.
    pub entity: String,
    /// What happened to it.
    pub op: Op,
    /// Its id.
    pub id: String,
    /// The entity before; null when it is new, or left out.
    pub before: Option<Json>,
    /// The entity after; null when it is gone, or left out.
    pub after: Option<Json>,
}

/// Answer of [`GetChanges`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(not(feature = "schema"), non_exhaustive)]
pub struct ChangePage {
    /// The revisions, oldest first.
    pub items: Vec<LogRevision>,
    /// The `since` to go on with; null when there is no more.
    pub next: Option<u64>,
}

/// Whose changes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// Only changes of these modules.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modules: Option<Vec<String>>,
}

/// Params of [`Subscribe`].
pub type SubscribeParams = With<Start, Filter>;

/// Params of [`GetResult`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ResultParams {
    /// The id that the write carried.
    pub request_id: RequestId,
}

/// One step of [`Transact`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Name of a mutating method.
    pub method: String,
    /// Its params, without `requestId`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub params: Option<Json>,
}

/// Params of [`Transact`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TransactParams {
    /// The steps, in order; 1 to 1000.
    #[serde(deserialize_with = "objects")]
    pub ops: Vec<Step>,
    /// Only if the newest revision of the store is this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub if_rev: Option<u64>,
}

/// Answer of [`Transact`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TransactOutput {
    /// What each step answers, in order: the `value` that the method alone would have answered.
    pub results: Vec<Json>,
}

/// What a repeated write answers: the stored reply of the first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(not(feature = "schema"), non_exhaustive)]
pub struct StoredReply {
    /// Revision that the write made, or the newest one when it changed nothing.
    pub rev: u64,
    /// Its result.
    pub value: Json,
    /// Whether the result is forgotten, and `value` therefore null: it was purged, or answers took too much room.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub forgotten: bool,
}

/// Params of [`Purge`]: `entity` and `id`, or `deletedBefore`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PurgeParams {
    /// Sort of the deleted entity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entity: Option<String>,
    /// Its id. What was deleted with it, such as the messages of a conversation, is purged too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Everything that was deleted before that time, in milliseconds since the Unix epoch, and does not exist again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deleted_before: Option<Millis>,
}

/// Answer of [`Purge`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(not(feature = "schema"), non_exhaustive)]
pub struct PurgeOutput {
    /// How many deleted entities still had values in the change log, and have none now.
    pub erased: u64,
    /// Whether a file may still hold them, because a reader was in the way for some seconds. The daemon keeps trying.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub pending: bool,
}

/// Params of [`Credit`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct CreditParams {
    /// Id that `subscribe` answered.
    pub subscription: u64,
    /// Bytes of events that it may send in addition.
    pub bytes: u64,
}

crate::methods! {
    /// Says who is calling and learns who answers; welcome, never required.
    Hello = "store.hello": Bare(HelloParams) -> Welcome;
    /// Reads a real row; answers the newest revision.
    Ping = "store.ping": Bare(NoParams) -> Rev;
    /// Versions, sizes, counts, WAL, uptime and limits.
    GetInfo = "store.info": Bare(NoParams) -> Info;
    /// Who is connected, with subscriptions and their lag.
    Clients = "store.clients": Bare(NoParams) -> ClientList;
    /// Revisions out of the change log, with before and after.
    GetChanges = "store.changes": Read(ChangesParams) -> ChangePage;
    /// Answers after every notification up to now was sent on this connection.
    Sync = "store.sync": Bare(NoParams) -> Rev;
    /// Allows a subscription that has a `credit` to send more; answers whether there is such a subscription.
    Credit = "store.credit": Bare(CreditParams) -> bool;
    /// What a write with that `requestId` answered: its `rev` and `value`.
    GetResult = "store.result": Bare(ResultParams) -> StoredReply;
    /// Several mutating methods, all or nothing: one revision, one notification.
    Transact = "store.transact": Write(TransactParams) -> TransactOutput;
    /// Erases deleted entities for good: from the change log, from kept answers, and from the files. Not in `store.transact`.
    Purge = "store.purge": Write(PurgeParams) -> PurgeOutput;
    /// Stops the daemon in order.
    Stop = "store.stop": Bare(NoParams) -> Rev;
    /// This document: every method with its schemas.
    Discover = "rpc.discover": Bare(NoParams) -> Json;
}

crate::subscriptions! {
    /// Changes of all modules, or of some.
    Subscribe = "store" (Filter);
}
