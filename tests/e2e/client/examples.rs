//! The examples of `stina-client` run. `cargo test --workspace` builds them; without them their tests are skipped.

use crate::daemon;
use serde_json::json;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Stdio};
use stina_tests::{Daemon, skip};

pub(crate) fn example(name: &str) -> Option<PathBuf> {
    let deps = std::env::current_exe().unwrap();
    let path = deps.parent().unwrap().parent().unwrap().join("examples").join(name);
    if !path.exists() {
        skip(&format!("the example {name} is not built; `cargo test --workspace` builds it"));
        return None;
    }
    Some(path)
}

/// Runs an example that shows something until it is stopped: does `then` once it has begun, and waits for a line with
/// `last` in it.
fn shows(daemon: &Daemon, name: &str, args: &[&str], then: impl FnOnce(), last: &str) {
    let Some(path) = example(name) else { return };
    let mut command = daemon.command(&path.display().to_string());
    let mut child: Child = command.args(args).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let (found, matches) = std::sync::mpsc::sync_channel(1);
    let last = last.to_owned();
    std::thread::spawn(move || {
        let _ = found.send(lines.next().is_some());
        let _ = found.send(lines.any(|line| line.contains(&last)));
    });
    assert_eq!(matches.recv_timeout(stina_tests::DEADLINE), Ok(true), "{name} begins");
    then();
    let seen = matches.recv_timeout(stina_tests::DEADLINE);
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(seen, Ok(true), "{name} shows it");
}

#[test]
fn the_transaction_over_three_modules_runs() {
    let daemon = daemon();
    let Some(path) = example("transaction") else { return };
    let output = daemon.command(&path.display().to_string()).output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(printed.starts_with("revision 1: `Buy tea`, number 1"), "{output:?}");
    let log = daemon.peer().call("store.changes", json!({"since": 0}));
    let changes = log["value"]["items"][0]["changes"].as_array().unwrap();
    let modules: Vec<_> = changes.iter().map(|change| change["module"].as_str().unwrap()).collect();
    assert_eq!(modules, ["todo", "memory", "kv"]);
}

#[test]
fn the_calls_and_the_script_run() {
    let daemon = daemon();
    for (name, last) in [("calls", "cakes = 1"), ("blocking", "Water the plants")] {
        let Some(path) = example(name) else { return };
        let output = daemon.command(&path.display().to_string()).output().unwrap();
        let printed = String::from_utf8_lossy(&output.stdout);
        assert_eq!(printed.lines().last(), Some(last), "{output:?}");
    }
}

#[test]
fn the_live_lists_run() {
    let daemon = daemon();
    let mut peer = daemon.peer();
    peer.call("kv.set", json!({"key": "there", "value": 1}));
    let mut other = daemon.peer();
    let todo = || _ = other.call("todo.create", json!({"title": "water the plants"}));
    shows(&daemon, "todo_list", &[], todo, "water the plants");
    let mut speaker = daemon.peer();
    let speak = || _ = speaker.call("chat.appendMessage", json!({"role": "user", "content": "hej alla"}));
    shows(&daemon, "chat_follower", &[], speak, "user: hej alla");
    let set = || _ = peer.call("kv.set", json!({"key": "greeting", "value": "hej"}));
    shows(&daemon, "kv_mirror", &[], set, "greeting = \"hej\"");
}
