//! Messages that are no longer written: owners that go, cancels, deletes, transactions, bounds.

use super::{begin, changed, delta, stored, watcher};
use crate::daemon;
use serde_json::json;
use std::time::Duration;
use stina_tests::in_process::Setup;
use stina_tests::{Framing, InProcess, eventually};
use stinad::limits::Limits;

/// A daemon that waits `millis` for the owners of cancelled messages.
fn waiting(millis: u64) -> InProcess {
    let limits = Limits { cancel_wait: Duration::from_millis(millis), ..Limits::default() };
    InProcess::start(Setup { limits, ..Setup::default() })
}

#[test]
fn an_owner_that_disconnects_leaves_an_aborted_message_with_its_whole_text() {
    for framing in Framing::LIVE {
        let mut daemon = daemon();
        let mut watcher = watcher(&daemon, framing);
        let mut owner = daemon.connect(framing);
        let mut steady = daemon.connect(framing);
        begin(&mut owner, "left");
        begin(&mut steady, "kept");
        delta(&mut owner, "left", 0, "not yet saved");
        delta(&mut steady, "kept", 0, "until the daemon stops");
        drop(owner);
        let put = watcher.events_until(|e| {
            e["changes"]
                .as_array()
                .is_some_and(|c| c.iter().any(|c| c["id"] == "left" && c["value"]["state"] == "complete"))
        });
        let last = put.last().unwrap()["changes"].as_array().unwrap().last().unwrap();
        assert_eq!(
            (&last["value"]["content"], &last["value"]["aborted"]),
            (&json!("not yet saved"), &json!(true))
        );
        assert_eq!(stored(&mut steady, "kept")["state"], "streaming");
        assert!(daemon.stop().success());
        daemon.restart();
        let kept = stored(&mut daemon.peer(), "kept");
        assert_eq!((&kept["content"], &kept["aborted"]), (&json!("until the daemon stops"), &json!(true)));
    }
}

#[test]
fn a_begin_whose_connection_ends_leaves_no_open_message() {
    let limits = Limits { open_streams: 1, ..Limits::default() };
    let daemon = InProcess::start(Setup { limits, ..Setup::default() });
    let mut other = daemon.peer();
    for i in 0..20 {
        let mut owner = daemon.peer();
        owner.send("chat.beginMessage", json!({"role": "assistant", "id": format!("m{i}")}));
        drop(owner);
        // Whether it was too late or ended at once: the next one has room.
        eventually("there is room", || {
            let params = json!({"role": "assistant", "id": format!("n{i}")});
            other.try_call("chat.beginMessage", params).is_ok()
        });
        other.call("chat.finishMessage", json!({"messageId": format!("n{i}")}));
    }
    let page = other.call("chat.listMessages", json!({}))["value"].take();
    assert!(page["items"].as_array().unwrap().iter().all(|m| m["state"] == "complete"));
}

#[test]
fn a_begin_and_an_end_repeated_over_another_connection_answer_the_same() {
    let daemon = daemon();
    let (mut owner, mut other) = (daemon.peer(), daemon.peer());
    let params = json!({"role": "assistant", "id": "m", "requestId": "begin"});
    let begun = owner.call("chat.beginMessage", params.clone());
    assert_eq!(other.call("chat.beginMessage", params), begun);
    // It did not change hands.
    let append = json!({"messageId": "m", "offset": 0, "text": "x"});
    assert_eq!(other.fail("chat.appendDelta", append.clone())["field"], "messageId");
    owner.call("chat.appendDelta", append);
    let params = json!({"messageId": "m", "requestId": "end"});
    let ended = owner.call("chat.finishMessage", params.clone());
    drop(owner);
    assert_eq!(other.call("chat.finishMessage", params), ended);
    assert_eq!(stored(&mut other, "m"), ended["value"]);
}

#[test]
fn a_cancel_reaches_the_owner_and_ends_the_message_in_any_case() {
    let daemon = waiting(1000);
    let mut owner = daemon.peer();
    owner.call("chat.subscribe", json!({"deltas": false}));
    for id in ["obeyed", "ignored"] {
        begin(&mut owner, id);
        delta(&mut owner, id, 0, "words");
    }
    owner.drain();
    let mut other = daemon.peer();
    other.call("chat.subscribe", json!({}));
    other.drain();
    assert_eq!(other.call("chat.cancelMessage", json!({"messageId": "obeyed"})), json!({"cancelled": true}));
    assert_eq!(owner.event(), json!({"type": "cancel", "messageId": "obeyed"}), "and no delta");
    let ended = owner.call("chat.finishMessage", json!({"messageId": "obeyed", "content": "in time"}));
    assert_eq!(ended["value"]["aborted"], false);
    other.call("chat.cancelMessage", json!({"messageId": "ignored"}));
    owner.event_of("cancel");
    let ended = owner.events_until(|e| changed(std::slice::from_ref(e)).contains(&"put ignored".to_owned()));
    let message = ended.last().unwrap()["changes"].as_array().unwrap().last().unwrap()["value"].clone();
    assert_eq!((&message["content"], &message["aborted"]), (&json!("words"), &json!(true)));
    assert_eq!(
        other.call("chat.cancelMessage", json!({"messageId": "ignored"})),
        json!({"cancelled": false})
    );
    assert_eq!(stored(&mut other, "obeyed")["content"], "in time");
}

#[test]
fn a_late_subscriber_receives_a_pending_cancel() {
    let daemon = daemon();
    let mut owner = daemon.peer();
    begin(&mut owner, "m");
    owner.call("chat.cancelMessage", json!({"messageId": "m"}));
    owner.call("chat.subscribe", json!({}));
    let events = owner.drain();
    let kinds: Vec<&str> = events.iter().map(|e| e["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["synced", "delta", "cancel"]);
    owner.call("chat.finishMessage", json!({"messageId": "m"}));
}

#[test]
fn an_aborted_interaction_asks_the_owners_of_its_messages_to_end_them() {
    let daemon = waiting(50);
    let mut owner = daemon.peer();
    let params = json!({"role": "assistant", "id": "m", "interactionId": "i", "content": "so far"});
    owner.call("chat.beginMessage", params);
    owner.call("chat.subscribe", json!({}));
    owner.drain();
    daemon.peer().call("chat.abortInteraction", json!({"id": "i"}));
    let message = stored(&mut owner, "m");
    assert_eq!(message["aborted"], true, "effective at once");
    owner.event_of("cancel");
    let ended = owner.events_until(|e| changed(std::slice::from_ref(e)).contains(&"put m".to_owned()));
    assert_eq!(
        ended.last().unwrap()["changes"].as_array().unwrap().last().unwrap()["value"]["state"],
        "complete"
    );
}

#[test]
fn a_message_begun_and_aborted_in_one_transaction_is_ended_all_the_same() {
    let daemon = waiting(50);
    let mut owner = daemon.peer();
    owner.call("chat.subscribe", json!({}));
    let begin = json!({"role": "assistant", "id": "m", "interactionId": "i"});
    let ops = json!([
        {"method": "chat.beginMessage", "params": begin},
        {"method": "chat.abortInteraction", "params": {"id": "i"}},
    ]);
    for round in 0..20 {
        owner.call("store.transact", json!({"ops": ops}));
        // The put of the message comes before the cancel.
        let events = owner.events_until(|event| event["type"] == "cancel");
        assert!(changed(&events).contains(&"put m".to_owned()), "round {round}: {events:?}");
        owner.events_until(|e| changed(std::slice::from_ref(e)).contains(&"put m".to_owned()));
        owner.call("chat.deleteInteraction", json!({"id": "i"}));
    }
}

#[test]
fn a_deleted_message_takes_no_more_deltas() {
    let daemon = daemon();
    let mut owner = daemon.peer();
    let mut watcher = watcher(&daemon, Framing::Ndjson);
    for (method, params) in
        [("chat.deleteInteraction", json!({"id": "i"})), ("chat.deleteConversation", json!({"id": "c"}))]
    {
        owner.call("chat.startConversation", json!({"id": "c"}));
        owner.call("chat.beginMessage", json!({"role": "assistant", "id": "m", "interactionId": "i"}));
        delta(&mut owner, "m", 0, "gone");
        watcher.drain();
        daemon.peer().call(method, params);
        assert!(changed(&watcher.drain()).contains(&"delete m".to_owned()));
        assert_eq!(
            owner.fail("chat.appendDelta", json!({"messageId": "m", "offset": 4, "text": "x"}))["kind"],
            "not_found"
        );
        if method == "chat.deleteInteraction" {
            owner.call("chat.deleteConversation", json!({"id": "c"}));
        }
    }
    // The id is free for another.
    begin(&mut owner, "m");
    assert_eq!(delta(&mut owner, "m", 0, "new"), json!({"offset": 3}));
}

#[test]
fn a_message_can_begin_and_end_in_transactions() {
    let limits = Limits { open_streams: 1, ..Limits::default() };
    let daemon = InProcess::start(Setup { limits, ..Setup::default() });
    let mut owner = daemon.peer();
    let begin = |id: &str| {
        let params = json!({"role": "assistant", "id": id, "content": id});
        json!({"method": "chat.beginMessage", "params": params})
    };
    let finish = |id: &str| json!({"method": "chat.finishMessage", "params": {"messageId": id}});
    owner.call("store.transact", json!({"ops": [begin("m1"), finish("m1")]}));
    assert_eq!(stored(&mut owner, "m1")["content"], "m1");
    // Rolled back: not begun.
    let error = owner.fail("store.transact", json!({"ops": [begin("m2"), begin("m1")]}));
    assert_eq!((&error["kind"], &error["index"]), (&json!("already_exists"), &json!(1)));
    owner.call("store.transact", json!({"ops": [begin("m2")]}));
    // Rolled back: not ended, and it goes on.
    owner.fail("store.transact", json!({"ops": [finish("m2"), finish("m1")]}));
    assert_eq!(delta(&mut owner, "m2", 2, "+"), json!({"offset": 3}));
    let error = owner.fail("chat.beginMessage", json!({"role": "assistant"}));
    assert_eq!(error, json!({"kind": "too_large", "limit": 1}));
    owner.call("store.transact", json!({"ops": [finish("m2"), begin("m3")]}));
    assert_eq!(stored(&mut owner, "m2")["content"], "m2+");
    assert_eq!(delta(&mut owner, "m3", 2, "+"), json!({"offset": 3}));
}

#[test]
fn texts_are_bounded_each_and_together() {
    let limits = Limits { message_bytes: 1000, stream_bytes: 1500, ..Limits::default() };
    let daemon = InProcess::start(Setup { limits, ..Setup::default() });
    let mut owner = daemon.peer();
    begin(&mut owner, "m");
    delta(&mut owner, "m", 0, &"x".repeat(900));
    let append = |id: &str, offset: usize, len: usize| json!({"messageId": id, "offset": offset, "text": "x".repeat(len)});
    assert_eq!(
        owner.fail("chat.appendDelta", append("m", 900, 101)),
        json!({"kind": "too_large", "limit": 1000})
    );
    begin(&mut owner, "n");
    assert_eq!(owner.fail("chat.appendDelta", append("n", 0, 601))["kind"], "busy");
    owner.call("chat.appendDelta", append("n", 0, 600));
    let long = json!({"messageId": "m", "content": "x".repeat(1001)});
    assert_eq!(owner.fail("chat.finishMessage", long)["kind"], "too_large");
    owner.call("chat.finishMessage", json!({"messageId": "m"}));
    owner.call("chat.appendDelta", append("n", 600, 400));
}
