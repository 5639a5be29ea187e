//! `stinactl` on a terminal: lists fit into it, and are coloured only there.

use super::{command, ctl};
use crate::daemon;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use serde_json::json;
use std::ffi::OsStr;
use std::fs::File;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use stina_tests::Daemon;

/// The output of a run on a terminal of so many columns.
fn on_terminal(daemon: &Daemon, columns: u16, args: &[&str], env: &[(&str, &str)]) -> String {
    let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&terminal).unwrap();
    unlockpt(&terminal).unwrap();
    let name = ptsname(&terminal, Vec::new()).unwrap();
    let shown = File::options().read(true).write(true).open(OsStr::from_bytes(name.as_bytes())).unwrap();
    tcsetwinsize(&shown, Winsize { ws_row: 24, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
    let mut command = command(daemon, args);
    command.env("TERM", "xterm").envs(env.iter().copied()).stdout(shown);
    let mut child = command.spawn().unwrap();
    // This process lets go of its end, so that the output ends with the program.
    drop(command);
    let mut printed = Vec::new();
    // Linux says EIO at the end, others nothing.
    let _ = File::from(terminal).read_to_end(&mut printed);
    assert!(child.wait().unwrap().success());
    String::from_utf8(printed).unwrap().replace("\r\n", "\n")
}

/// Columns of a line: Chinese and Japanese characters take two.
fn columns(line: &str) -> usize {
    line.chars().map(|c| if ('\u{3000}'..'\u{a000}').contains(&c) { 2 } else { 1 }).sum()
}

fn filled() -> Daemon {
    let daemon = daemon();
    let mut peer = daemon.peer();
    let title = "日本語のとても長いタイトル, and then some Latin letters";
    peer.call("todo.create", json!({"title": title, "dueAt": 0}));
    peer.call("todo.create", json!({"title": "short", "id": "chosen"}));
    peer.call("memory.create", json!({"title": title, "content": "本".repeat(1000), "tags": [title]}));
    daemon
}

#[test]
fn lists_fit_the_terminal() {
    let daemon = filled();
    for args in [&["todo", "list"][..], &["memory", "list"], &["memory", "search", "本"]] {
        for (width, limit) in [(20, "1"), (20, "9"), (40, "9"), (57, "9"), (80, "1"), (132, "9")] {
            let args = [args, &["-n", limit]].concat();
            let printed = on_terminal(&daemon, width, &args, &[("NO_COLOR", "1")]);
            assert!(printed.lines().count() >= 2, "{printed}");
            for line in printed.lines() {
                assert!(columns(line) <= width.into(), "{width}: {line}");
            }
        }
    }
}

#[test]
fn an_empty_list_is_a_sentence_on_a_terminal_only() {
    let daemon = daemon();
    for noun in ["todo", "memory", "kv", "chat"] {
        let list = [noun, "list"];
        assert_eq!(on_terminal(&daemon, 80, &list, &[("NO_COLOR", "1")]), "nothing to list\n");
        assert_eq!(ctl(&daemon, &list).out.lines().count(), 1, "headings");
        assert_eq!(ctl(&daemon, &[noun, "list", "--json"]).out, "");
    }
}

#[test]
fn lists_are_coloured_on_a_terminal_unless_disabled() {
    let daemon = filled();
    let list = ["todo", "list"];
    let red = "\u{1b}[31m1970-01-01";
    assert!(on_terminal(&daemon, 80, &list, &[]).contains(red));
    assert!(on_terminal(&daemon, 80, &list, &[("NO_COLOR", "")]).contains(red));
    for env in [("NO_COLOR", "1"), ("TERM", "dumb")] {
        assert!(!on_terminal(&daemon, 80, &list, &[env]).contains('\u{1b}'), "{env:?}");
    }
    assert!(!ctl(&daemon, &list).out.contains('\u{1b}'));
}
