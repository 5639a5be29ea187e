//! Figures of the chat: `cargo bench -p stina-tests --bench chat`.
//!
//! - Durable `chat.appendMessage` throughput of 8 clients.
//! - The last page of `chat.listMessages` in a conversation of 1,000 and of 1,000,000 messages.
//! - `kv.set` beside a `chat.clearHistory` of 200,000 messages and beside its undo, in steps and undivided.
//! - From `chat.appendDelta` to 20 subscribers, at 200 deltas a second, and how often the disk is waited for.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a bench prints, and ends when it can't go on"
)]

use rusqlite::Connection;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::{Barrier, mpsc};
use std::time::{Duration, Instant};
use stina_tests::in_process::Setup;
use stina_tests::{Daemon, InProcess, Peer};
use stinad::limits::Limits;

const SECONDS: u64 = 5;

fn main() {
    append();
    last_page();
    beside_a_large_delete();
    deltas();
}

fn daemon() -> Daemon {
    Daemon::start(env!("CARGO_BIN_EXE_stinad-under-test"))
}

fn append() {
    const CLIENTS: usize = 8;
    let daemon = daemon();
    daemon.peer().call("chat.startConversation", json!({}));
    let start = Barrier::new(CLIENTS);
    let appended: u64 = std::thread::scope(|scope| {
        let client = || {
            let mut peer = daemon.peer();
            let params =
                json!({"role": "user", "content": "A message of an everyday length, as people write them."});
            start.wait();
            let (began, mut count) = (Instant::now(), 0);
            while began.elapsed() < Duration::from_secs(SECONDS) {
                peer.call("chat.appendMessage", params.clone());
                count += 1;
            }
            count
        };
        let clients: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(client)).collect();
        clients.into_iter().map(|client| client.join().unwrap()).sum()
    });
    println!("durable appends, {CLIENTS} clients        {:>8} /s", appended / SECONDS);
}

fn last_page() {
    let mut daemons = [1_000, 1_000_000].map(|messages| {
        let mut daemon = daemon();
        daemon.peer().call("chat.startConversation", json!({"id": "c"}));
        assert!(daemon.stop().success());
        fill(&daemon.database(), messages);
        daemon.restart();
        let mut peer = daemon.peer();
        assert_eq!(peer.call("chat.countMessages", json!({}))["value"], messages);
        (daemon, peer, Vec::new())
    });
    for round in 0..3_000 {
        for (_, peer, times) in &mut daemons {
            let start = Instant::now();
            let page = peer.call("chat.listMessages", json!({"limit": 50}));
            if round >= 500 {
                times.push(start.elapsed());
            }
            assert_eq!(page["value"]["items"].as_array().unwrap().len(), 50);
        }
    }
    let medians = daemons.map(|(_, _, mut times)| at(&mut times, 0.5));
    println!("last page of 50, 1,000 messages     {:>8.0} us p50", medians[0]);
    println!("last page of 50, 1,000,000 messages {:>8.0} us p50", medians[1]);
    println!("ratio                               {:>8.2}", medians[1] / medians[0]);
}

/// Messages as the daemon would have written them, two in each interaction. Only their number matters here.
fn fill(database: &Path, messages: u64) {
    let conn = Connection::open(database).unwrap();
    conn.execute_batch("PRAGMA synchronous = OFF; BEGIN").unwrap();
    let count =
        format!("WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < {messages})");
    conn.execute_batch(&format!(
        "{count} INSERT INTO chat_interactions (id, conversation_id, aborted, created_at, rev)
         SELECT 'ia_' || i, 'c', 0, 1700000000000 + i * 1000, 1 FROM n WHERE i % 2 = 0;
         {count} INSERT INTO chat_messages (id, conversation_id, interaction_id, role, aborted, state,
                                            created_at, rev, metadata, content)
         SELECT 'm_' || i, 'c', 'ia_' || (i - i % 2), iif(i % 2, 'assistant', 'user'), 0, 'complete',
                1700000000000 + i * 1000, 1, 'null',
                'Message ' || i || ' of an everyday length, as people write them.' FROM n;
         INSERT INTO chat_search (rowid, words) SELECT seq, content FROM chat_messages;
         COMMIT; PRAGMA wal_checkpoint(TRUNCATE)"
    ))
    .unwrap();
}

fn beside_a_large_delete() {
    const MESSAGES: u64 = 200_000;
    let steps = Limits::default();
    let undivided = Limits { step_changes: usize::MAX, step_bytes: usize::MAX, ..Limits::default() };
    for (name, limits) in [("in steps", steps), ("undivided", undivided)] {
        let start = |home| InProcess::start(Setup { home, limits: limits.clone(), ..Setup::default() });
        let daemon = start(None);
        daemon.peer().call("chat.startConversation", json!({"id": "c"}));
        daemon.peer().call("chat.startConversation", json!({}));
        let home = daemon.stop();
        fill(&home.path().join("stina.db"), MESSAGES);
        let daemon = start(Some(home));
        let mut rev = Value::Null;
        println!("\nkv.set beside 200,000 messages {name}");
        for method in ["nothing", "chat.clearHistory", "store.undo"] {
            let (ended, is_ended) = mpsc::sync_channel(1);
            let (mut times, took) = std::thread::scope(|scope| {
                let delete = scope.spawn(|| {
                    let mut peer = daemon.peer();
                    peer.stream().set_read_timeout(None).unwrap();
                    let start = Instant::now();
                    match method {
                        "nothing" => std::thread::park_timeout(Duration::from_secs(2)),
                        "store.undo" => _ = peer.call(method, json!({"rev": rev.clone()})),
                        _ => rev = peer.call(method, json!({}))["rev"].take(),
                    }
                    ended.send(()).unwrap();
                    start.elapsed()
                });
                let (mut peer, mut times) = (daemon.peer(), Vec::new());
                peer.stream().set_read_timeout(None).unwrap();
                while is_ended.try_recv().is_err() {
                    let start = Instant::now();
                    peer.call("kv.set", json!({"key": "k", "value": 1}));
                    times.push(start.elapsed());
                }
                (times, delete.join().unwrap())
            });
            let at = |times: &mut [Duration], share| at(times, share) / 1000.0;
            let (p50, p99) = (at(&mut times, 0.5), at(&mut times, 0.99));
            let (max, took) = (times[times.len() - 1].as_secs_f64() * 1000.0, took.as_secs_f64());
            println!("{method:<18} {p50:>7.2} ms p50 {p99:>7.2} ms p99 {max:>8.2} ms max, in {took:.1} s");
        }
    }
}

/// That part of sorted times, in microseconds.
fn at(times: &mut [Duration], share: f64) -> f64 {
    times.sort_unstable();
    times[(times.len() as f64 * share) as usize].as_nanos() as f64 / 1000.0
}

fn deltas() {
    const SUBSCRIBERS: usize = 20;
    const RATE: u32 = 200;
    let daemon = daemon();
    let mut owner = daemon.peer();
    owner.call("chat.beginMessage", json!({"role": "assistant", "id": "m"}));
    let epoch = Instant::now();
    let joined = Barrier::new(SUBSCRIBERS + 1);
    let (mut latencies, commits) = std::thread::scope(|scope| {
        let subscriber = || {
            let mut peer = daemon.peer();
            peer.call("chat.subscribe", json!({}));
            peer.drain();
            joined.wait();
            latencies(&mut peer, epoch)
        };
        let subscribers: Vec<_> = (0..SUBSCRIBERS).map(|_| scope.spawn(subscriber)).collect();
        joined.wait();
        let before = commits(&daemon.database());
        write(&mut owner, epoch, RATE);
        let commits = commits(&daemon.database()) - before;
        owner.call("chat.finishMessage", json!({"messageId": "m"}));
        let latencies: Vec<Duration> = subscribers.into_iter().flat_map(|s| s.join().unwrap()).collect();
        (latencies, commits)
    });
    assert_eq!(latencies.len() as u64, SUBSCRIBERS as u64 * u64::from(RATE) * SECONDS);
    println!("\n{RATE} deltas a second to {SUBSCRIBERS} subscribers");
    println!("latency                             {:>8.0} us p50", at(&mut latencies, 0.5));
    println!("                                    {:>8.0} us p99", at(&mut latencies, 0.99));
    println!("fsyncs                              {:>8.1} /s", commits as f64 / SECONDS as f64);
}

/// Sends deltas at a steady rate; each carries its send time.
fn write(owner: &mut Peer, epoch: Instant, rate: u32) {
    let (start, mut offset) = (Instant::now(), 0);
    for i in 0..rate * u32::try_from(SECONDS).unwrap() {
        let due = start + Duration::from_secs(1) * i / rate;
        while let Some(early) = due.checked_duration_since(Instant::now()).filter(|early| !early.is_zero()) {
            std::thread::park_timeout(early);
        }
        let text = format!("{} ", epoch.elapsed().as_nanos());
        let length = text.len();
        owner.call("chat.appendDelta", json!({"messageId": "m", "offset": offset, "text": text}));
        offset += length;
    }
}

fn latencies(peer: &mut Peer, epoch: Instant) -> Vec<Duration> {
    let mut latencies = Vec::new();
    loop {
        let event = peer.event();
        let received = epoch.elapsed();
        match event["text"].as_str().and_then(|text| text.trim().parse().ok()) {
            Some(sent) => latencies.push(received - Duration::from_nanos(sent)),
            None if event["changes"].as_array().is_some_and(|c| c.iter().any(is_complete)) => {
                return latencies;
            }
            None => {}
        }
    }
}

fn is_complete(change: &Value) -> bool {
    change["value"]["state"] == "complete"
}

/// Commits that stand in the WAL, each of which waited for the disk once: frames that end a transaction.
///
/// Source of the offsets: <https://www.sqlite.org/fileformat.html#the_write_ahead_log>.
fn commits(database: &Path) -> u64 {
    let wal = std::fs::read(database.with_extension("db-wal")).unwrap();
    let number = |bytes: &[u8]| u32::from_be_bytes(bytes.try_into().unwrap());
    let page = number(&wal[8..12]) as usize;
    let current = wal[32..].chunks_exact(24 + page).take_while(|frame| frame[8..16] == wal[16..24]);
    current.filter(|frame| number(&frame[4..8]) != 0).count() as u64
}
