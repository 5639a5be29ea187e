//! A gap is told: subscriptions begin, resume, filter, lag and are reset as promised.

use crate::{STINAD, daemon};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;
use stina_tests::in_process::Setup;
use stina_tests::{DEADLINE, Daemon, Framing, InProcess, Peer};
use stinad::limits::Limits;

fn set(peer: &mut Peer, key: &str, value: impl serde::Serialize) -> u64 {
    peer.call("kv.set", json!({"key": key, "value": value}))["rev"].as_u64().unwrap()
}

/// `rev:prev:ids` of a change, or the type and rev of another event.
fn short(event: &Value) -> String {
    if event["type"] != "change" {
        return format!("{} {}", event["type"].as_str().unwrap(), event["rev"]);
    }
    let ids: Vec<&str> =
        event["changes"].as_array().unwrap().iter().map(|c| c["id"].as_str().unwrap()).collect();
    format!("{}:{}:{}", event["rev"], event["prev"], ids.join("+"))
}

fn shorts(events: &[Value]) -> Vec<String> {
    events.iter().map(short).collect()
}

#[test]
fn a_subscription_begins_where_it_is_asked_to() {
    for framing in Framing::LIVE {
        let daemon = daemon();
        let mut writer = daemon.peer();
        for key in ["a", "b", "c"] {
            set(&mut writer, key, 1);
        }
        let begin = |params: Value| {
            let mut peer = daemon.connect(framing);
            peer.call("kv.subscribe", params);
            shorts(&peer.drain())
        };
        assert_eq!(begin(json!({})), ["synced 3"]);
        assert_eq!(begin(json!({"since": 1})), ["2:1:b", "3:2:c", "synced 3"]);
        assert_eq!(begin(json!({"since": 3})), ["synced 3"]);
        assert_eq!(begin(json!({"since": 0, "prefix": "c"})), ["3:0:c", "synced 3"]);
        assert_eq!(begin(json!({"initial": true})), ["3:0:a+b+c", "synced 3"]);
        assert_eq!(begin(json!({"initial": true, "prefix": "b"})), ["3:0:b", "synced 3"]);
        assert_eq!(begin(json!({"initial": true, "prefix": "zz"})), ["synced 3"]);
        // With a cursor that the log can serve, the cursor counts.
        assert_eq!(begin(json!({"initial": true, "since": 2})), ["3:2:c", "synced 3"]);
        // A cursor of another history, or of a future that never was.
        assert_eq!(begin(json!({"since": 1, "epoch": "other"})), ["reset 3", "synced 3"]);
        assert_eq!(begin(json!({"epoch": "other"})), ["reset 3", "synced 3"]);
        assert_eq!(begin(json!({"epoch": "other", "initial": true})), ["reset 3", "3:3:a+b+c", "synced 3"]);
        assert_eq!(begin(json!({"since": 99})), ["reset 3", "synced 3"]);
        assert_eq!(begin(json!({"since": 99, "initial": true})), ["reset 3", "3:3:a+b+c", "synced 3"]);
    }
}

#[test]
fn live_changes_come_in_order_with_prev_and_origin() {
    let daemon = daemon();
    for framing in Framing::LIVE {
        let mut watcher = daemon.connect(framing);
        watcher.call("store.subscribe", json!({}));
        watcher.event_of("synced");
        let mut writer = daemon.connect(framing);
        writer.call("store.hello", json!({"client": {"name": "writer", "version": "1"}}));
        writer.call(
            "kv.set",
            json!({"key": "a", "value": {"deep": [1]}, "requestId": format!("r-{framing:?}")}),
        );
        let event = watcher.event_of("change");
        assert_eq!(event["prev"].as_u64().unwrap() + 1, event["rev"].as_u64().unwrap());
        assert_eq!(event["origin"], json!({"client": "writer", "requestId": format!("r-{framing:?}")}));
        assert_eq!(event["changes"][0]["value"]["value"], json!({"deep": [1]}));
        writer.call("kv.delete", json!({"key": "a"}));
        let delete = watcher.event_of("change");
        assert_eq!(delete["prev"], event["rev"]);
        assert_eq!(delete["changes"], json!([{"entity": "kv", "op": "delete", "id": "a"}]));
    }
}

#[test]
fn a_filter_that_hides_revisions_gets_synced() {
    let daemon = daemon();
    let mut watcher = daemon.peer();
    watcher.call("kv.subscribe", json!({"prefix": "mine/"}));
    assert_eq!(short(&watcher.event()), "synced 0");
    let mut writer = daemon.peer();
    for i in 0..5 {
        set(&mut writer, "other", i);
    }
    // On a slow machine it may be sent more than once.
    while short(&watcher.event()) != "synced 5" {}
    set(&mut writer, "mine/a", 1);
    assert_eq!(short(&watcher.event()), "6:5:mine/a");
}

#[test]
fn a_filter_that_hides_a_steady_stream_of_revisions_gets_synced() {
    let limits = Limits { synced_every: u64::MAX, ..Limits::default() };
    let daemon = InProcess::start(Setup { limits, ..Setup::default() });
    let mut watcher = daemon.peer();
    watcher.call("kv.subscribe", json!({"prefix": "mine/"}));
    assert_eq!(short(&watcher.event()), "synced 0");
    let (mut writer, was_sent) = (daemon.peer(), AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let end = Instant::now() + DEADLINE;
            while !was_sent.load(Ordering::Relaxed) && Instant::now() < end {
                set(&mut writer, "other", 1);
            }
            assert!(was_sent.load(Ordering::Relaxed), "nothing was sent as long as others wrote");
        });
        let event = watcher.event();
        was_sent.store(true, Ordering::Relaxed);
        assert_eq!(event["type"], "synced");
    });
}

#[test]
fn cursors_survive_restarts_and_crashes() {
    let mut daemon = daemon();
    let mut peer = daemon.peer();
    let epoch = peer.call("store.hello", json!({"client": {"name": "t", "version": "1"}}))["epoch"].clone();
    set(&mut peer, "a", 1);
    let mut watcher = daemon.peer();
    watcher.call("kv.subscribe", json!({"since": 0}));
    assert_eq!(short(&watcher.event()), "1:0:a");
    set(&mut peer, "b", 1);
    for crash in [false, true] {
        if crash {
            daemon.kill();
        } else {
            daemon.stop();
        }
        daemon.restart();
        let mut resumed = daemon.peer();
        resumed.call("kv.subscribe", json!({"since": 1, "epoch": epoch}));
        assert_eq!(shorts(&resumed.drain()), ["2:1:b", "synced 2"]);
    }
}

#[test]
fn an_unsubscribed_or_closed_subscription_is_removed() {
    let daemon = daemon();
    for framing in Framing::LIVE {
        let mut peer = daemon.connect(framing);
        let id = peer.call("kv.subscribe", json!({}));
        peer.drain();
        assert_eq!(peer.call("kv.unsubscribe", json!([id])), json!(true));
        assert_eq!(peer.call("kv.unsubscribe", json!([id])), json!(false));
        set(&mut peer, "a", 1);
        assert_eq!(peer.drain(), Vec::<Value>::new());
        let mut other = daemon.connect(framing);
        other.call("kv.subscribe", json!({}));
        let subscriptions = |peer: &mut Peer| -> usize {
            let clients = peer.call("store.clients", json!({}));
            let clients = clients["clients"].as_array().unwrap().clone();
            clients.iter().map(|c| c["subscriptions"].as_array().unwrap().len()).sum()
        };
        assert_eq!(subscriptions(&mut peer), 1);
        drop(other);
        stina_tests::eventually("the subscription is freed", || subscriptions(&mut peer) == 0);
    }
}

/// A daemon whose event buffer and socket hold little, so that a client that does not read falls behind at once.
fn tight() -> InProcess {
    let limits = Limits { ring_items: 8, ring_bytes: 64 << 10, output_bytes: 16 << 10, ..Limits::default() };
    InProcess::start(Setup { limits, ..Setup::default() })
}

#[test]
fn slow_subscriber_catches_up_from_log() {
    for framing in Framing::LIVE {
        let daemon = tight();
        let mut slow = daemon.connect(framing);
        slow.call("kv.subscribe", json!({}));
        let mut writer = daemon.peer();
        // Far more than event buffer, output buffer and socket hold together.
        let value = "x".repeat(10_000);
        for i in 0..400 {
            set(&mut writer, &format!("k{i}"), &value);
        }
        let lag = writer.call("store.clients", json!({}))["clients"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|c| c["subscriptions"][0]["lag"].as_u64())
            .max();
        assert!(lag.unwrap() > 100, "{lag:?}");
        let events = slow.events_until(|e| e["type"] == "change" && e["rev"] == 400);
        for (last, event) in (0..).zip(events.iter().filter(|e| e["type"] == "change")) {
            assert_eq!(event["prev"], json!(last));
            assert_eq!(event["rev"], json!(last + 1), "each revision once, in order");
        }
    }
}

#[test]
fn a_large_snapshot_arrives_in_chunks() {
    let daemon = tight();
    let mut writer = daemon.peer();
    for i in 0..600 {
        set(&mut writer, &format!("k{i:03}"), "x".repeat(2_000));
    }
    let mut watcher = daemon.peer();
    watcher.call("kv.subscribe", json!({"initial": true}));
    // Changes that are committed while the snapshot is being sent come after it.
    set(&mut writer, "k000", "new");
    let events = watcher.events_until(|e| e["type"] == "synced");
    let initial: Vec<&Value> = events.iter().filter(|e| e["initial"] == true).collect();
    assert!(initial.len() > 3, "in chunks");
    let revs: std::collections::BTreeSet<u64> = initial.iter().map(|e| e["rev"].as_u64().unwrap()).collect();
    assert_eq!(revs.len(), 1, "of one snapshot");
    assert_eq!(initial.iter().map(|e| e["changes"].as_array().unwrap().len()).sum::<usize>(), 600);
    let mut all = events.clone();
    all.extend(watcher.drain());
    let last =
        all.iter().flat_map(|e| e["changes"].as_array().into_iter().flatten()).rfind(|c| c["id"] == "k000");
    assert_eq!(last.unwrap()["value"]["value"], "new");
}

#[test]
fn sync_is_answered_after_everything_before_it_was_sent() {
    for framing in Framing::LIVE {
        let daemon = tight();
        let mut writer = daemon.peer();
        let mut watcher = daemon.connect(framing);
        watcher.call("kv.subscribe", json!({}));
        watcher.call("kv.subscribe", json!({"prefix": "nothing"}));
        for round in 0..30 {
            for i in 0..20 {
                writer.send("kv.set", json!({"key": "k", "value": i}));
            }
            (0..20).for_each(|_| assert!(writer.reply().is_some()));
            let rev = watcher.call("store.sync", json!({}))["rev"].as_u64().unwrap();
            assert_eq!(rev, (round + 1) * 20);
            let sent = watcher.drain().iter().filter(|e| e["type"] == "change").count();
            assert_eq!(sent, 20, "round {round}");
        }
    }
}

#[test]
fn sync_is_answered_beside_a_subscription_that_keeps_lagging() {
    for framing in Framing::LIVE {
        let limits = Limits { ring_items: 8, ..Limits::default() };
        let daemon = InProcess::start(Setup { limits, ..Setup::default() });
        let (mut writer, mut watcher) = (daemon.peer(), daemon.connect(framing));
        // More than all buffers on the way hold, and two more for each event that is read.
        let mut write = || set(&mut writer, "k", "x".repeat(4_000));
        let at_sync = (0..300).map(|_| write()).last().unwrap();
        watcher.call("kv.subscribe", json!({"since": 0}));
        watcher.call("todo.subscribe", json!({}));
        let sync = watcher.send("store.sync", json!({}));
        let mut read = 0;
        let (rev, written) = loop {
            let written = (0..2).map(|_| write()).last().unwrap();
            let message = watcher.receive().unwrap();
            if message["id"] == sync {
                break (message["result"]["rev"].as_u64().unwrap(), written);
            }
            let event = &message["params"]["result"];
            if event["type"] == "change" {
                assert_eq!(event["prev"], read);
                read = event["rev"].as_u64().unwrap();
            }
            assert!(read < 2 * at_sync, "sync waits for more than was pending when it was called");
        };
        assert!(at_sync <= rev && rev <= read && read < written, "{at_sync}, {rev}, {read}, {written}");
    }
}

#[test]
fn a_cursor_that_the_log_no_longer_reaches_is_reset() {
    let limits = Limits {
        log_bytes: 50_000,
        log_revisions: 1,
        checkpoint_after: std::time::Duration::from_millis(1),
        prune_revisions: 1,
        ring_items: 4,
        prune_rows: 10,
        ..Limits::default()
    };
    let daemon = InProcess::start(Setup { limits, ..Setup::default() });
    let mut peer = daemon.peer();
    let mut last = 0;
    for i in 0..200 {
        last = set(&mut peer, &format!("k{}", i % 3), "x".repeat(1_000));
    }
    stina_tests::eventually("the log is pruned", || {
        let oldest =
            peer.call("store.hello", json!({"client": {"name": "t", "version": "1"}}))["oldestRev"].as_u64();
        oldest.unwrap() > 100
    });
    let compacted = peer.fail("store.changes", json!({"since": 1}));
    assert_eq!(compacted["kind"], "compacted");
    // Pruning may still go on: what the error named is the least that is gone.
    assert!(compacted["oldestRev"].as_u64().unwrap() > 100);
    let tail = peer.call("store.changes", json!({"since": last - 1}));
    assert_eq!(tail["value"]["items"][0]["rev"], last, "the newest always stays");
    let mut late = daemon.peer();
    late.call("kv.subscribe", json!({"since": 1, "initial": true}));
    let events = shorts(&late.drain());
    assert_eq!(
        events,
        [format!("reset {last}"), format!("{last}:{last}:k0+k1+k2"), format!("synced {last}")]
    );
    let mut bare = daemon.peer();
    bare.call("kv.subscribe", json!({"since": 1}));
    assert_eq!(bare.event(), json!({"type": "reset", "reason": "compacted", "rev": last}));
}

#[test]
fn changes_of_the_log_have_before_and_after() {
    let daemon = daemon();
    let mut peer = daemon.peer();
    set(&mut peer, "a", 1);
    set(&mut peer, "a", 2);
    peer.call("kv.delete", json!({"key": "a"}));
    let page = peer.call("store.changes", json!({"since": 0, "limit": 2}));
    let next = &page["value"]["next"];
    assert_eq!(next, 2);
    let rest = peer.call("store.changes", json!({"since": next, "modules": ["kv"]}));
    assert_eq!(rest["value"]["next"], Value::Null);
    let mut all = page["value"]["items"].as_array().unwrap().clone();
    all.extend(rest["value"]["items"].as_array().unwrap().iter().cloned());
    let values: Vec<Value> = all
        .iter()
        .map(|r| {
            let change = &r["changes"][0];
            json!([r["rev"], change["op"], change["before"]["value"], change["after"]["value"]])
        })
        .collect();
    assert_eq!(json!(values), json!([[1, "put", null, 1], [2, "put", 1, 2], [3, "delete", 2, null]]));
    assert_eq!(peer.fail("store.changes", json!({"since": 9}))["field"], "since");
}

#[test]
fn a_large_snapshot_needs_only_the_directory_of_the_database() {
    let daemon = Daemon::start_with(STINAD, &[], &[("TMPDIR", "/nonexistent")]);
    let mut peer = daemon.peer();
    set(&mut peer, "large", "x".repeat(400_000));
    peer.call("kv.subscribe", json!({"initial": true}));
    let events = peer.drain();
    assert_eq!(events[0]["initial"], true, "{}", daemon.log());
}
