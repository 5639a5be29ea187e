//! Subscriptions with a credit in bytes: the daemon sends no more than the client allows, and loses nothing.

use crate::daemon;
use serde_json::{Value, json};
use std::net::Shutdown;
use stina_tests::{Framing, Peer};

fn fill(peer: &mut Peer, keys: usize) {
    for n in 0..keys {
        peer.call("kv.set", json!({"key": format!("k{n:03}"), "value": "x".repeat(10_000)}));
    }
}

fn allow(peer: &mut Peer, subscription: &Value, bytes: usize) -> bool {
    peer.call("store.credit", json!({"subscription": subscription, "bytes": bytes})).as_bool().unwrap()
}

#[test]
fn a_subscription_sends_one_event_over_its_credit_at_most_and_goes_on_where_it_was() {
    let daemon = daemon();
    fill(&mut daemon.peer(), 50);
    for framing in Framing::LIVE {
        let mut peer = daemon.connect(framing);
        let subscription = peer.call("kv.subscribe", json!({"initial": true, "credit": 1}));
        let mut keys = Vec::new();
        loop {
            // `store.sync` does not wait for a subscription that may not send.
            let events = peer.drain();
            assert_eq!(events.len(), 1, "{events:?}");
            if events[0]["type"] == "synced" {
                break;
            }
            assert_eq!(events[0]["initial"], true);
            keys.extend(events[0]["changes"].as_array().unwrap().iter().map(|change| change["id"].clone()));
            assert_eq!(peer.call("kv.get", json!({"key": "k000"}))["value"]["key"], "k000");
            assert!(allow(&mut peer, &subscription, events[0].to_string().len()));
        }
        assert_eq!(keys, (0..50).map(|n| json!(format!("k{n:03}"))).collect::<Vec<_>>());
    }
}

#[test]
fn a_subscription_without_credit_left_catches_up_from_the_log() {
    let daemon = daemon();
    let mut peer = daemon.peer();
    let subscription = peer.call("kv.subscribe", json!({"credit": 1}));
    assert_eq!(peer.drain(), [json!({"type": "synced", "rev": 0})]);
    fill(&mut daemon.peer(), 300);
    assert!(peer.drain().is_empty());
    assert!(allow(&mut peer, &subscription, usize::MAX));
    let events = peer.drain();
    let revs =
        events.iter().filter(|event| event["type"] == "change").map(|event| event["rev"].as_u64().unwrap());
    assert_eq!(revs.collect::<Vec<_>>(), (1..=300).collect::<Vec<_>>());
}

#[test]
fn a_peer_that_has_ended_its_side_is_not_kept_by_a_subscription_without_credit() {
    let daemon = daemon();
    let mut peer = daemon.peer();
    peer.call("kv.subscribe", json!({"credit": 1}));
    peer.drain();
    fill(&mut daemon.peer(), 1);
    peer.stream().shutdown(Shutdown::Write).unwrap();
    assert_eq!(peer.receive(), None);
}

#[test]
fn credit_for_no_subscription_and_for_one_without_a_limit_changes_nothing() {
    let daemon = daemon();
    let mut peer = daemon.peer();
    assert!(!allow(&mut peer, &json!(99), 1));
    let unlimited = peer.call("kv.subscribe", json!({}));
    assert!(!allow(&mut peer, &unlimited, 1));
    let mut other = daemon.peer();
    let foreign = peer.call("kv.subscribe", json!({"credit": 1}));
    assert!(!allow(&mut other, &foreign, 1), "it is a subscription of another connection");
    for credit in [0, -1] {
        assert_eq!(peer.fail("kv.subscribe", json!({"credit": credit}))["kind"], "invalid");
    }
}
