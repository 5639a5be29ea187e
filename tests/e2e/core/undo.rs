//! `store.undo`: what it puts back, and when it refuses.

use crate::{daemon, daemon_at};
use serde_json::{Value, json};
use std::sync::atomic::Ordering;
use stina_tests::cases::{err, ok, run_all};
use stina_tests::in_process::Setup;
use stina_tests::{Framing, InProcess, Peer, eventually};
use stinad::limits::Limits;

/// Calls a write; answers its revision.
fn write(peer: &mut Peer, method: &str, params: Value) -> u64 {
    peer.call(method, params)["rev"].as_u64().unwrap()
}

fn undo(peer: &mut Peer, rev: u64) -> u64 {
    write(peer, "store.undo", json!({"rev": rev}))
}

/// What is in the way of an undo: entity, id, whether it is there.
fn in_the_way(peer: &mut Peer, rev: u64) -> Vec<(String, String, bool)> {
    let mut error = peer.fail("store.undo", json!({"rev": rev}));
    assert_eq!(error["kind"], "conflict", "{error}");
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let current = error["current"].take();
    let current = current.as_array().unwrap();
    current.iter().map(|c| (text(&c["entity"]), text(&c["id"]), !c["value"].is_null())).collect()
}

/// An entity without its revision.
fn without_rev(mut entity: Value) -> Value {
    if let Some(members) = entity.as_object_mut() {
        members.remove("rev");
    }
    entity
}

#[test]
fn undo_answers_and_tells_the_same_over_every_framing() {
    for framing in Framing::ALL {
        let daemon = daemon();
        let mut watcher = daemon.peer();
        watcher.call("store.subscribe", json!({}));
        let mut caller = daemon.connect(framing);
        let put = json!({"entity": "kv", "op": "put", "id": "a"});
        let cases = [
            err("store.undo", json!({"rev": 1}), json!({"kind": "invalid", "field": "rev"})),
            ok("kv.set", json!({"key": "a", "value": 1}), json!({"rev": 1}), &["put a"]),
            ok("kv.increment", json!({"key": "a", "by": 4}), json!({"value": 5}), &["put a"]),
            ok("store.undo", json!({"rev": 2}), json!({"rev": 3, "changes": [put]}), &["put a"]),
            ok("kv.get", json!({"key": "a"}), json!({"value": 1, "rev": 3}), &[]),
            // What was undone back to is as its revision left it.
            ok(
                "store.undo",
                json!({"rev": 1}),
                json!({"rev": 4, "changes": [{"op": "delete"}]}),
                &["delete a"],
            ),
            ok("store.undo", json!({"rev": 4}), json!({"rev": 5}), &["put a"]),
            ok("store.undo", json!({"rev": 3, "force": false}), json!({"rev": 6}), &["put a"]),
            ok("kv.get", json!({"key": "a"}), json!({"value": 5, "rev": 6}), &[]),
            ok("kv.set", json!({"key": "a", "value": 7}), json!({"rev": 7}), &["put a"]),
            err(
                "store.undo",
                json!({"rev": 2}),
                json!({"kind": "conflict", "current": [{"entity": "kv", "id": "a", "value": {"value": 7}}]}),
            ),
            ok("store.undo", json!({"rev": 2, "force": true}), json!({"rev": 8}), &["put a"]),
            ok("kv.get", json!({"key": "a"}), json!({"value": 1}), &[]),
            ok("store.undo", json!({"rev": 8, "requestId": "r"}), json!({"rev": 9}), &["put a"]),
            ok("store.undo", json!({"rev": 8, "requestId": "r"}), json!({"rev": 9}), &[]),
            ok("kv.get", json!({"key": "a"}), json!({"value": 7}), &[]),
            err("store.undo", json!({"rev": 0}), json!({"kind": "invalid", "field": "rev"})),
            err("store.undo", json!({"rev": u64::MAX}), json!({"kind": "invalid", "field": "rev"})),
            err("store.undo", json!({"rev": 10}), json!({"kind": "invalid", "field": "rev"})),
            err("store.undo", json!({}), json!({"kind": "invalid", "field": "rev"})),
            err("store.undo", json!({"rev": 9, "why": 1}), json!({"kind": "invalid", "field": "why"})),
            // A revision is undone as a whole, or not at all.
            err(
                "store.transact",
                json!({"ops": [{"method": "store.undo", "params": {"rev": 9}}]}),
                json!({"kind": "invalid", "index": 0}),
            ),
        ];
        run_all(&cases, &mut caller, &mut watcher);
        let log = caller.call("store.changes", json!({"since": 2, "limit": 1}));
        assert_eq!(log["value"]["items"][0]["origin"]["undoes"], 2);
        watcher.call("store.subscribe", json!({"since": 2, "modules": ["kv"]}));
        assert_eq!(watcher.event_of("change")["origin"]["undoes"], 2);
    }
}

#[test]
fn a_deleted_conversation_comes_back_with_all_that_was_in_it() {
    let daemon = daemon();
    let mut peer = daemon.peer();
    write(&mut peer, "chat.startConversation", json!({"id": "c0", "title": "other"}));
    write(&mut peer, "chat.startConversation", json!({"id": "c1", "title": "mine"}));
    for (id, interaction) in [("m1", "i1"), ("m2", "i1"), ("m3", "i2")] {
        let params =
            json!({"id": id, "interactionId": interaction, "role": "user", "content": "smör och bröd"});
        write(&mut peer, "chat.appendMessage", params);
    }
    let list =
        |peer: &mut Peer| peer.call("chat.listMessages", json!({"conversationId": "c1"}))["value"].take();
    let before = (list(&mut peer), peer.call("chat.getConversation", json!({"id": "c1"}))["value"].take());
    let deleted = write(&mut peer, "chat.deleteConversation", json!({"id": "c1"}));
    let current =
        |peer: &mut Peer| peer.call("kv.get", json!({"key": "chat.currentConversation"}))["value"].take();
    let found = |peer: &mut Peer| {
        peer.call("chat.search", json!({"query": "smör"}))["value"]["items"].as_array().unwrap().len()
    };
    assert_eq!((current(&mut peer)["value"].take(), found(&mut peer)), (json!("c0"), 0));
    let undone = undo(&mut peer, deleted);
    assert_eq!((current(&mut peer)["value"].take(), found(&mut peer)), (json!("c1"), 3));
    let count = peer.call("chat.countMessages", json!({"conversationId": "c1"}));
    assert_eq!(count["value"], 3);
    let after = (list(&mut peer), peer.call("chat.getConversation", json!({"id": "c1"}))["value"].take());
    assert_eq!(without_rev(after.1), without_rev(before.1));
    for (after, before) in
        after.0["items"].as_array().unwrap().iter().zip(before.0["items"].as_array().unwrap())
    {
        assert_eq!(after["rev"], undone);
        assert_eq!(without_rev(after.clone()), without_rev(before.clone()));
    }
    undo(&mut peer, undone);
    assert_eq!((current(&mut peer)["value"].take(), found(&mut peer)), (json!("c0"), 0));
}

/// The changes of an undo that are too many to be held in memory are read from the log.
#[test]
fn a_revision_that_memory_does_not_hold_is_undone_whole() {
    const MESSAGES: usize = 200;
    let daemon = InProcess::start(Setup {
        limits: Limits { ring_bytes: 4 << 10, ..Limits::default() },
        ..Setup::default()
    });
    let mut peer = daemon.peer();
    write(&mut peer, "chat.startConversation", json!({"id": "c"}));
    let begin = json!({"role": "assistant", "content": "so far", "id": "streaming", "interactionId": "s"});
    write(&mut peer, "chat.beginMessage", begin);
    for n in 0..MESSAGES {
        let params =
            json!({"id": format!("m{n}"), "interactionId": "i", "role": "user", "content": "x".repeat(100)});
        write(&mut peer, "chat.appendMessage", params);
    }
    let deleted = write(&mut peer, "chat.deleteConversation", json!({"id": "c"}));
    let mut watcher = daemon.peer();
    watcher.call("store.subscribe", json!({}));
    watcher.drain();
    let undone = peer.call("store.undo", json!({"rev": deleted}));
    let changes = undone["value"]["changes"].as_array().unwrap().len();
    let mut events = watcher.drain();
    events.retain(|event| event["type"] == "change");
    assert_eq!(events.len(), 1, "one notification");
    assert_eq!(events[0]["origin"]["undoes"], deleted);
    assert_eq!(events[0]["changes"].as_array().unwrap().len(), changes);
    let messages = peer.call("chat.listMessages", json!({"conversationId": "c", "limit": 500}));
    let mut messages = messages["value"]["items"].as_array().unwrap().iter();
    let message = messages.find(|message| message["id"] == "streaming").unwrap();
    assert_eq!((&message["state"], &message["aborted"]), (&json!("complete"), &json!(true)));
    let count = peer.call("chat.countMessages", json!({"conversationId": "c"}));
    assert_eq!(count["value"], MESSAGES + 1);
}

#[test]
fn bookkeeping_that_has_changed_since_is_no_conflict() {
    let daemon = daemon();
    let mut peer = daemon.peer();
    write(&mut peer, "todo.create", json!({"id": "t", "title": "x"}));
    let first = write(&mut peer, "todo.addComment", json!({"todoId": "t", "content": "a", "id": "ca"}));
    let second = write(&mut peer, "todo.addComment", json!({"todoId": "t", "content": "b", "id": "cb"}));
    let undone = undo(&mut peer, first);
    let todo = |peer: &mut Peer| peer.call("todo.get", json!({"id": "t"}))["value"].take();
    assert_eq!((&todo(&mut peer)["commentCount"], &todo(&mut peer)["rev"]), (&json!(1), &json!(undone)));
    let log = peer.call("store.changes", json!({"since": undone - 1}))["value"]["items"][0]["changes"].take();
    let counts =
        |change: &Value| (change["before"]["commentCount"].clone(), change["after"]["commentCount"].clone());
    assert_eq!(counts(&log[1]), (json!(2), json!(1)), "{log}");
    undo(&mut peer, second);
    assert_eq!(todo(&mut peer)["commentCount"], 0);

    write(&mut peer, "chat.startConversation", json!({"id": "c"}));
    let message = json!({"role": "user", "content": "a", "conversationId": "c", "id": "m1"});
    let first = write(&mut peer, "chat.appendMessage", message);
    let renamed = write(&mut peer, "chat.updateConversation", json!({"id": "c", "title": "new"}));
    undo(&mut peer, first);
    let conversation = peer.call("chat.getConversation", json!({"id": "c"}));
    assert_eq!(conversation["value"]["title"], "new");
    assert_eq!(peer.call("chat.countMessages", json!({"conversationId": "c"}))["value"], 0);
    undo(&mut peer, renamed);
    assert!(peer.call("chat.getConversation", json!({"id": "c"}))["value"]["title"].is_null());
}

#[test]
fn what_joined_since_is_in_the_way_unless_forced() {
    let daemon = daemon();
    let mut peer = daemon.peer();
    write(&mut peer, "chat.startConversation", json!({"id": "c"}));
    let message = |id: &str| json!({"role": "user", "content": id, "id": id, "interactionId": "i"});
    let first = write(&mut peer, "chat.appendMessage", message("m1"));
    write(&mut peer, "chat.appendMessage", message("m2"));
    assert_eq!(in_the_way(&mut peer, first), [("message".to_owned(), "m2".to_owned(), true)]);
    assert_eq!(peer.call("chat.countMessages", json!({"conversationId": "c"}))["value"], 2);
    peer.call("store.undo", json!({"rev": first, "force": true}));
    assert_eq!(peer.call("chat.countMessages", json!({"conversationId": "c"}))["value"], 0);
}

#[test]
fn what_belongs_to_something_gone_says_which_deletion_to_undo_first() {
    let daemon = daemon();
    let mut peer = daemon.peer();
    write(&mut peer, "todo.create", json!({"id": "t", "title": "x"}));
    write(&mut peer, "todo.addComment", json!({"todoId": "t", "content": "a", "id": "c"}));
    let comment = write(&mut peer, "todo.deleteComment", json!({"id": "c"}));
    let todo = write(&mut peer, "todo.delete", json!({"id": "t"}));
    for force in [false, true] {
        let error = peer.fail("store.undo", json!({"rev": comment, "force": force}));
        let gone = json!([{"entity": "todo", "id": "t", "value": null, "deletedBy": todo}]);
        assert_eq!((&error["kind"], &error["current"]), (&json!("conflict"), &gone));
    }
    undo(&mut peer, todo);
    undo(&mut peer, comment);
    assert_eq!(peer.call("todo.get", json!({"id": "t"}))["value"]["commentCount"], 1);
}

#[test]
fn an_entity_made_anew_gives_way_only_by_force() {
    let daemon = daemon();
    let mut peer = daemon.peer();
    write(&mut peer, "chat.startConversation", json!({"id": "c", "title": "old"}));
    write(&mut peer, "chat.appendMessage", json!({"role": "user", "content": "old", "id": "old"}));
    let deleted = write(&mut peer, "chat.deleteConversation", json!({"id": "c"}));
    write(&mut peer, "chat.startConversation", json!({"id": "c", "title": "new"}));
    write(&mut peer, "chat.appendMessage", json!({"role": "user", "content": "new", "id": "new"}));
    let there = in_the_way(&mut peer, deleted);
    assert!(there.contains(&("conversation".to_owned(), "c".to_owned(), true)), "{there:?}");
    peer.call("store.undo", json!({"rev": deleted, "force": true}));
    let list = peer.call("chat.listMessages", json!({"conversationId": "c"}))["value"].take();
    assert_eq!((&list["items"][0]["id"], list["items"].as_array().unwrap().len()), (&json!("old"), 1));
    assert_eq!(peer.call("chat.getConversation", json!({"id": "c"}))["value"]["title"], "old");
}

#[test]
fn a_streaming_message_comes_back_complete_and_aborted() {
    let daemon = daemon();
    let mut peer = daemon.peer();
    write(&mut peer, "chat.startConversation", json!({"id": "c"}));
    let begin = json!({"role": "assistant", "content": "so far", "id": "m", "interactionId": "i"});
    let begun = write(&mut peer, "chat.beginMessage", begin);
    let undone = undo(&mut peer, begun);
    assert_eq!(peer.fail("chat.finishMessage", json!({"messageId": "m"}))["kind"], "not_found");
    undo(&mut peer, undone);
    let message = peer.call("chat.listMessages", json!({"conversationId": "c"}))["value"]["items"][0].take();
    assert_eq!(
        (&message["content"], &message["state"], &message["aborted"]),
        (&json!("so far"), &json!("complete"), &json!(true))
    );
    assert_eq!(peer.call("chat.getInteraction", json!({"id": "i"}))["value"]["aborted"], true);
    // It is in the index, and its stream is gone: the id is free again once it is deleted.
    let hits = peer.call("chat.search", json!({"query": "far"}));
    assert_eq!(hits["value"]["items"].as_array().unwrap().len(), 1);
    write(&mut peer, "chat.deleteInteraction", json!({"id": "i"}));
    write(&mut peer, "chat.beginMessage", json!({"role": "assistant", "id": "m"}));
}

#[test]
fn a_memory_comes_back_into_search_tags_and_purge() {
    const DAY: i64 = 24 * 3600 * 1000;
    let start = 1_790_000_000_000;
    let (daemon, clock) = daemon_at(start);
    let mut peer = daemon.peer();
    let memory = json!({"id": "m", "title": "Anna", "content": "likes tea", "tags": ["people"], "validUntil": start + DAY});
    write(&mut peer, "memory.create", memory);
    let edited = write(&mut peer, "memory.update", json!({"id": "m", "content": "likes milk", "tags": []}));
    let found = |peer: &mut Peer, method: &str, params: Value| {
        peer.call(method, params)["value"]["items"].as_array().unwrap().len()
    };
    undo(&mut peer, edited);
    assert_eq!(found(&mut peer, "memory.search", json!({"query": "tea"})), 1);
    assert_eq!(found(&mut peer, "memory.search", json!({"query": "milk"})), 0);
    assert_eq!(found(&mut peer, "memory.list", json!({"tag": "people"})), 1);
    let deleted = write(&mut peer, "memory.delete", json!({"id": "m"}));
    assert_eq!(found(&mut peer, "memory.search", json!({"query": "tea"})), 0);

    // Expired longer ago than an expired memory is kept: it comes back for as long again.
    clock.store(start + 20 * DAY, Ordering::Relaxed);
    undo(&mut peer, deleted);
    let back = peer.call("memory.get", json!({"id": "m"}))["value"].take();
    assert_eq!(back["validUntil"], start + 20 * DAY);
    // Its return wakes the purge, which is to delete it in a few milliseconds.
    let deleted = write(&mut peer, "memory.delete", json!({"id": "m"}));
    clock.store(start + 27 * DAY - 50, Ordering::Relaxed);
    undo(&mut peer, deleted);
    assert_eq!(peer.call("memory.get", json!({"id": "m"}))["value"]["validUntil"], start + 20 * DAY);
    clock.store(start + 27 * DAY, Ordering::Relaxed);
    eventually("it is purged", || peer.try_call("memory.get", json!({"id": "m"})).is_err());
}

#[test]
fn what_the_log_no_longer_has_is_refused() {
    let limits = Limits { log_revisions: 1, log_age: std::time::Duration::ZERO, ..Limits::default() };
    let limits =
        Limits { prune_revisions: 5, checkpoint_after: std::time::Duration::from_millis(20), ..limits };
    let daemon = InProcess::start(Setup { limits, ..Setup::default() });
    let mut peer = daemon.peer();
    for n in 0..20 {
        write(&mut peer, "kv.set", json!({"key": "a", "value": n}));
    }
    eventually("it is pruned", || peer.call("store.info", json!({}))["oldestRev"].as_u64() > Some(1));
    let error = peer.fail("store.undo", json!({"rev": 1}));
    assert_eq!(error["kind"], "compacted");
    assert!(error["oldestRev"].as_u64() > Some(1));

    let home = daemon.stop();
    let db = rusqlite::Connection::open(home.path().join("stina.db")).unwrap();
    db.execute("UPDATE core_changes SET before = NULL, after = NULL", []).unwrap();
    drop(db);
    let daemon = InProcess::start(Setup { home: Some(home), ..Setup::default() });
    let mut peer = daemon.peer();
    let error = peer.fail("store.undo", json!({"rev": 20}));
    assert_eq!((&error["kind"], &error["field"]), (&json!("invalid"), &json!("rev")));
    // The other program's write is a reset.
    let error = peer.fail("store.undo", json!({"rev": 21}));
    assert_eq!((&error["kind"], &error["field"]), (&json!("invalid"), &json!("rev")));
}
