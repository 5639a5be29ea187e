//! `stinactl kv`.

use super::{ctl, ctl_with, ok};
use crate::daemon;
use serde_json::json;

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
