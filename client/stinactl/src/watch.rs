//! `stinactl watch`: every change as it happens.

use super::context::Context;
use super::failure::Failure;
use super::output::{Look, Output};
use super::text::{clean, shorten, time, width};
use futures_util::StreamExt;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::io::Write;
use std::pin::pin;
use std::time::Duration;
use stina_client::{Client, ConnectionState};
use stina_protocol::Json;
use stina_protocol::event::{Change, Changes, Event, Op, Start};
use stina_protocol::store::{Filter, Subscribe, SubscribeParams};

/// Print changes as they happen: time, revision, client, operation, entity, id, value
///
/// Continues across restarts of the daemon, without gaps or repeats. Ends with exit code 0 after -n changes, after
/// --timeout seconds, or when the output is closed; with exit code 1 when --timeout comes before all of -n. A
/// transaction is never split. With --json: one event a line, `change` or `reset`.
#[derive(Debug, clap::Args)]
pub(super) struct Watch {
    /// Begin after this revision; 0: with the whole log
    #[arg(long, value_name = "REV")]
    since: Option<u64>,
    /// Only changes of this module; may be given several times
    #[arg(long = "module", value_name = "MODULE")]
    modules: Vec<String>,
    /// End after this many changes
    #[arg(short = 'n', value_name = "N")]
    count: Option<u64>,
}

impl Watch {
    pub(super) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let Context { client, out, timeout } = context;
        let Self { since, modules, count } = self;
        let modules = (!modules.is_empty()).then_some(modules);
        let params =
            SubscribeParams { head: Start { since, ..Start::default() }, fields: Filter { modules } };
        let mut events = client.subscribe::<Subscribe>(params).await?;
        let mut left = count.unwrap_or(u64::MAX);
        let printing = async {
            while left > 0 {
                let Some(event) = events.next().await else { break };
                let (text, changes) = print(out, &event?)?;
                out.send(text).await?;
                left = left.saturating_sub(changes);
            }
            Ok(())
        };
        let outcome = tokio::select! {
            printed = printing => printed,
            () = report_breaks(client) => Ok(()),
            () = closed_output() => Ok(()),
            () = tokio::time::sleep(timeout.unwrap_or(Duration::MAX)) => match count {
                Some(_) => Err(Failure::Other("not enough changes in time".to_owned())),
                None => Ok(()),
            },
        };
        outcome
    }
}

/// Reports on standard error when the connection breaks and when it is restored; never returns.
pub(super) async fn report_breaks(client: &Client) {
    let mut states = pin!(client.states());
    let mut is_broken = false;
    while let Some(state) = states.next().await {
        let text = match (state, is_broken) {
            (ConnectionState::Reconnecting { reason, .. }, false) => {
                format!("connection lost ({reason}), reconnecting")
            }
            (ConnectionState::Connected { pid, .. }, true) => format!("reconnected to pid {pid}"),
            _ => continue,
        };
        is_broken = !is_broken;
        let _ = writeln!(std::io::stderr(), "stinactl: {text}");
    }
    std::future::pending().await
}

/// Waits until the reader of standard output is gone. A thread of its own waits in the kernel: tokio can't watch a
/// descriptor that it does not own.
pub(super) async fn closed_output() {
    let (closed, is_closed) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let stdout = std::io::stdout();
        let mut fds = [PollFd::new(&stdout, PollFlags::empty())];
        while poll(&mut fds, None) == Err(Errno::INTR) {}
        if fds[0].revents().intersects(PollFlags::ERR | PollFlags::HUP) {
            let _ = closed.send(());
        }
    });
    if is_closed.await.is_err() {
        std::future::pending().await
    }
}

/// The lines of an event, and the number of its changes.
fn print(out: &Output, event: &Event) -> Result<(String, u64), Failure> {
    let json = || serde_json::to_string(event).map(|json| json + "\n").map_err(std::io::Error::from);
    match event {
        Event::Change(changes) => {
            let lines = if out.json {
                json()?
            } else {
                changes.changes.iter().map(|change| line(out, changes, change) + "\n").collect()
            };
            Ok((lines, changes.changes.len() as u64))
        }
        Event::Reset { .. } if out.json => Ok((json()?, 0)),
        Event::Reset { reason, rev } => {
            let text = format!("reset ({reason}): discard everything read before revision {rev}");
            Ok((out.paint(Look::Bad, &text) + "\n", 0))
        }
        _ => Ok((String::new(), 0)),
    }
}

/// Columns for a value where there is no terminal to fit in.
const VALUE: usize = 100;

fn line(out: &Output, Changes { rev, at, origin, .. }: &Changes, change: &Change) -> String {
    let look = match change.op {
        Op::Put => Look::Good,
        Op::Delete => Look::Bad,
        _ => Look::Plain,
    };
    let parts = [
        (Look::Faint, time(*at, "%Y-%m-%d %H:%M:%S")),
        (Look::Strong, rev.to_string()),
        (Look::Plain, clean(origin.client.as_deref().unwrap_or("-")).into_owned()),
        (look, format!("{:6}", clean(change.op.as_str()))),
        (Look::Plain, clean(&change.entity).into_owned()),
        (Look::Strong, clean(&change.id).into_owned()),
    ];
    let taken: usize = parts.iter().map(|(_, text)| width(text) + 2).sum();
    let painted: Vec<String> = parts.iter().map(|(look, text)| out.paint(*look, text)).collect();
    let mut line = painted.join("  ");
    if let Some(value) = &change.value {
        let columns = out.width.map_or(VALUE, |width| width.saturating_sub(taken).max(16));
        line.push_str("  ");
        line.push_str(&shorten(&gist(&change.id, value), columns));
    }
    line
}

/// The members of an entity, without those that the line shows already or that every change updates.
fn gist(id: &str, entity: &Json) -> String {
    const SHOWN: [&str; 4] = ["id", "rev", "createdAt", "updatedAt"];
    let Ok(members) = entity.to::<BTreeMap<String, Box<RawValue>>>() else { return entity.get().to_owned() };
    let is_id = |value: &RawValue| serde_json::from_str::<&str>(value.get()).is_ok_and(|text| text == id);
    let left: Vec<(&String, &Box<RawValue>)> =
        members.iter().filter(|(name, value)| !SHOWN.contains(&name.as_str()) && !is_id(value)).collect();
    match left.as_slice() {
        [(name, value)] if *name == "value" => value.get().to_owned(),
        left => {
            let members: Vec<String> =
                left.iter().map(|(name, value)| format!("{name}: {}", value.get())).collect();
            members.join(", ")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_shows_what_matters_of_an_entity() {
        let entity = |text| Json::parse(text).unwrap();
        let kv = entity(r#"{"key":"a","value":{"x":1},"rev":3,"updatedAt":5}"#);
        assert_eq!(gist("a", &kv), r#"{"x":1}"#);
        let todo = entity(r#"{"id":"td_1","title":"milk","status":"not_started","rev":3}"#);
        assert_eq!(gist("td_1", &todo), r#"status: "not_started", title: "milk""#);
        assert_eq!(gist("x", &entity("[1]")), "[1]");
    }
}
