//! A database that is put in the place of another, while the daemon runs and while none does.

use crate::{STINAD, daemon};
use serde_json::{Value, json};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use stina_tests::{Daemon, Peer, eventually};

fn set(peer: &mut Peer, key: &str) -> u64 {
    peer.call("kv.set", json!({"key": key, "value": 1}))["rev"].as_u64().unwrap()
}

fn epoch(daemon: &Daemon) -> Value {
    daemon.peer().call("store.info", json!({}))["epoch"].take()
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    PathBuf::from(format!("{}{suffix}", path.display()))
}

/// A copy as `.backup` makes it.
fn backup(daemon: &Daemon, name: &str) -> PathBuf {
    let copy = daemon.home().join(name);
    let conn = rusqlite::Connection::open(daemon.database()).unwrap();
    conn.execute("VACUUM INTO ?", [copy.to_str().unwrap()]).unwrap();
    // In WAL mode as the original is, and closed.
    let conn = rusqlite::Connection::open(&copy).unwrap();
    conn.pragma_update(None, "journal_mode", "WAL").unwrap();
    copy
}

fn sh(daemon: &Daemon, command: &str) {
    let output = daemon.command("sh").args(["-c", command]).output().unwrap();
    assert!(output.status.success(), "{command}: {output:?}");
}

/// A start that is refused.
fn refused(daemon: &Daemon) -> String {
    let mut start = daemon.command(STINAD);
    let mut start = start.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let socket = daemon.socket();
    eventually("it ends", || {
        if std::os::unix::net::UnixStream::connect(&socket).is_ok() {
            start.kill().unwrap();
        }
        start.try_wait().unwrap().is_some()
    });
    let said = std::io::read_to_string(start.stderr.take().unwrap()).unwrap();
    assert_eq!(start.wait().unwrap().code(), Some(4), "{said}");
    said
}

fn verdict(path: &Path) -> String {
    let conn = rusqlite::Connection::open(path).unwrap();
    conn.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap()
}

#[test]
fn a_database_overwritten_in_place_ends_the_daemon_which_writes_no_more_into_it() {
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
            put_aside_as_told(&daemon, &refused(&daemon));
        }
        daemon.restart();
        assert_eq!(daemon.peer().call("kv.list", json!({}))["value"]["items"].as_array().unwrap().len(), 1);
    }
}

/// Runs the command that a refusal names.
fn put_aside_as_told(daemon: &Daemon, said: &str) {
    let (_, command) = said.split_once("start again: ").unwrap_or_else(|| panic!("{said}"));
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
        let present = watcher.event();
        assert_eq!(present["changes"].as_array().unwrap().len(), keys, "{present}");
        assert_ne!(epoch(&daemon), before);
        // Writes go on, and cursors of before are told.
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
fn what_the_shell_restores_is_served_or_ends_the_daemon_but_is_never_damaged() {
    if Command::new("sqlite3").arg("--version").output().is_err() {
        return eprintln!("skipped: there is no sqlite3");
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
fn what_others_may_do_to_the_file_neither_ends_the_daemon_nor_its_epoch() {
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
fn a_stale_wal_is_refused_untouched_with_the_command_that_puts_it_aside() {
    let mut daemon = daemon();
    set(&mut daemon.peer(), "one");
    let before = epoch(&daemon);
    let copy = backup(&daemon, "copy.db");
    for i in 0..200 {
        set(&mut daemon.peer(), &format!("k{i}"));
    }
    daemon.kill();
    std::fs::copy(&copy, daemon.database()).unwrap();
    let image =
        || ["", "-wal", "-shm"].map(|suffix| std::fs::read(beside(&daemon.database(), suffix)).unwrap());
    let untouched = image();
    assert!(!untouched[1].is_empty());
    let said = refused(&daemon);
    assert!(said.contains("-wal"), "{said}");
    assert_eq!(image(), untouched);
    put_aside_as_told(&daemon, &said);
    daemon.restart();
    assert_ne!(epoch(&daemon), before);
    daemon.stop();
    assert_eq!(verdict(&daemon.database()), "ok");
}

/// The record in the lock file, changed.
fn change_record(daemon: &Daemon, change: impl FnOnce(&mut Value)) {
    let path = beside(&daemon.database(), ".lock");
    let text = std::fs::read_to_string(&path).unwrap();
    let mut lines = text.lines();
    let holder = lines.next().unwrap();
    let mut record = serde_json::from_str(lines.next().unwrap()).unwrap();
    change(&mut record);
    std::fs::write(&path, format!("{holder}\n{record}\n")).unwrap();
}

fn seconds() -> u64 {
    std::time::UNIX_EPOCH.elapsed().unwrap().as_secs()
}

/// Killed as soon as the checkpoint was noted, with the first pages of the WAL in the database.
fn killed_in_a_checkpoint(pages: usize) -> (Daemon, Value) {
    let mut daemon = daemon();
    for i in 0..50 {
        set(&mut daemon.peer(), &format!("k{i}"));
    }
    let epoch = epoch(&daemon);
    daemon.kill();
    change_record(&daemon, |record| {
        record["state"] = json!("writing");
        record["at"] = json!(seconds());
    });
    let wal = std::fs::read(beside(&daemon.database(), "-wal")).unwrap();
    let mut latest = std::collections::BTreeMap::new();
    for frame in wal[32..].chunks_exact(24 + 4096).filter(|frame| frame[8..16] == wal[16..24]) {
        latest.insert(u32::from_be_bytes(frame[..4].try_into().unwrap()), frame[24..].to_vec());
    }
    let database = std::fs::File::options().write(true).open(daemon.database()).unwrap();
    for (page, content) in latest.iter().take(pages) {
        database.write_all_at(content, u64::from(page - 1) * 4096).unwrap();
    }
    (daemon, epoch)
}

#[test]
fn a_crash_in_the_middle_of_a_checkpoint_keeps_the_epoch() {
    for pages in [0, 1, 3] {
        let (mut daemon, before) = killed_in_a_checkpoint(pages);
        daemon.restart();
        assert_eq!(epoch(&daemon), before, "{pages} pages");
        assert_eq!(set(&mut daemon.peer(), "next"), 51);
        daemon.stop();
        assert_eq!(verdict(&daemon.database()), "ok");
    }
    // With a copy put there later.
    let (daemon, _) = killed_in_a_checkpoint(1);
    change_record(&daemon, |record| record["at"] = json!(seconds() - 60));
    let (mut other, copy) = (crate::daemon(), daemon.home().join("copy.db"));
    set(&mut other.peer(), "other");
    other.stop();
    std::fs::copy(other.database(), &copy).unwrap();
    std::fs::copy(&copy, daemon.database()).unwrap();
    refused(&daemon);
}

#[test]
fn a_crash_between_a_checkpoint_and_the_note_of_it_keeps_the_epoch_if_it_can_be_told() {
    for is_known in [true, false] {
        let (mut daemon, before) = killed_in_a_checkpoint(0);
        change_record(&daemon, |record| record["rev"] = json!(if is_known { 50 } else { 49 }));
        // The last connection does what the daemon was about to.
        rusqlite::Connection::open(daemon.database())
            .unwrap()
            .query_row("SELECT count(*) FROM kv_entries", [], |_| Ok(()))
            .unwrap();
        assert!(!beside(&daemon.database(), "-wal").exists());
        daemon.restart();
        assert_eq!(epoch(&daemon) == before, is_known);
    }
}

/// A subscriber that was at revision 4 is told that what follows is another history.
fn told_of_another_history(daemon: &Daemon, before: &Value) {
    assert_ne!(&epoch(daemon), before);
    let mut peer = daemon.peer();
    while set(&mut peer, "three") < 6 {}
    peer.call("kv.subscribe", json!({"since": 4, "epoch": before}));
    assert_eq!(peer.event_of("reset")["reason"], "epoch");
}

#[test]
fn a_home_that_is_restored_is_another_history_whatever_its_files_say() {
    // Removed and copied back, written over, and brought back under a daemon that crashed.
    for (ending, restore) in [
        ("stop", "rm -r .stina && cp -a saved .stina"),
        ("stop", "cp -a saved/. .stina/"),
        ("kill", "rm -r .stina && cp -a saved .stina"),
        ("kill", "rm .stina/*-wal .stina/*-shm; cp -a saved/. .stina/"),
    ] {
        let mut daemon = daemon();
        set(&mut daemon.peer(), "one");
        let before = epoch(&daemon);
        daemon.stop();
        sh(&daemon, "cp -a .stina saved");
        daemon.restart();
        assert_eq!(epoch(&daemon), before, "a copy was made, nothing was put back");
        for key in ["two", "three", "four"] {
            set(&mut daemon.peer(), key);
        }
        if ending == "kill" {
            daemon.kill()
        } else {
            _ = daemon.stop()
        }
        sh(&daemon, restore);
        daemon.restart();
        told_of_another_history(&daemon, &before);
    }
}

#[test]
fn a_copy_without_a_lock_file_beside_it_is_another_history() {
    let mut daemon = daemon();
    set(&mut daemon.peer(), "one");
    let before = epoch(&daemon);
    let copy = backup(&daemon, "copy.db");
    let mut fresh = Daemon::prepare(STINAD, &[], &[]);
    std::fs::create_dir(fresh.directory()).unwrap();
    std::fs::copy(copy, fresh.database()).unwrap();
    fresh.restart();
    told_of_another_history(&fresh, &before);
    // Also the file that was here all the time: nobody can tell.
    daemon.stop();
    std::fs::remove_file(beside(&daemon.database(), ".lock")).unwrap();
    daemon.restart();
    told_of_another_history(&daemon, &before);
}

#[test]
fn a_wal_that_was_lost_in_a_crash_is_noticed() {
    for lose in ["rm .stina/stina.db-wal", ": > .stina/stina.db-wal"] {
        let mut daemon = daemon();
        let mut peer = daemon.peer();
        set(&mut peer, "one");
        eventually("the WAL is cut", || peer.call("store.info", json!({}))["walBytes"] == 0);
        for key in ["two", "three", "four"] {
            set(&mut peer, key);
        }
        let before = epoch(&daemon);
        daemon.kill();
        sh(&daemon, lose);
        daemon.restart();
        told_of_another_history(&daemon, &before);
    }
}

#[test]
fn an_empty_file_where_a_database_was_is_refused_as_damaged() {
    for ending in ["stop", "kill"] {
        let mut daemon = daemon();
        set(&mut daemon.peer(), "one");
        if ending == "kill" {
            daemon.kill()
        } else {
            _ = daemon.stop()
        }
        sh(&daemon, ": > .stina/stina.db; rm -f .stina/stina.db-*");
        let said = refused(&daemon);
        assert!(said.contains("is empty") && said.contains("damaged"), "{said}");
        refused(&daemon);
        assert_eq!(daemon.database().metadata().unwrap().len(), 0);
        // The way out.
        std::fs::remove_file(daemon.database()).unwrap();
        daemon.restart();
        assert_eq!(set(&mut daemon.peer(), "one"), 1);
    }
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
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains(&format!("pid {}", daemon.pid())), "{said}");
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
