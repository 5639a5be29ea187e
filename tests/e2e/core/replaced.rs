//! A database that is put in the place of another while the daemon runs.

use crate::{STINAD, daemon};
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use stina_tests::{Daemon, Peer, eventually};

pub(super) fn set(peer: &mut Peer, key: &str) -> u64 {
    peer.call("kv.set", json!({"key": key, "value": 1}))["rev"].as_u64().unwrap()
}

pub(super) fn epoch(daemon: &Daemon) -> Value {
    daemon.peer().call("store.info", json!({}))["epoch"].take()
}

pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    PathBuf::from(format!("{}{suffix}", path.display()))
}

/// A copy as `.backup` makes it.
pub(super) fn backup(daemon: &Daemon, name: &str) -> PathBuf {
    let copy = daemon.home().join(name);
    let conn = rusqlite::Connection::open(daemon.database()).unwrap();
    conn.execute("VACUUM INTO ?", [copy.to_str().unwrap()]).unwrap();
    // In WAL mode as the original is, and closed.
    let conn = rusqlite::Connection::open(&copy).unwrap();
    conn.pragma_update(None, "journal_mode", "WAL").unwrap();
    copy
}

pub(super) fn sh(daemon: &Daemon, command: &str) {
    let output = daemon.command("sh").args(["-c", command]).output().unwrap();
    assert!(output.status.success(), "{command}: {output:?}");
}

/// A start that is refused.
pub(super) fn refused(daemon: &Daemon) -> String {
    let mut start = daemon.command(STINAD);
    let mut start = start.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let socket = daemon.socket();
    eventually("it ends", || {
        if std::os::unix::net::UnixStream::connect(&socket).is_ok() {
            start.kill().unwrap();
        }
        start.try_wait().unwrap().is_some()
    });
    let printed = std::io::read_to_string(start.stderr.take().unwrap()).unwrap();
    assert_eq!(start.wait().unwrap().code(), Some(4), "{printed}");
    printed
}

pub(super) fn verdict(path: &Path) -> String {
    let conn = rusqlite::Connection::open(path).unwrap();
    conn.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap()
}

#[test]
fn a_database_overwritten_in_place_ends_the_daemon_without_further_writes() {
    for has_wal in [false, true] {
        let mut daemon = daemon();
        let mut peer = daemon.peer();
        set(&mut peer, "one");
        let copy = backup(&daemon, "copy.db");
        for i in 0..50 {
            set(&mut peer, &format!("k{i}"));
        }
        if !has_wal {
            eventually("the WAL is cut", || peer.call("store.info", json!({}))["walBytes"] == 0);
        }
        sh(&daemon, "cp copy.db .stina/stina.db");
        let answered = peer
            .try_send("kv.set", json!({"key": "lost", "value": 2}))
            .is_ok()
            .then(|| peer.reply())
            .flatten();
        if let Some(reply) = answered {
            let kind = reply["error"]["data"]["kind"].as_str().unwrap_or_else(|| panic!("{reply}"));
            assert!(["io", "shutting_down"].contains(&kind), "{reply}");
        }
        assert_eq!(daemon.wait().code(), Some(1), "{}", daemon.log());
        assert!(daemon.log().contains("overwritten"), "{}", daemon.log());
        assert_eq!(std::fs::read(daemon.database()).unwrap(), std::fs::read(&copy).unwrap(), "untouched");
        if has_wal {
            run_suggested_mv(&daemon, &refused(&daemon));
        }
        daemon.restart();
        assert_eq!(daemon.peer().call("kv.list", json!({}))["value"]["items"].as_array().unwrap().len(), 1);
    }
}

#[test]
fn a_wal_that_is_cut_or_a_file_that_is_removed_beside_the_database_ends_the_daemon() {
    for command in [": > .stina/stina.db-wal", "rm .stina/stina.db-wal", "rm .stina/stina.db-shm"] {
        let mut daemon = daemon();
        let mut peer = daemon.peer();
        for i in 0..5 {
            set(&mut peer, &format!("k{i}"));
        }
        sh(&daemon, command);
        assert_eq!(daemon.wait().code(), Some(1), "{command}: {}", daemon.log());
    }
}

#[test]
fn a_requested_stop_fails_where_the_database_was_overwritten() {
    let mut daemon = daemon();
    set(&mut daemon.peer(), "a");
    let copy = backup(&daemon, "copy.db");
    set(&mut daemon.peer(), "b");
    // Both at once: whichever the daemon sees first.
    daemon.signal(rustix::process::Signal::STOP);
    sh(&daemon, "cp copy.db .stina/stina.db");
    daemon.signal(rustix::process::Signal::TERM);
    daemon.signal(rustix::process::Signal::CONT);
    assert_eq!(daemon.wait().code(), Some(1), "{}", daemon.log());
    assert_eq!(std::fs::read(daemon.database()).unwrap(), std::fs::read(copy).unwrap(), "untouched");
}

/// Runs the command that a refusal names.
pub(super) fn run_suggested_mv(daemon: &Daemon, printed: &str) {
    let (_, command) = printed.split_once("start again: ").unwrap_or_else(|| panic!("{printed}"));
    sh(daemon, command.trim());
}

/// Puts, through SQLite, the content of `from` in the place of what is there.
fn exchange(database: &Path, from: &Path) {
    let conn = rusqlite::Connection::open(database).unwrap();
    conn.execute("ATTACH ? AS other", [from.to_str().unwrap()]).unwrap();
    let tables = ["core_meta", "core_changes", "core_results", "kv_entries"]
        .map(|t| format!("DELETE FROM main.{t}; INSERT INTO main.{t} SELECT * FROM other.{t};"));
    conn.execute_batch(&format!("BEGIN IMMEDIATE; {} COMMIT", tables.concat())).unwrap();
}

#[test]
fn another_history_put_there_through_sqlite_is_reset_with_an_epoch_of_its_own() {
    let (daemon, mut other) = (daemon(), daemon());
    for i in 0..9 {
        set(&mut other.peer(), &format!("other{i}"));
    }
    other.stop();
    let mut peer = daemon.peer();
    set(&mut peer, "a");
    let older = backup(&daemon, "older.db");
    set(&mut peer, "b");
    let mut head = set(&mut peer, "c");
    // Fewer revisions than there were, of the same epoch; then more, of another.
    for (from, keys) in [(older, 1), (other.database(), 9)] {
        let before = epoch(&daemon);
        let mut watcher = daemon.peer();
        watcher.call("kv.subscribe", json!({"since": head, "epoch": before, "initial": true}));
        assert_eq!(watcher.event()["type"], "synced");
        exchange(&daemon.database(), &from);
        let reset = watcher.event();
        assert_eq!((&reset["type"], &reset["reason"]), (&json!("reset"), &json!("restored")));
        let rev = reset["rev"].as_u64().unwrap();
        assert!(rev > head, "revisions never go back: {rev}");
        let snapshot = watcher.event();
        assert_eq!(snapshot["changes"].as_array().unwrap().len(), keys, "{snapshot}");
        assert_ne!(epoch(&daemon), before);
        // Writes continue, and cursors of before are reset.
        head = set(&mut peer, "d");
        assert_eq!(head, rev + 1);
        for params in [json!({"since": 2, "epoch": before}), json!({"since": 2})] {
            let mut late = daemon.peer();
            late.call("kv.subscribe", params);
            assert_eq!(late.event()["type"], "reset");
        }
    }
}

#[test]
fn a_database_restored_by_the_shell_is_served_or_ends_the_daemon_undamaged() {
    if Command::new("sqlite3").arg("--version").output().is_err() {
        return stina_tests::skip("there is no sqlite3");
    }
    let mut daemon = daemon();
    let mut peer = daemon.peer();
    set(&mut peer, "a");
    backup(&daemon, "copy.db");
    set(&mut peer, "b");
    let mut watcher = daemon.peer();
    watcher.call("kv.subscribe", json!({}));
    watcher.drain();
    sh(&daemon, "sqlite3 .stina/stina.db '.restore copy.db'");
    assert_eq!(watcher.event_of("reset")["reason"], "restored");
    assert!(peer.call("kv.get", json!({"key": "b"}))["value"].is_null());
    set(&mut peer, "c");
    // A database of another program.
    sh(&daemon, "sqlite3 theirs.db 'CREATE TABLE theirs (x); INSERT INTO theirs VALUES (1)'");
    sh(&daemon, "sqlite3 .stina/stina.db '.restore theirs.db'");
    assert_eq!(daemon.wait().code(), Some(1));
    assert!(daemon.log().contains("another database"), "{}", daemon.log());
    assert_eq!(verdict(&daemon.database()), "ok");
    assert!(refused(&daemon).contains("another program"));
}

#[test]
fn harmless_access_by_other_programs_keeps_the_daemon_and_its_epoch() {
    let mut daemon = daemon();
    let mut peer = daemon.peer();
    set(&mut peer, "a");
    let before = epoch(&daemon);
    let shell = rusqlite::Connection::open(daemon.database()).unwrap();
    for i in 0..20 {
        set(&mut peer, &format!("k{i}"));
        let path = daemon.database();
        match i % 3 {
            0 => shell.query_row("PRAGMA wal_checkpoint", [], |_| Ok(())).unwrap(),
            1 => shell.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap(),
            _ => {
                std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
                std::fs::hard_link(&path, daemon.home().join(format!("link{i}"))).unwrap();
            }
        }
    }
    // Checkpoints of its own accord, within one transaction after another.
    for i in 0..30 {
        let value = format!("\"{}\"", "x".repeat(200_000));
        let sql = "INSERT INTO kv_entries (key, value, rev, updated_at) VALUES (?, ?, 1, 0)";
        shell.execute(sql, (format!("shell{i}"), value)).unwrap();
    }
    drop(shell);
    set(&mut peer, "z");
    assert_eq!(epoch(&daemon), before);
    daemon.kill();
    daemon.restart();
    assert_eq!(epoch(&daemon), before);
    assert!(!daemon.peer().call("kv.get", json!({"key": "z"}))["value"].is_null());
}

#[test]
fn a_second_daemon_on_the_same_file_by_another_path_is_refused_naming_the_first() {
    let daemon = daemon();
    let elsewhere = daemon.home().join("elsewhere");
    std::fs::create_dir(&elsewhere).unwrap();
    std::fs::hard_link(daemon.database(), elsewhere.join("hard.db")).unwrap();
    std::os::unix::fs::symlink(elsewhere.join("hard.db"), daemon.home().join("soft.db")).unwrap();
    for path in ["elsewhere/hard.db", "soft.db"] {
        let output = daemon.command(STINAD).args(["--db", path, "--socket", "other.sock"]).output().unwrap();
        assert_eq!(output.status.code(), Some(3), "{output:?}");
        let printed = String::from_utf8(output.stderr).unwrap();
        assert!(printed.contains(&format!("pid {}", daemon.pid())), "{printed}");
        assert!(!daemon.home().join("other.sock").exists());
    }
    // SQLite's own locks are as they were: another program reads and writes.
    let mut watcher = daemon.peer();
    watcher.call("kv.subscribe", json!({}));
    watcher.drain();
    let shell = rusqlite::Connection::open(daemon.database()).unwrap();
    shell
        .execute("INSERT INTO kv_entries (key, value, rev, updated_at) VALUES ('a', '1', 1, 0)", [])
        .unwrap();
    assert_eq!(watcher.event_of("reset")["reason"], "external");
}
