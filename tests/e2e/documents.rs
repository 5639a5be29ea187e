//! What the documents say is true: programs in them run, generated files are fresh.

use crate::daemon;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use stina_tests::{DEADLINE, Daemon, Scripted, typescript};

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("docs")
}

/// Code blocks of a language in `docs/clients.md`.
fn programs(language: &str) -> Vec<String> {
    let text = std::fs::read_to_string(docs().join("clients.md")).unwrap();
    let start = format!("```{language}\n");
    text.split(&start).skip(1).map(|rest| rest.split("\n```").next().unwrap().to_owned()).collect()
}

fn there_is(program: &str, test: &[&str]) -> bool {
    let there = Command::new(program).args(test).output().is_ok_and(|o| o.status.success());
    if !there {
        eprintln!("skipped: `{program} {}` does not work here", test.join(" "));
    }
    there
}

/// Runs a program against a daemon; answers what it printed.
fn run(daemon: &Daemon, program: &str, args: &[&str]) -> String {
    let mut command = daemon.command(program);
    if let Some(path) = std::env::var_os("NODE_PATH") {
        command.env("NODE_PATH", path);
    }
    // Shims of version managers look for their files in the real home.
    for name in ["PYENV_ROOT", "PYENV_VERSION"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    let output = output_within_deadline(command.env("STINA_SOCKET", daemon.socket()).args(args));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    text
}

/// A program that never ends fails its test, and does not hang it.
fn output_within_deadline(command: &mut Command) -> std::process::Output {
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let pid = rustix::process::Pid::from_child(&child);
    let (done, ended) = std::sync::mpsc::sync_channel(1);
    std::thread::spawn(move || done.send(child.wait_with_output()));
    ended.recv_timeout(DEADLINE).map(|output| output.unwrap()).unwrap_or_else(|_| {
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        panic!("{command:?} does not end");
    })
}

#[test]
fn shell_examples_run() {
    let blocks = programs("sh");
    assert_eq!(blocks.len(), 3);
    let daemon = daemon();
    daemon.peer().call("kv.set", json!({"key": "greeting", "value": "hej"}));
    for (tool, block) in ["nc", "socat", "curl"].iter().zip(blocks) {
        assert!(block.contains(tool));
        if there_is("sh", &["-c", &format!("command -v {tool}")]) {
            let printed = run(&daemon, "sh", &["-c", &block]);
            assert!(printed.contains("\"value\":\"hej\""), "{tool}: {printed}");
        }
    }
}

#[test]
fn the_python_client_runs() {
    let blocks = programs("python");
    assert_eq!(blocks.len(), 1);
    if there_is("python3", &["-c", "import socket"]) {
        let daemon = daemon();
        let printed = run(&daemon, "python3", &["-c", &blocks[0]]);
        assert!(printed.contains("put greeting hej från Python"), "{printed}");
    }
}

/// A change, or a part of the present entities.
fn told(rev: u64, prev: u64, initial: bool, key: &str) -> Value {
    json!({"type": "change", "rev": rev, "prev": prev, "at": 0, "initial": initial, "origin": {"client": null},
        "changes": [{"entity": "kv", "op": "delete", "id": key}]})
}

/// What the Python client does after its own last lines: `lines`, with the program as module.
fn python(scripted: &Scripted, lines: &str) -> String {
    let program = programs("python").swap_remove(0).replace("__name__ ==", "'test' ==") + "\n\n" + lines;
    let mut command = Command::new("python3");
    let output =
        output_within_deadline(command.args(["-c", &program]).env("STINA_SOCKET", scripted.socket()));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    text
}

#[test]
fn the_python_client_writes_once_although_answers_are_cut_off() {
    if !there_is("python3", &["-c", "import socket"]) {
        return;
    }
    let mut attempt = 0;
    let scripted = Scripted::start(move |stage| {
        attempt += 1;
        match attempt {
            1 => {
                stage.say(r#"{"jsonrpc":"2.0","id":"#);
                stage.hang_up();
            }
            2 => stage.refuse("busy"),
            3 => {
                stage.refuse("shutting_down");
                stage.hang_up();
            }
            4 => stage.reply(json!({"rev": 1, "value": "done"})),
            _ => stage.refuse("conflict"),
        }
    });
    let lines = "c = Stina('test'); c.connect(); print(c.write('kv.set', key='a', value=1)['value'])
try: c.write('kv.set', key='a', value=2)
except StinaError as e: print(e.kind)";
    assert_eq!(python(&scripted, lines), "done\nconflict\n");
    let requests = scripted.requests();
    let ids: Vec<&Value> = requests.iter().map(|request| &request["params"]["requestId"]).collect();
    assert_eq!(ids.len(), 5);
    assert!(ids[..4].iter().all(|id| *id == ids[0]) && ids[4] != ids[0], "{ids:?}");
}

#[test]
fn the_python_client_is_told_each_revision_once_across_breaks() {
    if !there_is("python3", &["-c", "import socket"]) {
        return;
    }
    let scripted = Scripted::start(|stage| {
        let number = stage.connection as u64;
        stage.reply(json!(number));
        match number {
            // Cut off in the present entities, and in a line.
            1 => {
                stage.tell(1, told(5, 0, true, "old"));
                stage.say(r#"{"jsonrpc":"2.0","method":"#);
                stage.hang_up();
            }
            2 => {
                stage.tell(2, told(7, 0, true, "new"));
                stage.tell(2, json!({"type": "synced", "rev": 7}));
                stage.tell(2, told(8, 7, false, "a"));
                stage.hang_up();
            }
            3 => {
                stage.tell(3, json!({"type": "reset", "reason": "external", "rev": 9}));
                stage.hang_up();
            }
            _ => stage.tell(4, told(10, 0, true, "b")),
        }
    });
    let lines = "for e in Stina('test').watch('kv.subscribe', prefix='x'):
    print(e['type'], e['rev'])
    if e['rev'] == 10: break";
    let expected = ["change 5", "reset 0", "change 7", "synced 7", "change 8", "reset 9", "change 10"];
    assert_eq!(python(&scripted, lines).lines().collect::<Vec<_>>(), expected);
    let requests = scripted.requests();
    let from: Vec<Value> =
        requests.iter().map(|r| json!([r["params"]["since"], r["params"]["epoch"]])).collect();
    assert_eq!(json!(from), json!([[null, null], [null, null], [8, "e"], [null, null]]));
}

#[test]
fn the_node_clients_run() {
    let blocks = programs("js");
    assert_eq!(blocks.len(), 2);
    let daemon = daemon();
    if there_is("node", &["--version"]) {
        let printed = run(&daemon, "node", &["-e", &blocks[0]]);
        assert!(printed.contains("put greeting hej från Node"), "{printed}");
    }
    if there_is("node", &["-e", "require('ws')"]) {
        let printed = run(&daemon, "node", &["-e", &blocks[1]]);
        assert!(printed.contains("put greeting hej från ws"), "{printed}");
    }
}

#[test]
fn the_typescript_types_are_fresh() {
    let document = daemon().peer().call("rpc.discover", json!({}));
    let types = typescript::types(&document);
    let path = docs().join("stina.d.ts");
    if std::env::var_os("STINA_UPDATE").is_some() {
        std::fs::write(&path, &types).unwrap();
    }
    let checked_in = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        checked_in == types,
        "docs/stina.d.ts is stale: STINA_UPDATE=1 cargo test -p stina-tests typescript"
    );
}

/// All sources of this package's tests.
#[test]
fn the_typescript_types_compile() {
    if there_is("tsc", &["--version"]) {
        let types = docs().join("stina.d.ts");
        let mut command = Command::new("tsc");
        let output = output_within_deadline(command.args(["--strict", "--noEmit"]).arg(types));
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }
}

fn tests_text(folder: &Path) -> String {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .map(|path| match path.is_dir() {
            true => tests_text(&path),
            false => std::fs::read_to_string(path).unwrap(),
        })
        .collect()
}

#[test]
fn every_test_and_script_that_holds_a_guarantee_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let tests = tests_text(&root.join("e2e")) + &tests_text(&root.join("../client/src"));
    let guarantees = std::fs::read_to_string(docs().join("guarantees.md")).unwrap();
    let quoted: Vec<&str> = guarantees.split('`').skip(1).step_by(2).collect();
    let named: Vec<&&str> = quoted.iter().filter(|name| name.matches('_').count() > 2).collect();
    assert!(named.len() > 20);
    for name in named {
        assert!(tests.contains(&format!("fn {name}(")), "{name} is no test");
    }
    for script in quoted.iter().filter_map(|q| q.split(' ').next()?.strip_prefix("tests/")) {
        assert!(root.join(script).exists(), "{script} is no script");
    }
}
