//! Clients that write and read, one call after the other, and time each.

use serde_json::json;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use stina_tests::{Framing, Peer};

/// Clients of one load.
pub(crate) const CLIENTS: u64 = 4;

/// Keys that each writes over and over.
const KEYS: u64 = 1000;

/// A load that goes on by itself until all its changes are made.
pub(crate) struct Load {
    left: Arc<AtomicU64>,
    threads: Vec<JoinHandle<Times>>,
}

/// How long each call took.
#[derive(Default)]
pub(crate) struct Times {
    pub(crate) gets: Vec<Duration>,
    pub(crate) sets: Vec<Duration>,
}

impl Load {
    /// Starts to make that many changes; takes times while `timed`.
    pub(crate) fn start(socket: &Path, changes: u64, timed: &Arc<AtomicBool>) -> Self {
        let left = Arc::new(AtomicU64::new(changes));
        let threads = (0..CLIENTS)
            .map(|client| {
                let peer = Peer::connect(socket, Framing::Ndjson);
                let (left, timed) = (Arc::clone(&left), Arc::clone(timed));
                std::thread::spawn(move || run(peer, client, &left, &timed))
            })
            .collect();
        Self { left, threads }
    }

    /// Whether there are changes still to make.
    pub(crate) fn goes_on(&self) -> bool {
        self.left.load(Ordering::Relaxed) > 0
    }

    /// Ends it before its time.
    pub(crate) fn stop(self) {
        self.left.store(0, Ordering::Relaxed);
        self.finish();
    }

    /// Waits until all are made.
    pub(crate) fn finish(self) -> Times {
        let mut all = Times::default();
        for thread in self.threads {
            let Times { mut gets, mut sets } = thread.join().expect("the load");
            all.gets.append(&mut gets);
            all.sets.append(&mut sets);
        }
        all
    }
}

fn run(mut peer: Peer, client: u64, left: &AtomicU64, timed: &AtomicBool) -> Times {
    let mut times = Times::default();
    let mut n = 0;
    let less = |left: u64| left.checked_sub(1);
    while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok() {
        n += 1;
        let key = format!("load/{client}/{}", n % KEYS);
        let start = Instant::now();
        peer.call(
            "kv.set",
            json!({"key": key, "value": {"n": n, "text": "of forty characters, more or less, as is"}}),
        );
        let set = start.elapsed();
        peer.call("kv.get", json!({"key": key}));
        if timed.load(Ordering::Relaxed) {
            times.sets.push(set);
            times.gets.push(start.elapsed() - set);
        }
    }
    times
}
