//! Slow clients cost a constant. The short form of `tests/slow-subscriber.sh`.

use crate::daemon;
use serde_json::json;
use stina_tests::mirror::Mirror;
use stina_tests::{Framing, Peer};

const CHANGES: u64 = 1_500;

/// Changes of 4 KB each, many under way at once.
fn change(peer: &mut Peer) {
    let value = "x".repeat(4_000);
    for n in 0..CHANGES {
        peer.send("kv.set", json!({"key": format!("k{}", n % 100), "value": value}));
        if n >= 32 {
            assert!(peer.reply().unwrap().get("result").is_some());
        }
    }
    (0..32).for_each(|_| assert!(peer.reply().unwrap().get("result").is_some()));
}

#[test]
fn subscribers_that_stop_reading_cost_a_constant_and_catch_up() {
    let daemon = daemon();
    let mut writer = daemon.peer();
    // Caches, event buffer and output buffers are full before memory is compared.
    change(&mut writer);
    let Some((before, _)) = stina_tests::measured(daemon.memory()) else { return };
    let mut stopped: Vec<Peer> = Framing::LIVE.map(|framing| daemon.connect(framing)).into();
    for peer in &mut stopped {
        peer.call("store.subscribe", json!({"since": CHANGES}));
    }
    change(&mut writer);
    let (after, _) = daemon.memory().unwrap();
    // Meanwhile 6 MB were sent to each of them.
    assert!(after <= before + 2048 * stopped.len() as u64, "memory grew from {before} to {after} KiB");
    for peer in &mut stopped {
        let mut mirror = Mirror { rev: CHANGES, ..Mirror::default() };
        for event in peer.drain() {
            assert!(
                event["type"] != "change" || event["rev"] == mirror.rev + 1,
                "each revision once, in order"
            );
            mirror.take(&event);
        }
        assert_eq!((mirror.rev, mirror.entities.len()), (2 * CHANGES, 100));
    }
}
