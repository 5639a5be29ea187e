//! `stinactl watch`.

use super::{Running, command, ctl, ok};
use crate::daemon;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use std::process::Stdio;
use stina_tests::{Daemon, Peer, eventually};

/// Starts `stinactl watch`, and waits until the daemon has its subscription.
fn watch(daemon: &Daemon, args: &[&str]) -> Running {
    let running = Running::start(command(daemon, &[&["watch"], args].concat()));
    await_watcher(&mut daemon.peer());
    running
}

fn await_watcher(peer: &mut Peer) {
    eventually("somebody subscribes", || {
        let clients = peer.call("store.clients", json!({}));
        clients["clients"].as_array().unwrap().iter().any(|c| !c["subscriptions"][0].is_null())
    });
}

#[test]
fn watch_prints_each_change_at_once() {
    let daemon = daemon();
    let mut watch = watch(&daemon, &["-n", "4"]);
    for (args, printed) in [
        (&["kv", "set", "greeting", "hej"][..], r#"1  stinactl  put     kv  greeting  "hej""#),
        (&["kv", "set", "evil", "\u{1b}[2J\n"], r#"2  stinactl  put     kv  evil  "\u001b[2J\n""#),
        (&["kv", "delete", "greeting"], "3  stinactl  delete  kv  greeting"),
    ] {
        ok(&daemon, args);
        let line = watch.line();
        let (time, rest) = line.split_once("  ").unwrap();
        assert_eq!(rest, printed);
        assert_eq!(time.len(), "2026-12-24 12:34:56".len(), "{line}");
        assert!(time.starts_with("20"), "{line}");
    }
    // The whole transaction, though only one more change was asked for.
    let ops =
        ["a", "b"].map(|key| json!({"method": "kv.set", "params": {"key": key, "value": "x".repeat(500)}}));
    daemon.peer().call("store.transact", json!({"ops": ops}));
    let (a, b) = (watch.line(), watch.line());
    assert!(a.contains("4  -  put     kv  a") && b.contains("4  -  put     kv  b"), "{a}\n{b}");
    assert!(a.ends_with('…') && a.len() < 200, "{a}");
    assert_eq!(watch.code(), 0);
}

#[test]
fn watch_goes_on_across_crashes_without_gap_or_repeat() {
    let mut daemon = daemon();
    let mut watch = watch(&daemon, &["--json", "--since", "0"]);
    let mut expected = 0;
    for round in 0..4 {
        let mut peer = daemon.peer();
        for i in 0..25 {
            peer.call("kv.set", json!({"key": "k", "value": round * 25 + i}));
        }
        if round % 2 == 0 {
            daemon.kill();
            daemon.restart();
        }
    }
    for _ in 0..100 {
        let event: Value = serde_json::from_str(&watch.line()).unwrap();
        assert_eq!((&event["type"], &event["prev"]), (&json!("change"), &json!(expected)));
        assert_eq!(event["changes"][0]["value"]["value"], json!(expected));
        expected += 1;
    }
    drop(watch.child.stdin.take());
}

#[test]
fn watch_catches_up_after_a_suspension() {
    let daemon = daemon();
    let watch = watch(&daemon, &["--json"]);
    let signal = |signal| {
        let pid = Pid::from_raw(watch.child.id().cast_signed()).unwrap();
        kill_process(pid, signal).unwrap();
    };
    let mut peer = daemon.peer();
    peer.call("kv.set", json!({"key": "k", "value": 0}));
    let next = |rev: u64| {
        let event: Value = serde_json::from_str(&watch.line()).unwrap();
        assert_eq!((&event["type"], &event["rev"]), (&json!("change"), &json!(rev)));
    };
    // Only now has it heard that it is subscribed, for which it does not wait for ever.
    next(1);
    signal(Signal::STOP);
    // More than the daemon holds in memory for those who keep up.
    for i in 0..2500 {
        peer.call("kv.set", json!({"key": "k", "value": format!("{i} {}", "x".repeat(1000))}));
    }
    signal(Signal::CONT);
    (2..=2501).for_each(next);
}

#[test]
fn watch_ends_after_its_timeout_or_count() {
    let daemon = daemon();
    ok(&daemon, &["kv", "set", "a", "1"]);
    let enough = ctl(&daemon, &["watch", "--since", "0", "-n", "1", "--json"]);
    assert_eq!((enough.code, enough.json().len()), (0, 1));
    let in_time = ctl(&daemon, &["watch", "--since", "0", "--timeout", "0.3"]);
    assert_eq!((in_time.code, in_time.out.lines().count()), (0, 1));
    let too_few = ctl(&daemon, &["watch", "--since", "0", "-n", "2", "--timeout", "0.3"]);
    assert_eq!((too_few.code, too_few.out.lines().count()), (1, 1), "{too_few:?}");
}

#[test]
fn watch_ends_quietly_when_its_output_is_closed() {
    let daemon = daemon();
    let mut child = command(&daemon, &["watch"]).stderr(Stdio::piped()).spawn().unwrap();
    await_watcher(&mut daemon.peer());
    // Nothing is written, and it ends all the same.
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stderr).as_ref()), (Some(0), ""));
}

#[test]
fn a_timeout_holds_while_nobody_reads_the_output() {
    let daemon = daemon();
    let mut peer = daemon.peer();
    // More than a pipe holds.
    for i in 0..200 {
        peer.call("kv.set", json!({"key": "k", "value": format!("{i} {}", "x".repeat(2000))}));
    }
    let content = "y".repeat(200_000);
    peer.call("chat.appendMessage", json!({"role": "user", "content": content}));
    for args in [
        &["watch", "--since", "0", "--json", "--timeout", "0.5"][..],
        &["chat", "follow", "--timeout", "0.5"],
        &["chat", "follow", "--json", "--timeout", "0.5"],
    ] {
        let mut child = command(&daemon, args).spawn().unwrap();
        let mut status = None;
        eventually("it ends in time", || {
            status = child.try_wait().unwrap();
            status.is_some()
        });
        assert_eq!(status.unwrap().code(), Some(0), "{args:?}");
    }
}
