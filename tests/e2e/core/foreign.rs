//! Writes that bypass the daemon are noticed and sent as `reset`.

use crate::daemon;
use serde_json::json;
use std::time::{Duration, Instant};
use stina_tests::InProcess;
use stina_tests::in_process::Setup;
use stinad::limits::Limits;

#[test]
fn a_foreign_write_sends_reset_and_the_new_snapshot() {
    let daemon = daemon();
    let mut peer = daemon.peer();
    peer.call("kv.set", json!({"key": "a", "value": 1}));
    let mut watcher = daemon.peer();
    watcher.call("kv.subscribe", json!({"initial": true}));
    watcher.drain();
    let shell = rusqlite::Connection::open(daemon.database()).unwrap();
    shell
        .execute("INSERT INTO kv_entries (key, value, rev, updated_at) VALUES ('shell', '42', 1, 0)", [])
        .unwrap();
    let wrote = Instant::now();
    let reset = watcher.event_of("reset");
    assert_eq!((&reset["reason"], &reset["rev"]), (&json!("external"), &json!(2)));
    // Promised are 100 ms, which `tests/soak.sh foreign` measures; this holds that nobody waits for the next write.
    assert!(wrote.elapsed() < Duration::from_secs(5), "{:?}", wrote.elapsed());
    let set = watcher.event_of("change");
    let ids: Vec<_> = set["changes"].as_array().unwrap().iter().map(|c| c["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["a", "shell"]);
    // A subscriber that was away meanwhile is reset too.
    let mut resumed = daemon.peer();
    resumed.call("kv.subscribe", json!({"since": 1}));
    assert_eq!(resumed.event()["reason"], "external");
    let page = peer.call("store.changes", json!({"since": 1}));
    assert_eq!(page["value"]["items"][0]["reset"], "external");
}

#[test]
fn every_foreign_write_is_noticed_by_the_watch_alone() {
    // No checkpoint and no other write of our own comes to its help.
    let limits = Limits { checkpoint_after: Duration::from_secs(3600), ..Limits::default() };
    let daemon = InProcess::start(Setup { limits, ..Setup::default() });
    let mut watcher = daemon.peer();
    watcher.call("kv.subscribe", json!({}));
    let shell = rusqlite::Connection::open(daemon.socket().with_file_name("stina.db")).unwrap();
    for n in 0..40 {
        let sql = "INSERT OR REPLACE INTO kv_entries (key, value, rev, updated_at) VALUES ('shell', ?, 1, 0)";
        shell.execute(sql, [n.to_string()]).unwrap();
        assert_eq!(watcher.event_of("reset")["reason"], "external");
    }
}

#[test]
fn a_write_while_no_daemon_ran_sends_reset_on_resume() {
    let mut daemon = daemon();
    let (database, resume) = (daemon.database(), json!({"since": 1, "initial": true}));
    daemon.peer().call("kv.set", json!({"key": "a", "value": 1}));
    // Another process reads and none writes: no reset.
    daemon.stop();
    let shell = rusqlite::Connection::open(&database).unwrap();
    shell.query_row("SELECT count(*) FROM kv_entries", [], |_| Ok(())).unwrap();
    drop(shell);
    daemon.restart();
    let mut peer = daemon.peer();
    peer.call("kv.subscribe", resume.clone());
    assert_eq!(peer.event(), json!({"type": "synced", "rev": 1}));
    // Somebody writes.
    daemon.stop();
    let shell = rusqlite::Connection::open(&database).unwrap();
    shell.execute("UPDATE kv_entries SET value = '2'", []).unwrap();
    drop(shell);
    daemon.restart();
    let mut peer = daemon.peer();
    peer.call("kv.subscribe", resume.clone());
    assert_eq!(peer.event(), json!({"type": "reset", "reason": "external", "rev": 2}));
    assert_eq!(peer.event_of("change")["changes"][0]["value"]["value"], 2);
    // Once is enough.
    daemon.stop();
    daemon.restart();
    let mut peer = daemon.peer();
    peer.call("kv.subscribe", json!({"since": 2}));
    assert_eq!(peer.event(), json!({"type": "synced", "rev": 2}));
    // An older copy put in its place: its revisions continue where others of the same numbers were sent.
    let epoch =
        daemon.peer().call("store.hello", json!({"client": {"name": "t", "version": "1"}}))["epoch"].clone();
    daemon.peer().call("kv.set", json!({"key": "a", "value": 3}));
    daemon.stop();
    let copy = daemon.home().join("copy.db");
    std::fs::copy(&database, &copy).unwrap();
    daemon.restart();
    daemon.peer().call("kv.set", json!({"key": "a", "value": 4}));
    daemon.stop();
    std::fs::copy(&copy, &database).unwrap();
    daemon.restart();
    daemon.peer().call("kv.set", json!({"key": "a", "value": 5}));
    let mut peer = daemon.peer();
    peer.call("kv.subscribe", json!({"since": 4, "epoch": epoch}));
    assert_eq!(peer.event(), json!({"type": "reset", "reason": "epoch", "rev": 5}));
}

#[test]
fn a_write_while_no_daemon_ran_sends_reset_although_its_writer_stays_connected() {
    let mut daemon = daemon();
    daemon.peer().call("kv.set", json!({"key": "a", "value": 1}));
    // Its connection keeps the last one of the daemon from moving the WAL into the file, and so does its own write.
    let shell = rusqlite::Connection::open(daemon.database()).unwrap();
    shell.query_row("SELECT count(*) FROM kv_entries", [], |_| Ok(())).unwrap();
    daemon.stop();
    shell.execute("UPDATE kv_entries SET value = '2'", []).unwrap();
    daemon.restart();
    let mut peer = daemon.peer();
    peer.call("kv.subscribe", json!({"since": 1}));
    assert_eq!(peer.event(), json!({"type": "reset", "reason": "external", "rev": 2}));
    drop(shell);
}

#[test]
fn own_writes_are_not_taken_for_foreign_ones() {
    let daemon = daemon();
    let mut watcher = daemon.peer();
    watcher.call("kv.subscribe", json!({}));
    let mut peer = daemon.peer();
    for i in 0..300 {
        peer.call("kv.set", json!({"key": "a", "value": i}));
    }
    let events = watcher.drain();
    assert!(events.iter().all(|e| e["type"] != "reset"));
    assert_eq!(events.iter().filter(|e| e["type"] == "change").count(), 300);
}

#[test]
fn a_foreign_lock_fails_all_that_wait_for_it_at_once() {
    let limits = Limits { lock_wait: Duration::from_secs(1), ..Limits::default() };
    let daemon = InProcess::start(Setup { limits, ..Setup::default() });
    let mut peer = daemon.peer();
    peer.call("kv.set", json!({"key": "n", "value": 0}));
    let shell = rusqlite::Connection::open(daemon.socket().with_file_name("stina.db")).unwrap();
    shell.execute_batch("BEGIN IMMEDIATE").unwrap();
    let began = Instant::now();
    for _ in 0..30 {
        peer.send("kv.increment", json!({"key": "n"}));
    }
    for _ in 0..30 {
        assert_eq!(peer.reply().unwrap()["error"]["data"]["kind"], "busy");
    }
    // One wait for what the writer had begun, one for the rest; not thirty.
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    shell.execute_batch("ROLLBACK").unwrap();
    assert_eq!(peer.call("kv.increment", json!({"key": "n"}))["value"]["value"], 1);
}

#[test]
fn a_foreign_lock_does_not_hold_up_the_end() {
    let limits = Limits {
        lock_wait: Duration::from_secs(600),
        shutdown: Duration::from_millis(10),
        ..Limits::default()
    };
    let daemon = InProcess::start(Setup { limits, ..Setup::default() });
    let mut peer = daemon.peer();
    let shell = rusqlite::Connection::open(daemon.socket().with_file_name("stina.db")).unwrap();
    shell.execute_batch("BEGIN IMMEDIATE").unwrap();
    peer.send("kv.set", json!({"key": "n", "value": 0}));
    peer.call("store.ping", json!({}));
    let began = Instant::now();
    daemon.stop();
    assert!(began.elapsed() < Duration::from_secs(60), "{:?}", began.elapsed());
}

#[test]
fn a_foreign_reader_holds_up_neither_writes_nor_the_end() {
    let limits = Limits {
        lock_wait: Duration::from_secs(60),
        checkpoint_after: Duration::from_millis(1),
        ..Limits::default()
    };
    let daemon = InProcess::start(Setup { limits, ..Setup::default() });
    let mut peer = daemon.peer();
    peer.call("kv.set", json!({"key": "n", "value": 0}));
    let shell = rusqlite::Connection::open(daemon.socket().with_file_name("stina.db")).unwrap();
    shell.execute_batch("BEGIN; SELECT count(*) FROM kv_entries").unwrap();
    let began = Instant::now();
    for _ in 0..50 {
        peer.call("kv.increment", json!({"key": "n"}));
    }
    daemon.stop();
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
}
