//! One daemon per database and socket, and how it starts and stops.

use crate::{STINAD, daemon};
use rustix::process::Signal;
use serde_json::json;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;
use std::time::{Duration, Instant};
use stina_tests::{Daemon, Framing, Peer};

#[test]
fn the_second_daemon_names_the_holder_of_the_database_and_exits_with_3() {
    let daemon = daemon();
    let held = |args: &[&str]| {
        let output = daemon.command(STINAD).args(args).output().unwrap();
        assert_eq!(output.status.code(), Some(3), "{output:?}");
        let printed = String::from_utf8(output.stderr).unwrap();
        assert!(printed.contains(&format!("pid {}", daemon.pid())), "{printed}");
    };
    held(&[]);
    held(&["--socket", "other.sock"]);
    held(&["--db", "other.db"]);
    // By another name of the same file.
    std::os::unix::fs::symlink(daemon.database(), daemon.home().join("alias.db")).unwrap();
    held(&["--db", "alias.db", "--socket", "other.sock"]);
    assert!(!daemon.home().join("other.sock.lock").exists(), "it stops at the database");
    daemon.peer().call("kv.set", json!({"key": "a", "value": 1}));
}

#[test]
fn a_stale_socket_is_replaced_and_anything_else_is_left() {
    let mut daemon = daemon();
    daemon.kill();
    assert!(daemon.socket().exists(), "a crash leaves it");
    daemon.restart();
    daemon.peer().call("store.ping", json!({}));
    daemon.stop();
    assert!(!daemon.socket().exists(), "an orderly end removes it");

    std::fs::write(daemon.socket(), "precious").unwrap();
    let output = daemon.command(STINAD).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert_eq!(std::fs::read(daemon.socket()).unwrap(), b"precious");
    std::fs::remove_file(daemon.socket()).unwrap();

    let foreign = std::os::unix::net::UnixListener::bind(daemon.socket()).unwrap();
    let output = daemon.command(STINAD).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("another program"));
    drop(foreign);

    let long = format!("{}/x.sock", "d".repeat(120));
    let output = daemon.command(STINAD).args(["--socket", &long]).output().unwrap();
    assert!(String::from_utf8_lossy(&output.stderr).contains("too long"), "{output:?}");
}

#[test]
fn a_removed_database_ends_the_daemon_and_no_write_is_acknowledged() {
    for replace in [false, true] {
        let mut daemon = daemon();
        let mut peer = daemon.peer();
        peer.call("kv.set", json!({"key": "a", "value": 1}));
        let aside = daemon.home().join("aside.db");
        std::fs::rename(daemon.database(), &aside).unwrap();
        if replace {
            std::fs::write(daemon.database(), "another").unwrap();
        }
        // Whichever comes first, the write or the notice: it is not acknowledged.
        let answered =
            peer.try_send("kv.set", json!({"key": "a", "value": 2})).is_ok().then(|| peer.reply()).flatten();
        if let Some(reply) = answered {
            assert!(
                ["io", "shutting_down"].contains(&reply["error"]["data"]["kind"].as_str().unwrap()),
                "{reply}"
            );
        }
        assert_eq!(daemon.wait().code(), Some(1));
        assert!(daemon.log().contains("removed or replaced"), "{}", daemon.log());
        // The last word goes to the file that was moved; what took its place is untouched.
        let value: String = rusqlite::Connection::open(&aside)
            .unwrap()
            .query_row("SELECT value FROM kv_entries WHERE key = 'a'", [], |row| row.get(0))
            .unwrap();
        assert_eq!(value, "1");
        if replace {
            assert_eq!(std::fs::read(daemon.database()).unwrap(), b"another");
        }
    }
}

#[test]
fn an_orderly_stop_leaves_the_database_in_one_file() {
    let mut daemon = daemon();
    daemon.peer().call("kv.set", json!({"key": "a", "value": 1}));
    daemon.peer().call("kv.list", json!({}));
    daemon.stop();
    let mut left: Vec<String> = std::fs::read_dir(daemon.directory())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    left.sort_unstable();
    assert_eq!(left, ["stina.db", "stina.db.lock", "stinad.sock.lock"]);
}

#[test]
fn a_directory_for_all_users_is_refused_as_home() {
    let daemon = Daemon::prepare(STINAD, &[], &[]);
    std::fs::create_dir(daemon.directory()).unwrap();
    let open = std::fs::Permissions::from_mode(0o1777);
    std::fs::set_permissions(daemon.directory(), open.clone()).unwrap();
    let output = daemon.command(STINAD).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert_eq!(daemon.directory().metadata().unwrap().permissions().mode() & 0o7777, open.mode());
    assert_eq!(std::fs::read_dir(daemon.directory()).unwrap().count(), 0);
}

#[test]
fn a_signal_stops_it_in_order_within_three_seconds_with_any_clients() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut daemon = daemon();
        let mut listeners: Vec<Peer> = Vec::new();
        for i in 0..50 {
            let mut peer = daemon.connect(Framing::LIVE[i % 2]);
            peer.call("kv.subscribe", json!({}));
            listeners.push(peer);
        }
        // Some of them never read, with more on the way than their sockets hold.
        let mut writer = daemon.peer();
        for _ in 0..30 {
            writer.call("kv.set", json!({"key": "big", "value": "x".repeat(50_000)}));
        }
        let acknowledged = writer.call("kv.set", json!({"key": "last", "value": "word"}))["rev"].clone();
        // A closed terminal is no reason to end.
        daemon.signal(Signal::HUP);
        writer.call("store.ping", json!({}));
        let asked = Instant::now();
        daemon.signal(signal);
        assert!(daemon.wait().success());
        assert!(asked.elapsed() < Duration::from_secs(3), "{:?}", asked.elapsed());
        drop(listeners);
        daemon.restart();
        let value = daemon.peer().call("kv.get", json!({"key": "last"}));
        assert_eq!((&value["rev"], &value["value"]["value"]), (&acknowledged, &json!("word")));
    }
}

#[test]
fn store_stop_is_answered_and_calls_in_flight_finish() {
    for framing in Framing::ALL {
        let mut daemon = daemon();
        let mut peer = daemon.connect(framing);
        let in_flight = if framing == Framing::Http { 0 } else { 50 };
        for _ in 0..in_flight {
            peer.send("kv.increment", json!({"key": "n"}));
        }
        peer.send("store.stop", json!({}));
        for _ in 0..=in_flight {
            assert!(peer.reply().expect("an answer").get("result").is_some());
        }
        assert_eq!(peer.receive(), None);
        assert!(daemon.wait().success());
        daemon.restart();
        let value = daemon.peer().call("kv.get", json!({"key": "n"}))["value"]["value"].take();
        assert_eq!(value.as_u64().unwrap_or(0), in_flight);
    }
}

#[test]
fn the_log_has_no_user_text() {
    let daemon = Daemon::start_with(STINAD, &["--log", "info"], &[]);
    let mut peer = daemon.peer();
    peer.call("kv.set", json!({"key": "secret-key", "value": "secret-value"}));
    peer.fail("kv.set", json!({"key": "secret-key", "value": "secret-value", "secret-field": 1}));
    peer.exchange(b"{secret").unwrap();
    assert!(daemon.log().contains("serving") && !daemon.log().contains("secret"), "{}", daemon.log());
}

#[test]
fn wrong_arguments_are_refused() {
    let daemon = Daemon::prepare(STINAD, &[], &[]);
    for args in [&["--nonsense"][..], &["--log", "a=b=c"]] {
        let output = daemon.command(STINAD).args(args).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(!output.stderr.is_empty());
    }
}

#[test]
fn a_database_behind_a_link_is_created_and_watched_at_its_target() {
    let mut daemon = Daemon::prepare(STINAD, &["--db", "link.db"], &[]);
    let real = daemon.home().join("elsewhere/real.db");
    std::os::unix::fs::symlink("elsewhere/real.db", daemon.home().join("link.db")).unwrap();
    daemon.restart();
    assert!(daemon.home().join("link.db").is_symlink() && real.is_file());
    let mut watcher = daemon.peer();
    let hello = watcher.call("store.hello", json!({"client": {"name": "test", "version": "1"}}));
    assert_eq!(hello["dbPath"], real.to_str().unwrap());
    watcher.call("kv.subscribe", json!({}));
    watcher.drain();
    let shell = rusqlite::Connection::open(&real).unwrap();
    shell
        .execute("INSERT INTO kv_entries (key, value, rev, updated_at) VALUES ('a', '1', 1, 0)", [])
        .unwrap();
    assert_eq!(watcher.event_of("reset")["reason"], "external");
}

#[test]
fn the_command_that_the_daemon_suggests_reaches_it_from_anywhere() {
    let home = Daemon::prepare(STINAD, &[], &[]);
    let printed = |args: &[&str]| {
        let mut daemon = home.command(STINAD).args(args).stdout(Stdio::piped()).spawn().unwrap();
        let lines: Vec<String> =
            BufReader::new(daemon.stdout.take().unwrap()).lines().take(6).map(Result::unwrap).collect();
        daemon.kill().unwrap();
        daemon.wait().unwrap();
        lines
    };
    let socket = home.home().join("my socket");
    let lines = printed(&["--socket", "my socket"]);
    assert_eq!(lines[1], format!("socket  '{}'", socket.display()));
    assert!(lines[5].ends_with(&format!(" --socket '{}' stop", socket.display())), "{lines:?}");
    let usual = &printed(&[])[5];
    assert!(usual.ends_with(" stop") && !usual.contains("--socket"), "{usual}");
}

#[test]
fn a_closed_standard_error_does_not_end_the_daemon() {
    let home = Daemon::prepare(STINAD, &[], &[]);
    let mut daemon = home.command(STINAD).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop((daemon.stdout.take(), daemon.stderr.take()));
    stina_tests::eventually("it serves", || std::os::unix::net::UnixStream::connect(home.socket()).is_ok());
    home.peer().call("kv.set", json!({"key": "a", "value": 1}));
    // It logs this.
    home.peer().call("store.stop", json!({}));
    assert!(daemon.wait().unwrap().success());
}

/// Starts the daemon with these limits of open files (words of the shell's `ulimit`).
fn with_open_files(limits: &str) -> Daemon {
    let script = tempfile::Builder::new().prefix("stinad").tempdir().unwrap().keep().join("stinad");
    std::fs::write(&script, format!("#!/bin/sh\nulimit {limits}\nexec {STINAD} \"$@\"\n")).unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o700)).unwrap();
    let daemon = Daemon::start(&script.display().to_string());
    std::fs::remove_dir_all(script.parent().unwrap()).unwrap();
    daemon
}

#[test]
fn the_soft_limit_of_open_files_is_raised() {
    let daemon = with_open_files("-Sn 64");
    let mut peers: Vec<Peer> = (0..120).map(|_| daemon.peer()).collect();
    for peer in &mut peers {
        peer.call("store.ping", json!({}));
    }
    assert!(!daemon.log().contains("can't accept"), "{}", daemon.log());
}

#[test]
fn running_out_of_files_is_logged_once_and_recovers() {
    let daemon = with_open_files("-n 46");
    let mut peers: Vec<Peer> = (0..36).map(|_| daemon.peer()).collect();
    let served = peers.iter_mut().position(|peer| {
        peer.send("store.ping", json!({}));
        // Long enough for several attempts.
        peer.receive_within(Duration::from_millis(500)).is_none()
    });
    assert!(served.is_some_and(|served| (5..26).contains(&served)), "{served:?}");
    peers.drain(..26);
    for peer in &mut peers {
        peer.call("store.ping", json!({}));
    }
    assert_eq!(daemon.log().matches("can't accept").count(), 1, "{}", daemon.log());
}
