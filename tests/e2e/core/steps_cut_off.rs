//! Large writes that a stop or a crash cuts off between two steps.

use super::steps::{comment, converse, count, database_of, first_step, gather, small_steps, state, watch};
use rusqlite::Connection;
use serde_json::{Value, json};
use stina_tests::{InProcess, Peer};
use tempfile::TempDir;

/// Sends a write, and stops the daemon in order once its first step is committed; answers the directory.
fn cut_off(daemon: InProcess, method: &str, params: Value) -> TempDir {
    let (mut peer, mut watcher) = (daemon.peer(), daemon.peer());
    watch(&mut watcher);
    peer.send(method, params);
    watcher.event_of("change");
    let home = daemon.stop();
    // Nothing was acknowledged: it has no answer, or `shutting_down`.
    let reply = peer.reply();
    let kind = reply.map(|mut reply| reply["error"]["data"]["kind"].take());
    assert!(kind.as_ref().is_none_or(|kind| kind == "shutting_down"), "{kind:?}");
    home
}

#[test]
fn a_delete_that_a_stop_cut_off_is_ended_by_its_retry_and_is_one_write() {
    let daemon = small_steps(5, None);
    let mut peer = daemon.peer();
    let todo = comment(&mut peer, 500);
    let full = state(&mut peer);
    let params = json!({"id": "t", "ifRev": todo["rev"], "requestId": "r"});
    let home = cut_off(daemon, "todo.delete", params.clone());

    let daemon = small_steps(5, Some(home));
    let mut peer = daemon.peer();
    assert_eq!(peer.fail("store.result", json!({"requestId": "r"}))["kind"], "not_found");
    let left = peer.call("todo.get", json!({"id": "t"}))["value"]["commentCount"].as_u64().unwrap();
    assert!((1..500).contains(&left), "{left}");
    let other = json!({"id": "t", "requestId": "r"});
    assert_eq!(peer.fail("todo.delete", other)["kind"], "request_mismatch");
    let deleted = peer.call("todo.delete", params.clone());
    assert_eq!(peer.call("todo.delete", params), deleted);
    assert_eq!(peer.fail("todo.get", json!({"id": "t"}))["kind"], "not_found");
    // With the comments from before the stop.
    let trash = peer.call("store.trash", json!({"limit": 1}))["value"]["items"][0].take();
    assert_eq!((&trash["id"], &trash["rev"]), (&json!("t"), &deleted["rev"]));
    peer.call("store.undo", json!({"rev": trash["rev"]}));
    assert_eq!(state(&mut peer), full);
    peer.call("todo.delete", json!({"id": "t"}));
    assert_eq!(peer.call("store.purge", json!({"entity": "todo", "id": "t"}))["value"]["erased"], 501);
}

#[test]
fn a_delete_that_a_crash_cut_off_is_ended_by_its_retry() {
    const MESSAGES: usize = 6_000;
    let mut daemon = crate::daemon();
    let (mut peer, mut watcher) = (daemon.peer(), daemon.peer());
    converse(&daemon.database(), &mut peer, "c", MESSAGES);
    watch(&mut watcher);
    let params = json!({"id": "c", "requestId": "r"});
    peer.send("chat.deleteConversation", params.clone());
    first_step(&mut watcher);
    daemon.kill();
    assert_eq!(peer.reply(), None, "nothing is acknowledged before the end");
    daemon.restart();
    let mut peer = daemon.peer();
    let left = count(&mut peer, "c").as_u64().unwrap();
    assert!((1..MESSAGES as u64).contains(&left), "{left}");
    let deleted = peer.call("chat.deleteConversation", params.clone());
    assert_eq!(peer.call("chat.deleteConversation", params), deleted);
    assert_eq!(peer.fail("chat.getConversation", json!({"id": "c"}))["kind"], "not_found");
}

#[test]
fn a_purge_erases_the_parts_of_all_steps_also_of_one_that_was_cut_off() {
    let daemon = small_steps(7, None);
    let mut peer = daemon.peer();
    converse(&database_of(&daemon), &mut peer, "a", 50);
    converse(&database_of(&daemon), &mut peer, "b", 1_000);
    let params = json!({"requestId": "r"});
    let home = cut_off(daemon, "chat.clearHistory", params.clone());
    let daemon = small_steps(7, Some(home));
    let mut peer = daemon.peer();
    peer.call("chat.clearHistory", params);
    let purge = |peer: &mut Peer, id: &str| {
        peer.call("store.purge", json!({"entity": "conversation", "id": id}))["value"]["erased"].take()
    };
    assert_eq!(purge(&mut peer, "b"), 1_000 + 100 + 1);
    assert_eq!(purge(&mut peer, "a"), 50 + 5 + 1);
}

#[test]
fn an_undo_that_was_cut_off_goes_on_and_is_one_write() {
    let daemon = small_steps(5, None);
    let mut peer = daemon.peer();
    converse(&database_of(&daemon), &mut peer, "c", 1_000);
    let full = state(&mut peer);
    let deleted = peer.call("chat.deleteConversation", json!({"id": "c"}))["rev"].take();
    let without = state(&mut peer);
    let home = cut_off(daemon, "store.undo", json!({"rev": deleted, "requestId": "u"}));
    let daemon = small_steps(5, Some(home));
    let mut peer = daemon.peer();
    let left = state(&mut peer).len();
    assert!((without.len() + 1..full.len()).contains(&left), "{left}");
    // Also without the id.
    let undone = peer.call("store.undo", json!({"rev": deleted}));
    assert_eq!(state(&mut peer), full);
    peer.call("store.undo", json!({"rev": undone["rev"]}));
    assert_eq!(state(&mut peer), without);
}

#[test]
fn the_repeat_of_a_clear_deletes_what_there_was_when_it_began() {
    let daemon = small_steps(5, None);
    let mut peer = daemon.peer();
    converse(&database_of(&daemon), &mut peer, "a", 1_000);
    converse(&database_of(&daemon), &mut peer, "b", 10);
    let params = json!({"requestId": "r"});
    let home = cut_off(daemon, "chat.clearHistory", params.clone());
    let daemon = small_steps(5, Some(home));
    let mut peer = daemon.peer();
    peer.call("chat.startConversation", json!({"id": "new"}));
    peer.call("chat.startConversation", json!({"id": "newer"}));
    peer.call("chat.setCurrent", json!({"conversationId": "new"}));
    assert_eq!(peer.call("chat.clearHistory", params)["value"]["conversations"], 3);
    let left = peer.call("chat.listConversations", json!({}))["value"]["items"].take();
    let left: Vec<&str> = left.as_array().unwrap().iter().map(|c| c["id"].as_str().unwrap()).collect();
    // `b_after` was the current one.
    assert_eq!(left, ["newer", "new", "b_after"]);
    // One that has ended is no part of the next.
    assert_eq!(peer.call("chat.clearHistory", json!({"requestId": "s"}))["value"]["conversations"], 2);
}

#[test]
fn the_repeat_of_a_delete_ends_it_also_when_somebody_else_has() {
    for (method, id, entity) in [
        ("todo.delete", "t", "todo"),
        ("chat.deleteConversation", "c", "conversation"),
        ("chat.deleteInteraction", "c_i0", "interaction"),
    ] {
        let daemon = small_steps(5, None);
        let mut peer = daemon.peer();
        if entity == "todo" {
            comment(&mut peer, 500);
        } else {
            converse(&database_of(&daemon), &mut peer, "c", 1_000);
            gather(&database_of(&daemon), "c");
        }
        let params = json!({"id": id, "requestId": "r"});
        let home = cut_off(daemon, method, params.clone());
        let daemon = small_steps(5, Some(home));
        let mut peer = daemon.peer();
        // The interaction goes with its conversation.
        match entity {
            "todo" => peer.call("todo.delete", json!({"id": "t"})),
            _ => peer.call("chat.deleteConversation", json!({"id": "c"})),
        };
        // Another of that name is not what was to be deleted.
        match entity {
            "todo" => peer.call("todo.create", json!({"id": "other", "title": "anew"})),
            "conversation" => peer.call("chat.startConversation", json!({"id": "c", "title": "anew"})),
            _ => peer
                .call("chat.appendMessage", json!({"role": "user", "content": "anew", "interactionId": id})),
        };
        let deleted = peer.call(method, params.clone());
        assert_eq!(deleted["value"]["id"], id, "{deleted}");
        assert_ne!(deleted["value"]["title"], "anew");
        assert_eq!(peer.call(method, params), deleted);
        let left = match entity {
            "todo" => peer.call("todo.get", json!({"id": "other"})),
            "conversation" => peer.call("chat.getConversation", json!({"id": "c"})),
            _ => peer.call("chat.getInteraction", json!({"id": id})),
        };
        assert!(left["rev"].is_u64(), "{left}");
        let conn = Connection::open(database_of(&daemon)).unwrap();
        let unfinished = conn.query_row("SELECT count(*) FROM core_unfinished", [], |row| row.get(0));
        assert_eq!(unfinished, Ok(0_u64), "{method}");
    }
}
