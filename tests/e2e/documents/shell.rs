//! The shell lines of `docs/clients.md`.

use super::blocks;
use super::samples::{Samples, at_home, at_socket, output, streams_and_is_cancelled};
use crate::{STINACTL, daemon};
use serde_json::json;
use std::ffi::OsString;

#[test]
fn shell_examples_run() {
    let samples = Samples::of("sh");
    let blocks: Vec<String> = blocks("docs/clients.md", "sh").into_iter().map(|(_, text)| text).collect();
    let daemon = daemon();
    daemon.peer().call("kv.set", json!({"key": "greeting", "value": "hej"}));
    for tool in ["nc -N", "socat", "curl"] {
        let block = blocks.iter().find(|block| block.contains(tool)).unwrap();
        if samples.can_run("sh", &["-c", &format!("command -v {tool}")]) {
            for at_home_or_socket in [true, false] {
                let mut command = samples.command("sh", &["-c", block]);
                let printed = output(match at_home_or_socket {
                    true => at_home(&mut command, &daemon),
                    false => at_socket(&mut command, &daemon.socket()),
                });
                assert!(printed.contains("\"value\":\"hej\""), "{tool}: {printed}");
            }
        }
    }
}

#[test]
fn the_shell_streams_a_message() {
    let samples = Samples::of("sh");
    std::os::unix::fs::symlink(STINACTL, samples.path("stinactl")).unwrap();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = [samples.path("").into_os_string(), path].join(&OsString::from(":"));
    let daemon = daemon();
    streams_and_is_cancelled(&daemon, || {
        let mut command = samples.command("sh", &["stream.sh", "cat"]);
        at_home(&mut command, &daemon).env("PATH", &path);
        command
    });
}
