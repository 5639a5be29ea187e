//! The programs of `docs/clients.md`, in a folder, and running.

use super::{blocks, docs};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};
use stina_tests::{DEADLINE, Daemon, Scripted, eventually, skip};
use tempfile::TempDir;

/// How long a program may take to its end: compilers take longer than anything else here.
const COMPILES: Duration = Duration::from_secs(120);

/// The named programs of a language, and what they import, in a folder of their own.
pub(super) struct Samples {
    folder: TempDir,
}

impl Samples {
    pub(super) fn of(language: &str) -> Self {
        let samples = Self { folder: tempfile::Builder::new().prefix("stina").tempdir().unwrap() };
        for (name, text) in blocks("docs/clients.md", language) {
            if !name.is_empty() {
                samples.write(&name, &text);
            }
        }
        std::fs::copy(docs().join("stina.d.ts"), samples.path("stina.d.ts")).unwrap();
        if let Some(modules) = std::env::var_os("NODE_PATH") {
            std::os::unix::fs::symlink(modules, samples.path("node_modules")).unwrap();
        }
        samples
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(super) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    /// A program in this folder; `socket` is the path of the daemon's socket.
    pub(super) fn command(&self, program: &str, args: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.env_clear().current_dir(self.folder.path()).args(args);
        command.env("HOME", self.path("no-home"));
        // Shims of version managers look for their files in the real home.
        for name in ["PATH", "PYENV_ROOT", "PYENV_VERSION"] {
            command.envs(std::env::var_os(name).map(|value| (name, value)));
        }
        command
    }

    /// Whether a program works here; without it, the test is skipped.
    pub(super) fn can_run(&self, program: &str, args: &[&str]) -> bool {
        let works = self.command(program, args).output().is_ok_and(|o| o.status.success());
        if !works {
            skip(&format!("`{program} {}` does not work here", args.join(" ")));
        }
        works
    }
}

/// A running program, killed when dropped.
pub(super) struct Program {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
    seen: String,
}

impl Program {
    pub(super) fn start(command: &mut Command) -> Self {
        let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = piped.spawn().unwrap();
        let (line, lines) = sync_channel(1000);
        let sources: [Box<dyn Read + Send>; 2] =
            [Box::new(child.stdout.take().unwrap()), Box::new(child.stderr.take().unwrap())];
        for source in sources {
            let line = line.clone();
            std::thread::spawn(move || {
                for text in BufReader::new(source).lines().map_while(Result::ok) {
                    let _ = line.send(text);
                }
            });
        }
        Self { stdin: child.stdin.take(), child, lines, seen: String::new() }
    }

    /// Waits for a line that contains `text`.
    pub(super) fn prints(&mut self, text: &str) {
        let end = Instant::now() + DEADLINE;
        loop {
            let line = self.lines.recv_timeout(end.saturating_duration_since(Instant::now()));
            let line = line.unwrap_or_else(|_| panic!("no `{text}` in:\n{}", self.seen));
            self.seen += &format!("{line}\n");
            if line.contains(text) {
                return;
            }
        }
    }

    /// Gives it text to read.
    pub(super) fn reads(&mut self, text: &str) {
        let stdin = self.stdin.as_mut().unwrap();
        stdin.write_all(text.as_bytes()).unwrap();
        stdin.flush().unwrap();
    }

    pub(super) fn end_of_input(&mut self) {
        self.stdin = None;
    }

    /// Waits for its end: how it ended, and all that it printed.
    pub(super) fn ends(mut self) -> (ExitStatus, String) {
        let end = Instant::now() + COMPILES;
        let mut status = None;
        while status.is_none() {
            assert!(Instant::now() < end, "the program does not end:\n{}", self.seen);
            match self.lines.recv_timeout(Duration::from_millis(10)) {
                Ok(line) => self.seen += &format!("{line}\n"),
                // Its output is at its end: so is the program, or soon.
                Err(RecvTimeoutError::Disconnected) => std::thread::park_timeout(Duration::from_millis(2)),
                Err(RecvTimeoutError::Timeout) => {}
            }
            status = self.child.try_wait().unwrap();
        }
        while let Ok(line) = self.lines.recv_timeout(DEADLINE) {
            self.seen += &format!("{line}\n");
        }
        (status.unwrap(), std::mem::take(&mut self.seen))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a program to its end; returns what it printed.
pub(super) fn output(command: &mut Command) -> String {
    let mut program = Program::start(command);
    program.end_of_input();
    let (status, text) = program.ends();
    assert!(status.success(), "{command:?}:\n{text}");
    text
}

/// Gives a program the daemon's home.
pub(super) fn at_home<'a>(command: &'a mut Command, daemon: &Daemon) -> &'a mut Command {
    command.env("STINA_HOME", daemon.directory())
}

/// Gives a program a socket, and a home that does not exist.
pub(super) fn at_socket<'a>(command: &'a mut Command, socket: &Path) -> &'a mut Command {
    command.env("STINA_SOCKET", socket).env("STINA_HOME", "/nowhere")
}

/// A program that sets `greeting` and prints its changes goes on after the daemon stopped, and after a crash.
pub(super) fn watches_across_restarts(daemon: &mut Daemon, command: &mut Command, greeting: &str) {
    let mut program = Program::start(command);
    program.prints(greeting);
    for text in ["after a stop", "after a crash"] {
        match text {
            "after a stop" => _ = daemon.stop(),
            _ => daemon.kill(),
        }
        daemon.restart();
        daemon.peer().call("kv.set", json!({"key": "greeting", "value": text}));
        program.prints(text);
    }
}

/// The messages of the current conversation.
fn messages(daemon: &Daemon) -> Vec<Value> {
    let page = daemon.peer().call("chat.listMessages", json!({}));
    page["value"]["items"].as_array().unwrap().clone()
}

/// A program that streams its standard input into a message does so, and ends at once when another client cancels it.
pub(super) fn streams_and_is_cancelled(daemon: &Daemon, command: impl Fn() -> Command) {
    let mut whole = Program::start(&mut command());
    whole.reads("hej på ");
    whole.reads("dig 🙂");
    whole.end_of_input();
    let (status, text) = whole.ends();
    assert!(status.success(), "{text}");
    let message = messages(daemon).pop().unwrap();
    assert_eq!((&message["content"], &message["aborted"]), (&json!("hej på dig 🙂"), &json!(false)));

    let mut cancelled = Program::start(&mut command());
    cancelled.reads("ett två ");
    let mut message = json!(null);
    eventually("the first words are saved", || {
        message = messages(daemon).pop().unwrap();
        message["content"] == "ett två "
    });
    assert_eq!(message["state"], "streaming");
    daemon.peer().call("chat.cancelMessage", json!({"messageId": message["id"]}));
    eventually("the message ends", || {
        message = messages(daemon).pop().unwrap();
        message["state"] == "complete"
    });
    assert_eq!((&message["content"], &message["aborted"]), (&json!("ett två "), &json!(true)));
    // Its owner ended it, not the daemon after 2 seconds.
    let log = daemon.peer().call("store.changes", json!({"since": message["rev"].as_u64().unwrap() - 1}));
    assert_ne!(log["value"]["items"][0]["origin"]["client"], "stinad");
    // A shell waits for the program that writes into its pipe.
    cancelled.end_of_input();
    let (status, text) = cancelled.ends();
    assert_eq!(status.code(), Some(1), "{text}");
}

/// A client writes `a` twice against a daemon that cuts its answers off: once each, however often it sends them.
pub(super) fn writes_once(run: impl FnOnce(&Scripted) -> String) {
    let mut attempt = 0;
    let scripted = Scripted::start(move |stage| {
        attempt += 1;
        match attempt {
            1 => {
                stage.send_text(r#"{"jsonrpc":"2.0","id":"#);
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
    assert_eq!(run(&scripted), "done\nconflict\n");
    let requests = scripted.requests();
    let ids: Vec<&Value> = requests.iter().map(|request| &request["params"]["requestId"]).collect();
    assert_eq!(ids.len(), 5);
    assert!(ids[..4].iter().all(|id| *id == ids[0]) && ids[4] != ids[0], "{ids:?}");
}

/// A change, or a part of a snapshot.
fn change(rev: u64, prev: u64, initial: bool, key: &str) -> Value {
    json!({"type": "change", "rev": rev, "prev": prev, "at": 0, "initial": initial, "origin": {"client": null},
        "changes": [{"entity": "kv", "op": "delete", "id": key}]})
}

/// A client that prints type and revision of events until revision 10 gets each once, from the right cursor.
pub(super) fn each_revision_once(run: impl FnOnce(&Scripted) -> String) {
    let mut refusals = ["busy", "shutting_down"].iter();
    let scripted = Scripted::start(move |stage| {
        if let Some(kind) = refusals.next() {
            return stage.refuse(kind);
        }
        let number = stage.connection as u64;
        stage.reply(json!(number));
        match number {
            // Cut off in the snapshot, and in a line.
            1 => {
                stage.send_event(1, change(5, 0, true, "old"));
                stage.send_text(r#"{"jsonrpc":"2.0","method":"#);
                stage.hang_up();
            }
            2 => {
                stage.send_event(2, change(7, 0, true, "new"));
                stage.send_event(2, json!({"type": "synced", "rev": 7}));
                stage.send_event(2, change(8, 7, false, "a"));
                stage.hang_up();
            }
            3 => {
                stage.send_event(3, json!({"type": "reset", "reason": "external", "rev": 9}));
                stage.hang_up();
            }
            _ => stage.send_event(4, change(10, 0, true, "b")),
        }
    });
    let expected = ["change 5", "reset 0", "change 7", "synced 7", "change 8", "reset 9", "change 10"];
    assert_eq!(run(&scripted).lines().collect::<Vec<_>>(), expected);
    let requests = scripted.requests();
    let from: Vec<Value> =
        requests.iter().map(|r| json!([r["params"]["since"], r["params"]["epoch"]])).collect();
    assert_eq!(json!(from[..2]), json!([[null, null], [null, null]]), "refused, and sent again");
    assert_eq!(json!(from[2..]), json!([[null, null], [null, null], [8, "e"], [null, null]]));
}
