//! The order of one connection, and what may overtake.

use crate::daemon;
use serde_json::json;
use stina_tests::Framing;

#[test]
fn writes_of_one_connection_commit_in_the_order_sent() {
    let daemon = daemon();
    for framing in Framing::LIVE {
        let mut watcher = daemon.peer();
        let since = watcher.call("store.ping", json!({}))["rev"].clone();
        let mut peer = daemon.connect(framing);
        let ids: Vec<u64> = (0..500)
            .map(|i| match i % 3 {
                0 => peer.send("kv.set", json!({"key": "x", "value": i})),
                1 => peer.send("kv.delete", json!({"key": "x"})),
                _ => peer.send("kv.set", json!({"key": "y", "value": i})),
            })
            .collect();
        let mut revs = std::collections::BTreeMap::new();
        for _ in &ids {
            let reply = peer.reply().unwrap();
            revs.insert(reply["id"].as_u64().unwrap(), reply["result"]["rev"].as_u64().unwrap());
        }
        let in_order: Vec<u64> = revs.values().copied().collect();
        let base = since.as_u64().unwrap();
        assert_eq!(in_order, (base + 1..=base + 500).collect::<Vec<_>>(), "{framing:?}");
    }
}

#[test]
fn a_quick_read_overtakes_a_slow_one() {
    let daemon = daemon();
    let mut peer = daemon.peer();
    for i in 0..300 {
        peer.call("kv.set", json!({"key": format!("k{i}"), "value": "x".repeat(10_000)}));
    }
    let list = peer.send("kv.list", json!({"limit": 1000}));
    let get = peer.send("kv.get", json!({"key": "k1"}));
    let order =
        [peer.reply().unwrap()["id"].as_u64().unwrap(), peer.reply().unwrap()["id"].as_u64().unwrap()];
    assert_eq!(order, [get, list]);
}
