//! *A gap is told*: each revision once, in order, whatever happens.

use super::{builder, change, connect, event, limits, soon};
use crate::daemon;
use rustix::process::Signal;
use serde_json::json;
use std::time::Duration;
use stina_client::protocol::event::{Changes, Event, ResetReason, Start};
use stina_client::protocol::kv::{Subscribe, SubscribeParams};
use stina_client::protocol::store;
use stina_tests::{Peer, Scripted, eventually};

fn set(peer: &mut Peer, key: &str, value: impl serde::Serialize) -> u64 {
    peer.call("kv.set", json!({"key": key, "value": value}))["rev"].as_u64().unwrap()
}

fn subscriptions(peer: &mut Peer) -> usize {
    let clients = peer.call("store.clients", json!({}));
    clients["clients"].as_array().unwrap().iter().map(|c| c["subscriptions"].as_array().unwrap().len()).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn revisions_come_once_across_restarts_kills_and_suspensions() {
    let mut daemon = daemon();
    let client = connect(&daemon.socket()).await;
    let mut events = client.subscribe::<store::Subscribe>(store::SubscribeParams::default()).await.unwrap();
    let mut head = 0;
    for round in 0..6 {
        let mut peer = daemon.peer();
        for i in 0..20 {
            head = set(&mut peer, "k", i);
        }
        match round % 3 {
            0 => daemon.kill(),
            1 => drop(daemon.stop()),
            _ => {
                daemon.signal(Signal::STOP);
                daemon.signal(Signal::CONT);
                continue;
            }
        }
        daemon.restart();
    }
    for rev in 1..=head {
        let next = change(&mut events).await;
        assert_eq!((next.rev, next.prev), (rev, rev - 1));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_begins_when_it_is_returned_also_if_the_daemon_dies_at_once() {
    let mut daemon = daemon();
    set(&mut daemon.peer(), "before", 1);
    let client = connect(&daemon.socket()).await;
    let mut events = client.subscribe::<Subscribe>(SubscribeParams::default()).await.unwrap();
    daemon.kill();
    daemon.restart();
    let rev = set(&mut daemon.peer(), "after", 1);
    assert_eq!(change(&mut events).await.rev, rev);
}

/// Fills the store with entries of 500 bytes.
fn fill(peer: &mut Peer, thousands: usize) {
    for batch in 0..thousands {
        let ops: Vec<_> = (0..1000)
            .map(|i| json!({"method": "kv.set", "params": {"key": format!("{batch}-{i:04}"), "value": "x".repeat(500)}}))
            .collect();
        peer.call("store.transact", json!({"ops": ops}));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscriber_that_does_not_read_costs_a_constant_and_misses_nothing() {
    let daemon = daemon();
    let mut limits = limits();
    limits.subscription_bytes = 8 << 10;
    let client = builder(&daemon.socket()).limits(limits).connect().await.unwrap();
    let mut events = client.subscribe::<Subscribe>(SubscribeParams::default()).await.unwrap();
    let mut peer = daemon.peer();
    let mut head = 0;
    for i in 0..1500 {
        head = set(&mut peer, "k", format!("{i:0100}"));
    }
    // Neither the connection nor `store.sync` is held up meanwhile.
    assert_eq!(client.store().ping().await.unwrap(), head);
    assert_eq!(client.store().sync().await.unwrap(), head);
    assert!(lag(&mut peer) > head / 2, "the daemon holds the events back");
    for rev in 1..=head {
        let next = change(&mut events).await;
        assert_eq!((next.rev, next.prev), (rev, rev - 1));
    }
}

/// How many revisions the subscription of the client has not read.
fn lag(peer: &mut Peer) -> u64 {
    let clients = peer.call("store.clients", json!({}));
    let lags =
        clients["clients"].as_array().unwrap().iter().flat_map(|c| c["subscriptions"].as_array().unwrap());
    lags.map(|subscription| subscription["lag"].as_u64().unwrap()).max().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unread_subscription_holds_one_large_event_over_its_limit() {
    let daemon = daemon();
    let client = connect(&daemon.socket()).await;
    let mut events = client.subscribe::<Subscribe>(SubscribeParams::default()).await.unwrap();
    let mut peer = daemon.peer();
    for _ in 0..4 {
        set(&mut peer, "k", "x".repeat(6 << 20));
    }
    client.store().sync().await.unwrap();
    // One that is over the limit of 4 MiB is with the client, and one may be on its way out of the log.
    assert!(lag(&mut peer) >= 2, "{}", lag(&mut peer));
    for rev in 1..=4 {
        assert_eq!(change(&mut events).await.rev, rev);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_reaches_a_slow_reader_complete_and_without_a_reset() {
    let daemon = daemon();
    fill(&mut daemon.peer(), 4);
    let mut limits = limits();
    limits.subscription_bytes = 128 << 10;
    let client = builder(&daemon.socket()).limits(limits).connect().await.unwrap();
    let params = SubscribeParams { head: Start::initial(), ..SubscribeParams::default() };
    let mut events = client.subscribe::<Subscribe>(params).await.unwrap();
    let (mut seen, mut written, mut read) = (0, 0, 0);
    while seen < 4000 || read < written {
        match event(&mut events).await {
            Event::Change(Changes { initial: true, changes, .. }) => seen += changes.len(),
            Event::Change(Changes { rev, .. }) => read = rev,
            Event::Synced { .. } => {}
            other => panic!("{other:?}"),
        }
        // A reader that takes as long as a few calls of its own, while the store goes on.
        for _ in 0..if seen < 4000 { 3 } else { 0 } {
            written = client.kv().set("meanwhile", seen).await.unwrap().rev;
        }
    }
    assert_eq!((seen, read), (4000, written));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_subscription_is_ended() {
    let daemon = daemon();
    let client = connect(&daemon.socket()).await;
    let mut peer = daemon.peer();
    let mut open = Vec::new();
    for _ in 0..64 {
        open.push(client.subscribe::<Subscribe>(SubscribeParams::default()).await.unwrap());
    }
    let one_more = client.subscribe::<Subscribe>(SubscribeParams::default()).await;
    let refusal = one_more.unwrap_err().to_string();
    assert!(refusal.contains("at most 64 subscriptions and mirrors"), "{refusal}");
    let refusal = client.kv().mirror("").unwrap_err().to_string();
    assert!(refusal.contains("at most 64 subscriptions and mirrors"), "{refusal}");
    // Others may follow at once, although the daemon has not ended those before.
    for _ in 0..3 {
        open.clear();
        while open.len() < 64 {
            match client.subscribe::<Subscribe>(SubscribeParams::default()).await {
                Ok(events) => open.push(events),
                // The task of a dropped one is not done yet.
                Err(error) => {
                    assert!(error.to_string().contains("at most 64"), "{error}");
                    tokio::task::yield_now().await;
                }
            }
        }
    }
    drop(open);
    eventually("all are ended", || subscriptions(&mut peer) == 0);
    // A subscribe call that is dropped before the daemon answered is ended as well.
    let _ =
        tokio::time::timeout(Duration::ZERO, client.subscribe::<Subscribe>(SubscribeParams::default())).await;
    client.store().sync().await.unwrap();
    eventually("all are ended", || subscriptions(&mut peer) == 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_raw_subscription_is_the_same_by_name() {
    let mut daemon = daemon();
    set(&mut daemon.peer(), "a/1", 1);
    let client = connect(&daemon.socket()).await;
    let params = Some(r#"{"initial":true,"prefix":"a/"}"#);
    let mut events = client.subscribe_raw("kv.subscribe", params).await.unwrap();
    let mut next = async || -> serde_json::Value {
        let event = soon("an event", events.next()).await.unwrap().unwrap();
        serde_json::from_str(event.get()).unwrap()
    };
    assert_eq!(next().await["changes"][0]["value"]["value"], 1);
    assert_eq!(next().await, json!({"type": "synced", "rev": 1}));
    daemon.kill();
    daemon.restart();
    let rev = set(&mut daemon.peer(), "a/2", 2);
    let change = loop {
        let event = next().await;
        if event["type"] == "change" {
            break event;
        }
    };
    assert_eq!((change["rev"].as_u64(), &change["changes"][0]["id"]), (Some(rev), &json!("a/2")));
    for (method, params) in
        [("kv.get", "{}"), ("none", "{}"), ("kv.subscribe", "[]"), ("kv.subscribe", r#"{"x":1}"#)]
    {
        let refused = client.subscribe_raw(method, Some(params)).await;
        assert!(matches!(refused, Err(stina_client::Error::Rpc(_))), "{method} {params}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_history_sends_a_reset() {
    let mut daemon = daemon();
    set(&mut daemon.peer(), "a", 1);
    let client = connect(&daemon.socket()).await;
    let params = SubscribeParams { head: Start::initial(), ..SubscribeParams::default() };
    let mut events = client.subscribe::<Subscribe>(params).await.unwrap();
    let initial = change(&mut events).await;
    assert!(initial.initial && initial.changes[0].id == "a");
    assert_eq!(event(&mut events).await, Event::Synced { rev: 1 });
    daemon.stop();
    std::fs::remove_file(daemon.database()).unwrap();
    daemon.restart();
    assert_eq!(event(&mut events).await, Event::Reset { reason: ResetReason::Epoch, rev: 0 });
    assert_eq!(event(&mut events).await, Event::Synced { rev: 0 });
    set(&mut daemon.peer(), "b", 1);
    assert_eq!(change(&mut events).await.changes[0].id, "b");
    daemon.kill();
    daemon.restart();
    set(&mut daemon.peer(), "c", 1);
    assert_eq!(change(&mut events).await.changes[0].id, "c", "it is the new history");
}

fn change_event(rev: u64, prev: u64, initial: bool, key: &str) -> serde_json::Value {
    let entry = json!({"key": key, "value": 1, "rev": rev, "updatedAt": 0});
    let change = json!({"entity": "kv", "op": "put", "id": key, "value": entry});
    json!({"type": "change", "rev": rev, "prev": prev, "at": 0, "initial": initial,
        "origin": {"client": null}, "changes": [change]})
}

#[tokio::test]
async fn a_hole_or_a_repeat_in_the_stream_is_healed() {
    let mut opened = 0;
    let scripted = Scripted::start(move |stage| {
        if stage.method != "kv.subscribe" {
            return stage.reply(json!(true));
        }
        opened += 1;
        stage.reply(json!(opened));
        if opened == 1 {
            stage.send_event(1, change_event(6, 5, false, "a"));
            stage.send_event(1, change_event(6, 5, false, "a"));
            stage.send_event(1, change_event(9, 8, false, "c"));
        } else {
            stage.send_event(opened, change_event(8, 6, false, "b"));
            stage.send_event(opened, change_event(9, 8, false, "c"));
        }
    });
    let client = connect(&scripted.socket()).await;
    let params = SubscribeParams { head: Start::after(5), ..SubscribeParams::default() };
    let mut events = client.subscribe::<Subscribe>(params).await.unwrap();
    let mut revs = Vec::new();
    for _ in 0..3 {
        revs.push(change(&mut events).await.rev);
    }
    assert_eq!(revs, [6, 8, 9]);
    let opened: Vec<_> = scripted.requests().into_iter().filter(|r| r["method"] == "kv.subscribe").collect();
    assert_eq!(opened[1]["params"]["since"], 6);
}

#[tokio::test]
async fn a_snapshot_that_was_cut_off_is_void_and_sent_again() {
    let scripted = Scripted::start(|stage| {
        if stage.method != "kv.subscribe" {
            return stage.reply(json!(true));
        }
        stage.reply(json!(1));
        if stage.connection == 1 {
            stage.send_event(1, change_event(5, 0, true, "old"));
            stage.hang_up();
        } else {
            stage.send_event(1, change_event(7, 0, true, "new"));
            stage.send_event(1, json!({"type": "synced", "rev": 7}));
        }
    });
    let client = connect(&scripted.socket()).await;
    let params = SubscribeParams { head: Start::initial(), ..SubscribeParams::default() };
    let mut events = client.subscribe::<Subscribe>(params).await.unwrap();
    assert_eq!(change(&mut events).await.changes[0].id, "old");
    assert_eq!(event(&mut events).await, Event::Reset { reason: ResetReason::Compacted, rev: 0 });
    assert_eq!(change(&mut events).await.changes[0].id, "new");
    assert_eq!(event(&mut events).await, Event::Synced { rev: 7 });
    assert_eq!(scripted.requests().last().unwrap()["params"]["since"], json!(null));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_subscription_is_an_error() {
    let daemon = daemon();
    let client = connect(&daemon.socket()).await;
    let params = store::SubscribeParams {
        fields: store::Filter { modules: Some(vec!["none".into()]) },
        ..Default::default()
    };
    let refused = soon("an answer", client.subscribe::<store::Subscribe>(params)).await;
    assert!(refused.unwrap_err().kind().is_some());
}
