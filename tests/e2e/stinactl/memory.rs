//! `stinactl memory`.

use super::{Running, command, ctl, ctl_with, ok};
use crate::daemon;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use stina_tests::Daemon;

/// The `value` of a command's reply.
fn value(daemon: &Daemon, args: &[&str]) -> Value {
    let ran = ctl(daemon, &[&["memory", "--json"], args].concat());
    assert_eq!(ran.code, 0, "{args:?}: {ran:?}");
    ran.json()[0]["value"].clone()
}

#[test]
fn a_memory_is_created_shown_changed_and_removed() {
    let daemon = daemon();
    let add = [
        "memory",
        "add",
        "Anna",
        "likes tea",
        "--tag",
        "people",
        "-t",
        "tea",
        "--until",
        "2126-12-24",
        "--id",
        "mem_a",
    ];
    assert_eq!(ok(&daemon, &add), "added mem_a  Anna, until 2126-12-24 (revision 1)");
    let shown = ok(&daemon, &["memory", "show", "anna"]);
    for expected in
        ["Anna\n", "mem_a", "people, tea", "2126-12-24 (Tue 2126-12-24 00:00 UTC)", "\n\nlikes tea"]
    {
        assert!(shown.contains(expected), "{expected} in\n{shown}");
    }
    let edited = value(
        &daemon,
        &[
            "edit",
            "anna",
            "--content",
            "likes coffee",
            "--tag",
            "coffee",
            "--untag",
            "tea",
            "--until",
            "none",
        ],
    );
    assert_eq!((&edited["content"], &edited["validUntil"]), (&json!("likes coffee"), &json!(null)));
    assert_eq!((&edited["title"], &edited["tags"]), (&json!("Anna"), &json!(["people", "coffee"])));
    assert_eq!(ok(&daemon, &["memory", "rm", "mem_"]), "deleted Anna (revision 3)");
    assert_eq!(ctl(&daemon, &["memory", "show", "anna"]).code, 4);
}

#[test]
fn a_memory_search_takes_any_typed_text() {
    let daemon = daemon();
    value(&daemon, &["add", "Tea", "Anna likes green tea", "--id", "a"]);
    value(&daemon, &["add", "", "昨日北京で日本語を話した", "--id", "b"]);
    for (words, found) in
        [(&["gre", "anna"][..], "a"), (&["北京"], "b"), (&["\"green\"", "AND*", "likes"], "")]
    {
        let ran = ctl(&daemon, &[&["memory", "search", "--json"], words].concat());
        let ids: Vec<String> = ran.json().iter().map(|hit| hit["id"].as_str().unwrap().to_owned()).collect();
        assert_eq!((ran.code, ids.join(" ").as_str()), (0, found), "{words:?}");
    }
    value(&daemon, &["add", "two", "of a kind"]);
    value(&daemon, &["add", "two", "of a kind"]);
    for (limit, found, expected) in [("1", 1, "… and more: raise --limit to see them\n"), ("2", 2, "")] {
        let ran = ctl(&daemon, &["memory", "search", "kind", "--json", "-n", limit]);
        assert_eq!((ran.json().len(), ran.err.as_str()), (found, expected));
    }
    let table = ok(&daemon, &["memory", "search", "green"]);
    assert!(table.contains("Tea    Anna likes [green] tea"), "{table}");
    for query in ["\"", "*", "a:b", "(", "🙂", "NEAR("] {
        assert_eq!(ok(&daemon, &["memory", "search", query]), "nothing found", "{query}");
    }
}

#[test]
fn lists_hide_expired_memories_and_show_all_pages() {
    let daemon = daemon();
    let mut peer = daemon.peer();
    let ops: Vec<_> = (0..1000)
        .map(|i| json!({"method": "memory.create", "params": {"title": format!("t{i}"), "content": "x\ny"}}))
        .collect();
    peer.call("store.transact", json!({"ops": ops}));
    value(&daemon, &["add", "tagged", "x", "--tag", "a b"]);
    value(&daemon, &["add", "expired", "x", "--until", "-1h"]);
    assert_eq!(ok(&daemon, &["memory", "list"]).lines().count(), 1002);
    assert_eq!(ok(&daemon, &["memory", "list", "--all", "--json"]).lines().count(), 1002);
    let tagged = ok(&daemon, &["memory", "list", "--tag", "a b"]);
    assert!(tagged.lines().count() == 2 && tagged.contains("tagged  x        a b"), "{tagged}");
    assert!(ok(&daemon, &["memory", "list", "-n", "1"]).ends_with("… and more: raise --limit to see them"));
    assert_eq!(value(&daemon, &["show", "expired"])["title"], "expired");
}

#[test]
fn a_dash_reads_standard_input() {
    let daemon = daemon();
    let add = ctl_with(&daemon, &["memory", "add", "Notes", "-", "--json"], "one\n\ntwo\n");
    assert_eq!(add.json()[0]["value"]["content"], "one\n\ntwo");
    let edit = ctl_with(&daemon, &["memory", "edit", "notes", "--content", "-", "--json"], "three");
    assert_eq!(edit.json()[0]["value"]["content"], "three");
    for nothing in ["", "\n"] {
        let wiped = ctl_with(&daemon, &["memory", "edit", "notes", "--content", "-"], nothing);
        assert_eq!((wiped.code, wiped.err.contains("standard input is empty")), (6, true), "{wiped:?}");
    }
    assert!(ok(&daemon, &["memory", "show", "notes"]).ends_with("\n\nthree"));
    assert_eq!(value(&daemon, &["edit", "notes", "--content", ""])["content"], "");
}

#[test]
fn tags_that_several_add_at_once_are_all_kept() {
    let daemon = daemon();
    value(&daemon, &["add", "shared", "x"]);
    let tags: BTreeSet<String> = (0..6).map(|i| format!("t{i}")).collect();
    let mut running: Vec<Running> = tags
        .iter()
        .map(|tag| Running::start(command(&daemon, &["memory", "edit", "shared", "--tag", tag])))
        .collect();
    for editor in &mut running {
        assert_eq!(editor.code(), 0);
    }
    let kept = value(&daemon, &["show", "shared"])["tags"].clone();
    assert_eq!(serde_json::from_value::<BTreeSet<String>>(kept).unwrap(), tags);
}

#[test]
fn mistakes_have_hints_and_exit_codes() {
    let daemon = daemon();
    value(&daemon, &["add", "Anna", "x", "--id", "mem_1"]);
    value(&daemon, &["add", "ANNA", "y", "--id", "mem_2"]);
    for (args, code, expected) in [
        (&["add", "x"][..], 2, "CONTENT"),
        (&["add", "x", "y", "--tag", " "], 2, "must not be empty"),
        (&["add", "x", "y", "--until", "soonish"], 2, "try `tomorrow 9:00`"),
        (&["add", "x", "y", "--id", "mem_1"], 5, "already exists"),
        (&["show", "anna"], 6, "mem_2  ANNA (y)"),
        (&["rm", "mem_"], 6, "2 have an id with that prefix"),
        (&["show", "Hanna"], 4, "did you mean `A"),
        (&["edit", "mem_1"], 2, "nothing to change: `stinactl memory edit --help` lists the fields"),
        (&["edit", "mem_1", "--tag", "z", "--if-rev", "9"], 5, "it is now {"),
        (&["search"], 2, "QUERY"),
        (&["search", "x", "-n", "1001"], 2, "0..=1000"),
    ] {
        let ran = ctl(&daemon, &[&["memory"], args].concat());
        assert_eq!(ran.code, code, "{args:?}: {ran:?}");
        assert!(ran.err.contains(expected), "{args:?}: {}", ran.err);
    }
}
