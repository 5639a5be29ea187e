//! Everything at once: writers and watchers, while the daemon is killed, stopped, suspended and cut off.

use super::{builder, ready, soon};
use crate::daemon;
use rustix::process::Signal;
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use stina_client::protocol::event::{Changes, Event};
use stina_client::protocol::kv::{Subscribe, SubscribeParams};
use stina_client::{Client, Entries, Mirror};
use stina_tests::{DEADLINE, Daemon, Peer, Proxy, eventually};

/// Rounds of trouble; `STINA_CHAOS_ROUNDS` asks for more.
fn rounds() -> u64 {
    std::env::var("STINA_CHAOS_ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(8)
}

const WRITERS: u64 = 4;

/// Random enough, and the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

fn client(proxy: &Proxy) -> Client {
    let mut limits = super::limits();
    limits.silence = Duration::from_millis(300);
    limits.ping = Duration::from_millis(300);
    limits.connect = Duration::from_millis(500);
    builder(proxy.socket()).limits(limits).deadline(DEADLINE * 3).start().unwrap()
}

/// Adds to two counters at once, again and again; answers how often that was acknowledged.
async fn write(client: Client, name: u64, stop: Arc<AtomicBool>, acknowledged: Arc<AtomicU64>) {
    while !stop.load(Ordering::Relaxed) {
        let mut transaction = client.transact();
        for side in ["left", "right"] {
            transaction.add(client.kv().increment(format!("{name}/{side}"), 1)).unwrap();
        }
        transaction.commit().await.unwrap();
        acknowledged.fetch_add(1, Ordering::Relaxed);
    }
}

/// Checks what a subscriber is sent until the stream ends: every revision concerns it, so none may be missing.
async fn watch(client: Client) {
    let mut events = client.subscribe::<Subscribe>(SubscribeParams::default()).await.unwrap();
    // The first event is a change where the connection broke before `synced` arrived.
    let mut last = None;
    while let Some(event) = events.next().await {
        match event.unwrap() {
            Event::Change(Changes { rev, prev, changes, .. }) => {
                assert_eq!((prev, rev), (last.unwrap_or(prev), prev + 1));
                assert_eq!(changes.len(), 2, "a whole transaction");
                last = Some(rev);
            }
            Event::Synced { rev } => {
                assert_eq!(rev, last.unwrap_or(rev));
                last = Some(rev);
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(last > Some(0));
}

fn trouble(daemon: &mut Daemon, proxies: &[Proxy], dice: &mut Dice) {
    match dice.roll(4) {
        0 => {
            daemon.kill();
            daemon.restart();
        }
        1 => {
            daemon.stop();
            daemon.restart();
        }
        2 => {
            daemon.signal(Signal::STOP);
            // Long enough, now and then, for clients to notice.
            let _ =
                std::sync::mpsc::sync_channel::<()>(0).1.recv_timeout(Duration::from_millis(dice.roll(900)));
            daemon.signal(Signal::CONT);
        }
        _ => proxies[usize::try_from(dice.roll(proxies.len() as u64)).unwrap()].cut_all(),
    }
}

fn count(peer: &mut Peer, key: &str) -> u64 {
    peer.call("kv.get", json!({"key": key}))["value"]["value"].as_u64().unwrap_or(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_doubled_or_halved_whatever_happens() {
    let mut daemon = daemon();
    let proxies: Vec<Proxy> = (0..8)
        .map(|n| Proxy::start(&daemon.home().join(format!("proxy{n}.sock")), &daemon.socket()))
        .collect();
    let clients: Vec<Client> = proxies.iter().map(client).collect();
    let mut mirrors: Vec<Mirror<Entries>> = Vec::new();
    for client in &clients {
        mirrors.push(ready(client.kv().mirror("")).await);
    }
    let watchers: Vec<_> = clients.iter().map(|client| tokio::spawn(watch(client.clone()))).collect();
    let stop = Arc::new(AtomicBool::new(false));
    let acknowledged: Vec<Arc<AtomicU64>> = (0..WRITERS).map(|_| Arc::default()).collect();
    let writers: Vec<_> = (0..WRITERS)
        .zip(&clients)
        .map(|(n, client)| {
            let count = Arc::clone(&acknowledged[usize::try_from(n).unwrap()]);
            tokio::spawn(write(client.clone(), n, Arc::clone(&stop), count))
        })
        .collect();
    let total = || acknowledged.iter().map(|a| a.load(Ordering::Relaxed)).sum::<u64>();
    let mut dice = Dice(7);
    for _ in 0..rounds() {
        let before = total();
        let some = before + 1 + dice.roll(40);
        eventually("writes go on", || total() >= some);
        trouble(&mut daemon, &proxies, &mut dice);
    }
    stop.store(true, Ordering::Relaxed);
    for writer in writers {
        soon("the last answer", writer).await.unwrap();
    }
    let mut peer = daemon.peer();
    for (name, acknowledged) in acknowledged.iter().enumerate() {
        let acknowledged = acknowledged.load(Ordering::Relaxed);
        for side in ["left", "right"] {
            assert_eq!(count(&mut peer, &format!("{name}/{side}")), acknowledged, "writer {name}");
        }
    }
    let list = peer.call("kv.list", json!({}));
    for mirror in &mirrors {
        soon("the mirror is complete", mirror.wait(list["rev"].as_u64().unwrap())).await.unwrap();
        let shown: Vec<_> =
            mirror.snapshot().items.iter().map(|e| serde_json::to_value(&**e).unwrap()).collect();
        assert_eq!(&serde_json::Value::from(shown), &list["value"]["items"]);
    }
    for client in &clients {
        client.close().await;
    }
    for watcher in watchers {
        soon("the watcher ends", watcher).await.expect("it saw nothing wrong");
    }
}
