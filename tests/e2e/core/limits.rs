//! Bounded: each limit holds, and being at it is no end.

use serde_json::{Value, json};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;
use stina_tests::in_process::Setup;
use stina_tests::{DEADLINE, Framing, InProcess, Peer, eventually};
use stinad::limits::Limits;

fn with(limits: Limits) -> InProcess {
    InProcess::start(Setup { limits, ..Setup::default() })
}

#[test]
fn one_connection_too_many_gets_busy_and_permits_are_released() {
    let daemon = with(Limits { connections: 3, ..Limits::default() });
    let mut first = daemon.peer();
    first.call("store.ping", json!({}));
    let others: Vec<Peer> = (0..2).map(|_| daemon.peer()).collect();
    let mut extra = daemon.peer();
    assert_eq!(extra.receive().expect("a word")["error"]["data"]["kind"], "busy");
    assert_eq!(extra.receive(), None);
    drop(others);
    eventually("a place is free", || is_served(&mut daemon.peer()));
}

#[test]
fn a_refused_connection_is_answered_in_its_own_framing() {
    let daemon = with(Limits { connections: 1, refusal_wait: Duration::from_secs(60), ..Limits::default() });
    let mut first = daemon.peer();
    first.call("store.ping", json!({}));
    let mut lines = daemon.peer();
    lines.send("store.ping", json!({}));
    assert_eq!(lines.receive().expect("a word")["error"]["data"]["kind"], "busy");
    for request in [
        "POST / HTTP/1.1\r\nHost: stina\r\nContent-Length: 0\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: stina\r\n\r\n",
    ] {
        let mut stream = UnixStream::connect(daemon.socket()).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        // The unread rest of the request may end the stream with a reset, after the answer.
        let _ = stream.read_to_string(&mut answer);
        assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
        assert!(answer.contains("\"kind\":\"busy\""), "{answer}");
    }
}

#[test]
fn refusals_are_bounded_too() {
    let limits =
        Limits { connections: 1, refusals: 1, refusal_wait: Duration::from_secs(60), ..Limits::default() };
    let daemon = with(limits);
    let mut first = daemon.peer();
    first.call("store.ping", json!({}));
    let waits = daemon.peer();
    // A peer that sends nothing takes the only permit for a refusal.
    assert_eq!(daemon.peer().receive(), None);
    drop(waits);
    eventually("a refusal is possible again", || {
        let mut peer = daemon.peer();
        peer.stream().write_all(b"{}\n").is_ok()
            && peer.receive().is_some_and(|reply| reply["error"]["data"]["kind"] == "busy")
    });
}

fn is_served(peer: &mut Peer) -> bool {
    peer.stream().write_all(b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"store.ping\"}\n").is_ok()
        && peer.receive().is_some_and(|reply| reply.get("result").is_some())
}

#[test]
fn subscriptions_are_limited_per_connection() {
    let daemon = with(Limits { subscriptions_per_connection: 2, ..Limits::default() });
    for framing in Framing::LIVE {
        let mut peer = daemon.connect(framing);
        let first = peer.call("kv.subscribe", json!({}));
        peer.call("store.subscribe", json!({}));
        assert_eq!(peer.fail("kv.subscribe", json!({})), json!({"kind": "too_large", "limit": 2}));
        daemon.connect(framing).call("kv.subscribe", json!({}));
        peer.call("kv.unsubscribe", json!([first]));
        peer.call("kv.subscribe", json!({}));
    }
}

#[test]
fn calls_in_flight_are_limited_per_connection_and_all_are_answered() {
    let daemon = with(Limits { calls_per_connection: 2, ..Limits::default() });
    for framing in Framing::LIVE {
        let mut peer = daemon.connect(framing);
        let ids: Vec<u64> = (0..200).map(|_| peer.send("kv.increment", json!({"key": "n"}))).collect();
        let mut watcher = daemon.peer();
        let most = watcher.call("store.clients", json!({}))["clients"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|c| c["calls"].as_u64())
            .max();
        assert!(most.unwrap() <= 2);
        let mut answered: Vec<u64> =
            ids.iter().map(|_| peer.reply().unwrap()["id"].as_u64().unwrap()).collect();
        answered.sort_unstable();
        assert_eq!(answered, ids);
        let batch: Vec<Value> = (0..50)
            .map(|id| json!({"jsonrpc": "2.0", "id": id, "method": "kv.increment", "params": {"key": "n"}}))
            .collect();
        let replies = peer.exchange(json!(batch).to_string().as_bytes()).unwrap();
        assert_eq!(replies.as_array().unwrap().len(), 50);
    }
}

#[test]
fn a_websocket_counts_as_a_connection() {
    let daemon = with(Limits { connections: 2, ..Limits::default() });
    let mut first = daemon.connect(Framing::WebSocket);
    first.call("store.ping", json!({}));
    let second = daemon.connect(Framing::WebSocket);
    let mut extra = daemon.peer();
    assert_eq!(extra.receive().expect("a word")["error"]["data"]["kind"], "busy");
    drop(second);
    eventually("a place is free", || is_served(&mut daemon.peer()));
}

#[test]
fn a_client_that_does_not_read_holds_up_no_long_reads_of_others() {
    let daemon = with(Limits { scans: 2, ..Limits::default() });
    let mut other = daemon.peer();
    for i in 0..20 {
        other.call("kv.set", json!({"key": format!("k{i}"), "value": "x".repeat(50_000)}));
    }
    let mut stalled = daemon.peer();
    for _ in 0..20 {
        stalled.send("kv.list", json!({}));
    }
    // Its first answers fill the socket; the others must not sit on the places for long reads.
    stalled.receive();
    for _ in 0..5 {
        assert_eq!(other.call("kv.list", json!({}))["value"]["items"].as_array().unwrap().len(), 20);
    }
    for _ in 1..20 {
        assert!(stalled.receive().unwrap()["result"].is_object());
    }
}

#[test]
fn a_batch_of_large_answers_does_not_delay_other_connections() {
    let daemon = with(Limits::default());
    let mut other = daemon.peer();
    other.call("kv.set", json!({"key": "large", "value": "x".repeat(4 << 20)}));
    let call = |method: &str, key: &str| json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": {"key": key}});
    let mut batch = vec![call("kv.get", "large"); 1000];
    batch[0] = call("kv.increment", "begun");
    let batch = json!(batch).to_string();
    // As many as there are threads to block.
    let mut greedy: Vec<Peer> = (0..2).map(|_| daemon.peer()).collect();
    greedy.iter_mut().for_each(|peer| peer.send_raw(batch.as_bytes()));
    eventually("both have begun", || other.call("kv.get", json!({"key": "begun"}))["value"]["value"] == 2);
    for _ in 0..5 {
        other.call("store.ping", json!({}));
    }
}

#[test]
fn a_batch_of_too_many_calls_is_refused_whole() {
    let daemon = with(Limits { batch_calls: 3, ..Limits::default() });
    for framing in Framing::ALL {
        let mut peer = daemon.connect(framing);
        let set = json!({"jsonrpc": "2.0", "id": 1, "method": "kv.increment", "params": {"key": "n"}});
        let reply = peer.exchange(json!([set, set, set, set]).to_string().as_bytes()).unwrap();
        assert_eq!(reply["error"]["data"], json!({"kind": "too_large", "limit": 3}));
        assert_eq!(peer.call("kv.get", json!({"key": "n"}))["value"], Value::Null);
    }
}

#[test]
fn a_full_write_queue_delays_the_client_then_answers_busy() {
    let limits = Limits {
        queued_writes: 1,
        queue_wait: Duration::from_millis(50),
        lock_wait: Duration::from_secs(10),
        ..Limits::default()
    };
    let daemon = with(limits);
    let mut warm = daemon.peer();
    warm.call("kv.set", json!({"key": "n", "value": 0}));
    // A foreign process holds the write lock: the writer is stuck in BEGIN.
    let foreign = rusqlite::Connection::open(daemon.socket().with_file_name("stina.db")).unwrap();
    foreign.execute_batch("BEGIN IMMEDIATE").unwrap();
    let mut peers: Vec<Peer> = (0..6).map(|_| daemon.peer()).collect();
    for peer in &mut peers {
        peer.send("kv.increment", json!({"key": "n"}));
    }
    // One is being written, one is queued; every other one must be answered `busy`.
    let mut busy = 0;
    let mut reader = daemon.peer();
    eventually("reads go on meanwhile", || !reader.call("kv.get", json!({"key": "n"}))["value"].is_null());
    let replies: Vec<Value> = {
        let mut release = Some(foreign);
        peers
            .iter_mut()
            .rev()
            .map(|peer| {
                let reply = peer.receive_within(Duration::from_secs(1)).unwrap_or_else(|| {
                    drop(release.take());
                    peer.reply().unwrap()
                });
                busy += usize::from(reply["error"]["data"]["kind"] == "busy");
                reply
            })
            .collect()
    };
    assert!((3..=5).contains(&busy), "{replies:?}");
    let done = replies.iter().filter(|r| r.get("result").is_some()).count();
    assert_eq!(done + busy, 6);
    assert_eq!(reader.call("kv.get", json!({"key": "n"}))["value"]["value"], done);
}

/// Transactions in the WAL (<https://www.sqlite.org/fileformat2.html#wal_file_format>): frames that hold how large
/// the database is after a commit.
fn commits_in_wal(database: &Path) -> usize {
    let wal = std::fs::read(database.with_file_name("stina.db-wal")).unwrap();
    wal[32..].chunks_exact(24 + 4096).filter(|frame| frame[4..8] != [0; 4]).count()
}

#[test]
fn a_group_commit_is_bounded_in_bytes() {
    for (batch_bytes, at_least, at_most) in [(1, 20, 20), (1 << 20, 1, 2)] {
        let never = Duration::from_secs(3600);
        let limits = Limits { batch_bytes, checkpoint_after: never, lock_wait: never, ..Limits::default() };
        let daemon = with(limits);
        let mut peer = daemon.peer();
        let database = daemon.socket().with_file_name("stina.db");
        // While a foreign process holds the lock, the writes gather in the queue.
        let foreign = rusqlite::Connection::open(&database).unwrap();
        foreign.execute_batch("BEGIN IMMEDIATE").unwrap();
        for _ in 0..20 {
            peer.send("kv.increment", json!({"key": "n"}));
        }
        // They are read before this: its answer proves that they are queued.
        peer.call("store.ping", json!({}));
        drop(foreign);
        (0..20).for_each(|_| assert!(peer.reply().unwrap()["result"].is_object()));
        let commits = commits_in_wal(&database);
        assert!(
            (at_least..=at_most).contains(&commits),
            "{commits} commits with batches of {batch_bytes} bytes"
        );
    }
}

#[test]
fn info_shows_every_limit() {
    let daemon = with(Limits { readers: 3, ..Limits::default() });
    let info = daemon.peer().call("store.info", json!({}));
    assert_eq!(info["limits"]["readers"], 3);
    assert_eq!(info["limits"]["queueWaitMs"], 5000);
    assert!(info["limits"].as_object().unwrap().values().all(Value::is_u64));
}

#[test]
fn a_value_of_very_many_members_costs_a_few_times_its_text() {
    let daemon = crate::daemon();
    // The most that the daemon ever held, in KiB; Linux knows.
    let peak = || -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", daemon.pid())).ok()?;
        status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.split_whitespace().next()?.parse().ok())
    };
    let value = format!("[{}0]", "0,".repeat(2 << 20));
    let set =
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"kv.set","params":{{"key":"a","value":{value}}}}}"#);
    let before = peak();
    let mut peer = daemon.peer();
    peer.send_raw(set.as_bytes());
    assert!(peer.reply().is_some_and(|reply| reply.get("result").is_some()));
    if let Some((before, after)) = stina_tests::measured(before.zip(peak())) {
        let times = (after - before) * 1024 / value.len() as u64;
        assert!(times < 12, "{times} times its text");
    }
}
