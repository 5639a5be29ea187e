//! Blind core: a module that the daemon never heard of gets everything by its registration alone.

use serde_json::{Value, json};
use stina_tests::in_process::Setup;
use stina_tests::{Framing, InProcess, notes};
use stinad::modules::kv;
use stinad::rpc::Module;
use stinad::store::Migration;

const WITH_NOTES: &[Module] = &[kv::MODULE, notes::MODULE];

fn with_notes() -> InProcess {
    InProcess::start(Setup { modules: WITH_NOTES, ..Setup::default() })
}

#[test]
fn a_custom_module_gets_everything_by_registration() {
    let daemon = with_notes();
    for framing in Framing::LIVE {
        let id = format!("n-{framing:?}");
        let mut peer = daemon.connect(framing);
        peer.call("notes.subscribe", json!({}));
        peer.call("store.subscribe", json!({"modules": ["notes"]}));
        peer.drain();
        // Two modules in one transaction, sent as one.
        let params = json!({"id": id, "text": "hej", "count": "notes", "requestId": id});
        let added = peer.call("notes.add", params.clone());
        let events = peer.drain();
        assert_eq!(events.len(), 2, "{events:?}");
        assert!(events.iter().all(|e| e["rev"] == added["rev"] && e["changes"][0]["entity"] == "note"));
        // Exactly once, the revision in the reply, typed errors.
        assert_eq!(peer.call("notes.add", params), added);
        assert_eq!(peer.fail("notes.add", json!({"id": id, "text": ""}))["kind"], "already_exists");
        assert_eq!(peer.call("notes.get", json!({"id": id}))["value"]["text"], "hej");
        // A step of a transaction, the log, the document, the counts.
        let ops = json!([{"method": "notes.add", "params": {"id": format!("{id}-2"), "text": "x"}}]);
        peer.call("store.transact", json!({"ops": ops}));
        let log =
            peer.call("store.changes", json!({"since": added["rev"].as_u64().unwrap() - 1, "limit": 1}));
        let modules: Vec<&Value> =
            log["value"]["items"][0]["changes"].as_array().unwrap().iter().map(|c| &c["module"]).collect();
        assert_eq!(modules, ["notes", "kv"]);
        let document = peer.call("rpc.discover", json!({}));
        assert!(document["methods"].as_array().unwrap().iter().any(|m| m["name"] == "notes.add"));
        let info = peer.call("store.info", json!({}));
        assert!(info["counts"]["note"].as_u64().unwrap() >= 2 && info["schemas"]["notes"] == 1);
    }
    let mut late = daemon.peer();
    late.call("store.subscribe", json!({"initial": true}));
    let initial = late.events_until(|e| e["type"] == "synced");
    let entities: Vec<&Value> = initial
        .iter()
        .flat_map(|e| e["changes"].as_array().into_iter().flatten())
        .map(|c| &c["entity"])
        .collect();
    assert_eq!(entities, ["kv", "note", "note", "note", "note"]);
}

#[test]
fn commit_failure_fails_all_writes_and_notifies_nobody() {
    let daemon = with_notes();
    let mut watcher = daemon.peer();
    watcher.call("store.subscribe", json!({}));
    watcher.drain();
    let mut peer = daemon.peer();
    let orphan =
        peer.fail("notes.add", json!({"id": "a", "text": "x", "parent": "nobody", "requestId": "r"}));
    assert_eq!(orphan["kind"], "internal");
    assert!(orphan["errorId"].is_string());
    assert_eq!(watcher.drain(), Vec::<Value>::new());
    assert_eq!(peer.call("notes.get", json!({"id": "a"})), json!({"rev": 0, "value": null}));
    assert_eq!(peer.fail("store.result", json!({"requestId": "r"}))["kind"], "not_found");
    // The store goes on, and no revision is missing.
    assert_eq!(peer.call("notes.add", json!({"id": "a", "text": "x", "requestId": "r"}))["rev"], 1);

    // Many jobs in one batch with one that spoils its COMMIT: what failed is not there, what succeeded is.
    let mut peers: Vec<_> = (0..8).map(|_| daemon.peer()).collect();
    for round in 0..20 {
        for (i, peer) in peers.iter_mut().enumerate() {
            let parent = if i == 3 { json!("nobody") } else { Value::Null };
            peer.send("notes.add", json!({"id": format!("{round}-{i}"), "text": "x", "parent": parent}));
        }
        for (i, peer) in peers.iter_mut().enumerate() {
            let succeeded = peer.reply().unwrap().get("result").is_some();
            let there = !peer.call("notes.get", json!({"id": format!("{round}-{i}")}))["value"].is_null();
            assert_eq!(succeeded, there, "round {round}, peer {i}");
            assert!(i != 3 || !succeeded);
        }
    }
    let sent: Vec<u64> = watcher.drain().iter().filter_map(|e| e["rev"].as_u64()).collect();
    let expected: Vec<u64> = (1..=sent.len() as u64).collect();
    assert_eq!(sent, expected, "no holes");
}

#[test]
fn a_panicking_method_is_an_internal_error_and_the_daemon_lives_on() {
    let daemon = with_notes();
    for framing in Framing::ALL {
        let mut peer = daemon.connect(framing);
        for method in ["notes.panic", "notes.panicRead"] {
            let error = peer.fail(method, json!({}));
            assert_eq!(error["kind"], "internal", "{method}");
            assert!(error["errorId"].is_string());
        }
        peer.call("kv.set", json!({"key": "a", "value": 1}));
    }
}

const SECOND: Migration =
    Migration { version: 2, name: "colour", sql: "ALTER TABLE notes ADD COLUMN colour TEXT" };
const NEWER: &[Module] = &[kv::MODULE, Module { migrations: &[notes::MIGRATION, SECOND], ..notes::MODULE }];
const CHANGED_FIRST: Migration = Migration { sql: "CREATE TABLE notes (id TEXT) STRICT", ..notes::MIGRATION };
const CHANGED: &[Module] = &[kv::MODULE, Module { migrations: &[CHANGED_FIRST], ..notes::MODULE }];
const BROKEN_SECOND: Migration =
    Migration { sql: "CREATE TABLE half (x) STRICT; CREATE TABLE kv_entries (x)", ..SECOND };
const BROKEN: &[Module] =
    &[kv::MODULE, Module { migrations: &[notes::MIGRATION, BROKEN_SECOND], ..notes::MODULE }];

/// Names in a directory, sorted, without the lock files.
fn names(directory: &std::path::Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).unwrap();
    let mut names: Vec<String> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.retain(|n| !n.ends_with(".lock") && !n.ends_with("-shm") && !n.ends_with("-wal"));
    names.sort();
    names
}

#[test]
fn migrating_an_existing_database_keeps_a_verified_copy() {
    let home = with_notes().stop();
    let before = std::fs::read(home.path().join("stina.db")).unwrap();
    let start = |modules, home| InProcess::try_start(Setup { modules, home: Some(home), ..Setup::default() });

    // A migration that fails is rolled back whole, and the next start finds the database as it was.
    let (error, home) = start(BROKEN, home).map(|_| ()).unwrap_err();
    assert!(error.to_string().contains("notes/0002"), "{error}");
    let daemon = start(WITH_NOTES, home).unwrap();
    daemon.peer().call("notes.add", json!({"id": "a", "text": "kept"}));
    let home = daemon.stop();

    let daemon = start(NEWER, home).unwrap();
    assert_eq!(daemon.peer().call("notes.get", json!({"id": "a"}))["value"]["text"], "kept");
    assert_eq!(daemon.peer().call("store.info", json!({}))["schemas"]["notes"], 2);
    let home = daemon.stop();
    let copies: Vec<String> =
        names(home.path()).into_iter().filter(|n| n.starts_with("stina.db.before-migration-")).collect();
    assert_eq!(copies.len(), 2, "one a migration that was tried: {copies:?}");
    let copy = rusqlite::Connection::open(home.path().join(&copies[1])).unwrap();
    let text: String = copy.query_row("SELECT text FROM notes", [], |row| row.get(0)).unwrap();
    assert_eq!(text, "kept");
    assert!(!before.is_empty());

    // Now newer than that binary, and changed for another: both refuse and touch nothing.
    let image =
        |home: &tempfile::TempDir| (std::fs::read(home.path().join("stina.db")).unwrap(), names(home.path()));
    let untouched = image(&home);
    let (error, home) = start(WITH_NOTES, home).map(|_| ()).unwrap_err();
    assert!(error.to_string().contains("notes/0002") && error.to_string().contains("or newer"), "{error}");
    assert_eq!(image(&home), untouched);
    let (error, home) = start(CHANGED, home).map(|_| ()).unwrap_err();
    assert!(error.to_string().contains("another text of migration notes/0001"), "{error}");
    assert_eq!(image(&home), untouched);
    let (error, home) = start(stinad::modules::ALL, home).map(|_| ()).unwrap_err();
    assert!(error.to_string().contains("notes/000"), "a module that is gone: {error}");
    assert_eq!(image(&home), untouched);
}

const PARENTS: Migration = Migration {
    version: 2,
    name: "parents",
    sql: "CREATE TABLE notes_parents (id TEXT NOT NULL PRIMARY KEY) STRICT;
          CREATE TABLE notes_children (id TEXT NOT NULL PRIMARY KEY,
              parent TEXT NOT NULL REFERENCES notes_parents (id) ON DELETE CASCADE) STRICT;
          INSERT INTO notes_parents VALUES ('p'); INSERT INTO notes_children VALUES ('c', 'p')",
};
/// Builds a table anew that another one refers to.
const REBUILT: Migration = Migration {
    version: 3,
    name: "rebuilt",
    sql: "CREATE TABLE notes_new (id TEXT NOT NULL PRIMARY KEY, title TEXT) STRICT;
          INSERT INTO notes_new (id) SELECT id FROM notes_parents;
          DROP TABLE notes_parents; ALTER TABLE notes_new RENAME TO notes_parents",
};
const ORPHANING: Migration = Migration { version: 4, name: "orphaning", sql: "DELETE FROM notes_parents" };
const UP_TO: [&[Module]; 3] = [
    &[kv::MODULE, Module { migrations: &[notes::MIGRATION, PARENTS], ..notes::MODULE }],
    &[kv::MODULE, Module { migrations: &[notes::MIGRATION, PARENTS, REBUILT], ..notes::MODULE }],
    &[kv::MODULE, Module { migrations: &[notes::MIGRATION, PARENTS, REBUILT, ORPHANING], ..notes::MODULE }],
];

#[test]
fn a_migration_may_rebuild_a_referenced_table_and_may_leave_no_orphans() {
    let start = |modules, home| InProcess::try_start(Setup { modules, home: Some(home), ..Setup::default() });
    let children = |home: &tempfile::TempDir| -> i64 {
        let conn = rusqlite::Connection::open(home.path().join("stina.db")).unwrap();
        conn.query_row("SELECT count(*) FROM notes_children", [], |row| row.get(0)).unwrap()
    };
    let home = start(UP_TO[0], with_notes().stop()).unwrap().stop();
    let home = start(UP_TO[1], home).unwrap().stop();
    assert_eq!(children(&home), 1);
    let mut home = home;
    for _ in 0..4 {
        let (error, back) = start(UP_TO[2], home).map(|_| ()).unwrap_err();
        assert!(error.to_string().contains("notes/0004 orphaning failed"), "{error}");
        assert!(error.to_string().contains("notes_children"), "{error}");
        assert_eq!(children(&back), 1, "rolled back");
        home = back;
    }
}

#[test]
fn the_last_three_copies_from_before_migrations_are_kept() {
    let start = |modules, home| InProcess::try_start(Setup { modules, home: Some(home), ..Setup::default() });
    let home = with_notes().stop();
    let precious = home.path().join("stina.db.before-my-holiday");
    std::fs::write(&precious, "mine").unwrap();
    for time in ["20200101T000000.000Z", "20210101T000000.000Z", "20220101T000000.000Z"] {
        std::fs::write(home.path().join(format!("stina.db.before-migration-{time}")), "old").unwrap();
    }
    let home = start(UP_TO[0], home).unwrap().stop();
    let mut copies = names(home.path());
    copies.retain(|name| name.starts_with("stina.db.before-migration-"));
    assert_eq!(copies.len(), 3, "{copies:?}");
    assert!(copies[0].contains("2021") && copies[1].contains("2022"), "{copies:?}");
    assert!(precious.exists());
}
