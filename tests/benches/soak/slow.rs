//! A stopped subscriber costs a constant: the daemon's memory, the other clients' time, and what it sees when it is
//! continued.
//!
//! Three daemons run side by side, under the same load: one has no such subscriber, one has one on NDJSON, one on a
//! WebSocket. So what the machine does meanwhile hits all three.

use crate::STINAD;
use crate::figures::percentile;
use crate::load::{Load, Times};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::park_timeout;
use std::time::{Duration, Instant};
use stina_tests::{Daemon, Framing, Peer};

/// Growth of resident memory that is promised, in KiB.
const GROWTH: u64 = 2 * 1024;
/// Times that the p99 of the others may be of what it is without.
const SLOWER: f64 = 1.10;

struct Twin {
    name: &'static str,
    daemon: Daemon,
    /// The stopped process, and what it prints.
    subscriber: Option<(Child, BufReader<ChildStdout>)>,
    peer: Peer,
    /// Resident memory before, in KiB.
    before: (u64, u64),
    times: Times,
}

pub(crate) fn run(changes: u64) {
    let mut twins: Vec<Twin> = ["without", "ndjson", "websocket"].into_iter().map(twin).collect();
    println!("slow subscriber: {changes} changes for each of three daemons");
    // Caches, event buffer and WAL are as full as they get before memory is compared.
    let warm_up = (changes / 5).clamp(20_000, 200_000);
    loaded(&mut twins, warm_up);
    for twin in &mut twins {
        twin.read_the_log();
        twin.before = twin.daemon.memory().expect("Linux");
        twin.stop_a_subscriber();
    }
    let start = Instant::now();
    loaded(&mut twins, changes);
    let seconds = start.elapsed().as_secs_f64();
    println!("{:.0} changes a second, all three together", 3.0 * changes as f64 / seconds);
    println!("            RSS before    growth  anonymous      kv.get p50     p99  kv.set p50     p99   lag");
    let mut figures = Vec::new();
    for twin in &mut twins {
        figures.push(twin.report());
    }
    for twin in &mut twins {
        twin.continue_it();
    }
    let (without, with) = figures.split_first().unwrap();
    for figure in with {
        assert!(figure.growth <= GROWTH, "{}: memory grew by {} KiB", figure.name, figure.growth);
        for (what, p99, base) in [("get", figure.get, without.get), ("set", figure.set, without.set)] {
            println!("{}: p99 of kv.{what} is {:.2} of that without", figure.name, p99 / base);
            assert!(p99 <= base * SLOWER, "{}: kv.{what} is slower", figure.name);
        }
    }
}

fn twin(name: &'static str) -> Twin {
    let daemon = Daemon::start(STINAD);
    let peer = daemon.peer();
    Twin { name, daemon, subscriber: None, peer, before: (0, 0), times: Times::default() }
}

/// Loads all of them with that many changes each, and takes times as long as all three are under load.
fn loaded(twins: &mut [Twin], changes: u64) {
    let timed = Arc::new(AtomicBool::new(true));
    let loads: Vec<Load> =
        twins.iter().map(|twin| Load::start(&twin.daemon.socket(), changes, &timed)).collect();
    while loads.iter().all(Load::goes_on) {
        park_timeout(Duration::from_millis(1));
    }
    timed.store(false, Ordering::Relaxed);
    for (twin, load) in twins.iter_mut().zip(loads) {
        twin.times = load.finish();
    }
}

struct Figure {
    name: &'static str,
    growth: u64,
    get: f64,
    set: f64,
}

impl Twin {
    /// Fills the page caches of all read connections: several clients read the whole log at once.
    fn read_the_log(&self) {
        let read = |mut peer: Peer| {
            let mut since = json!(0);
            while !since.is_null() {
                since = peer.call("store.changes", json!({"since": since, "limit": 1000}))["value"]["next"]
                    .take();
            }
        };
        let readers: Vec<_> = (0..8).map(|_| self.daemon.peer()).collect();
        std::thread::scope(|scope| readers.into_iter().for_each(|peer| _ = scope.spawn(move || read(peer))));
    }

    /// A process that subscribes to everything, and is stopped once it is subscribed.
    fn stop_a_subscriber(&mut self) {
        if self.name == "without" {
            return;
        }
        let mut child = Command::new(std::env::current_exe().expect("this program"))
            .args(["subscriber", &self.daemon.socket().display().to_string(), self.name])
            .stdout(Stdio::piped())
            .spawn()
            .expect("this program again");
        let mut output = BufReader::new(child.stdout.take().expect("piped"));
        let mut line = String::new();
        output.read_line(&mut line).expect("a word");
        assert_eq!(line, "subscribed\n");
        signal(&child, Signal::STOP);
        self.subscriber = Some((child, output));
    }

    fn report(&mut self) -> Figure {
        let after = self.daemon.memory().expect("Linux");
        let clients = self.peer.call("store.clients", json!({}));
        let lags = clients["clients"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|c| c["subscriptions"][0]["lag"].as_u64());
        let growth = after.0.saturating_sub(self.before.0);
        let (get, set) = (percentile(&mut self.times.gets, 0.99), percentile(&mut self.times.sets, 0.99));
        println!(
            "{:<10} {:>8} KiB {:>5} KiB {:>6} KiB {:>9.0} us {:>4.0} us {:>8.0} us {:>4.0} us {:>5} of {} gets, {} sets",
            self.name,
            self.before.0,
            growth,
            after.1.saturating_sub(self.before.1),
            percentile(&mut self.times.gets, 0.50),
            get,
            percentile(&mut self.times.sets, 0.50),
            set,
            lags.max().unwrap_or(0),
            self.times.gets.len(),
            self.times.sets.len(),
        );
        Figure { name: self.name, growth, get, set }
    }

    /// The end of what the stopped one is to see, and its report.
    fn continue_it(&mut self) {
        let Some((mut child, mut output)) = self.subscriber.take() else { return };
        self.peer.call("kv.set", json!({"key": "end", "value": 1}));
        let start = Instant::now();
        signal(&child, Signal::CONT);
        let mut line = String::new();
        output.read_line(&mut line).expect("a word");
        print!("{}: continued, converged in {:.1} s: {line}", self.name, start.elapsed().as_secs_f64());
        assert!(child.wait().expect("its end").success(), "it saw something that must not be");
    }
}

fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_raw(child.id().cast_signed()).expect("a pid"), signal).expect("it runs");
}

/// The other process: sees every revision once, in order, or a reset; ends at the key `end`.
pub(crate) fn subscriber(socket: &Path, framing: &str) {
    let framing = if framing == "websocket" { Framing::WebSocket } else { Framing::Ndjson };
    let mut peer = Peer::connect(socket, framing);
    // It is to be stopped for long.
    peer.stream().set_read_timeout(None).unwrap();
    peer.call("store.subscribe", json!({}));
    let mut last = peer.event_of("synced")["rev"].as_u64().unwrap();
    println!("subscribed");
    let (mut revisions, mut resets) = (0_u64, 0_u64);
    loop {
        let event = peer.event();
        let rev = event["rev"].as_u64().unwrap();
        match event["type"].as_str() {
            Some("change") => {
                assert_eq!(
                    (event["prev"].as_u64(), rev),
                    (Some(last), last + 1),
                    "each revision once, in order"
                );
                revisions += 1;
            }
            Some("reset") => resets += 1,
            _ => {}
        }
        last = rev;
        if event["changes"][0]["id"] == "end" {
            return println!("{revisions} revisions, each once and in order, {resets} resets");
        }
    }
}
