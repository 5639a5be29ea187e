//! Figures of lists and searches over many entities: `cargo bench -p stina-tests --bench lists`.
//!
//! A real daemon with its database in a temporary directory, one plain blocking NDJSON client.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a program for people who measure")]

use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};
use stina_tests::in_process::Setup;
use stina_tests::{InProcess, Peer};
use stinad::clock::Clock;

const ENTITIES: usize = 100_000;
/// Calls of each sort, unless they take longer than this.
const CALLS: usize = 200;
const TIME: Duration = Duration::from_secs(3);

fn main() {
    todos();
    memories();
}

/// Makes entities, a thousand a transaction.
fn fill(peer: &mut Peer, method: &str, mut params: impl FnMut(usize) -> Value) {
    let begun = Instant::now();
    for thousand in 0..ENTITIES / 1000 {
        let numbers = thousand * 1000..(thousand + 1) * 1000;
        let ops: Vec<Value> = numbers.map(|i| json!({"method": method, "params": params(i)})).collect();
        peer.call("store.transact", json!({"ops": ops}));
    }
    println!("{ENTITIES} times {method} in transactions of 1000: {:.1?}", begun.elapsed());
}

/// Times a call, again and again; answers the last reply.
fn measure(name: &str, mut call: impl FnMut() -> Value) -> Value {
    let mut reply = Value::Null;
    let (all, mut times) = (Instant::now(), Vec::new());
    while times.len() < CALLS && all.elapsed() < TIME {
        let begun = Instant::now();
        reply = call();
        times.push(begun.elapsed());
    }
    times.sort_unstable();
    let count = reply["value"]["items"].as_array().map_or(1, Vec::len);
    let (p50, p99) = (times[times.len() / 2], times[times.len() * 99 / 100]);
    println!("  {name:<40} p50 {p50:>8.1?}  p99 {p99:>8.1?}  ({count} found)");
    reply
}

fn todos() {
    // A thousand todos a day until today: those that were closed earlier are archived.
    let day = Arc::new(AtomicI64::new(-(ENTITIES as i64) / 1000));
    let today = Arc::clone(&day);
    let now = move || Clock::system().now() + (today.load(Ordering::Relaxed)) * 24 * 3600 * 1000;
    let daemon = InProcess::start(Setup { clock: Clock::from_fn(now), ..Setup::default() });
    let mut peer = daemon.peer();
    let statuses = ["not_started", "in_progress", "completed", "cancelled"];
    fill(&mut peer, "todo.create", |i| {
        day.fetch_add(i64::from(i % 1000 == 0), Ordering::Relaxed);
        // Due dates in no order, a fifth without; three of five are open.
        let due_at = (i % 5 > 0).then(|| (i * 7919 % ENTITIES) as u64 * 60_000);
        let status = statuses[[0, 0, 1, 2, 3][i / 7 % 5]];
        json!({"title": format!("Todo number {i}"), "dueAt": due_at, "status": status, "description": "d".repeat(100)})
    });
    let first = measure("todo.list, first page", || peer.call("todo.list", json!({})));
    let (mut page, mut cursor) = (first, Value::Null);
    for _ in 1..100 {
        cursor = page["value"]["next"].take();
        page = peer.call("todo.list", json!({"cursor": cursor}));
    }
    measure("todo.list, 100th page", || peer.call("todo.list", json!({"cursor": cursor})));
    let completed = json!({"status": ["completed"], "dueAfter": 60_000_000});
    measure("todo.list, one status and due dates", || peer.call("todo.list", completed.clone()));
    measure("todo.find by title", || peer.call("todo.find", json!({"identifier": "todo NUMBER 77777"})));
}

/// The nth word of a language, by how common it is; they begin with all kinds of letters.
fn word(n: usize) -> String {
    let scattered = n * 7919 % 1_000_003;
    let syllable = |n: usize| {
        [["b", "d", "f", "k", "l", "m", "n", "r", "s", "t"][n % 10], ["a", "e", "i", "å", "ö"][n / 10 % 5]]
            .concat()
    };
    [syllable(scattered), syllable(scattered / 50), syllable(scattered / 2500)].concat()
}

fn memories() {
    let daemon = InProcess::start(Setup::default());
    let mut peer = daemon.peer();
    // As in a language, few words are common and many are rare.
    let mut random = 1_u64;
    let mut any_word = || {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        word(20_000_f64.powf((random >> 40) as f64 / (1_u64 << 24) as f64) as usize)
    };
    fill(&mut peer, "memory.create", |i| {
        let mut text = |words: usize| (0..words).map(|_| any_word()).collect::<Vec<_>>().join(" ");
        let content = format!("{} 记忆{i}号在北京", text(30));
        json!({"title": text(4), "content": content, "tags": [format!("tag{}", i % 50)]})
    });
    for (name, query) in [
        ("a rare word", word(15_000)),
        ("a common word", word(2)),
        ("two words", format!("{} {}", word(100), word(200))),
        ("three words, one common", format!("{} {} {}", word(3), word(40), word(500))),
        ("a prefix of words", word(1000)[..3].to_owned()),
        ("a letter", "b".to_owned()),
        ("Chinese that is everywhere", "北京".to_owned()),
        ("Chinese and a number", "记忆77777".to_owned()),
        ("nothing to be found", "ingenting".to_owned()),
        ("punctuation: a scan of all", "?!".to_owned()),
    ] {
        let params = json!({"query": query, "limit": 20});
        measure(&format!("memory.search, {name}"), || peer.call("memory.search", params.clone()));
    }
    measure("memory.list, first page", || peer.call("memory.list", json!({})));
    measure("memory.list, with a tag", || peer.call("memory.list", json!({"tag": "tag7"})));
    measure("memory.find, part of one", || peer.call("memory.find", json!({"content": "记忆5号"})));
}
