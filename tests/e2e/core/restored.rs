//! A database that is put in the place of another while no daemon runs, and crashes, which are none of that.

use super::replaced::{backup, beside, epoch, refused, run_suggested_mv, set, sh, verdict};
use crate::{STINAD, daemon};
use serde_json::{Value, json};
use std::os::unix::fs::FileExt;
use stina_tests::{Daemon, eventually};

#[test]
fn a_stale_wal_is_refused_untouched_with_the_command_that_moves_it() {
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
    let printed = refused(&daemon);
    assert!(printed.contains("-wal"), "{printed}");
    assert_eq!(image(), untouched);
    run_suggested_mv(&daemon, &printed);
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
fn a_crash_between_a_checkpoint_and_its_record_keeps_the_epoch_if_the_record_matches() {
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

/// A subscriber that was at revision 4 is reset: another history follows.
fn is_another_history(daemon: &Daemon, before: &Value) {
    assert_ne!(&epoch(daemon), before);
    let mut peer = daemon.peer();
    while set(&mut peer, "three") < 6 {}
    peer.call("kv.subscribe", json!({"since": 4, "epoch": before}));
    assert_eq!(peer.event_of("reset")["reason"], "epoch");
}

#[test]
fn a_restored_home_is_another_history() {
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
        is_another_history(&daemon, &before);
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
    is_another_history(&fresh, &before);
    // Also for the file that was here all the time: there is no proof.
    daemon.stop();
    std::fs::remove_file(beside(&daemon.database(), ".lock")).unwrap();
    daemon.restart();
    is_another_history(&daemon, &before);
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
        is_another_history(&daemon, &before);
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
        let printed = refused(&daemon);
        assert!(printed.contains("is empty") && printed.contains("damaged"), "{printed}");
        refused(&daemon);
        assert_eq!(daemon.database().metadata().unwrap().len(), 0);
        // The way out.
        std::fs::remove_file(daemon.database()).unwrap();
        daemon.restart();
        assert_eq!(set(&mut daemon.peer(), "one"), 1);
    }
}
