//! Short reads never wait for long ones.

use serde_json::{Value, json};
use std::path::PathBuf;
use stina_tests::in_process::Setup;
use stina_tests::{Framing, InProcess, Peer, eventually, slow};
use stinad::limits::Limits;
use stinad::modules::kv;
use stinad::rpc::Module;

const MODULES: &[Module] = &[kv::MODULE, slow::MODULE];

/// A daemon whose connections for long reads are all in use for hours, and the clients that do so.
fn with_long_reads(setup: Setup) -> (InProcess, Vec<Peer>) {
    let scans = setup.limits.scans;
    let daemon = InProcess::start(Setup { modules: MODULES, ..setup });
    daemon.peer().call("kv.set", json!({"key": "a", "value": 1}));
    let begun = daemon.socket().with_file_name("begun");
    let begin = |_| {
        let mut peer = daemon.peer();
        peer.send("slow.read", json!({"how": "statement", "begun": begun}));
        eventually("the read begins", || begun.exists());
        std::fs::remove_file(&begun).unwrap();
        peer
    };
    let peers = (0..scans).map(begin).collect();
    (daemon, peers)
}

fn soon() -> Limits {
    Limits { shutdown: std::time::Duration::from_millis(50), ..Limits::default() }
}

#[test]
fn short_reads_of_many_clients_do_not_wait_for_long_ones() {
    let limits = Limits { readers: 1, ..soon() };
    let (daemon, _busy) = with_long_reads(Setup { limits, ..Setup::default() });
    for framing in Framing::LIVE {
        let mut peers: Vec<Peer> = (0..8).map(|_| daemon.connect(framing)).collect();
        for _ in 0..50 {
            for peer in &mut peers {
                peer.send("kv.get", json!({"key": "a"}));
                peer.send("store.ping", json!({}));
                peer.send("store.sync", json!({}));
                peer.send("store.hello", json!({"client": {"name": "lanes", "version": "1"}}));
            }
            for peer in &mut peers {
                for _ in 0..4 {
                    let reply = peer.reply().unwrap();
                    assert!(reply.get("result").is_some(), "{reply}");
                }
            }
        }
    }
}

#[test]
fn subscriptions_that_catch_up_and_long_reads_that_wait_take_no_connection_of_short_reads() {
    let (daemon, _busy) = with_long_reads(Setup { limits: soon(), ..Setup::default() });
    let mut waiting: Vec<Peer> = (0..8).map(|_| daemon.peer()).collect();
    for peer in &mut waiting {
        peer.call("kv.subscribe", json!({"initial": true}));
        peer.send("kv.list", json!({}));
        peer.send("store.changes", json!({"since": 0}));
    }
    let mut peer = daemon.peer();
    for _ in 0..50 {
        assert_eq!(peer.call("kv.get", json!({"key": "a"}))["value"]["value"], 1);
    }
}

#[test]
fn the_connections_of_both_lanes_are_shown() {
    let limits = Limits { readers: 2, scans: 5, ..Limits::default() };
    let daemon = InProcess::start(Setup { limits, ..Setup::default() });
    let limits: Value = daemon.peer().call("store.info", json!({}))["limits"].take();
    assert_eq!((&limits["readers"], &limits["scans"]), (&json!(2), &json!(5)));
}

/// A daemon in memory, a client that reads for as long as the file is there, and the file.
fn reading_in_memory(limits: Limits) -> (InProcess, Peer, PathBuf) {
    let daemon = InProcess::start(Setup { modules: MODULES, limits, memory: true, ..Setup::default() });
    let mut peer = daemon.peer();
    peer.call("kv.set", json!({"key": "a", "value": 1}));
    let begun = daemon.socket().with_file_name("begun");
    peer.send("slow.read", json!({"how": "untilRemoved", "begun": begun}));
    eventually("the read begins", || begun.exists());
    (daemon, peer, begun)
}

#[test]
fn in_memory_a_write_waits_for_a_long_read_and_short_reads_do_not_wait_for_either() {
    let (daemon, mut busy, begun) = reading_in_memory(Limits::default());
    let mut writer = daemon.peer();
    writer.send("kv.set", json!({"key": "a", "value": 2}));
    // Longer than a COMMIT waits for a lock.
    assert_eq!(writer.receive_within(std::time::Duration::from_millis(500)), None);
    for framing in Framing::LIVE {
        let mut peers: Vec<Peer> = (0..8).map(|_| daemon.connect(framing)).collect();
        for peer in &mut peers {
            (0..20).for_each(|_| _ = peer.send("kv.get", json!({"key": "a"})));
            peer.send("store.sync", json!({}));
        }
        for peer in &mut peers {
            for _ in 0..21 {
                let reply = peer.reply().unwrap();
                assert!(reply.get("result").is_some(), "{reply}");
            }
        }
    }
    std::fs::remove_file(begun).unwrap();
    assert!(busy.reply().unwrap().get("result").is_some());
    assert_eq!(writer.reply().unwrap()["result"]["rev"], 2);
    assert_eq!(writer.call("kv.get", json!({"key": "a"}))["value"]["value"], 2);
}

#[test]
fn in_memory_a_write_beside_a_long_read_is_busy_after_the_time_for_locks() {
    let (daemon, mut busy, begun) =
        reading_in_memory(Limits { lock_wait: soon().shutdown, ..Limits::default() });
    let mut writer = daemon.peer();
    assert_eq!(writer.fail("kv.set", json!({"key": "a", "value": 2}))["kind"], "busy");
    std::fs::remove_file(begun).unwrap();
    assert!(busy.reply().unwrap().get("result").is_some());
    assert_eq!(writer.call("kv.set", json!({"key": "a", "value": 2}))["rev"], 2);
}
