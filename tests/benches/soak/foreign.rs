//! How soon writers that are no clients are noticed.

use crate::STINAD;
use crate::figures::percentile;
use crate::load::Load;
use serde_json::json;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread::park_timeout;
use std::time::{Duration, Instant};
use stina_tests::random::Random;
use stina_tests::{Daemon, Framing, Peer};

/// The promised time.
const NOTICED: Duration = Duration::from_millis(100);

const INSERT: &str =
    "INSERT OR REPLACE INTO kv_entries (key, value, rev, updated_at) VALUES ('foreign', '1', 1, 0)";

pub(crate) fn run(times: u64) {
    println!("foreign writers: from the end of their write to `reset`, {times} times each");
    println!("                                   p50      p99      max");
    let daemon = Daemon::start(STINAD);
    let mut direct = connection(&daemon);
    measure("another connection, idle daemon", &daemon, times, || insert(&mut direct));
    let timed = Arc::new(AtomicBool::new(false));
    let load = Load::start(&daemon.socket(), u64::MAX, &timed);
    measure("another connection, busy daemon", &daemon, times, || insert(&mut direct));
    load.stop();
    if Command::new("sqlite3").arg("--version").stdout(Stdio::null()).status().is_err() {
        return println!("skipped: there is no sqlite3 shell here");
    }
    measure("the sqlite3 shell, from its end", &daemon, times, || {
        let shell = Command::new("sqlite3").arg(daemon.database()).arg(INSERT).status();
        assert!(shell.expect("the shell").success());
    });
}

fn connection(daemon: &Daemon) -> rusqlite::Connection {
    let conn = rusqlite::Connection::open(daemon.database()).unwrap();
    conn.busy_timeout(Duration::from_secs(10)).unwrap();
    conn
}

fn insert(conn: &mut rusqlite::Connection) {
    conn.execute_batch(INSERT).unwrap();
}

fn measure(name: &str, daemon: &Daemon, times: u64, mut write: impl FnMut()) {
    let mut watcher = Peer::connect(&daemon.socket(), Framing::Ndjson);
    watcher.call("kv.subscribe", json!({"prefix": "foreign"}));
    watcher.event_of("synced");
    let mut random = Random::new(times);
    let mut taken: Vec<Duration> = (0..times)
        .map(|_| {
            // At any time in the watch's interval.
            park_timeout(Duration::from_millis(random.below(60)));
            write();
            let written = Instant::now();
            assert_eq!(watcher.event_of("reset")["reason"], "external");
            written.elapsed()
        })
        .collect();
    let max = percentile(&mut taken, 1.0) / 1000.0;
    let (p50, p99) = (percentile(&mut taken, 0.50) / 1000.0, percentile(&mut taken, 0.99) / 1000.0);
    println!("{name:<38} {p50:>5.1} {p99:>8.1} {max:>8.1} ms");
    assert!(p99 < NOTICED.as_secs_f64() * 1000.0, "{name}: noticed too late");
}
