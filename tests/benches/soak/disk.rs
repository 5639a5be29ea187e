//! A full disk: writes answer `storage_full`, reads continue, writes continue once there is room, nothing acknowledged is lost.

use crate::STINAD;
use serde_json::{Value, json};
use std::path::Path;
use stina_tests::{Daemon, Peer, eventually};

const VALUE: usize = 10_000;

/// Writes that the daemon acknowledged: their number is in their key.
struct Writer {
    peer: Peer,
    acknowledged: Vec<u64>,
    next: u64,
}

impl Writer {
    fn try_one(&mut self) -> Result<(), Value> {
        let n = self.next;
        let params =
            json!({"key": format!("k{n}"), "value": "x".repeat(VALUE), "requestId": format!("r{n}")});
        // A failed one is sent again, with the same id, until it is done.
        let reply = self.peer.try_call("kv.set", params).map_err(|mut e| e["data"].take())?;
        assert!(reply["rev"].is_u64());
        self.acknowledged.push(n);
        self.next += 1;
        Ok(())
    }

    /// Writes until the disk is full, and a while longer; answers how often it got `storage_full`.
    fn fill(&mut self, at_most: u64) -> u64 {
        let error = (0..at_most).find_map(|_| self.try_one().err()).expect("the disk is full in the end");
        assert_eq!(error["kind"], "storage_full", "{error}");
        let mut refused = 1;
        for _ in 0..20 {
            if let Err(error) = self.try_one() {
                assert_eq!(error["kind"], "storage_full", "{error}");
                refused += 1;
            }
        }
        refused
    }

    fn assert_all_there(&mut self) {
        for n in &self.acknowledged {
            let entry = self.peer.call("kv.get", json!({"key": format!("k{n}")}))["value"].take();
            assert_eq!(entry["value"].as_str().map(str::len), Some(VALUE), "k{n} was acknowledged");
        }
    }
}

pub(crate) fn run(directory: &Path) {
    let space = rustix::fs::statvfs(directory).expect("a directory");
    let bytes = space.f_blocks * space.f_frsize;
    assert!(bytes <= 256 << 20, "{bytes} bytes are too many to fill: name a small file system");
    let filler = directory.join("filler");
    std::fs::write(&filler, vec![0; usize::try_from(bytes / 4).unwrap()]).expect("room at first");
    let database = directory.join("stina.db");
    let mut daemon = Daemon::start_with(STINAD, &["--db", database.to_str().unwrap()], &[]);
    let mut watcher = daemon.peer();
    watcher.call("store.subscribe", json!({}));
    let mut writer = Writer { peer: daemon.peer(), acknowledged: Vec::new(), next: 0 };
    let at_most = bytes / VALUE as u64 * 2;

    let refused = writer.fill(at_most);
    println!("full after {} writes; {refused} answered storage_full", writer.acknowledged.len());
    writer.assert_all_there();
    println!("reads go on");
    let changes = watcher.drain().iter().filter(|e| e["type"] == "change").count();
    assert_eq!(changes, writer.acknowledged.len(), "the log has what was acknowledged, and no more");

    std::fs::remove_file(&filler).unwrap();
    eventually("writes go on", || writer.try_one().is_ok());
    let resumed = writer.acknowledged.len();
    let refused = writer.fill(at_most);
    println!(
        "{} more once there is room; {refused} answered storage_full",
        writer.acknowledged.len() - resumed
    );

    daemon.kill();
    daemon.restart();
    writer.peer = daemon.peer();
    writer.assert_all_there();
    println!("killed and started again on the full disk: all {} are there", writer.acknowledged.len());
    daemon.stop();
    let conn = rusqlite::Connection::open(&database).unwrap();
    let verdict: String = conn.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    let changes: usize = conn
        .query_row("SELECT count(*) FROM core_changes WHERE request_id LIKE 'r%'", [], |row| row.get(0))
        .unwrap();
    assert_eq!((verdict.as_str(), changes), ("ok", writer.acknowledged.len()), "each write once");
    println!("integrity ok; acknowledged writes lost: 0, duplicates: 0");
}
