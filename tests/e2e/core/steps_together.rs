//! What others do between two steps of a large delete.

use super::steps::{converse, count, database_of, first_step, gather, log, newest_rev, small_steps, watch};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use stina_tests::Peer;

fn current(peer: &mut Peer) -> Value {
    peer.call("kv.get", json!({"key": "chat.currentConversation"}))["value"]["value"].take()
}

#[test]
fn a_conversation_that_is_made_anew_during_a_clear_stays() {
    let daemon = small_steps(5, None);
    let (mut peer, mut other, mut watcher) = (daemon.peer(), daemon.peer(), daemon.peer());
    converse(&database_of(&daemon), &mut peer, "a", 1_000);
    converse(&database_of(&daemon), &mut peer, "b", 10);
    watch(&mut watcher);
    peer.send("chat.clearHistory", json!({}));
    first_step(&mut watcher);
    other.call("chat.deleteConversation", json!({"id": "b"}));
    other.call("chat.startConversation", json!({"id": "b", "title": "anew"}));
    other.call("chat.setCurrent", json!({"conversationId": "b_after"}));
    assert_ne!(count(&mut other, "a"), 0, "the clear has not ended");
    // The other has deleted `b`.
    let cleared = peer.reply().unwrap()["result"]["value"].take();
    assert_eq!(cleared, json!({"conversations": 2, "messages": 1_000}));
    assert_eq!(other.call("chat.getConversation", json!({"id": "b"}))["value"]["title"], "anew");
    assert_eq!(current(&mut other), "b_after");
}

#[test]
fn a_clear_never_leaves_what_it_deleted_as_the_current_conversation() {
    let daemon = small_steps(5, None);
    let (mut peer, mut other, mut watcher) = (daemon.peer(), daemon.peer(), daemon.peer());
    converse(&database_of(&daemon), &mut peer, "a", 1_000);
    converse(&database_of(&daemon), &mut peer, "b", 10);
    watch(&mut watcher);
    peer.send("chat.clearHistory", json!({}));
    first_step(&mut watcher);
    other.call("chat.setCurrent", json!({"conversationId": "b"}));
    assert_ne!(count(&mut other, "a"), 0, "the clear has not ended");
    peer.reply();
    assert_eq!(other.fail("chat.getConversation", json!({"id": "b"}))["kind"], "not_found");
    assert_eq!(current(&mut other), "b_after");
}

#[test]
fn each_of_two_deletes_of_the_same_is_answered_with_its_own_last_step() {
    let daemon = small_steps(5, None);
    let (mut peer, mut third, mut watcher) = (daemon.peer(), daemon.peer(), daemon.peer());
    converse(&database_of(&daemon), &mut peer, "a", 1_000);
    let before = newest_rev(&mut peer);
    watch(&mut watcher);
    peer.send("chat.deleteConversation", json!({"id": "a"}));
    first_step(&mut watcher);
    third.send("chat.deleteConversation", json!({"id": "a"}));
    let mut answered =
        [peer.reply(), third.reply()].map(|reply| reply.unwrap()["result"]["rev"].as_u64().unwrap());
    let mut last = BTreeMap::new();
    for (rev, origin) in log(&mut peer, before) {
        last.insert(origin["continues"].as_u64().unwrap_or(rev), rev);
    }
    answered.sort_unstable();
    let mut last: Vec<u64> = last.into_values().collect();
    last.sort_unstable();
    assert_eq!(answered.as_slice(), last);
}

#[test]
fn every_step_that_leaves_the_conversation_puts_it() {
    let daemon = small_steps(5, None);
    let (mut peer, mut watcher) = (daemon.peer(), daemon.peer());
    for id in ["a", "b", "c"] {
        converse(&database_of(&daemon), &mut peer, id, 100);
    }
    gather(&database_of(&daemon), "a");
    watch(&mut watcher);
    for (method, params) in [
        ("chat.deleteInteraction", json!({"id": "a_i0"})),
        ("chat.deleteConversation", json!({"id": "b"})),
        ("chat.clearHistory", json!({})),
    ] {
        let ended = peer.call(method, params)["rev"].as_u64().unwrap();
        let mut steps = 0;
        loop {
            let event = watcher.event_of("change");
            let (rev, changes) = (event["rev"].as_u64().unwrap(), event["changes"].as_array().unwrap());
            let of = |change: &&Value| change["entity"] == "conversation";
            // What a message or an interaction was deleted from.
            for part in changes.iter().filter(|change| change["entity"] == "message") {
                let id = part["id"].as_str().unwrap().split('_').next().unwrap();
                let put = changes.iter().filter(of).find(|change| change["id"] == id);
                let put = put.unwrap_or_else(|| panic!("{method}, revision {rev}: no put of {id}"));
                assert!(put["op"] == "delete" || put["value"]["rev"] == rev, "{put}");
            }
            steps += 1;
            if rev == ended {
                break;
            }
        }
        assert!(steps > 10, "{method}: {steps} steps");
    }
}
