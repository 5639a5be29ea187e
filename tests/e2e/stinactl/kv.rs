//! `stinactl kv`.

use super::{command, ctl, ctl_with, ok};
use crate::daemon;
use serde_json::json;
use std::io::Read;
use stina_tests::Daemon;

#[test]
fn kv_takes_and_prints_values_as_people_write_them() {
    let daemon = daemon();
    for (set, kept, printed) in [
        (vec!["hej"], r#""hej""#, "hej"),
        (vec!["42"], "42", "42"),
        (vec!["-1.50"], "-1.50", "-1.50"),
        (vec!["12345678901234567890123"], "12345678901234567890123", "12345678901234567890123"),
        (vec![r#"{"b": 1, "a": [null, "å"]}"#], r#"{"b":1,"a":[null,"å"]}"#, r#"{"b":1,"a":[null,"å"]}"#),
        (vec!["null"], "null", "null"),
        (vec!["--string", "null"], r#""null""#, "null"),
        (vec!["--string", "{not json"], r#""{not json""#, "{not json"),
        (vec!["日本語 🙂"], r#""日本語 🙂""#, "日本語 🙂"),
        (vec![""], r#""""#, ""),
    ] {
        let args = [&["kv", "set", "k"], set.as_slice()].concat();
        let confirmation = ok(&daemon, &args);
        assert!(confirmation.starts_with(&format!("k = {kept} (revision ")), "{confirmation}");
        assert_eq!(ok(&daemon, &["kv", "get", "k"]), printed);
    }
    let slip = ctl(&daemon, &["kv", "set", "k", "{not json"]);
    assert_eq!((slip.code, ok(&daemon, &["kv", "get", "k"])), (6, String::new()), "a slip is not stored");
    assert_eq!(ctl_with(&daemon, &["kv", "set", "k", "-"], "two\nlines\n").code, 0);
    assert_eq!(ok(&daemon, &["kv", "get", "k"]), "two\nlines");
}

#[test]
fn kv_counts_deletes_and_lists() {
    let daemon = daemon();
    assert_eq!(ok(&daemon, &["kv", "incr", "n"]), "1");
    assert_eq!(ok(&daemon, &["kv", "incr", "n", "-5"]), "-4");
    ok(&daemon, &["kv", "set", "new", "[1, 2]"]);
    ok(&daemon, &["kv", "set", "other", "x"]);
    let table = ok(&daemon, &["kv", "list", "n"]);
    let lines: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0], ["KEY", "VALUE", "REV", "UPDATED"]);
    assert_eq!((&lines[1][..3], &lines[2][..3]), (&["n", "-4", "2"][..], &["new", "[1,2]", "3"][..]));
    assert_eq!(ok(&daemon, &["kv", "list", "-n", "2", "--json"]).lines().count(), 2);
    assert_eq!(ok(&daemon, &["kv", "delete", "n"]), "deleted n (revision 5)");
    assert_eq!(ctl(&daemon, &["kv", "delete", "n"]).code, 4);
    assert_eq!(ctl(&daemon, &["kv", "get", "n"]).code, 4);
}

#[test]
fn kv_list_gives_all_pages() {
    let daemon = daemon();
    let mut peer = daemon.peer();
    let ops: Vec<_> = (0..1000)
        .map(|i| json!({"method": "kv.set", "params": {"key": format!("k{i:04}"), "value": i}}))
        .collect();
    peer.call("store.transact", json!({"ops": ops}));
    peer.call("kv.set", json!({"key": "z", "value": 0}));
    assert_eq!(ok(&daemon, &["kv", "list", "--json"]).lines().count(), 1001);
    assert_eq!(ok(&daemon, &["kv", "list"]).lines().count(), 1002);
}

#[test]
fn kv_prints_json_lines() {
    let daemon = daemon();
    let set = ctl(&daemon, &["--json", "kv", "set", "a", "1"]).json();
    assert_eq!(set[0]["value"]["key"], "a");
    let get = ctl(&daemon, &["kv", "get", "a", "--json"]).json();
    assert_eq!(get, [json!({"rev": 1, "value": set[0]["value"]})]);
    let missing = ctl(&daemon, &["kv", "get", "b", "--json"]);
    assert_eq!((missing.code, missing.json()), (4, vec![json!({"rev": 1, "value": null})]));
    let conflict = ctl(&daemon, &["kv", "set", "a", "2", "--if-rev", "0", "--json"]);
    assert_eq!((conflict.code, &conflict.json()[0]["error"]["data"]["kind"]), (5, &json!("conflict")));
}

/// Runs it; answers its output's length in bytes and lines, and its peak of resident memory in KiB; `None` where there
/// is no Linux `/proc`.
fn peak(daemon: &Daemon, args: &[&str]) -> (usize, usize, Option<u64>) {
    let mut child = command(daemon, args).spawn().unwrap();
    let status = format!("/proc/{}/status", child.id());
    let (mut bytes, mut lines, mut peak) = (0, 0, None);
    let (mut stdout, mut chunk) = (child.stdout.take().unwrap(), vec![0; 64 << 10]);
    while let Ok(read @ 1..) = stdout.read(&mut chunk) {
        bytes += read;
        lines += chunk[..read].iter().filter(|byte| **byte == b'\n').count();
        // The last look is while its last output is on the way.
        let status = std::fs::read_to_string(&status).unwrap_or_default();
        let now = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        peak = now.and_then(|now| now.split_whitespace().next()?.parse().ok()).or(peak);
    }
    assert!(child.wait().unwrap().success());
    (bytes, lines, peak)
}

#[test]
fn a_list_holds_one_page_at_a_time() {
    const COUNT: usize = 44;
    const SIZE: usize = 1 << 20;
    let daemon = daemon();
    let mut peer = daemon.peer();
    for i in 0..COUNT {
        peer.call("kv.set", json!({"key": format!("k{i}"), "value": "x".repeat(SIZE)}));
    }
    for (args, headings) in
        [(&["kv", "list", "--timeout", "60"][..], 1), (&["kv", "list", "--json", "--timeout", "60"], 0)]
    {
        let (bytes, lines, peak) = peak(&daemon, args);
        assert_eq!(lines, COUNT + headings);
        assert!(bytes > COUNT * SIZE && bytes < COUNT * (SIZE + 1000), "{bytes}");
        let Some(peak) = peak else { return };
        assert!(peak < (COUNT * SIZE) as u64 / 1024, "{args:?}: a peak of {peak} KiB for {bytes} bytes");
    }
}
