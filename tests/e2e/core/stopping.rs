//! A stop takes less than 3 seconds, whatever runs.

use crate::{STINAD_SLOW, daemon};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use stina_tests::peer::post;
use stina_tests::{Daemon, Framing, Peer, eventually};

/// The limit is 3 seconds; the machine that runs the tests may be busy. What runs would take hours.
const STOPPED: Duration = Duration::from_secs(8);

fn slow() -> Daemon {
    let daemon = Daemon::start_with(STINAD_SLOW, &[], &[]);
    daemon.peer().call("kv.set", json!({"key": "before", "value": 1}));
    daemon
}

/// Begins a call that takes hours, with `send`; returns once it runs.
fn begin_with<T>(daemon: &Daemon, how: &str, send: impl FnOnce(Value) -> T) -> T {
    let begun = daemon.home().join("begun");
    let sent = send(json!({"how": how, "begun": begun}));
    eventually("the call begins", || begun.exists());
    std::fs::remove_file(begun).unwrap();
    sent
}

fn begin(daemon: &Daemon, peer: &mut Peer, method: &str, how: &str) {
    begin_with(daemon, how, |params| peer.send(method, params));
}

/// Stops it; it ends in time and in order, and leaves nothing behind.
fn stop(mut daemon: Daemon, peers: Vec<Peer>) -> Daemon {
    let start = Instant::now();
    let status = daemon.stop();
    let took = start.elapsed();
    assert!(took < STOPPED, "it took {took:?}");
    assert_eq!(status.code(), Some(0));
    assert!(!daemon.socket().exists());
    let wal = daemon.database().with_file_name("stina.db-wal");
    assert!(!wal.exists(), "the database is closed in order");
    for mut peer in peers {
        let reply = peer.reply().expect("an answer");
        assert_eq!(reply["error"]["data"], json!({"kind": "shutting_down"}), "{reply}");
    }
    assert!(!daemon.log().contains("ERROR"), "{}", daemon.log());
    daemon.restart();
    assert_eq!(daemon.peer().call("kv.get", json!({"key": "before"}))["value"]["value"], 1);
    daemon
}

#[test]
fn long_reads_are_interrupted_and_answered_when_the_daemon_stops() {
    for framing in Framing::LIVE {
        let daemon = slow();
        // Those that run, and one that waits for a connection.
        let mut peers: Vec<Peer> = (0..4).map(|_| daemon.connect(framing)).collect();
        for (peer, how) in peers.iter_mut().zip(["statement", "statements", "statement"]) {
            begin(&daemon, peer, "slow.read", how);
        }
        peers[3].send("kv.list", json!({}));
        peers[3].call("store.ping", json!({}));
        stop(daemon, peers);
    }
}

#[test]
fn a_long_read_over_http_is_interrupted_and_answered_when_the_daemon_stops() {
    let daemon = slow();
    let socket = daemon.socket();
    let caller = begin_with(&daemon, "statement", |params| {
        let call = json!({"jsonrpc": "2.0", "id": 1, "method": "slow.read", "params": params});
        std::thread::spawn(move || post(&socket, call.to_string().as_bytes()))
    });
    stop(daemon, Vec::new());
    let reply: Value = serde_json::from_slice(&caller.join().unwrap()).unwrap();
    assert_eq!(reply["error"]["data"], json!({"kind": "shutting_down"}));
}

#[test]
fn long_reads_whose_clients_are_gone_hold_up_no_stop() {
    let daemon = slow();
    for how in ["statement", "statements"] {
        let mut peer = daemon.peer();
        begin(&daemon, &mut peer, "slow.read", how);
    }
    stop(daemon, Vec::new());
}

#[test]
fn a_long_write_is_interrupted_rolled_back_and_answered_when_the_daemon_stops() {
    for how in ["statement", "statements"] {
        let daemon = slow();
        let mut peers = vec![daemon.peer(), daemon.peer()];
        begin(&daemon, &mut peers[0], "slow.write", how);
        // It waits in the queue, and is refused.
        peers[1].send("kv.set", json!({"key": "waits", "value": 1}));
        peers[1].call("store.ping", json!({}));
        let daemon = stop(daemon, peers);
        let mut peer = daemon.peer();
        assert_eq!(peer.call("kv.get", json!({"key": "waits"})), json!({"rev": 1, "value": null}));
        assert_eq!(peer.call("kv.set", json!({"key": "after", "value": 1}))["rev"], 2);
    }
}

#[test]
fn a_long_write_whose_client_is_gone_holds_up_no_stop() {
    let daemon = slow();
    begin(&daemon, &mut daemon.peer(), "slow.write", "statement");
    stop(daemon, Vec::new());
}

#[test]
fn a_write_that_waits_for_another_process_is_answered_when_the_daemon_stops() {
    let mut daemon = daemon();
    let mut peer = daemon.peer();
    peer.call("kv.set", json!({"key": "a", "value": 1}));
    let other = rusqlite::Connection::open(daemon.database()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    peer.send("kv.set", json!({"key": "a", "value": 2}));
    peer.call("store.ping", json!({}));
    assert!(daemon.stop().success());
    let reply: Value = peer.reply().expect("an answer");
    assert_eq!(reply["error"]["data"], json!({"kind": "shutting_down"}));
}
