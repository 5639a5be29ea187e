//! What the daemon watches: its files, its socket, and its own parts.

use crate::{STINAD, daemon};
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::Command;
use std::time::{Duration, Instant};
use stina_protocol::Error;
use stina_tests::in_process::Setup;
use stina_tests::{Daemon, InProcess, Peer, eventually, notes};
use stinad::rpc::Module;

fn info(peer: &mut Peer) -> Value {
    peer.call("store.info", json!({}))
}

#[test]
fn a_home_that_is_removed_ends_the_daemon() {
    for has_written in [false, true] {
        let mut daemon = daemon();
        if has_written {
            daemon.peer().call("kv.set", json!({"key": "a", "value": 1}));
        }
        std::fs::remove_dir_all(daemon.directory()).unwrap();
        assert_eq!(daemon.wait().code(), Some(1), "{}", daemon.log());
        assert!(daemon.log().contains("removed or replaced"), "{}", daemon.log());
    }
    // Moved away whole.
    let mut daemon = daemon();
    std::fs::rename(daemon.directory(), daemon.home().join("elsewhere")).unwrap();
    assert_eq!(daemon.wait().code(), Some(1), "{}", daemon.log());
}

#[test]
fn a_socket_that_is_removed_is_bound_again_at_once() {
    for args in [&[][..], &["--socket", "s/other.sock"], &["--db", ":memory:"]] {
        let daemon = Daemon::start_with(STINAD, args, &[]);
        let socket =
            if args.contains(&"--socket") { daemon.home().join("s/other.sock") } else { daemon.socket() };
        let connect = || Peer::connect(&socket, stina_tests::Framing::Ndjson);
        let mut old = connect();
        old.call("kv.set", json!({"key": "a", "value": 1}));
        for _ in 0..3 {
            std::fs::remove_file(&socket).unwrap();
            eventually("it is back", || UnixStream::connect(&socket).is_ok());
            eventually("it is private", || socket.metadata().unwrap().permissions().mode() & 0o777 == 0o600);
            assert_eq!(connect().call("kv.get", json!({"key": "a"}))["value"]["value"], 1);
        }
        assert_eq!(info(&mut old)["socketProblem"], Value::Null);
    }
}

#[test]
fn a_socket_path_taken_by_another_program_is_reported_and_not_touched() {
    let mut daemon = daemon();
    let mut peer = daemon.peer();
    let theirs = daemon.home().join("theirs.sock");
    let take = || {
        let listener = UnixListener::bind(&theirs).unwrap();
        std::fs::rename(&theirs, daemon.socket()).unwrap();
        listener
    };
    let listener = take();
    eventually("it is reported", || info(&mut peer)["socketProblem"].is_string());
    let problem = info(&mut peer)["socketProblem"].clone();
    assert!(problem.as_str().unwrap().contains("another program listens there"), "{problem}");
    peer.call("kv.set", json!({"key": "a", "value": 1}));
    // It gives the name free.
    std::fs::remove_file(daemon.socket()).unwrap();
    drop(listener);
    eventually("it is back", || info(&mut peer)["socketProblem"].is_null());
    daemon.peer().call("store.ping", json!({}));
    // It has it at the end.
    let _listener = take();
    eventually("it is reported", || info(&mut peer)["socketProblem"].is_string());
    let socket = daemon.socket();
    daemon.stop();
    assert!(UnixStream::connect(socket).is_ok(), "the other program's socket is left");
}

/// A script that runs the daemon in a user namespace of its own, which has no room for a watch; none where the
/// system does not let us.
fn without_watches(home: &std::path::Path) -> Option<String> {
    let limit = "echo 0 > /proc/sys/user/max_inotify_instances";
    let works = Command::new("unshare").args(["-Ur", "sh", "-c", limit]).output();
    if !works.is_ok_and(|output| output.status.success()) {
        stina_tests::skip("no user namespace here");
        return None;
    }
    let script = home.join("stinad");
    std::fs::write(
        &script,
        format!("#!/bin/sh\nexec unshare -Ur sh -c '{limit}; exec {STINAD} \"$@\"' stinad \"$@\"\n"),
    )
    .unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o700)).unwrap();
    Some(script.display().to_string())
}

#[test]
fn where_nothing_can_be_watched_files_are_polled_until_it_can() {
    let scripts = tempfile::tempdir().unwrap();
    let Some(script) = without_watches(scripts.path()) else { return };
    let mut polling = Daemon::start(&script);
    let mut watcher = polling.peer();
    assert_eq!(info(&mut watcher)["watch"], "polling");
    watcher.call("kv.subscribe", json!({}));
    watcher.drain();
    let shell = rusqlite::Connection::open(polling.database()).unwrap();
    let write =
        "INSERT OR REPLACE INTO kv_entries (key, value, rev, updated_at) VALUES ('shell', '42', 1, 0)";
    shell.execute(write, []).unwrap();
    assert_eq!(watcher.event_of("reset")["reason"], "external");
    // A removed socket comes back.
    std::fs::remove_file(polling.socket()).unwrap();
    eventually("it is back", || UnixStream::connect(polling.socket()).is_ok());
    // Once there is room again it is watched.
    let pid = polling.pid().to_string();
    let give = "echo 10 > /proc/sys/user/max_inotify_instances";
    let given =
        Command::new("nsenter").args(["-U", "--preserve-credentials", "-t", &pid, "sh", "-c", give]).output();
    if given.is_ok_and(|output| output.status.success()) {
        eventually("it is watched", || info(&mut watcher)["watch"] != "polling");
        shell.execute(write, []).unwrap();
        assert_eq!(watcher.event_of("reset")["reason"], "external");
    }
    drop(shell);
    std::fs::remove_dir_all(polling.directory()).unwrap();
    assert_eq!(polling.wait().code(), Some(1), "{}", polling.log());
    // Elsewhere it is watched from the start.
    let daemon = daemon();
    eventually("it is watched", || info(&mut daemon.peer())["watch"] != "polling");
}

const KILLS_THE_WRITER: &[Module] = &[Module {
    register: |registry| {
        registry.write::<notes::Panic>(|tx, _| {
            tx.on_end(|_| panic!("a defect"));
            Err(Error::Busy.into())
        });
    },
    ..notes::MODULE
}];

const KILLS_A_TASK: &[Module] =
    &[Module { register: |registry| registry.task(|_, _| async { panic!("a defect") }), ..notes::MODULE }];

#[test]
fn a_writer_that_dies_ends_the_daemon() {
    let daemon = InProcess::start(Setup { modules: KILLS_THE_WRITER, ..Setup::default() });
    let mut peer = daemon.peer();
    peer.send("notes.panic", json!({}));
    let error = daemon.wait().unwrap_err();
    assert!(error.to_string().contains("the writer ended with a panic"), "{error}");
}

#[test]
fn a_task_that_dies_ends_the_daemon() {
    let error = match InProcess::try_start(Setup { modules: KILLS_A_TASK, ..Setup::default() }) {
        Ok(daemon) => daemon.wait().unwrap_err(),
        Err((error, _)) => error,
    };
    assert!(error.to_string().contains("a module's task ended with a panic"), "{error}");
}

/// Voluntary context switches of all threads of a process.
#[cfg(target_os = "linux")]
fn wake_ups(pid: u32) -> u64 {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap().flatten();
    let count = |status: String| -> Option<u64> {
        let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"))?;
        line.trim().parse().ok()
    };
    tasks.filter_map(|task| count(std::fs::read_to_string(task.path().join("status")).ok()?)).sum()
}

#[cfg(target_os = "linux")]
#[test]
fn a_daemon_is_not_woken_once_it_has_settled_after_a_write() {
    let daemon = daemon();
    let mut peer = daemon.peer();
    peer.call("kv.set", json!({"key": "a", "value": 1}));
    let (written, second) = (Instant::now(), Duration::from_secs(1));
    let mut woken = (Instant::now(), wake_ups(daemon.pid()));
    eventually("nothing wakes it for a second", || {
        let count = wake_ups(daemon.pid());
        if count != woken.1 {
            woken = (Instant::now(), count);
        }
        woken.0.elapsed() >= second
    });
    // 3 s on a machine that has nothing else to do; it was woken for 13 s while it looked whether others would commit.
    assert!(woken.0 - written < 7 * second, "{:?}", woken.0 - written);
}
