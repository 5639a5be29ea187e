//! Clients that keep mirrors and write, while the daemon is killed, stopped, suspended and cut off.
//!
//! What must hold, whatever happens: a revision never goes back, `prev` has no hole, a transaction is seen whole, a
//! write that was acknowledged is there, no write is there twice, and every mirror equals the database at the end.

mod client;
mod writes;

use crate::mirror::{Entities, assert_same, database, revisions_by_request};
use crate::random::Random;
use crate::{DEADLINE, Daemon};
use client::{Client, Outcome};
use rustix::process::Signal;
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{JoinHandle, park_timeout};
use std::time::{Duration, Instant};

/// How much of it.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Rounds, each with one misfortune.
    pub rounds: u64,
    /// Clients that keep a mirror.
    pub clients: usize,
    /// Those of them that also write.
    pub writers: usize,
    /// All random choices follow from it, as far as threads and disks allow.
    pub seed: u64,
}

/// The counts of a run. A broken promise is a panic.
#[derive(Debug, Default)]
pub struct Figures {
    /// Times that the daemon was killed with SIGKILL.
    pub kills: u64,
    /// Times that it was asked to stop, and started again.
    pub restarts: u64,
    /// Times that it was suspended with SIGSTOP.
    pub suspends: u64,
    /// Times that a connection was cut from outside.
    pub disconnects: u64,
    /// Times that a client stopped reading.
    pub pauses: u64,
    /// Writes acknowledged.
    pub acknowledged: u64,
    /// Times that a write was sent again because its connection was lost.
    pub retries: u64,
    /// Connections that clients made.
    pub connections: u64,
    /// Events that clients took.
    pub events: u64,
    /// Entities in the database at the end.
    pub entities: u64,
    /// Newest revision at the end.
    pub rev: u64,
}

/// The driver's handle of one client.
#[derive(Debug, Default)]
struct Control {
    /// The current connection.
    stream: Mutex<Option<UnixStream>>,
    /// Milliseconds for which it is to read nothing.
    pause: AtomicU64,
    acknowledged: AtomicU64,
    /// No more new writes.
    finish: AtomicBool,
    /// It has no write under way any more.
    quiet: AtomicBool,
    /// The newest revision once everybody is quiet: follow to there and end. 0 while it is not known.
    end: AtomicU64,
}

impl Control {
    fn cut(&self) {
        let stream = self.stream.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(stream) = stream.as_ref() {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

struct Running {
    control: Arc<Control>,
    thread: JoinHandle<Outcome>,
}

/// Runs it with `program`, a `stinad`.
///
/// # Panics
/// When a promise does not hold; the seed is in what it says.
pub fn run(program: &str, plan: &Plan) -> Figures {
    let mut daemon = Daemon::start(program);
    let mut random = Random::new(plan.seed);
    let clients: Vec<Running> =
        (0..plan.clients).map(|n| start(n, plan, daemon.socket(), random.any())).collect();
    let mut figures = Figures::default();
    for _ in 0..plan.rounds {
        let enough = acknowledged(&clients) + 1 + random.below(20);
        until(&clients, "writes go on", || acknowledged(&clients) >= enough);
        // Somewhere between two commits, or within one.
        park_timeout(Duration::from_micros(random.below(3_000)));
        misfortune(&mut daemon, &clients, &mut random, &mut figures);
    }
    end(&mut daemon, clients, figures)
}

fn start(n: usize, plan: &Plan, socket: PathBuf, seed: u64) -> Running {
    let control = Arc::new(Control::default());
    let client = Client::new(n, plan.writers, socket, Arc::clone(&control), Random::new(seed));
    let name = format!("client {n} of seed {}", plan.seed);
    let thread = std::thread::Builder::new().name(name).spawn(move || client.run());
    Running { control, thread: thread.expect("a thread") }
}

fn acknowledged(clients: &[Running]) -> u64 {
    clients.iter().map(|c| c.control.acknowledged.load(Ordering::Acquire)).sum()
}

/// Waits, as long as all clients live: one that panicked has found a broken promise, and its message says which.
fn until(clients: &[Running], what: &str, condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        let died =
            clients.iter().any(|c| c.thread.is_finished() && c.control.end.load(Ordering::Acquire) == 0);
        assert!(!died, "a client found a broken promise");
        assert!(start.elapsed() < DEADLINE, "{what}: not within {DEADLINE:?}");
        park_timeout(Duration::from_micros(200));
    }
}

fn misfortune(daemon: &mut Daemon, clients: &[Running], random: &mut Random, figures: &mut Figures) {
    match random.below(10) {
        0..4 => {
            daemon.kill();
            daemon.restart();
            figures.kills += 1;
        }
        4 => {
            daemon.stop();
            daemon.restart();
            figures.restarts += 1;
        }
        5 | 6 => {
            daemon.signal(Signal::STOP);
            park_timeout(Duration::from_millis(random.below(50)));
            // Half of those that are suspended are killed before they wake.
            if random.below(2) == 0 {
                daemon.kill();
                daemon.restart();
                figures.kills += 1;
            } else {
                daemon.signal(Signal::CONT);
            }
            figures.suspends += 1;
        }
        7 | 8 => {
            random.one_of(clients).control.cut();
            figures.disconnects += 1;
        }
        _ => {
            random.one_of(clients).control.pause.store(random.below(200), Ordering::Release);
            figures.pauses += 1;
        }
    }
}

fn end(daemon: &mut Daemon, clients: Vec<Running>, mut figures: Figures) -> Figures {
    clients.iter().for_each(|c| c.control.finish.store(true, Ordering::Release));
    until(&clients, "writers end", || clients.iter().all(|c| c.control.quiet.load(Ordering::Acquire)));
    let mut peer = daemon.peer();
    let head = peer.call("store.ping", serde_json::json!({}))["rev"].as_u64().expect("a revision");
    for client in &clients {
        client.control.end.store(head, Ordering::Release);
        // Wakes who waits for events that won't come.
        client.control.cut();
    }
    let expected = database(&mut peer, 1000);
    let log = revisions_by_request(&mut peer);
    let mut acknowledged = Vec::new();
    for client in clients {
        let outcome = client.thread.join().expect("a client found a broken promise");
        let wanted: Entities = expected
            .iter()
            .filter(|(key, _)| outcome.view.wants(key))
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect();
        assert_same(&outcome.mirror.entities, &wanted);
        assert_eq!(outcome.mirror.rev, head);
        figures.retries += outcome.retries;
        figures.connections += outcome.connections;
        figures.events += outcome.events;
        acknowledged.extend(outcome.acknowledged);
    }
    for (id, rev) in &acknowledged {
        assert_eq!(log.get(id), Some(&vec![*rev]), "{id} was acknowledged, and is in the log once");
    }
    assert_eq!(log.len(), acknowledged.len(), "no write but those");
    figures.acknowledged = acknowledged.len() as u64;
    (figures.entities, figures.rev) = (expected.len() as u64, head);
    drop(peer);
    daemon.stop();
    let conn = rusqlite::Connection::open(daemon.database()).expect("the database");
    let verdict: String = conn.query_row("PRAGMA integrity_check", [], |row| row.get(0)).expect("a verdict");
    assert_eq!(verdict, "ok");
    figures
}
