//! The file: settings, permissions, whose it is, and where it is looked for.

use crate::{STINAD, daemon};
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;
use stina_tests::in_process::Setup;
use stina_tests::{Daemon, InProcess, Peer};

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().permissions().mode() & 0o777
}

#[test]
fn the_database_is_private_strict_and_marked_as_ours() {
    let daemon = daemon();
    daemon.peer().call("kv.set", json!({"key": "a", "value": 1}));
    assert_eq!(mode(&daemon.directory()), 0o700);
    for entry in std::fs::read_dir(daemon.directory()).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
    let conn = rusqlite::Connection::open(daemon.database()).unwrap();
    let pragma = |name: &str| -> String {
        conn.query_row(&format!("PRAGMA {name}"), [], |row| row.get::<_, rusqlite::types::Value>(0))
            .map(|v| match v {
                rusqlite::types::Value::Integer(i) => i.to_string(),
                rusqlite::types::Value::Text(t) => t,
                other => format!("{other:?}"),
            })
            .unwrap()
    };
    assert_eq!(pragma("journal_mode"), "wal");
    assert_eq!(pragma("application_id"), i32::from_be_bytes(*b"Stin").to_string());
    let lax: Vec<String> = conn
        .prepare("SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND NOT strict AND name NOT LIKE 'sqlite_%'")
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    assert_eq!(lax, Vec::<String>::new(), "every table is STRICT");
    assert!(rusqlite::version_number() >= 3_051_003);
}

#[test]
fn an_open_home_is_made_private() {
    let mut daemon = Daemon::prepare(STINAD, &[], &[]);
    std::fs::create_dir(daemon.directory()).unwrap();
    std::fs::set_permissions(daemon.directory(), std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::write(daemon.database(), b"").unwrap();
    std::fs::set_permissions(daemon.database(), std::fs::Permissions::from_mode(0o644)).unwrap();
    daemon.restart();
    assert_eq!((mode(&daemon.directory()), mode(&daemon.database())), (0o700, 0o600));
}

/// Runs the daemon on a file that it must refuse; answers what it printed.
fn refused(make: impl FnOnce(&Path)) -> String {
    let daemon = Daemon::prepare(STINAD, &[], &[]);
    std::fs::create_dir(daemon.directory()).unwrap();
    make(&daemon.database());
    let image = || -> Vec<(String, Vec<u8>)> {
        let mut files: Vec<_> = std::fs::read_dir(daemon.directory())
            .unwrap()
            .map(|e| e.unwrap())
            .filter(|e| !e.file_name().to_string_lossy().ends_with(".lock"))
            .map(|e| (e.file_name().into_string().unwrap(), std::fs::read(e.path()).unwrap_or_default()))
            .collect();
        files.sort();
        files
    };
    let before = image();
    let output = daemon.command(STINAD).stdout(Stdio::null()).output().unwrap();
    assert_eq!(output.status.code(), Some(4), "{output:?}");
    assert_eq!(image(), before, "untouched");
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn a_file_that_is_not_ours_is_refused_untouched() {
    let printed = refused(|path| std::fs::write(path, "a letter to grandmother").unwrap());
    assert!(printed.contains("no SQLite database") && printed.contains("--db"), "{printed}");
    let printed = refused(|path| {
        let conn = rusqlite::Connection::open(path).unwrap();
        conn.execute_batch(
            "PRAGMA journal_mode = WAL; CREATE TABLE theirs (x); INSERT INTO theirs VALUES (1)",
        )
        .unwrap();
        // Left as a crash leaves it: not checkpointed.
        std::mem::forget(conn);
    });
    assert!(printed.contains("another program"), "{printed}");
    let printed = refused(|path| std::fs::write(path.with_extension("db-wal"), "orphaned").unwrap());
    assert!(printed.contains("-wal"), "{printed}");
    let printed = refused(|path| std::fs::create_dir(path).unwrap());
    assert!(printed.contains("no regular file"), "{printed}");
}

#[test]
fn a_database_out_of_a_dump_is_refused_with_the_command_that_marks_it_as_ours() {
    let printed = refused(|path| {
        let mut made = daemon();
        made.peer().call("kv.set", json!({"key": "a", "value": 1}));
        made.stop();
        std::fs::copy(made.database(), path).unwrap();
        // `.dump` does not carry this over.
        let conn = rusqlite::Connection::open(path).unwrap();
        conn.pragma_update(None, "application_id", 0).unwrap();
    });
    assert!(printed.contains("sqlite3 '/"), "{printed}");
    let (_, id) = printed.split_once("'PRAGMA application_id = ").unwrap();
    let id: i32 = id.trim().trim_end_matches('\'').parse().unwrap();
    let mut daemon = Daemon::prepare(STINAD, &[], &[]);
    let mut made = crate::daemon();
    made.stop();
    std::fs::create_dir(daemon.directory()).unwrap();
    std::fs::copy(made.database(), daemon.database()).unwrap();
    for mark in [0, id] {
        let conn = rusqlite::Connection::open(daemon.database()).unwrap();
        conn.pragma_update(None, "application_id", mark).unwrap();
    }
    daemon.restart();
}

#[test]
fn a_database_of_a_newer_or_another_schema_is_refused_untouched() {
    let spoil = |sql: &'static str| {
        move |path: &Path| {
            let mut made = daemon();
            made.stop();
            // In WAL mode, as it was left; SQLite makes files beside such a one even to read it.
            std::fs::copy(made.database(), path).unwrap();
            rusqlite::Connection::open(path).unwrap().execute_batch(sql).unwrap();
            assert!(!path.with_extension("db-wal").exists());
        }
    };
    let printed = refused(spoil(
        "INSERT INTO core_migrations SELECT module, 99, 'future', checksum, '7.0.0', applied_at FROM core_migrations WHERE module = 'kv'",
    ));
    assert!(
        printed.contains("needs stinad 7.0.0 or newer") && printed.contains("kv/0099 future"),
        "{printed}"
    );
    let printed = refused(spoil("UPDATE core_migrations SET checksum = 'x' WHERE module = 'kv'"));
    assert!(printed.contains("another text of migration kv/0001"), "{printed}");
}

#[test]
fn a_pipe_and_a_damaged_database_are_refused_with_their_path() {
    let mut daemon = daemon();
    daemon.stop();
    let start = |database: &Path, code: i32| {
        let mut command = daemon.command(STINAD);
        let mut child = command.arg("--db").arg(database).stderr(Stdio::piped()).spawn().unwrap();
        let mut status = None;
        stina_tests::eventually("it ends", || {
            status = child.try_wait().unwrap();
            status.is_some()
        });
        assert_eq!(status.unwrap().code(), Some(code));
        let printed = std::io::read_to_string(child.stderr.take().unwrap()).unwrap();
        assert!(printed.contains(&database.display().to_string()), "{printed}");
    };
    let pipe = daemon.home().join("pipe");
    rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR).unwrap();
    start(&pipe, 4);
    let mut image = std::fs::read(daemon.database()).unwrap();
    image[4096..20_000].fill(0xff);
    let damaged = daemon.home().join("damaged.db");
    std::fs::write(&damaged, image).unwrap();
    start(&damaged, 1);
}

#[test]
fn variables_and_arguments_set_the_paths() {
    let mut elsewhere = Daemon::prepare(STINAD, &[], &[("STINA_HOME", "other")]);
    elsewhere.restart();
    assert!(elsewhere.home().join("other/stina.db").exists());
    let mut peer = Peer::connect(&elsewhere.home().join("other/stinad.sock"), stina_tests::Framing::Ndjson);
    peer.call("kv.set", json!({"key": "a", "value": 1}));

    let vars = &[("STINA_DB_PATH", "d/x.db"), ("STINA_SOCKET", "s/x.sock")];
    let by_variable = Daemon::start_with(STINAD, &[], vars);
    assert!(by_variable.home().join("d/x.db").exists() && by_variable.home().join("s/x.sock").exists());

    let by_argument = Daemon::start_with(STINAD, &["--db", "y.db", "--socket", "y.sock"], vars);
    assert!(by_argument.home().join("y.db").exists() && by_argument.home().join("y.sock").exists());

    let homeless =
        by_argument.command(STINAD).env_remove("HOME").env_remove("STINA_DB_PATH").output().unwrap();
    assert_eq!(homeless.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&homeless.stderr).contains("--home"));
}

#[test]
fn a_database_in_memory_serves_everything_and_leaves_no_file() {
    let daemon = Daemon::start_with(STINAD, &["--db", ":memory:"], &[]);
    let mut watcher = daemon.peer();
    watcher.call("kv.subscribe", json!({"initial": true}));
    watcher.drain();
    let mut peers: Vec<Peer> = (0..4).map(|_| daemon.peer()).collect();
    for i in 0..100 {
        for peer in &mut peers {
            peer.send("kv.increment", json!({"key": "n"}));
            peer.send("kv.get", json!({"key": "n"}));
            peer.send("kv.list", json!({}));
        }
        for peer in &mut peers {
            for _ in 0..3 {
                let reply = peer.reply().unwrap();
                assert!(reply.get("result").is_some(), "round {i}: {reply}");
            }
        }
    }
    assert_eq!(peers[0].call("kv.get", json!({"key": "n"}))["value"]["value"], 400);
    assert_eq!(watcher.drain().iter().filter(|e| e["type"] == "change").count(), 400);
    assert!(!daemon.database().exists());
}

fn checkpointing_soon() -> InProcess {
    let limits = stinad::limits::Limits {
        checkpoint_after: std::time::Duration::from_millis(1),
        ..stinad::limits::Limits::default()
    };
    InProcess::start(Setup { limits, ..Setup::default() })
}

#[test]
fn the_wal_is_cut_once_a_reader_is_out_of_the_way() {
    let daemon = checkpointing_soon();
    let mut peer = daemon.peer();
    let info: Value = peer.call("store.info", json!({}));
    let reader = rusqlite::Connection::open(info["dbPath"].as_str().unwrap()).unwrap();
    reader.execute_batch("BEGIN; SELECT count(*) FROM kv_entries").unwrap();
    peer.call("kv.set", json!({"key": "a", "value": "x".repeat(10_000)}));
    // Time for the first attempt.
    for _ in 0..100 {
        assert_ne!(peer.call("store.info", json!({}))["walBytes"], 0);
    }
    reader.execute_batch("COMMIT").unwrap();
    stina_tests::eventually("the WAL is cut", || peer.call("store.info", json!({}))["walBytes"] == 0);
}

#[test]
fn the_wal_is_cut_when_it_is_quiet_and_when_it_ends() {
    let daemon = checkpointing_soon();
    let mut peer = daemon.peer();
    for i in 0..50 {
        peer.call("kv.set", json!({"key": format!("k{i}"), "value": "x".repeat(10_000)}));
    }
    stina_tests::eventually("the WAL is cut", || {
        let info: Value = peer.call("store.info", json!({}));
        info["walBytes"] == 0
    });
    peer.call("kv.set", json!({"key": "last", "value": 1}));
    let home = daemon.stop();
    let wal = home.path().join("stina.db-wal");
    assert!(!wal.exists() || wal.metadata().unwrap().len() == 0);
}
