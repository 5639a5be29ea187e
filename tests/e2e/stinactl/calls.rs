//! `stinactl call` and `result`, and the exit codes of whatever goes wrong.

use super::{Ran, command, ctl, ctl_with, ok};
use crate::{STINAD, daemon};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixListener;
use stina_tests::{Daemon, Scripted};

#[test]
fn call_passes_params_and_results_through() {
    let daemon = daemon();
    let big = r#"{"key":"a","value":{"z":1,"a":12345678901234567890123}}"#;
    let set = ctl_with(&daemon, &["call", "kv.set", "-", "--json"], big);
    assert!(set.out.contains(r#""value":{"z":1,"a":12345678901234567890123}"#), "{set:?}");
    let laid_out = ok(&daemon, &["call", "kv.get", r#"{"key":"a"}"#]);
    assert!(laid_out.contains("\n    \"key\": \"a\",\n"), "{laid_out}");
    assert_eq!(ctl(&daemon, &["call", "store.ping", "--json"]).json(), [json!({"rev": 1})]);
    let document = ctl(&daemon, &["call", "rpc.discover", "--json"]).json();
    assert_eq!(document[0]["openrpc"], "1.3.2");
}

#[test]
fn a_call_with_a_request_id_happens_once_and_result_shows_it() {
    let daemon = daemon();
    let incr = ["call", "kv.increment", r#"{"key":"n"}"#, "--request-id", "once", "--json"];
    let first = ok(&daemon, &incr);
    assert_eq!(ok(&daemon, &incr), first);
    assert_eq!(ok(&daemon, &["call", "kv.increment", r#"{"key":"n","requestId":"once"}"#, "--json"]), first);
    assert_eq!(ok(&daemon, &["kv", "get", "n"]), "1");
    assert_eq!(ok(&daemon, &["result", "once", "--json"]), first);
    let shown = ok(&daemon, &["result", "once"]);
    assert!(shown.starts_with("it happened, as revision 1\n"), "{shown}");
    let other = ctl(&daemon, &["call", "kv.increment", r#"{"key":"m"}"#, "--request-id", "once"]);
    assert_eq!(other.code, 5, "{other:?}");
    let never = ctl(&daemon, &["result", "never"]);
    assert_eq!(never.code, 4);
    assert!(never.err.contains("did not happen"), "{never:?}");
}

#[test]
fn every_kind_of_failure_has_its_exit_code_and_advice() {
    let daemon = daemon();
    ok(&daemon, &["kv", "set", "a", "1"]);
    for (args, code, says) in [
        (&["call", "kv.gte", "{}"][..], 1, "did you mean `kv.get`?"),
        (&["call", "zzzzzz"], 1, "rpc.discover"),
        (&["call", "kv.subscribe"], 6, "stinactl watch"),
        (&["frobnicate"], 2, "Usage"),
        (&["kv", "get"], 2, "Usage"),
        (&["call", "kv.get", "{oops"], 2, "not JSON"),
        (&["--timeout", "soon", "status"], 2, "seconds"),
        (&["kv", "get", "missing"], 4, "kv `missing` not found"),
        (&["kv", "set", "a", "2", "--if-rev", "7"], 5, "it is now {"),
        (&["call", "kv.get", "[1]"], 6, "object"),
        (&["call", "kv.set", r#"{"key":"a","value":1,"colour":2}"#], 6, "colour"),
        (&["kv", "set", "", "1"], 6, "key"),
        (&["kv", "incr", "a", "9007199254740993"], 6, "by"),
        (&["watch", "--module", "nothing"], 6, "nothing"),
    ] {
        let ran = ctl(&daemon, args);
        assert_eq!(ran.code, code, "{args:?}: {ran:?}");
        assert!(ran.err.contains(says), "{args:?}: {ran:?}");
        assert_eq!(ran.out, "", "{args:?}");
    }
    let help = ctl(&daemon, &["--help"]);
    assert_eq!((help.code, help.err.as_str()), (0, ""));
    assert!(help.out.contains("7 outcome unknown"));
}

#[test]
fn without_a_daemon_it_explains_how_to_start_one() {
    let nobody = Daemon::prepare(STINAD, &[], &[]);
    for args in [&["status"][..], &["kv", "get", "a"], &["watch"], &["stop"]] {
        let ran = ctl(&nobody, args);
        assert_eq!((ran.code, ran.out.as_str()), (3, ""), "{args:?}");
        assert!(ran.err.contains("stinad.sock") && ran.err.contains("`stinad`"), "{ran:?}");
    }
}

#[test]
fn a_write_whose_answer_is_lost_exits_with_7_and_names_its_id() {
    let home = Daemon::prepare(STINAD, &[], &[]);
    let socket = home.home().join("mute.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    // Welcomes everybody, then listens in silence.
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let hello: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
            let welcome = json!({"server": {"version": "0", "pid": 1}, "protocol": 1, "capabilities": [],
                "epoch": "e", "rev": 0, "oldestRev": 0, "dbPath": ""});
            let reply = json!({"jsonrpc": "2.0", "id": hello["id"], "result": welcome});
            writeln!(&stream, "{reply}").unwrap();
            std::thread::spawn(move || lines.for_each(drop));
        }
    });
    let socket = socket.to_str().unwrap();
    let ran = ctl(&home, &["--socket", socket, "--timeout", "0.3", "kv", "set", "a", "1"]);
    assert_eq!((ran.code, ran.out.as_str()), (7, ""), "{ran:?}");
    assert!(ran.err.contains("stinactl result 0"), "{ran:?}");
    let read = ctl(&home, &["--socket", socket, "--timeout", "0.3", "kv", "get", "a"]);
    assert_eq!(read.code, 3, "{read:?}");
}

#[test]
fn a_raw_write_whose_answer_is_lost_keeps_its_id() {
    let home = Daemon::prepare(STINAD, &[], &[]);
    let mute = Scripted::start(|stage| {
        if stage.method == "rpc.discover" {
            let set = json!({"name": "kv.set", "params": [{"name": "requestId"}]});
            stage.reply(json!({"methods": [set, {"name": "kv.get"}]}));
        }
    });
    let socket = mute.socket();
    let set = ["--timeout", "1", "call", "kv.set", r#"{"key":"a","value":1}"#, "--socket"];
    let ran = ctl(&home, &[&set[..], &[socket.to_str().unwrap()]].concat());
    let asked = |method: &str| mute.requests().iter().filter(|request| request["method"] == method).count();
    assert_eq!((ran.code, ran.out.as_str()), (7, ""), "{ran:?}");
    assert_eq!((asked("rpc.discover"), asked("kv.set")), (1, 1), "it asks for the methods once");
    let id = mute.requests()[1]["params"]["requestId"].as_str().unwrap().to_owned();
    assert!(ran.err.contains(&format!("stinactl result {id}")), "{ran:?}");

    let ran = ctl(&home, &[&set[..], &[socket.to_str().unwrap(), "--json"]].concat());
    assert_eq!((ran.code, ran.out.as_str()), (7, ""), "{ran:?}");
    let lost = error(&ran);
    let id = mute.requests()[3]["params"]["requestId"].clone();
    assert_eq!((&lost["kind"], &lost["requestId"]), (&json!("outcome_unknown"), &id));
    let get = ["--timeout", "1", "call", "kv.get", "{}", "--json", "--socket", socket.to_str().unwrap()];
    let ran = ctl(&home, &get);
    assert_eq!((ran.code, &error(&ran)["kind"]), (3, &json!("timed_out")));
}

/// The one JSON object on standard error.
fn error(ran: &Ran) -> Value {
    assert_eq!((ran.out.as_str(), ran.err.lines().count()), ("", 1), "{ran:?}");
    let mut line: Value = serde_json::from_str(&ran.err).unwrap();
    assert!(line["error"]["message"].as_str().is_some_and(|text| !text.is_empty()), "{line}");
    line["error"].take()
}

#[test]
fn with_json_an_error_of_the_program_is_one_object() {
    let nobody = Daemon::prepare(STINAD, &[], &[]);
    let ran = ctl(&nobody, &["status", "--json"]);
    let nowhere = error(&ran);
    assert_eq!(
        (ran.code, &nowhere["kind"], &nowhere["why"]),
        (3, &json!("not_reachable"), &json!("no_socket"))
    );
    let daemon = daemon();
    for (args, code, kind) in [
        (&["kv", "get", "--json"][..], 2, "usage"),
        (&["call", "kv.get", "{oops", "--json"], 2, "usage"),
        (&["history", "zzz", "--json"], 4, "not_found"),
        (&["watch", "-n", "1", "--timeout", "0.1", "--json"], 1, "other"),
    ] {
        let ran = ctl(&daemon, args);
        assert_eq!((ran.code, &error(&ran)["kind"]), (code, &json!(kind)), "{args:?}");
    }
    let help = ctl(&daemon, &["kv", "--help", "--json"]);
    assert!(help.code == 0 && help.err.is_empty(), "{help:?}");
}

#[test]
fn none_is_none_in_every_list() {
    let daemon = daemon();
    for args in [
        &["kv", "set", "a", "1"][..],
        &["todo", "add", "milk"],
        &["memory", "add", "Anna", "tea"],
        &["chat", "send", "hej"],
        &["kv", "delete", "a"],
        &["kv", "set", "b", "1"],
    ] {
        ok(&daemon, args);
    }
    for list in [
        &["kv", "list"][..],
        &["todo", "list"],
        &["memory", "list"],
        &["memory", "search", "tea"],
        &["chat", "list"],
        &["chat", "show"],
        &["chat", "search", "hej"],
        &["trash"],
        &["history", "a"],
        &["watch"],
    ] {
        for json in [&[][..], &["--json"]] {
            let ran = ctl(&daemon, &[list, &["-n", "0"], json].concat());
            assert_eq!((ran.code, ran.out.as_str(), ran.err.as_str()), (0, "", ""), "{list:?}");
        }
    }
}

#[test]
fn a_closed_output_ends_it_quietly() {
    let daemon = daemon();
    let mut peer = daemon.peer();
    for i in 0..50 {
        peer.call("kv.set", json!({"key": format!("k{i}"), "value": "x".repeat(10_000)}));
    }
    let mut child = command(&daemon, &["kv", "list", "--json"]).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stderr).as_ref()), (Some(0), ""));
}
