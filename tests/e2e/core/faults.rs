//! Crashes and failing disks: what was acknowledged is there, what was not is whole or not there.

use crate::daemon;
use rustix::process::{Pid, Resource, Rlimit, prlimit};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use stina_tests::{Framing, Peer, eventually};

#[test]
fn kill_during_writes_loses_nothing_acknowledged_and_halves_nothing() {
    let mut daemon = daemon();
    let mut received: BTreeMap<u64, Value> = BTreeMap::new();
    let mut acknowledged: Vec<(u64, u64)> = Vec::new();
    let mut sent = 0_u64;
    for round in 0..8_u64 {
        let mut watcher = daemon.connect(Framing::LIVE[(round % 2) as usize]);
        let since = received.keys().last().copied().unwrap_or(0);
        watcher.call("kv.subscribe", json!({"since": since}));
        let mut writer = daemon.peer();
        // Each transaction writes two keys: half of one would show.
        for _ in 0..60 {
            let op = |key: &str| json!({"method": "kv.set", "params": {"key": format!("{key}{sent}"), "value": sent}});
            writer.send("store.transact", json!({"ops": [op("a"), op("b")]}));
            sent += 1;
        }
        // Killed while most of them are on their way: as soon as some were answered.
        let base = sent - 60;
        for _ in 0..round * 3 {
            let reply = writer.reply().expect("an answer");
            let nth = (reply["id"].as_u64().unwrap() - 1) % 60;
            acknowledged.push((base + nth, reply["result"]["rev"].as_u64().unwrap()));
        }
        daemon.kill();
        while let Some(message) = watcher.receive() {
            let event = &message["params"]["result"];
            if event["type"] == "change" {
                let rev = event["rev"].as_u64().unwrap();
                assert_eq!(
                    event["prev"].as_u64().unwrap(),
                    received.keys().last().copied().unwrap_or(0),
                    "no gap, no repeat"
                );
                assert!(received.insert(rev, event["changes"].clone()).is_none());
            }
        }
        daemon.restart();
    }
    let mut peer = daemon.peer();
    for (n, rev) in acknowledged {
        for key in ["a", "b"] {
            let entry = peer.call("kv.get", json!({"key": format!("{key}{n}")}))["value"].take();
            assert_eq!((&entry["value"], &entry["rev"]), (&json!(n), &json!(rev)));
        }
    }
    for n in 0..sent {
        let mut there =
            |key: &str| !peer.call("kv.get", json!({"key": format!("{key}{n}")}))["value"].is_null();
        assert_eq!(there("a"), there("b"), "transaction {n} is whole");
    }
    let mut watcher = daemon.peer();
    watcher.call("kv.subscribe", json!({"since": 0}));
    let replay: BTreeMap<u64, Value> = watcher
        .drain()
        .into_iter()
        .filter(|e| e["type"] == "change")
        .map(|e| (e["rev"].as_u64().unwrap(), e["changes"].clone()))
        .collect();
    for (rev, changes) in &received {
        assert_eq!(replay.get(rev), Some(changes), "what was sent is in the log");
    }
    assert!(replay.keys().copied().eq(1..=replay.len() as u64), "no holes");
    daemon.stop();
    let conn = rusqlite::Connection::open(daemon.database()).unwrap();
    let verdict: String = conn.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(verdict, "ok");
}

/// No file of the daemon may grow past `bytes`: every write beyond fails, as on a failing disk.
fn limit_files(daemon: &stina_tests::Daemon, bytes: Option<u64>) {
    let pid = Pid::from_raw(daemon.pid().cast_signed()).unwrap();
    prlimit(Some(pid), Resource::Fsize, Rlimit { current: bytes, maximum: None }).unwrap();
}

#[test]
fn a_failing_disk_is_reported_without_notification_and_writes_continue_afterwards() {
    let daemon = daemon();
    let mut watcher = daemon.peer();
    watcher.call("kv.subscribe", json!({}));
    let mut peer = daemon.peer();
    peer.call("kv.set", json!({"key": "a", "value": 1}));
    limit_files(&daemon, Some(4096));
    let error = peer.fail("kv.set", json!({"key": "a", "value": "x".repeat(100_000)}));
    assert!(error["kind"] == "io" || error["kind"] == "storage_full", "{error}");
    assert!(error["errorId"].is_string());
    assert_eq!(peer.call("kv.get", json!({"key": "a"}))["value"]["value"], 1, "reads go on");
    limit_files(&daemon, None);
    let rev = |peer: &mut Peer| peer.try_call("kv.set", json!({"key": "a", "value": 2})).ok();
    let mut reply = None;
    eventually("writes go on", || {
        reply = rev(&mut peer);
        reply.is_some()
    });
    assert_eq!(reply.unwrap()["rev"], 2, "no revision is missing");
    let values: Vec<Value> = watcher
        .drain()
        .iter()
        .filter(|e| e["type"] == "change")
        .map(|e| e["changes"][0]["value"]["value"].clone())
        .collect();
    assert_eq!(values, [1, 2]);
}
