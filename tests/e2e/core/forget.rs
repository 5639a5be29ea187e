//! *Deleted is deleted*: what is gone when, and that no file holds it then.

use crate::daemon;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use stina_tests::in_process::Setup;
use stina_tests::{Daemon, InProcess, Peer, eventually, measured};
use stinad::clock::Clock;
use stinad::limits::Limits;

/// A word that the search index folds, and parts of it that stand in the index as they are.
const WORD: &str = "Zqxkögömmanåvx";
const PARTS: [&str; 4] = ["Zqxk", "zqxk", "gömmanåvx", "gommanavx"];

/// How often a part of the word is in the files of a directory.
fn found(directory: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap_or_default();
        for part in PARTS {
            let count = bytes.windows(part.len()).filter(|window| *window == part.as_bytes()).count();
            if count > 0 {
                found.push(format!("{} has {part} {count} times", path.display()));
            }
        }
    }
    found
}

fn write(peer: &mut Peer, method: &str, mut params: Value, n: &mut u32) -> Value {
    *n += 1;
    params["requestId"] = json!(format!("r{n}"));
    peer.call(method, params)
}

/// One of every kind of entity, several times over, then all deleted.
fn fill_and_delete(peer: &mut Peer) -> u32 {
    let n = &mut 0;
    for i in 0..30 {
        let text = format!("{WORD} {i} {}", "long ".repeat(i * 40));
        write(peer, "kv.set", json!({"key": format!("secret{i}"), "value": {"text": text}}), n);
        write(peer, "kv.set", json!({"key": format!("kept{i}"), "value": i}), n);
        let todo =
            json!({"id": format!("t{i}"), "title": text, "description": text, "metadata": {"x": text}});
        write(peer, "todo.create", todo, n);
        write(peer, "todo.addComment", json!({"todoId": format!("t{i}"), "content": text}), n);
        let memory = json!({"id": format!("mem{i}"), "title": WORD, "content": text, "tags": [WORD]});
        write(peer, "memory.create", memory, n);
        write(peer, "memory.update", json!({"id": format!("mem{i}"), "content": format!("{text} more")}), n);
        // A write that changes nothing answers the entity too.
        write(peer, "memory.update", json!({"id": format!("mem{i}"), "title": WORD}), n);
        let conversation = json!({"id": format!("c{}", i / 10), "title": text});
        if i % 10 == 0 {
            write(peer, "chat.startConversation", conversation, n);
        }
        write(peer, "chat.appendMessage", json!({"role": "user", "content": text}), n);
        let message = json!({"role": "assistant", "content": "", "id": format!("m{i}")});
        write(peer, "chat.beginMessage", message, n);
        peer.call("chat.appendDelta", json!({"messageId": format!("m{i}"), "offset": 0, "text": text}));
        write(peer, "chat.finishMessage", json!({"messageId": format!("m{i}")}), n);
        let step = json!({"method": "todo.update", "params": {"id": format!("t{i}"), "source": WORD}});
        write(peer, "store.transact", json!({"ops": [step]}), n);
    }
    for i in 0..30 {
        write(peer, "kv.delete", json!({"key": format!("secret{i}")}), n);
        write(peer, "todo.delete", json!({"id": format!("t{i}")}), n);
        write(peer, "memory.delete", json!({"id": format!("mem{i}")}), n);
    }
    for i in 0..3 {
        write(peer, "chat.deleteConversation", json!({"id": format!("c{i}")}), n);
    }
    *n
}

const ALL: i64 = 1 << 52;

#[test]
fn what_is_purged_is_in_no_file_and_sent_as_deleted() {
    let mut daemon = daemon();
    let mut peer = daemon.peer();
    let mut live = daemon.peer();
    live.call("store.subscribe", json!({}));
    let writes = fill_and_delete(&mut peer);
    assert_ne!(found(&daemon.directory()), Vec::<String>::new(), "before the purge it is there");
    let purged = peer.call("store.purge", json!({"deletedBefore": ALL, "requestId": "p"}));
    assert!(purged["value"]["erased"].as_u64().unwrap() > 150, "{purged}");
    assert_eq!(purged["value"].get("pending"), None, "{purged}");
    assert_eq!(found(&daemon.directory()), Vec::<String>::new());
    // The purge itself is no revision, and done once.
    assert_eq!(peer.call("store.purge", json!({"deletedBefore": ALL, "requestId": "p"})), purged);
    assert_eq!(peer.call("store.purge", json!({"deletedBefore": ALL}))["value"], json!({"erased": 0}));
    // A replay from the beginning has a delete for each, and the rest as it is.
    let mut late = daemon.peer();
    late.call("store.subscribe", json!({"since": 0}));
    let events = late.events_until(|event| event["type"] == "synced");
    let text = serde_json::to_string(&events).unwrap();
    assert!(PARTS.iter().all(|part| !text.contains(part)));
    assert!(text.contains(r#"{"entity":"kv","id":"secret3","op":"delete"}"#) && text.contains("kept29"));
    let log = peer.call("store.changes", json!({"since": 0, "limit": 10}))["value"]["items"].clone();
    assert_eq!((&log[0]["omitted"], &log[0]["changes"][0]["op"]), (&json!(true), &json!("delete")));
    // Answers are forgotten, their ids are not.
    for n in 1..=writes {
        let stored = peer.call("store.result", json!({"requestId": format!("r{n}")}));
        assert!(PARTS.iter().all(|part| !stored.to_string().contains(part)), "{stored}");
    }
    let again = peer.call("memory.delete", json!({"id": "mem3", "requestId": format!("r{}", writes - 81)}));
    assert_eq!((&again["value"], &again["forgotten"]), (&Value::Null, &json!(true)), "{again}");
    assert_eq!(peer.call("store.result", json!({"requestId": format!("r{}", writes - 81)})), again);
    live.call("store.sync", json!({}));
    drop((live, late, peer));
    daemon.stop();
    assert_eq!(found(&daemon.directory()), Vec::<String>::new());
    daemon.restart();
    let mut peer = daemon.peer();
    assert_eq!(peer.call("kv.get", json!({"key": "kept7"}))["value"]["value"], 7);
    let check: String = rusqlite::Connection::open(daemon.database())
        .unwrap()
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .unwrap();
    assert_eq!(check, "ok");
}

#[test]
fn one_entity_is_purged_with_its_parts_and_nothing_else() {
    let daemon = daemon();
    let mut peer = daemon.peer();
    for (conversation, text) in [("c1", WORD), ("c2", "other words")] {
        peer.call("chat.startConversation", json!({"id": conversation, "title": text}));
        for i in 0..50 {
            let id = format!("{conversation}-m{i}");
            peer.call(
                "chat.appendMessage",
                json!({"id": id, "role": "user", "content": format!("{text} {i}")}),
            );
        }
    }
    let existing = peer.fail("store.purge", json!({"entity": "conversation", "id": "c1"}));
    assert_eq!((&existing["kind"], &existing["field"]), (&json!("invalid"), &json!("id")));
    let head = peer.call("store.ping", json!({}))["rev"].as_u64().unwrap();
    peer.call("chat.deleteConversation", json!({"id": "c1"}));
    peer.call("chat.deleteConversation", json!({"id": "c2"}));
    // A filter can't tell any more whose the messages were: a mirror of one conversation is notified of all of them.
    let purged = peer.call("store.purge", json!({"entity": "conversation", "id": "c1"}));
    // 50 messages with an interaction each, and the conversation.
    assert_eq!(purged["value"], json!({"erased": 101}));
    assert_eq!(found(&daemon.directory()), Vec::<String>::new());
    peer.call("chat.subscribe", json!({"conversationId": "c1", "since": head}));
    let events = peer.events_until(|event| event["type"] == "synced");
    assert!(events.iter().any(|e| e.to_string().contains(r#""id":"c1-m49""#)), "{events:?}");
    let log = peer.call("store.changes", json!({"since": 0, "limit": 1000})).to_string();
    assert!(log.contains("other words 49"), "the other conversation can still be put back");
    assert_eq!(
        peer.call("store.purge", json!({"entity": "conversation", "id": "c1"}))["value"],
        json!({"erased": 0})
    );
    for (params, kind, field) in [
        (json!({"entity": "conversation", "id": "never"}), "not_found", Value::Null),
        (json!({"entity": "ghost", "id": "c1"}), "invalid", json!("entity")),
        (json!({}), "invalid", json!("")),
        (json!({"entity": "kv"}), "invalid", json!("")),
        (json!({"entity": "kv", "id": "a", "deletedBefore": 5}), "invalid", json!("")),
    ] {
        let data = peer.fail("store.purge", params.clone());
        assert_eq!((&data["kind"], &data["field"]), (&json!(kind), &field), "{params}");
    }
    let step = json!({"method": "store.purge", "params": {"deletedBefore": 1}});
    let refused = peer.fail("store.transact", json!({"ops": [step]}));
    assert!(refused["reason"].as_str().unwrap().contains("store.purge"), "{refused}");
}

#[test]
fn what_exists_again_or_was_deleted_later_is_not_purged() {
    let daemon = daemon();
    let mut peer = daemon.peer();
    for key in ["again", "gone"] {
        peer.call("kv.set", json!({"key": key, "value": "first"}));
        peer.call("kv.delete", json!({"key": key}));
    }
    peer.call("kv.set", json!({"key": "again", "value": "second"}));
    assert_eq!(peer.call("store.purge", json!({"deletedBefore": 1000}))["value"], json!({"erased": 0}));
    assert_eq!(peer.call("store.purge", json!({"deletedBefore": ALL}))["value"], json!({"erased": 1}));
    let log = peer.call("store.changes", json!({"since": 0}))["value"]["items"].clone();
    let values: Vec<bool> = log.as_array().unwrap().iter().map(|rev| rev["omitted"] != true).collect();
    assert_eq!(values, [true, true, false, false, true], "{log}");
}

#[test]
fn a_purge_says_that_a_reader_is_in_the_way_and_goes_on() {
    let limits = Limits { purge_wait: Duration::from_millis(200), ..Limits::default() };
    let daemon = InProcess::start(Setup { limits, ..Setup::default() });
    let mut peer = daemon.peer();
    let info = peer.call("store.info", json!({}));
    let database = Path::new(info["dbPath"].as_str().unwrap());
    peer.call("kv.set", json!({"key": "a", "value": WORD}));
    let reader = rusqlite::Connection::open(database).unwrap();
    reader.execute_batch("BEGIN; SELECT count(*) FROM kv_entries").unwrap();
    peer.call("kv.delete", json!({"key": "a"}));
    let purged = peer.call("store.purge", json!({"entity": "kv", "id": "a"}));
    assert_eq!(purged["value"], json!({"erased": 1, "pending": true}));
    reader.execute_batch("COMMIT").unwrap();
    eventually("no file holds it", || found(database.parent().unwrap()).is_empty());
}

#[test]
fn a_scrub_that_a_crash_cut_short_is_done_after_the_start() {
    let mut daemon = daemon();
    let mut peer = daemon.peer();
    for i in 0..30 {
        peer.call("memory.create", json!({"id": format!("mem{i}"), "title": WORD, "content": WORD}));
        peer.call("memory.delete", json!({"id": format!("mem{i}")}));
    }
    daemon.kill();
    // As a purge leaves it that has committed, and nothing more.
    let conn = rusqlite::Connection::open(daemon.database()).unwrap();
    conn.execute_batch("UPDATE core_changes SET op = 'delete', before = NULL, after = NULL").unwrap();
    conn.execute("INSERT INTO core_meta (name, value) VALUES ('scrub', ?)", [i64::MIN.to_string()]).unwrap();
    drop(conn);
    assert_ne!(found(&daemon.directory()), Vec::<String>::new());
    daemon.restart();
    eventually("no file holds it", || found(&daemon.directory()).is_empty());
}

#[test]
fn a_database_in_memory_is_purged_too() {
    let daemon = InProcess::start(Setup { memory: true, ..Setup::default() });
    let mut peer = daemon.peer();
    peer.call("kv.set", json!({"key": "a", "value": WORD}));
    peer.call("kv.delete", json!({"key": "a"}));
    assert_eq!(peer.call("store.purge", json!({"deletedBefore": ALL}))["value"], json!({"erased": 1}));
    assert!(!peer.call("store.changes", json!({"since": 0})).to_string().contains(WORD));
}

/// A daemon whose clock stands still until it is set.
fn at(limits: Limits) -> (InProcess, Arc<AtomicI64>) {
    let time = Arc::new(AtomicI64::new(1_700_000_000_000));
    let clock = Arc::clone(&time);
    let clock = Clock::from_fn(move || clock.load(Ordering::SeqCst));
    let limits =
        Limits { checkpoint_after: Duration::from_millis(1), prune_revisions: 1, prune_rows: 20, ..limits };
    (InProcess::start(Setup { limits, clock, ..Setup::default() }), time)
}

const DAY: i64 = 24 * 3600 * 1000;

#[test]
fn deleted_entities_are_blank_after_their_time_in_revisions_that_stay() {
    let (daemon, time) = at(Limits { log_revisions: 1000, ..Limits::default() });
    let mut peer = daemon.peer();
    let directory = peer.call("store.info", json!({}))["dbPath"].as_str().unwrap().to_owned();
    let directory = Path::new(&directory).parent().unwrap().to_owned();
    for i in 0..60 {
        peer.call("kv.set", json!({"key": format!("k{i}"), "value": WORD}));
        peer.call("kv.delete", json!({"key": format!("k{i}")}));
    }
    peer.call("kv.set", json!({"key": "stays", "value": 1}));
    time.fetch_add(31 * DAY, Ordering::SeqCst);
    peer.call("kv.set", json!({"key": "young", "value": 1}));
    peer.call("kv.delete", json!({"key": "young"}));
    let all = json!({"since": 0, "limit": 1000});
    eventually("they are blank", || !peer.call("store.changes", all.clone()).to_string().contains("Zqx"));
    let log = peer.call("store.changes", all)["value"]["items"].clone();
    let with_values = log.as_array().unwrap().iter().filter(|rev| rev["omitted"] != true).count();
    assert_eq!((log.as_array().unwrap().len(), with_values), (123, 3), "the last 1000 stay");
    // A day later, when it is quiet, nothing is left of them anywhere.
    time.fetch_add(DAY, Ordering::SeqCst);
    peer.call("kv.set", json!({"key": "stays", "value": 2}));
    eventually("no file holds them", || found(&directory).is_empty());
}

#[test]
fn revisions_beyond_age_and_count_are_pruned() {
    let (daemon, time) = at(Limits { log_revisions: 10, ..Limits::default() });
    let mut peer = daemon.peer();
    for i in 0..50 {
        peer.call("kv.set", json!({"key": "k", "value": i}));
    }
    time.fetch_add(31 * DAY, Ordering::SeqCst);
    peer.call("kv.set", json!({"key": "k", "value": 50}));
    let hello = json!({"client": {"name": "t", "version": "1"}});
    eventually("ten are left", || peer.call("store.hello", hello.clone())["oldestRev"] == 42);
}

#[test]
fn answers_are_bounded_in_bytes_and_their_ids_stay_known() {
    let (daemon, time) = at(Limits { result_bytes: 30_000, log_revisions: 1, ..Limits::default() });
    let mut peer = daemon.peer();
    // What the log holds is not stored again; what a transaction answers is nowhere else.
    let entry = json!({"key": "single", "value": "x".repeat(10_000), "requestId": "single"});
    let single = peer.call("kv.set", entry.clone());
    let write = |peer: &mut Peer, i: u32| {
        let step =
            json!({"method": "kv.set", "params": {"key": format!("k{i}"), "value": "x".repeat(10_000)}});
        peer.call("store.transact", json!({"ops": [step], "requestId": format!("r{i}")}))
    };
    let first = write(&mut peer, 0);
    for i in 1..10 {
        write(&mut peer, i);
    }
    let is_forgotten =
        |peer: &mut Peer, id: &str| peer.call("store.result", json!({"requestId": id}))["forgotten"] == true;
    eventually("the oldest are forgotten", || is_forgotten(&mut peer, "r7"));
    assert!(!is_forgotten(&mut peer, "r9"));
    assert_eq!(write(&mut peer, 0), json!({"rev": first["rev"], "value": null, "forgotten": true}));
    assert_eq!(peer.call("kv.set", entry.clone()), single, "the log has it");
    let stored = peer.call("store.info", json!({}))["dbPath"].as_str().unwrap().to_owned();
    let stored = rusqlite::Connection::open(stored).unwrap();
    let bytes = || -> i64 {
        stored
            .query_row("SELECT coalesce(sum(octet_length(value)), 0) FROM core_results", [], |r| r.get(0))
            .unwrap()
    };
    assert!(bytes() <= 30_000);
    // Once the log no longer has it, it is forgotten too; after a week the id is.
    time.fetch_add(31 * DAY, Ordering::SeqCst);
    peer.call("kv.set", json!({"key": "other", "value": 1}));
    eventually("the id is forgotten", || {
        peer.try_call("store.result", json!({"requestId": "single"})).is_err()
    });
}

#[test]
fn the_file_shrinks_after_deletes() {
    let (daemon, _) = at(Limits { log_revisions: 1, log_bytes: 100_000, ..Limits::default() });
    let mut peer = daemon.peer();
    for i in 0..20 {
        peer.call("kv.set", json!({"key": format!("k{i}"), "value": "x".repeat(500_000)}));
    }
    let size = |peer: &mut Peer| peer.call("store.info", json!({}))["dbBytes"].as_u64().unwrap();
    for i in 0..20 {
        peer.call("kv.delete", json!({"key": format!("k{i}")}));
    }
    peer.call("kv.set", json!({"key": "last", "value": 1}));
    eventually("the file is small", || size(&mut peer) < 1_000_000);
}

#[test]
fn a_large_delete_takes_little_memory_and_its_revisions_are_bounded() {
    const MESSAGES: usize = 10_000;
    let daemon: Daemon = daemon();
    let mut peer = daemon.peer();
    peer.call("chat.startConversation", json!({"id": "c"}));
    let content = "some words of a message that is a little long ".repeat(60);
    for _ in 0..MESSAGES / 500 {
        let step = json!({"method": "chat.appendMessage", "params":
            {"role": "user", "content": content, "conversationId": "c", "interactionId": "i"}});
        peer.call("store.transact", json!({"ops": vec![step; 500]}));
    }
    peer.call("chat.startConversation", json!({"id": "current"}));
    let mut watcher = daemon.peer();
    watcher.call("store.subscribe", json!({}));
    watcher.drain();
    let before = daemon.memory();
    assert_eq!(
        peer.call("chat.clearHistory", json!({}))["value"],
        json!({"conversations": 1, "messages": MESSAGES})
    );
    let after = daemon.memory();
    if let Some(((_, before), (_, after))) = measured(before.zip(after)) {
        // Its values are 27 MiB.
        assert!(after < before + 8 * 1024, "{before} KiB before, {after} KiB after");
    }
    let mut events = watcher.drain();
    events.retain(|event| event["type"] == "change");
    let changes = |event: &Value| event["changes"].as_array().unwrap().clone();
    let deleted = events.iter().flat_map(changes).filter(|change| change["op"] == "delete").count();
    // With the interaction and the conversation.
    assert_eq!(deleted, MESSAGES + 2);
    let limits = Limits::default();
    let sizes: Vec<usize> = events.iter().map(|event| changes(event).len()).collect();
    // A step ends with the change that fills it, and puts the conversation that it leaves.
    assert!(sizes.iter().all(|size| *size <= limits.step_changes + 2), "{sizes:?}");
    let bytes = events.iter().map(|event| event.to_string().len()).max();
    assert!(bytes.is_some_and(|bytes| bytes < limits.step_bytes * 2), "{bytes:?}");
}

#[test]
fn a_kept_answer_that_is_damaged_is_forgotten_and_keeps_nothing_from_being_purged() {
    let daemon = daemon();
    let mut peer = daemon.peer();
    peer.call("kv.set", json!({"key": "secret", "value": WORD}));
    let steps = json!([{"method": "kv.set", "params": {"key": "other", "value": "some other text"}}]);
    let answered = peer.call("store.transact", json!({"ops": steps, "requestId": "r"}));
    peer.call("kv.delete", json!({"key": "secret"}));
    let conn = rusqlite::Connection::open(daemon.database()).unwrap();
    assert_eq!(conn.execute("UPDATE core_results SET value = '{' WHERE value IS NOT NULL", []).unwrap(), 1);
    assert_eq!(peer.call("store.purge", json!({"entity": "kv", "id": "secret"}))["value"]["erased"], 1);
    let stored = peer.call("store.result", json!({"requestId": "r"}));
    assert_eq!((&stored["rev"], &stored["forgotten"]), (&answered["rev"], &json!(true)), "{stored}");
}
