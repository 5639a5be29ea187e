//! `stinactl`, the real program: what it prints, and how it exits.

mod calls;
mod chat;
mod chat_live;
mod kv;
mod life;
mod memory;
mod purge;
mod terminal;
mod todo;
mod undo;
mod watch;

use crate::STINACTL;
use serde_json::Value;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc;
use stina_tests::{DEADLINE, Daemon, eventually};

/// The output of a run, and its exit code.
#[derive(Debug)]
struct Ran {
    code: i32,
    out: String,
    err: String,
}

impl Ran {
    /// Standard output as JSON values, one a line.
    fn json(&self) -> Vec<Value> {
        self.out.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }
}

/// `stinactl` with these arguments in the daemon's home.
fn command(daemon: &Daemon, args: &[&str]) -> Command {
    let mut command = daemon.command(STINACTL);
    command.args(args).env("TZ", "UTC");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs it to its end.
fn ctl(daemon: &Daemon, args: &[&str]) -> Ran {
    let output = command(daemon, args).output().expect("it runs");
    Ran {
        code: output.status.code().expect("no signal"),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Runs it with that standard input.
fn ctl_with(daemon: &Daemon, args: &[&str], input: &str) -> Ran {
    let mut child = command(daemon, args).stdin(Stdio::piped()).spawn().expect("it runs");
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    Ran {
        code: output.status.code().expect("no signal"),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Runs it; it must succeed. Answers what it printed, without the last line break.
fn ok(daemon: &Daemon, args: &[&str]) -> String {
    let ran = ctl(daemon, args);
    assert_eq!(ran.code, 0, "{args:?}: {ran:?}");
    ran.out.trim_end().to_owned()
}

/// A program that runs, whose lines are read with a deadline.
struct Running {
    child: Child,
    lines: mpsc::Receiver<String>,
}

impl Running {
    fn start(mut command: Command) -> Self {
        let mut child = command.spawn().expect("it runs");
        let stdout: ChildStdout = child.stdout.take().expect("piped");
        let (to, lines) = mpsc::sync_channel(10_000);
        std::thread::spawn(move || {
            BufReader::new(stdout).lines().map_while(Result::ok).try_for_each(|line| to.send(line))
        });
        Self { child, lines }
    }

    /// The next line, as soon as it is printed.
    fn line(&self) -> String {
        self.lines.recv_timeout(DEADLINE).expect("a line")
    }

    /// Waits for its end; answers the exit code.
    fn code(&mut self) -> i32 {
        let mut status = None;
        eventually("the program ends", || {
            status = self.child.try_wait().expect("a child");
            status.is_some()
        });
        status.expect("just seen").code().expect("no signal")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
