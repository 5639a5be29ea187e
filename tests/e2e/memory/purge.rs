//! Expired memories are deleted by the daemon itself.

use crate::clock_at;
use serde_json::{Value, json};
use std::sync::atomic::Ordering;
use stina_tests::in_process::Setup;
use stina_tests::{InProcess, Peer};

const DAY: i64 = 24 * 3600 * 1000;

fn remember(peer: &mut Peer, id: &str, valid_until: Option<i64>) {
    peer.call("memory.create", json!({"id": id, "title": id, "content": id, "validUntil": valid_until}));
}

/// The ids in the next notification of deletes.
fn deleted(peer: &mut Peer) -> Vec<String> {
    loop {
        let event = peer.event_of("change");
        let changes = event["changes"].as_array().unwrap();
        if changes[0]["op"] == "delete" {
            assert_eq!(event["origin"], json!({"client": "stinad"}));
            assert!(changes.iter().all(|change| change["entity"] == "memory" && change["op"] == "delete"));
            return changes.iter().map(|change| change["id"].as_str().unwrap().to_owned()).collect();
        }
    }
}

fn remaining(peer: &mut Peer) -> Vec<String> {
    let list = peer.call("memory.list", json!({"includeExpired": true}));
    let items = list["value"]["items"].as_array().unwrap().iter();
    items.map(|memory| memory["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_memory_is_deleted_by_itself_seven_days_after_it_expired() {
    let (clock, hand) = clock_at(100 * DAY);
    let daemon = InProcess::start(Setup { clock, ..Setup::default() });
    let mut peer = daemon.peer();
    peer.call("store.hello", json!({"client": {"name": "test", "version": "1"}}));
    peer.call("memory.subscribe", json!({}));
    remember(&mut peer, "later", Some(93 * DAY + 600_000));
    remember(&mut peer, "soon", Some(93 * DAY + 300));
    remember(&mut peer, "due", Some(93 * DAY));
    assert_eq!(deleted(&mut peer), ["due"]);
    assert_eq!(remaining(&mut peer), ["soon", "later"]);
    // No write wakes it now: it has slept until then.
    hand.fetch_add(300, Ordering::Relaxed);
    assert_eq!(deleted(&mut peer), ["soon"]);
    assert_eq!(remaining(&mut peer), ["later"]);
}

#[test]
fn a_clock_that_jumped_is_noticed_at_the_next_write_and_after_a_restart() {
    let (clock, hand) = clock_at(100 * DAY);
    let daemon = InProcess::start(Setup { clock: clock.clone(), ..Setup::default() });
    let mut peer = daemon.peer();
    peer.call("memory.subscribe", json!({}));
    for (id, days) in [("d1", Some(101)), ("d2", Some(102)), ("d3", Some(103)), ("ever", None)] {
        remember(&mut peer, id, days.map(|days| days * DAY));
    }
    hand.store(108 * DAY - 1, Ordering::Relaxed);
    remember(&mut peer, "x", Some(103 * DAY));
    peer.call("memory.update", json!({"id": "d3", "validUntil": null}));
    hand.store(109 * DAY, Ordering::Relaxed);
    remember(&mut peer, "y", Some(200 * DAY));
    assert_eq!(deleted(&mut peer), ["d1", "d2"]);
    assert_eq!(remaining(&mut peer), ["y", "x", "ever", "d3"]);
    let rev = peer.call("memory.list", json!({}))["rev"].clone();
    drop(peer);
    let home = daemon.stop();

    hand.store(110 * DAY, Ordering::Relaxed);
    let daemon = InProcess::start(Setup { clock, home: Some(home), ..Setup::default() });
    let mut peer = daemon.peer();
    peer.call("memory.subscribe", json!({"since": rev}));
    assert_eq!(deleted(&mut peer), ["x"]);
    assert_eq!(peer.call("memory.search", json!({"query": "x"}))["value"]["items"], Value::Array(Vec::new()));
}

#[test]
fn many_expired_memories_are_deleted_in_several_revisions() {
    let (clock, _hand) = clock_at(100 * DAY);
    let daemon = InProcess::start(Setup { clock, memory: true, ..Setup::default() });
    let mut peer = daemon.peer();
    peer.call("memory.subscribe", json!({}));
    let create = |i: usize| {
        let params = json!({"id": format!("m{i}"), "title": "", "content": "", "validUntil": i});
        json!({"method": "memory.create", "params": params})
    };
    let ops: Vec<Value> = (0..250).map(create).collect();
    peer.call("store.transact", json!({"ops": ops}));
    let counts = [(); 3].map(|()| deleted(&mut peer).len());
    assert_eq!(counts, [100, 100, 50]);
    assert!(remaining(&mut peer).is_empty());
}

#[test]
fn a_memory_that_cannot_be_deleted_keeps_no_other_from_it() {
    let (clock, hand) = clock_at(100 * DAY);
    let daemon = InProcess::start(Setup { clock: clock.clone(), ..Setup::default() });
    let mut peer = daemon.peer();
    for (id, day) in [("a", 101), ("bad", 102), ("c", 103), ("d", 104), ("later", 200)] {
        remember(&mut peer, id, Some(day * DAY));
    }
    drop(peer);
    let home = daemon.stop();
    let refuse = "CREATE TRIGGER refuse BEFORE DELETE ON memories WHEN old.id = 'bad'
                  BEGIN SELECT RAISE (ABORT, 'refused'); END;";
    let conn = rusqlite::Connection::open(home.path().join("stina.db")).unwrap();
    conn.execute_batch(refuse).unwrap();
    hand.store(150 * DAY, Ordering::Relaxed);
    let daemon = InProcess::start(Setup { clock, home: Some(home), ..Setup::default() });
    let mut peer = daemon.peer();
    stina_tests::eventually("the others are deleted", || remaining(&mut peer) == ["later", "bad"]);
    // It is tried again, at the latest with the next write.
    conn.execute_batch("DROP TRIGGER refuse").unwrap();
    stina_tests::eventually("it is deleted", || {
        peer.call("memory.update", json!({"id": "later", "validUntil": 200 * DAY}));
        peer.call("memory.update", json!({"id": "later", "validUntil": 201 * DAY}));
        remaining(&mut peer) == ["later"]
    });
}
