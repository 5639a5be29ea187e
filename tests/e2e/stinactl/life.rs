//! `stinactl status` and `stop`.

use super::{ctl, ok};
use crate::daemon;
use rustix::process::Signal;
use serde_json::json;

#[test]
fn status_shows_the_daemon_and_its_clients() {
    let daemon = daemon();
    let mut peer = daemon.peer();
    peer.call("store.hello", json!({"client": {"name": "tui", "version": "2.1"}}));
    peer.call("kv.subscribe", json!({}));
    peer.call("kv.subscribe", json!({"prefix": "a"}));
    peer.call("kv.set", json!({"key": "a", "value": 1}));
    let shown = ok(&daemon, &["status"]);
    for expected in [
        format!("(pid {})", daemon.pid()),
        daemon.database().display().to_string(),
        daemon.socket().display().to_string(),
        "revision  1, the log begins at 1, epoch ".to_owned(),
        "entities  ".to_owned(),
        "kv 1, ".to_owned(),
        "tui 2.1".to_owned(),
        "kv 2".to_owned(),
    ] {
        assert!(shown.contains(&expected), "{expected} in\n{shown}");
    }
    let json = ctl(&daemon, &["status", "--json"]).json();
    assert_eq!((json.len(), &json[0]["rev"]), (2, &json!(1)));
    assert_eq!(json[1]["clients"][0]["subscriptions"][1]["method"], "kv.subscribe");
}

#[test]
fn stop_returns_once_the_daemon_has_ended() {
    let mut daemon = daemon();
    ok(&daemon, &["kv", "set", "a", "1"]);
    let pid = daemon.pid();
    assert_eq!(ok(&daemon, &["stop"]), format!("stinad (pid {pid}) has stopped"));
    assert!(!daemon.socket().exists());
    assert!(daemon.wait().success());
    daemon.restart();
    assert_eq!(ok(&daemon, &["kv", "get", "a"]), "1");
    assert_eq!(ctl(&daemon, &["stop", "--json"]).json(), [json!({"rev": 1})]);
}

#[test]
fn a_daemon_that_does_not_answer_is_distinguished_from_a_missing_one() {
    let mut daemon = daemon();
    let status = |daemon: &stina_tests::Daemon| {
        let ran = ctl(daemon, &["status", "--timeout", "0.3"]);
        assert_eq!(ran.code, 3, "{ran:?}");
        ran.err
    };
    daemon.signal(Signal::STOP);
    let printed = status(&daemon);
    assert!(printed.contains(&format!("(pid {}, ", daemon.pid())), "{printed}");
    assert!(printed.contains("suspended") && !printed.contains("start it"), "{printed}");
    daemon.signal(Signal::CONT);
    ok(&daemon, &["status"]);
    daemon.kill();
    let printed = status(&daemon);
    assert!(printed.contains("start it with `stinad`") && !printed.contains("listens"), "{printed}");
}
