//! The client reconnects by itself, and its state shows it.

use super::{builder, connect, event, limits, soon, state};
use crate::daemon;
use rustix::process::Signal;
use serde_json::json;
use std::time::Duration;
use stina_client::ConnectionState;
use stina_client::protocol::event::Event;
use stina_client::protocol::kv::{Subscribe, SubscribeParams};
use stina_tests::{DEADLINE, Scripted};
use tokio::sync::mpsc::{Receiver, channel};

#[tokio::test(flavor = "multi_thread")]
async fn states_follow_the_daemon() {
    let mut daemon = daemon();
    let client = connect(&daemon.socket()).await;
    let ConnectionState::Connected { epoch, pid } = client.state() else { panic!("it is connected") };
    assert_eq!(pid, daemon.pid());
    daemon.stop();
    state(&client, "it tries", |s| matches!(s, ConnectionState::Reconnecting { attempt: 2.., .. })).await;
    daemon.restart();
    let pid = daemon.pid();
    let again = state(&client, "it is back", |s| matches!(s, ConnectionState::Connected { .. })).await;
    assert_eq!(again, ConnectionState::Connected { epoch, pid });
    client.close().await;
    assert_eq!(client.state(), ConnectionState::Closed);
}

/// Limits of somebody who wants a sign of life soon.
fn watchful() -> stina_client::Limits {
    let mut limits = limits();
    limits.silence = Duration::from_millis(100);
    limits.ping = Duration::from_millis(200);
    limits.connect = Duration::from_millis(200);
    limits
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_daemon_is_noticed_while_a_subscription_waits() {
    let daemon = daemon();
    let client = builder(&daemon.socket()).limits(watchful()).connect().await.unwrap();
    let mut events = client.subscribe::<Subscribe>(SubscribeParams::default()).await.unwrap();
    assert_eq!(event(&mut events).await, Event::Synced { rev: 0 });
    daemon.signal(Signal::STOP);
    state(&client, "the silence is noticed", |s| matches!(s, ConnectionState::Reconnecting { .. })).await;
    daemon.signal(Signal::CONT);
    state(&client, "it is back", |s| matches!(s, ConnectionState::Connected { .. })).await;
    client.kv().set("a", 1).await.unwrap();
    let next = soon("the change", async {
        loop {
            if let Event::Change(change) = event(&mut events).await {
                return change;
            }
        }
    });
    assert_eq!(next.await.rev, 1);
}

/// A daemon that says nothing by itself, and the connection of each ping that it has answered.
fn quiet() -> (Scripted, Receiver<usize>) {
    let (pinged, pings) = channel(100);
    let scripted = Scripted::start(move |stage| match stage.method {
        "store.ping" => {
            stage.reply(json!({"rev": 0}));
            let _ = pinged.try_send(stage.connection);
        }
        _ => {
            stage.reply(json!(1));
            stage.send_event(1, json!({"type": "synced", "rev": 0}));
        }
    });
    (scripted, pings)
}

/// A client that waits for events through so many silences: the connections on which it asked for a sign of life.
async fn silences(count: usize) -> Vec<usize> {
    let (scripted, mut pings) = quiet();
    // However slow the machine is, an answer comes in time.
    let mut limits = watchful();
    (limits.ping, limits.connect) = (DEADLINE, DEADLINE);
    let client = builder(&scripted.socket()).limits(limits).connect().await.unwrap();
    let _events = client.subscribe::<Subscribe>(SubscribeParams::default()).await.unwrap();
    let mut connections = Vec::new();
    while connections.len() < count {
        connections.push(soon("a ping", pings.recv()).await.unwrap());
    }
    connections
}

#[tokio::test]
async fn a_daemon_that_is_quiet_but_alive_is_kept() {
    assert_eq!(silences(8).await, [1; 8], "the connection is the same after every silence");
}

#[tokio::test]
async fn a_connection_that_nobody_uses_is_left_alone() {
    let (scripted, _pings) = quiet();
    let client = builder(&scripted.socket()).limits(watchful()).connect().await.unwrap();
    // As many silences as the idle connection has too.
    silences(5).await;
    assert_eq!(scripted.requests(), [json!(null); 0]);
    drop(client);
}

#[tokio::test]
async fn a_connection_to_a_mute_daemon_is_replaced_and_the_subscription_resumes() {
    let scripted = Scripted::start(|stage| match (stage.connection, stage.method) {
        (1, "kv.subscribe") => {
            stage.reply(json!(7));
            stage.send_event(7, json!({"type": "synced", "rev": 41}));
        }
        // Not a word any more.
        (1, _) => {}
        (_, "kv.subscribe") => {
            stage.reply(json!(3));
            let origin = json!({"client": null});
            stage.send_event(
                3,
                json!({"type": "change", "rev": 43, "prev": 41, "at": 0, "origin": origin, "changes": []}),
            );
        }
        _ => stage.reply(json!({"rev": 43})),
    });
    let client = builder(&scripted.socket()).limits(watchful()).connect().await.unwrap();
    let mut events = client.subscribe::<Subscribe>(SubscribeParams::default()).await.unwrap();
    assert_eq!(event(&mut events).await, Event::Synced { rev: 41 });
    let Event::Change(change) = event(&mut events).await else { panic!("a change") };
    assert_eq!(change.rev, 43);
    let again: Vec<_> = scripted.requests().into_iter().filter(|r| r["method"] == "kv.subscribe").collect();
    assert_eq!(again[1]["params"], json!({"since": 41, "epoch": "e", "initial": false}));
}
