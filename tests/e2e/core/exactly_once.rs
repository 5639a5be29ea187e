//! A write with a `requestId` happens once, however often it is asked for.

use crate::{clock_at, daemon};
use serde_json::{Value, json};
use std::sync::atomic::Ordering;
use std::time::Duration;
use stina_tests::in_process::Setup;
use stina_tests::{Framing, InProcess, Peer, eventually};
use stinad::limits::Limits;

#[test]
fn a_repeat_gets_the_same_answer_and_changes_nothing() {
    let mut daemon = daemon();
    for framing in Framing::ALL {
        let id = format!("req-{framing:?}");
        let params = json!({"key": format!("{framing:?}"), "by": 5, "requestId": id});
        let first = daemon.connect(framing).call("kv.increment", params.clone());
        // Members in another order and other white space are the same request.
        let again = format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"kv.increment","params":{{ "requestId": "{id}", "by": 5, "key": "{framing:?}" }}}}"#
        );
        assert_eq!(daemon.connect(framing).exchange(again.as_bytes()).unwrap()["result"], first);
        daemon.kill();
        daemon.restart();
        let mut peer = daemon.connect(framing);
        assert_eq!(peer.call("kv.increment", params), first);
        assert_eq!(peer.call("store.result", json!({"requestId": id})), first);
        for (method, params) in [
            ("kv.increment", json!({"key": format!("{framing:?}"), "by": 6, "requestId": id})),
            ("kv.delete", json!({"key": format!("{framing:?}"), "requestId": id})),
        ] {
            assert_eq!(peer.fail(method, params)["kind"], "request_mismatch");
        }
        assert_eq!(peer.call("kv.get", json!({"key": format!("{framing:?}")}))["value"]["value"], 5);
    }
    let unknown = daemon.peer().fail("store.result", json!({"requestId": "never"}));
    assert_eq!(unknown, json!({"kind": "not_found", "entity": "result", "id": "never"}));
}

#[test]
fn two_calls_with_one_id_in_one_batch_execute_once() {
    let daemon = daemon();
    let mut peers: Vec<_> = (0..8).map(|_| daemon.peer()).collect();
    for round in 0..20 {
        let params = json!({"key": "n", "requestId": format!("r{round}")});
        // All are on their way before the first is answered, so that commits take several at once.
        for peer in &mut peers {
            peer.send("kv.increment", params.clone());
            peer.send("kv.increment", params.clone());
        }
        let mut answers: Vec<Value> = Vec::new();
        for peer in &mut peers {
            answers.extend([peer.reply().unwrap()["result"].take(), peer.reply().unwrap()["result"].take()]);
        }
        assert!(answers.iter().all(|a| *a == answers[0] && a["value"]["value"] == round + 1), "{answers:?}");
    }
}

#[test]
fn a_failed_write_leaves_its_id_free() {
    let daemon = daemon();
    let mut peer = daemon.peer();
    let conflict = peer.fail("kv.set", json!({"key": "a", "value": 1, "ifRev": 7, "requestId": "r"}));
    assert_eq!(conflict["kind"], "conflict");
    assert_eq!(peer.call("kv.set", json!({"key": "a", "value": 1, "requestId": "r"}))["rev"], 1);
}

#[test]
fn a_write_that_changes_nothing_is_remembered_without_a_revision() {
    let daemon = daemon();
    let mut peer = daemon.peer();
    let first = peer.call("kv.delete", json!({"key": "a", "requestId": "r"}));
    assert_eq!(first, json!({"rev": 0, "value": null}));
    peer.call("kv.set", json!({"key": "a", "value": 1}));
    assert_eq!(peer.call("kv.delete", json!({"key": "a", "requestId": "r"})), first);
    assert_eq!(peer.call("kv.get", json!({"key": "a"}))["rev"], 1);
}

#[test]
fn an_id_is_known_for_a_week_and_then_free() {
    let (clock, time) = clock_at(0);
    let limits =
        Limits { checkpoint_after: Duration::from_millis(1), prune_revisions: 1, ..Limits::default() };
    let daemon = InProcess::start(Setup { memory: true, limits, clock, ..Setup::default() });
    let mut peer = daemon.peer();
    let increment = |peer: &mut Peer, id: &str| {
        let params = json!({"key": id, "requestId": id});
        peer.try_call("kv.increment", params)
    };
    let week = i64::try_from(Limits::default().result_age.as_millis()).unwrap();
    let first = increment(&mut peer, "first").unwrap();
    time.fetch_add(1000, Ordering::SeqCst);
    let second = increment(&mut peer, "second").unwrap();
    // The first is a millisecond older than that, the second is not.
    time.fetch_add(week - 999, Ordering::SeqCst);
    assert_eq!(increment(&mut peer, "second").unwrap(), second);
    let result = |peer: &mut Peer, id: &str| peer.try_call("store.result", json!({"requestId": id}));
    // The daemon looks for old ids after a write.
    peer.call("kv.set", json!({"key": "other", "value": 1}));
    eventually("the first is dropped", || result(&mut peer, "first").is_err());
    assert_eq!(result(&mut peer, "first").unwrap_err()["data"]["kind"], "not_found");
    // The log still has the value; only the id is no longer known.
    assert_eq!(peer.call("kv.get", json!({"key": "first"}))["value"]["value"], first["value"]["value"]);
    assert_eq!(increment(&mut peer, "second").unwrap(), second);
    assert_eq!(result(&mut peer, "second").unwrap()["value"], second["value"]);
    // So a write with that id is a new one.
    let again = increment(&mut peer, "first").unwrap();
    assert_eq!((&again["value"]["value"], again["rev"].as_u64() > second["rev"].as_u64()), (&json!(2), true));
}

#[test]
fn a_result_that_is_asked_for_behind_its_write_is_never_missing() {
    let daemon = daemon();
    for framing in [Framing::Ndjson, Framing::WebSocket] {
        let mut peer = daemon.connect(framing);
        for round in 0..40 {
            let id = format!("{framing:?}-{round}");
            // Both are on their way before the first is answered, as after a suspension of the daemon.
            let write = peer.send("kv.increment", json!({"key": "n", "requestId": id}));
            let ask = peer.send("store.result", json!({"requestId": id}));
            let mut replies = [peer.reply().unwrap(), peer.reply().unwrap()];
            replies.sort_by_key(|reply| reply["id"].as_u64());
            assert_eq!((&replies[0]["id"], &replies[1]["id"]), (&json!(write), &json!(ask)));
            assert_eq!(replies[0]["result"], replies[1]["result"], "{}", replies[1]);
        }
    }
}
