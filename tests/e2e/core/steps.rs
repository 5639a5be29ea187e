//! Large writes are made in steps: others have their turn between them, and yet each is one write.

use rusqlite::Connection;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use stina_tests::in_process::Setup;
use stina_tests::mirror::{Mirror, database};
use stina_tests::{InProcess, Peer, eventually};
use stinad::limits::Limits;
use tempfile::TempDir;

/// A daemon whose steps are small, so that a write of a few thousand changes has very many.
pub(super) fn small_steps(step_changes: usize, home: Option<TempDir>) -> InProcess {
    let limits = Limits { step_changes, shutdown: std::time::Duration::from_millis(1), ..Limits::default() };
    InProcess::start(Setup { limits, home, ..Setup::default() })
}

pub(super) fn database_of(daemon: &InProcess) -> PathBuf {
    daemon.socket().with_file_name("stina.db")
}

/// A conversation `id` of so many messages, ten in each interaction, that is not the current one. They are put into the
/// database as another process would, because only their number matters.
pub(super) fn converse(database: &Path, peer: &mut Peer, id: &str, messages: usize) {
    peer.call("chat.startConversation", json!({"id": id, "title": id}));
    let conn = Connection::open(database).unwrap();
    conn.busy_timeout(stina_tests::DEADLINE).unwrap();
    conn.pragma_update(None, "wal_autocheckpoint", 0).unwrap();
    let count =
        format!("WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < {messages})");
    conn.execute_batch(&format!(
        "BEGIN IMMEDIATE;
         {count} INSERT INTO chat_interactions (id, conversation_id, aborted, created_at, rev)
         SELECT '{id}_i' || i, '{id}', 0, i, 1 FROM n WHERE i % 10 = 0;
         {count} INSERT INTO chat_messages (id, conversation_id, interaction_id, role, aborted, state,
                                            created_at, rev, metadata, content)
         SELECT '{id}_m' || i, '{id}', '{id}_i' || (i - i % 10), 'user', 0, 'complete', i, 1, 'null', 'words ' || i
         FROM n;
         COMMIT"
    ))
    .unwrap();
    peer.call("chat.startConversation", json!({"id": format!("{id}_after")}));
}

/// Puts all messages of a conversation of [`converse`] into its first interaction.
pub(super) fn gather(database: &Path, id: &str) {
    let conn = Connection::open(database).unwrap();
    conn.busy_timeout(stina_tests::DEADLINE).unwrap();
    let sql = "UPDATE chat_messages SET interaction_id = ?1 || '_i0' WHERE conversation_id = ?1";
    conn.execute(sql, [id]).unwrap();
}

/// A todo `t` with so many comments.
pub(super) fn comment(peer: &mut Peer, comments: usize) -> Value {
    peer.call("todo.create", json!({"id": "t", "title": "much to say"}));
    let numbers: Vec<usize> = (0..comments).collect();
    for some in numbers.chunks(500) {
        let step = |i: &usize| json!({"method": "todo.addComment", "params": {"todoId": "t", "id": format!("c{i}"), "content": "x"}});
        peer.call("store.transact", json!({"ops": some.iter().map(step).collect::<Vec<_>>()}));
    }
    peer.call("todo.get", json!({"id": "t"}))["value"].take()
}

/// Subscribes, and returns once what follows would be seen.
pub(super) fn watch(peer: &mut Peer) {
    peer.call("store.subscribe", json!({}));
    peer.drain();
}

/// Waits for a deletion that is the first step of some write.
pub(super) fn first_step(watcher: &mut Peer) -> u64 {
    loop {
        let event = watcher.event_of("change");
        if event["changes"][0]["op"] == "delete" {
            return event["rev"].as_u64().unwrap();
        }
    }
}

/// All entities without what each write renews.
pub(super) fn state(peer: &mut Peer) -> BTreeMap<(String, String), Value> {
    let mut all = database(peer, 100);
    for entity in all.values_mut() {
        let entity = entity.as_object_mut().unwrap();
        entity.remove("rev");
        // Of the entry that names the current conversation.
        entity.remove("updatedAt");
    }
    all
}

/// Number and origin of the revisions after `since`.
pub(super) fn log(peer: &mut Peer, since: u64) -> Vec<(u64, Value)> {
    let (mut since, mut all) = (since, Vec::new());
    loop {
        let page = peer.call("store.changes", json!({"since": since, "limit": 1000}));
        let Some(items) = page["value"]["items"].as_array().filter(|items| !items.is_empty()) else {
            return all;
        };
        all.extend(items.iter().map(|r| (r["rev"].as_u64().unwrap(), r["origin"].clone())));
        since = all[all.len() - 1].0;
    }
}

pub(super) fn count(peer: &mut Peer, conversation: &str) -> Value {
    peer.call("chat.countMessages", json!({"conversationId": conversation}))["value"].take()
}

#[test]
fn writes_beside_a_large_delete_are_answered_before_it() {
    const MESSAGES: usize = 5_000;
    let daemon = small_steps(25, None);
    let (mut peer, mut other, mut watcher) = (daemon.peer(), daemon.peer(), daemon.peer());
    converse(&database_of(&daemon), &mut peer, "c", MESSAGES);
    watch(&mut watcher);
    peer.send("chat.clearHistory", json!({}));
    let begun = first_step(&mut watcher);
    (0..10).for_each(|i| _ = other.send("kv.set", json!({"key": "k", "value": i})));
    let others: Vec<u64> =
        (0..10).map(|_| other.reply().unwrap()["result"]["rev"].as_u64().unwrap()).collect();
    let cleared = peer.reply().unwrap()["result"].take();
    assert_eq!(cleared["value"], json!({"conversations": 1, "messages": MESSAGES}));
    let ended = cleared["rev"].as_u64().unwrap();
    assert!(others.iter().all(|rev| (begun..ended).contains(rev)), "{begun} < {others:?} < {ended}");
    // Every revision between is a step, bounded in size and known as one, or a write of the other.
    for _ in begun..ended {
        let event = watcher.event_of("change");
        let changes = event["changes"].as_array().unwrap().len();
        match others.contains(&event["rev"].as_u64().unwrap()) {
            true => assert!(event["origin"].get("continues").is_none() && changes == 1, "{event}"),
            false => assert!(event["origin"]["continues"] == begun && changes <= 27, "{event}"),
        }
    }
    assert_eq!(watcher.call("store.ping", json!({}))["rev"], ended);
}

#[test]
fn what_is_added_to_what_is_being_deleted_goes_with_it() {
    let daemon = small_steps(5, None);
    let (mut peer, mut other, mut watcher) = (daemon.peer(), daemon.peer(), daemon.peer());
    converse(&database_of(&daemon), &mut peer, "c", 600);
    watch(&mut watcher);
    peer.send("chat.deleteConversation", json!({"id": "c"}));
    first_step(&mut watcher);
    let late = json!({"conversationId": "c", "role": "user", "content": "late", "id": "late"});
    other.call("chat.appendMessage", late);
    other.call("chat.updateConversation", json!({"id": "c", "title": "renamed"}));
    assert_eq!(peer.reply().unwrap()["result"]["value"]["title"], "c");
    assert_eq!(other.call("chat.search", json!({"query": "late"}))["value"]["items"], json!([]));
    assert_eq!(other.fail("chat.getConversation", json!({"id": "c"}))["kind"], "not_found");
    let mut mirror = Mirror::default();
    let mut fresh = daemon.peer();
    fresh.call("store.subscribe", json!({"initial": true}));
    while !mirror.whole {
        mirror.take(&fresh.event());
    }
    assert_eq!(mirror.entities, database(&mut other, 100));
}

#[test]
fn two_large_deletes_alternate_and_a_second_one_of_the_same_succeeds_too() {
    let daemon = small_steps(5, None);
    let (mut peer, mut other, mut third, mut watcher) =
        (daemon.peer(), daemon.peer(), daemon.peer(), daemon.peer());
    converse(&database_of(&daemon), &mut peer, "a", 1_000);
    converse(&database_of(&daemon), &mut peer, "b", 200);
    watch(&mut watcher);
    peer.send("chat.deleteConversation", json!({"id": "a"}));
    let begun = first_step(&mut watcher);
    third.send("chat.deleteConversation", json!({"id": "a"}));
    let b = other.call("chat.deleteConversation", json!({"id": "b"}))["rev"].as_u64().unwrap();
    let ended = [peer.reply(), third.reply()].map(|reply| reply.unwrap()["result"].take());
    for a in &ended {
        assert!(a["rev"].as_u64().unwrap() > b && a["value"]["id"] == "a", "{a}");
    }
    let log = log(&mut peer, begun - 1);
    let first_of_b = log[log.iter().position(|(rev, _)| *rev == b).unwrap()].1["continues"].as_u64().unwrap();
    let is_of_b = |(rev, origin): &(u64, Value)| *rev == first_of_b || origin["continues"] == first_of_b;
    let while_b = log.iter().filter(|(rev, _)| (first_of_b..=b).contains(rev));
    let (of_b, of_a): (Vec<_>, Vec<_>) = while_b.partition(|revision| is_of_b(revision));
    // One step of each of the others between two of it.
    assert!(
        of_a.len() >= of_b.len() - 1 && of_b.len() > 20,
        "{} steps of a, {} of b",
        of_a.len(),
        of_b.len()
    );
}

#[test]
fn a_connections_own_writes_wait_for_its_large_delete_and_a_full_queue_does_not_stop_it() {
    let limits = Limits { step_changes: 5, queued_writes: 1, ..Limits::default() };
    let daemon = InProcess::start(Setup { limits, ..Setup::default() });
    let (mut peer, mut other, mut watcher) = (daemon.peer(), daemon.peer(), daemon.peer());
    converse(&database_of(&daemon), &mut peer, "c", 600);
    watch(&mut watcher);
    let deleted = peer.send("chat.deleteConversation", json!({"id": "c"}));
    let made = peer.send("chat.startConversation", json!({"id": "c", "title": "anew"}));
    first_step(&mut watcher);
    let others: Vec<u64> = (0..30).map(|i| other.send("kv.set", json!({"key": "k", "value": i}))).collect();
    for id in others {
        assert_eq!(other.reply().unwrap()["id"], id);
    }
    let replies = [peer.reply().unwrap(), peer.reply().unwrap()];
    assert_eq!([&replies[0]["id"], &replies[1]["id"]], [&json!(deleted), &json!(made)]);
    let revs = replies.each_ref().map(|reply| reply["result"]["rev"].as_u64().unwrap());
    assert!(revs[0] < revs[1], "{revs:?}");
    assert_eq!(peer.call("chat.getConversation", json!({"id": "c"}))["value"]["title"], "anew");
}

#[test]
fn a_retry_beside_the_first_call_gets_its_answer() {
    let daemon = small_steps(5, None);
    let (mut peer, mut retry, mut watcher) = (daemon.peer(), daemon.peer(), daemon.peer());
    converse(&database_of(&daemon), &mut peer, "c", 600);
    watch(&mut watcher);
    let params = json!({"requestId": "r"});
    peer.send("chat.clearHistory", params.clone());
    first_step(&mut watcher);
    let second = retry.call("chat.clearHistory", params);
    assert_eq!(second["value"], json!({"conversations": 1, "messages": 600}));
    assert_eq!(peer.reply().unwrap()["result"], second);
    assert_eq!(retry.call("store.result", json!({"requestId": "r"}))["value"], second["value"]);
}

#[test]
fn one_undo_of_any_step_restores_all_and_one_redo_deletes_it_again() {
    let daemon = small_steps(7, None);
    let mut peer = daemon.peer();
    converse(&database_of(&daemon), &mut peer, "a", 30);
    converse(&database_of(&daemon), &mut peer, "b", 25);
    comment(&mut peer, 30);
    for (method, params) in [
        ("chat.clearHistory", json!({})),
        ("chat.deleteConversation", json!({"id": "a"})),
        ("chat.deleteInteraction", json!({"id": "a_i10"})),
        ("todo.delete", json!({"id": "t"})),
    ] {
        let (full, since) = (state(&mut peer), peer.call("store.ping", json!({}))["rev"].as_u64().unwrap());
        let deleted = peer.call(method, params)["rev"].as_u64().unwrap();
        let without = state(&mut peer);
        let steps = log(&mut peer, since);
        assert!(steps.len() > 1 && steps[steps.len() - 1].0 == deleted, "{method}: {steps:?}");
        assert!(
            steps[1..].iter().all(|(_, origin)| origin["continues"] == steps[0].0),
            "{method}: {steps:?}"
        );
        for step in [0, steps.len() / 2, steps.len() - 1] {
            let undo = peer.call("store.undo", json!({"rev": steps[step].0}))["value"].take();
            assert_eq!(state(&mut peer), full, "{method}, step {step}");
            let undos = log(&mut peer, steps[steps.len() - 1].0);
            let newest: Vec<_> = undos.iter().rev().take(steps.len()).collect();
            assert!(
                newest.iter().zip(&steps).all(|((_, origin), (rev, _))| origin["undoes"] == *rev),
                "{undos:?}"
            );
            assert_eq!(peer.fail("store.undo", json!({"rev": deleted}))["kind"], "conflict", "{method}");
            let redo = peer.call("store.undo", json!({"rev": undo["rev"]}))["value"].take();
            assert_eq!(state(&mut peer), without, "{method}, step {step}");
            // The undo of the redo, then its redo again: from here on the next step of the first is undone.
            peer.call("store.undo", json!({"rev": redo["rev"]}));
            assert_eq!(state(&mut peer), full, "{method}, step {step}");
            let again = newest_rev(&mut peer);
            peer.call("store.undo", json!({"rev": again}));
            assert_eq!(state(&mut peer), without, "{method}, step {step}");
        }
        peer.call("store.undo", json!({"rev": deleted}));
        assert_eq!(state(&mut peer), full, "{method}");
    }
}

pub(super) fn newest_rev(peer: &mut Peer) -> u64 {
    peer.call("store.ping", json!({}))["rev"].as_u64().unwrap()
}

#[test]
fn a_conflict_in_any_step_is_found_before_anything_is_undone() {
    let daemon = small_steps(5, None);
    let mut peer = daemon.peer();
    converse(&database_of(&daemon), &mut peer, "a", 40);
    let deleted = peer.call("chat.deleteConversation", json!({"id": "a"}))["rev"].take();
    // The id of a message of the first step, which is undone last.
    peer.call("chat.appendMessage", json!({"role": "user", "content": "other", "id": "a_m0"}));
    let before = (newest_rev(&mut peer), state(&mut peer));
    let conflict = peer.fail("store.undo", json!({"rev": deleted}));
    assert_eq!((&conflict["kind"], &conflict["current"][0]["id"]), (&json!("conflict"), &json!("a_m0")));
    assert_eq!((newest_rev(&mut peer), state(&mut peer)), before);
    peer.call("store.undo", json!({"rev": deleted, "force": true}));
    assert_eq!(count(&mut peer, "a"), 40);
    let first = peer.call("chat.listMessages", json!({"conversationId": "a"}))["value"]["items"][0].take();
    assert_eq!((&first["id"], &first["content"]), (&json!("a_m0"), &json!("words 0")));
}

#[test]
fn a_write_is_not_undone_before_its_last_step() {
    let daemon = small_steps(5, None);
    let (mut peer, mut other, mut watcher) = (daemon.peer(), daemon.peer(), daemon.peer());
    converse(&database_of(&daemon), &mut peer, "c", 600);
    watch(&mut watcher);
    peer.send("chat.deleteConversation", json!({"id": "c"}));
    let begun = first_step(&mut watcher);
    assert_eq!(other.fail("store.undo", json!({"rev": begun}))["field"], "rev");
    peer.reply();
    other.call("store.undo", json!({"rev": begun}));
    assert_eq!(count(&mut other, "c"), 600);
}

#[test]
fn a_transaction_is_never_divided() {
    let daemon = small_steps(5, None);
    let mut peer = daemon.peer();
    converse(&database_of(&daemon), &mut peer, "a", 100);
    let before = newest_rev(&mut peer);
    let ops = json!({"ops": [{"method": "chat.clearHistory"}, {"method": "kv.set", "params": {"key": "k", "value": 1}}]});
    let reply = peer.call("store.transact", ops);
    assert_eq!(reply["value"]["results"][0], json!({"conversations": 1, "messages": 100}));
    assert_eq!(reply["rev"], before + 1);
}

#[test]
fn a_stream_ends_with_its_message_in_whatever_step() {
    let daemon = small_steps(5, None);
    let (mut peer, mut owner) = (daemon.peer(), daemon.peer());
    converse(&database_of(&daemon), &mut peer, "c", 100);
    let new = json!({"conversationId": "c", "role": "assistant", "content": "so ", "id": "s"});
    owner.call("chat.beginMessage", new);
    owner.call("chat.appendDelta", json!({"messageId": "s", "offset": 3, "text": "far"}));
    peer.call("chat.deleteConversation", json!({"id": "c"}));
    let late = json!({"messageId": "s", "offset": 6, "text": " gone"});
    assert_eq!(owner.fail("chat.appendDelta", late)["kind"], "not_found");
    owner.call("chat.beginMessage", json!({"role": "assistant", "content": "", "id": "s"}));
}

#[test]
fn a_mirror_is_right_after_every_step() {
    let daemon = small_steps(5, None);
    let (mut peer, mut watcher) = (daemon.peer(), daemon.peer());
    comment(&mut peer, 200);
    watcher.call("store.subscribe", json!({"initial": true}));
    let mut mirror = Mirror::default();
    while !mirror.whole {
        mirror.take(&watcher.event());
    }
    peer.send("todo.delete", json!({"id": "t"}));
    let todo = ("todo".to_owned(), "t".to_owned());
    while mirror.entities.contains_key(&todo) {
        mirror.take(&watcher.event());
        let comments = mirror.entities.keys().filter(|(entity, _)| entity == "comment").count();
        assert!(mirror.entities.get(&todo).is_none_or(|todo| todo["commentCount"] == comments));
    }
    peer.reply();
    eventually("the mirror is the database", || mirror.entities == database(&mut peer, 100));
}
