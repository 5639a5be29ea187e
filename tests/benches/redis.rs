//! The write path next to its peers, by one load program in one run: `cargo bench -p stina-tests --bench redis`.
//!
//! - Redis 7 with `appendfsync always` over a Unix socket, where `redis-server` is installed;
//! - the same table written through rusqlite in this process (`synchronous=FULL`, one transaction a write).
//!
//! Latency of durable sets and of gets by one client, sets a second by 32 clients, bytes that a set of 5 bytes adds to the
//! files, memory and wake-ups when idle.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a bench prints, and ends when it can't go on"
)]

use rusqlite::Connection;
use std::collections::HashMap;
use std::ffi::OsString;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use stina_tests::{Daemon, eventually};

/// Samples of a latency.
const SAMPLES: usize = 20_000;
/// How long a throughput is measured.
const TIME: Duration = Duration::from_secs(3);
/// Rounds, the peers in turn in each.
const ROUNDS: usize = 3;

fn main() {
    let directory = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(env!("CARGO_BIN_EXE_stinad-under-test"));
    let redis = Redis::start(directory.path());
    if redis.is_none() {
        println!("skipped Redis: redis-server is not installed");
    }
    let peers: Vec<Peer> =
        std::iter::once(Peer::stinad(&daemon)).chain(redis.as_ref().map(Redis::peer)).collect();
    for peer in &peers {
        println!("idle {:<8} RSS {:>6} KiB", peer.name, status(peer.pid, "VmRSS:"));
    }
    for round in 1..=ROUNDS {
        println!("\nround {round}                       p50 us   p99 us");
        for peer in &peers {
            latency(&format!("{} set", peer.name), peer.client(), |client, n| client.set(0, n));
        }
        direct(&directory.path().join(format!("direct-{round}.db")));
        for peer in &peers {
            latency(&format!("{} get", peer.name), peer.client(), |client, _| client.get());
        }
        for peer in &peers {
            println!("{:<8} sets a second, 32 clients {:>8.0}", peer.name, throughput(peer, 32));
        }
    }
    println!();
    for peer in &peers {
        peer.settle();
        let (before, written) = (bytes(&peer.files), written(peer.pid));
        let mut client = peer.client();
        (0..10_000).for_each(|n| client.set(n, n));
        let written = self::written(peer.pid) - written;
        peer.settle();
        println!(
            "{:<8} bytes of a new set of 5 bytes: in the files {:>6}, written to the disk {:>6}",
            peer.name,
            (bytes(&peer.files) - before) / 10_000,
            written / 10_000
        );
    }
    // Whatever follows a write has been done by then.
    let settled = Instant::now() + Duration::from_secs(3);
    while Instant::now() < settled {
        std::thread::park_timeout(settled.saturating_duration_since(Instant::now()));
    }
    let before: Vec<_> = peers.iter().map(|peer| wake_ups(peer.pid)).collect();
    let until = Instant::now() + Duration::from_secs(10);
    while Instant::now() < until {
        std::thread::park_timeout(until.saturating_duration_since(Instant::now()));
    }
    for (peer, before) in peers.iter().zip(before) {
        println!(
            "{:<8} wake-ups in 10 s, from 3 s after the last write on {:>4}",
            peer.name,
            wake_ups(peer.pid)
                .into_iter()
                .map(|(thread, count)| count - before.get(&thread).copied().unwrap_or(0))
                .sum::<u64>()
        );
    }
}

/// A server to compare.
struct Peer {
    name: &'static str,
    pid: u32,
    socket: PathBuf,
    files: Vec<PathBuf>,
}

impl Peer {
    fn stinad(daemon: &Daemon) -> Self {
        let database = daemon.database();
        let wal = PathBuf::from(format!("{}-wal", database.display()));
        Self { name: "stinad", pid: daemon.pid(), socket: daemon.socket(), files: vec![database, wal] }
    }

    /// Waits until a WAL is moved into its database.
    fn settle(&self) {
        if let [_, wal] = self.files.as_slice() {
            eventually("the WAL is empty", || wal.metadata().is_ok_and(|wal| wal.len() == 0));
        }
    }

    fn client(&self) -> Client {
        let stream = BufReader::new(UnixStream::connect(&self.socket).unwrap());
        Client { stream, is_redis: self.name == "redis", line: String::new() }
    }
}

struct Redis {
    process: Child,
    directory: PathBuf,
}

impl Redis {
    fn start(directory: &Path) -> Option<Self> {
        let socket = directory.join("redis.sock");
        let process = Command::new("redis-server")
            .args(["--port", "0", "--unixsocket", socket.to_str()?, "--dir", directory.to_str()?])
            .args(["--appendonly", "yes", "--appendfsync", "always", "--save", ""])
            .stdout(Stdio::null())
            .spawn()
            .ok()?;
        eventually("Redis listens", || UnixStream::connect(&socket).is_ok());
        Some(Self { process, directory: directory.to_owned() })
    }

    fn peer(&self) -> Peer {
        let files = vec![self.directory.join("appendonlydir")];
        Peer { name: "redis", pid: self.process.id(), socket: self.directory.join("redis.sock"), files }
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A plain blocking client of either.
struct Client {
    stream: BufReader<UnixStream>,
    is_redis: bool,
    line: String,
}

impl Client {
    fn set(&mut self, key: usize, n: usize) {
        let value = format!("{:05}", n % 100_000);
        let request = match self.is_redis {
            true => format!("*3\r\n$3\r\nSET\r\n$9\r\nkey-{key:05}\r\n$5\r\n{value}\r\n"),
            false => format!(
                "{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"kv.set\",\"params\":{{\"key\":\"key-{key:05}\",\"value\":\"{value}\"}}}}\n"
            ),
        };
        self.send(&request);
        assert!(self.line.starts_with("+OK") || self.line.contains("\"result\""), "{}", self.line);
    }

    fn get(&mut self) {
        match self.is_redis {
            true => {
                self.send("*2\r\n$3\r\nGET\r\n$9\r\nkey-00000\r\n");
                self.line.clear();
                self.stream.read_line(&mut self.line).unwrap();
            }
            false => self.send(
                "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"kv.get\",\"params\":{\"key\":\"key-00000\"}}\n",
            ),
        }
        assert!(!self.line.is_empty());
    }

    fn send(&mut self, request: &str) {
        self.stream.get_mut().write_all(request.as_bytes()).unwrap();
        self.line.clear();
        self.stream.read_line(&mut self.line).unwrap();
    }
}

fn latency<C>(name: &str, mut client: C, mut call: impl FnMut(&mut C, usize)) {
    (0..SAMPLES / 10).for_each(|n| call(&mut client, n));
    let mut times: Vec<Duration> = (0..SAMPLES)
        .map(|n| {
            let start = Instant::now();
            call(&mut client, n);
            start.elapsed()
        })
        .collect();
    times.sort_unstable();
    let at = |share: usize| times[times.len() * share / 100].as_nanos() as f64 / 1000.0;
    println!("{name:<28} {:>8.1} {:>8.1}", at(50), at(99));
}

/// Sets a second by so many clients at once.
fn throughput(peer: &Peer, clients: usize) -> f64 {
    let clients: Vec<Client> = (0..clients).map(|_| peer.client()).collect();
    let start = Instant::now();
    let sets: usize = std::thread::scope(|scope| {
        let writers = clients.into_iter().enumerate().map(|(key, mut client)| {
            scope.spawn(move || {
                let mut sets = 0;
                while start.elapsed() < TIME {
                    client.set(key, sets);
                    sets += 1;
                }
                sets
            })
        });
        let writers: Vec<_> = writers.collect();
        writers.into_iter().map(|writer| writer.join().unwrap()).sum()
    });
    sets as f64 / start.elapsed().as_secs_f64()
}

fn direct(path: &Path) {
    let conn = Connection::open(path).unwrap();
    conn.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
         CREATE TABLE kv (key TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL, rev INTEGER NOT NULL, at INTEGER NOT NULL) STRICT",
    )
    .unwrap();
    latency("direct SQLite set", conn, |conn, n| {
        let sql = "INSERT INTO kv VALUES ('key-00000', ?, ?, 0) ON CONFLICT (key) DO UPDATE SET value = excluded.value";
        conn.prepare_cached(sql).unwrap().execute((format!("{n:05}"), n)).unwrap();
    });
}

fn bytes(files: &[PathBuf]) -> u64 {
    let size = |path: &PathBuf| match std::fs::read_dir(path) {
        Ok(entries) => entries.flatten().filter_map(|entry| Some(entry.metadata().ok()?.len())).sum(),
        Err(_) => path.metadata().map_or(0, |found| found.len()),
    };
    files.iter().map(size).sum()
}

/// Bytes that a process had written to the disk.
fn written(pid: u32) -> u64 {
    field(&std::fs::read_to_string(format!("/proc/{pid}/io")).unwrap_or_default(), "write_bytes:")
}

/// A number out of `/proc/PID/status`.
fn status(pid: u32, name: &str) -> u64 {
    field(&std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default(), name)
}

fn field(status: &str, name: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

/// Voluntary context switches of each thread: one that ends meanwhile takes its own along.
fn wake_ups(pid: u32) -> HashMap<OsString, u64> {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let count = |path: PathBuf| {
        let status = std::fs::read_to_string(path.join("status")).unwrap_or_default();
        field(&status, "voluntary_ctxt_switches:")
    };
    tasks.map(|task| (task.file_name(), count(task.path()))).collect()
}
