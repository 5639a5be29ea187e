//! What others do between two steps of a large delete.

use super::steps::{converse, count, database_of, first_step, log, newest_rev, small_steps, watch};
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
