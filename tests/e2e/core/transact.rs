//! `store.transact`: all or nothing, one revision, one notification.

use crate::daemon;
use serde_json::{Value, json};
use stina_tests::Framing;

fn op(method: &str, params: Value) -> Value {
    json!({"method": method, "params": params})
}

#[test]
fn steps_are_one_revision_and_one_notification() {
    let daemon = daemon();
    for framing in Framing::ALL {
        let mut watcher = daemon.peer();
        watcher.call("store.subscribe", json!({}));
        let mut peer = daemon.connect(framing);
        peer.call("kv.delete", json!({"key": "n"}));
        watcher.drain();
        let reply = peer.call(
            "store.transact",
            json!({"ops": [op("kv.set", json!({"key": "a", "value": 1})), op("kv.increment", json!({"key": "n"})), op("kv.increment", json!({"key": "n"}))]}),
        );
        let values: Vec<&Value> =
            reply["value"]["results"].as_array().unwrap().iter().map(|r| &r["value"]).collect();
        assert_eq!(values, [&json!(1), &json!(1), &json!(2)], "steps see those before");
        let events = watcher.drain();
        assert_eq!(events.len(), 1, "{events:?}");
        assert_eq!(events[0]["rev"], reply["rev"]);
        let ids: Vec<&Value> = events[0]["changes"].as_array().unwrap().iter().map(|c| &c["id"]).collect();
        assert_eq!(ids, ["a", "n", "n"]);
    }
}

#[test]
fn a_failing_step_undoes_all_and_is_named() {
    let daemon = daemon();
    for framing in Framing::ALL {
        let mut peer = daemon.connect(framing);
        let set = op("kv.set", json!({"key": "a", "value": 1}));
        for (ops, index, kind) in [
            (json!([set, op("kv.set", json!({"key": "b", "value": 1, "ifRev": 9}))]), 1, "conflict"),
            (json!([set, set, op("kv.set", json!({"key": "b"}))]), 2, "invalid"),
            (json!([op("kv.get", json!({"key": "a"})), set]), 0, "invalid"),
            (json!([set, op("store.transact", json!({"ops": []}))]), 1, "invalid"),
            (json!([set, op("kv.nothing", json!({}))]), 1, "unsupported"),
            (json!([op("kv.set", json!({"key": "a", "value": 1, "requestId": "r"}))]), 0, "invalid"),
        ] {
            let error = peer.fail("store.transact", json!({"ops": ops, "requestId": "once"}));
            assert_eq!((&error["index"], &error["kind"]), (&json!(index), &json!(kind)), "{ops}");
            assert_eq!(peer.call("kv.get", json!({"key": "a"})), json!({"rev": 0, "value": null}));
        }
    }
}

#[test]
fn a_conflict_shows_the_committed_entity_not_an_earlier_steps() {
    let daemon = daemon();
    let mut peer = daemon.peer();
    let secret = op("kv.set", json!({"key": "a", "value": "never committed"}));
    let wrong = op("kv.set", json!({"key": "a", "value": 2, "ifRev": 9}));
    let error = peer.fail("store.transact", json!({"ops": [secret, secret, wrong]}));
    assert_eq!(error, json!({"kind": "conflict", "index": 2, "current": null}));
    let committed = peer.call("kv.set", json!({"key": "a", "value": 1}));
    let error = peer.fail("store.transact", json!({"ops": [secret, secret, wrong]}));
    assert_eq!(error["current"], committed["value"]);
    let error =
        peer.fail("store.transact", json!({"ops": [op("kv.set", json!({"key": "b", "value": 1})), wrong]}));
    assert_eq!(error["current"], committed["value"]);
}

#[test]
fn a_transaction_has_bounds_an_if_rev_and_a_request_id_of_its_own() {
    let daemon = daemon();
    let mut peer = daemon.peer();
    assert_eq!(peer.fail("store.transact", json!({"ops": []}))["field"], "ops");
    let many: Vec<Value> = (0..1001).map(|_| op("kv.increment", json!({"key": "n"}))).collect();
    assert_eq!(
        peer.fail("store.transact", json!({"ops": many})),
        json!({"kind": "too_large", "limit": 1000})
    );
    let params = json!({"ops": &many[..1000], "ifRev": 0, "requestId": "t"});
    let first = peer.call("store.transact", params.clone());
    assert_eq!((&first["rev"], &first["value"]["results"][999]["value"]), (&json!(1), &json!(1000)));
    assert_eq!(peer.call("store.transact", params), first, "a repeat, although ifRev no longer holds");
    let late = peer.fail("store.transact", json!({"ops": &many[..1], "ifRev": 0}));
    assert_eq!(late, json!({"kind": "conflict", "current": {"rev": 1}}));
}
