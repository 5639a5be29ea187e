//! `stinactl status`: the daemon at a glance.

use super::context::Context;
use super::failure::Failure;
use super::output::Output;
use super::table::{Column, Table};
use super::text;
use std::collections::BTreeMap;
use std::fmt::Display;
use std::io;
use stina_protocol::store::{ClientState, Info};

/// Show the daemon: versions, database, sizes, counts, clients and their lag
///
/// With --json: the result of store.info, then that of store.clients.
#[derive(Debug, clap::Args)]
pub(super) struct Status {}

impl Status {
    pub(super) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let Context { client, out, .. } = context;
        let info = client.store().info().await?;
        let clients = client.store().clients().await?;
        if out.json {
            out.json(&info)?;
            return Ok(out.json(&clients)?);
        }
        overview(out, &info)?;
        out.line("")?;
        let mut table = Table::new(out, COLUMNS);
        clients.clients.iter().try_for_each(|client| table.push(client))?;
        Ok(table.write()?)
    }
}

fn overview(out: &Output, info: &Info) -> io::Result<()> {
    let say = |name: &str, value: String| out.detail(name, &value);
    let Info { version, pid, protocol, sqlite_version, .. } = info;
    let up = text::span(info.uptime_ms);
    say("stinad", format!("{version} (pid {pid}), up {up}, protocol {protocol}, SQLite {sqlite_version}"))?;
    let (size, wal) = (text::bytes(info.db_bytes), text::bytes(info.wal_bytes));
    say("database", format!("{} ({size}, WAL {wal})", info.db_path))?;
    say("socket", info.socket_path.clone())?;
    let log = match info.oldest_rev {
        0 => "the log is empty".to_owned(),
        oldest => format!("the log begins at {oldest}"),
    };
    say("revision", format!("{}, {log}, epoch {}", info.rev, info.epoch))?;
    say("entities", list(&info.counts))?;
    say("schemas", list(&info.schemas))
}

fn list(numbers: &BTreeMap<String, impl Display>) -> String {
    let numbers: Vec<String> = numbers.iter().map(|(name, number)| format!("{name} {number}")).collect();
    numbers.join(", ")
}

const COLUMNS: &[Column<ClientState>] = &[
    Column::new("ID", |client, _| client.id.to_string().into()),
    Column::flexible("CLIENT", |client, _| {
        let name = client.name.as_deref().unwrap_or("-");
        client.version.as_ref().map_or(name.into(), |version| format!("{name} {version}").into())
    }),
    Column::new("PID", |client, _| client.pid.map_or("-".to_owned(), |pid| pid.to_string()).into()),
    Column::new("FRAMING", |client, _| client.framing.as_str().into()),
    Column::new("SINCE", |client, _| text::time(client.connected_at, "%Y-%m-%d %H:%M:%S").into()),
    Column::new("CALLS", |client, _| client.calls.to_string().into()),
    Column::new("SUBSCRIPTIONS", |client, _| {
        let mut methods: BTreeMap<String, usize> = BTreeMap::new();
        for subscription in &client.subscriptions {
            *methods.entry(subscription.method.trim_end_matches(".subscribe").to_owned()).or_default() += 1;
        }
        text::or_dash(&list(&methods)).into()
    }),
    Column::new("LAG", |client, _| {
        let lag = client.subscriptions.iter().map(|subscription| subscription.lag).max();
        lag.map_or("-".to_owned(), |lag| lag.to_string()).into()
    }),
];
