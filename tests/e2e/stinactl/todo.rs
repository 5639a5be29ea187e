//! `stinactl todo`.

use super::{Ran, command, ctl, ctl_with, ok};
use crate::{STINAD, daemon, daemon_at};
use serde_json::{Value, json};
use std::fs::File;
use std::sync::atomic::Ordering;
use stina_tests::Daemon;

/// The `value` of the one reply that a run printed.
fn value(ran: &Ran) -> Value {
    assert_eq!(ran.code, 0, "{ran:?}");
    ran.json()[0]["value"].clone()
}

fn add(daemon: &Daemon, args: &[&str]) -> Value {
    value(&ctl(daemon, &[&["todo", "add", "--json"], args].concat()))
}

/// A table without the spaces between columns.
fn rows(table: &str) -> Vec<Vec<&str>> {
    table
        .lines()
        .map(|line| line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect())
        .collect()
}

#[test]
fn a_todo_is_created_shown_changed_and_removed() {
    let daemon = daemon();
    let expected =
        ok(&daemon, &["todo", "add", "Buy", "milk", "--due", "2126-12-24 14:00", "--id", "td_milk"]);
    assert_eq!(expected, "added td_milk  Buy milk, due 2126-12-24 14:00 (revision 1)");
    let expected =
        ok(&daemon, &["todo", "edit", "buy milk", "--description", "two litres", "--status", "started"]);
    assert_eq!(expected, "changed td_milk  Buy milk, due 2126-12-24 14:00 (revision 2)");
    assert_eq!(
        ok(&daemon, &["todo", "comment", "td_milk", "the", "blue", "one"]),
        "commented on Buy milk (revision 3)"
    );
    let shown = ok(&daemon, &["todo", "show", "td_milk"]);
    for expected in [
        "Buy milk\n",
        "in progress",
        "2126-12-24 14:00 (Tue 2126-12-24 14:00 UTC)",
        "two litres",
        "the blue one",
        "tc_",
    ] {
        assert!(shown.contains(expected), "{expected} in\n{shown}");
    }
    let edit = [
        "todo",
        "edit",
        "td_m",
        "--due",
        "none",
        "-d",
        "",
        "--title",
        "Buy tea",
        "--metadata",
        r#"{"n": 1.50}"#,
    ];
    let edited = value(&ctl(&daemon, &[&edit[..], &["--json"]].concat()));
    assert_eq!(
        (&edited["title"], &edited["dueAt"], &edited["description"]),
        (&json!("Buy tea"), &json!(null), &json!(null))
    );
    assert_eq!(edited["status"], "in_progress");
    assert!(ok(&daemon, &["todo", "show", "td_milk"]).contains(r#"{"n":1.50}"#));
    assert_eq!(
        ok(&daemon, &["todo", "comment", "td_milk", "a", "slip"]),
        "commented on Buy tea (revision 5)"
    );
    let slip = ctl(&daemon, &["todo", "show", "td_milk", "--json"]).json()[2]["id"].clone();
    let slip = slip.as_str().unwrap();
    let expected = ok(&daemon, &["todo", "uncomment", slip]);
    assert_eq!(expected, format!("deleted {slip}  a slip (revision 6)"));
    assert_eq!(ctl(&daemon, &["todo", "uncomment", slip]).code, 4);
    assert_eq!(ok(&daemon, &["todo", "rm", "buy tea"]), "deleted Buy tea and its comment (revision 7)");
    assert_eq!(ctl(&daemon, &["todo", "show", "td_milk"]).code, 4);
}

#[test]
fn each_status_has_a_verb_and_is_not_set_twice() {
    let daemon = daemon();
    add(&daemon, &["Sing"]);
    for (verb, expected) in [
        ("start", "started Sing (revision 2)"),
        ("start", "Sing is already in progress"),
        ("done", "done: Sing (revision 3)"),
        ("done", "Sing is already completed"),
        ("reopen", "reopened Sing (revision 4)"),
        ("reopen", "Sing is already not started"),
        ("cancel", "cancelled Sing (revision 5)"),
        ("reopen", "reopened Sing (revision 6)"),
    ] {
        assert_eq!(ok(&daemon, &["todo", verb, "sing"]), expected);
    }
    let again = ctl(&daemon, &["todo", "reopen", "sing", "--json"]);
    assert_eq!((&again.json()[0]["rev"], &value(&again)["rev"]), (&json!(6), &json!(6)));
}

#[test]
fn a_todo_is_named_by_id_title_or_prefix_of_its_id() {
    let daemon = daemon();
    let anna = add(&daemon, &["Call Ånna"]);
    assert_eq!(ctl(&daemon, &["todo", "rm", "…"]).code, 4, "an empty text is no prefix of the only id");
    add(&daemon, &["Buy milk", "--id", "m1"]);
    add(&daemon, &["buy MILK", "--id", "m2"]);
    let shown = |typed: &str| ctl(&daemon, &["todo", "show", typed, "--json"]);
    let id = anna["id"].as_str().unwrap();
    // The last one is decomposed, as macOS writes names.
    for typed in [id, &id[..17], " CALL ÅNNA ", "call a\u{30a}nna"] {
        assert_eq!(value(&shown(typed))["id"], id, "{typed}");
    }
    for (typed, expected) in [("buy milk", "2 have that title"), ("m", "2 have an id with that prefix")] {
        let ran = shown(typed);
        assert_eq!((ran.code, &ran.json()[0]["error"]["data"]["kind"]), (6, &json!("invalid")));
        assert!(ran.err.contains(&format!("`{typed}` is ambiguous: {expected}")), "{}", ran.err);
        assert!(
            ran.err.contains("  m1  Buy milk (not started, created ") && ran.err.contains("  m2  buy MILK"),
            "{}",
            ran.err
        );
    }
    for (typed, hint) in [
        ("bui milk", "did you mean `Buy milk`?"),
        ("call", "did you mean `Call Ånna`?"),
        ("??", "todo list --all"),
    ] {
        let ran = shown(typed);
        assert_eq!((ran.code, &ran.json()[0]["error"]["data"]["kind"]), (4, &json!("not_found")));
        assert!(ran.err.contains(hint), "{}", ran.err);
    }
    assert_eq!(shown("  ").code, 6);
}

#[test]
fn a_title_means_the_open_todo_and_for_rm_is_ambiguous() {
    let daemon = daemon();
    add(&daemon, &["Buy milk", "--id", "old", "--status", "done"]);
    add(&daemon, &["Buy milk", "--id", "new"]);
    assert_eq!(value(&ctl(&daemon, &["todo", "start", "buy milk", "--json"]))["id"], "new");
    assert_eq!(value(&ctl(&daemon, &["todo", "reopen", "buy milk", "--json"]))["id"], "old");
    ok(&daemon, &["todo", "done", "old"]);
    assert_eq!(ctl(&daemon, &["todo", "rm", "buy milk"]).code, 6);
}

#[test]
fn lists_are_filtered_and_report_that_there_is_more() {
    let daemon = daemon();
    add(&daemon, &["late", "--due", "2126-01-02"]);
    add(&daemon, &["early", "--due", "2126-01-01T09:00+00:00", "--status", "started"]);
    add(&daemon, &["someday"]);
    add(&daemon, &["over", "--status", "done"]);
    let titles = |args: &[&str]| {
        let ran = ctl(&daemon, &[&["todo", "list", "--json"], args].concat());
        ran.json().iter().map(|todo| todo["title"].as_str().unwrap().to_owned()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(titles(&[]), "early late someday over");
    assert_eq!(titles(&["--status", "started,done"]), "early over");
    assert_eq!(titles(&["--due-before", "2126-01-02"]), "early");
    assert_eq!(titles(&["--due-after", "2126-01-01 9:00"]), "late");
    assert_eq!(titles(&["-n", "2"]), "early late");
    for (limit, expected) in [("2", "… and more: raise --limit to see them\n"), ("4", "")] {
        assert_eq!(ctl(&daemon, &["todo", "list", "--json", "-n", limit]).err, expected);
    }
    let table = ok(&daemon, &["todo", "list", "--limit", "2"]);
    let rows = rows(&table);
    assert_eq!(rows[0], ["ID", "STATUS", "DUE", "TITLE"]);
    assert_eq!(
        (&rows[1][1..], &rows[2][1..]),
        (&["in progress", "2126-01-01 09:00", "early"][..], &["not started", "2126-01-02", "late"][..])
    );
    assert_eq!(rows[3], ["… and more: raise --limit to see them"]);
    assert_eq!(value(&ctl(&daemon, &["todo", "show", rows[1][0], "--json"]))["title"], "early");
    assert_eq!(ok(&daemon, &["todo", "list", "--limit", "4"]).lines().count(), 5);
}

#[test]
fn lists_show_all_pages_with_unique_prefixes() {
    let daemon = daemon();
    let mut peer = daemon.peer();
    for page in 0..2 {
        let ops: Vec<_> = (0..600)
            .map(|i| json!({"method": "todo.create", "params": {"title": format!("t{page} {i}")}}))
            .collect();
        peer.call("store.transact", json!({"ops": ops}));
    }
    assert_eq!(ok(&daemon, &["todo", "list"]).lines().count(), 1201);
    assert_eq!(ok(&daemon, &["todo", "list", "--all", "--json"]).lines().count(), 1200);
    // Todos created in one transaction have ids of one millisecond; the shown prefixes are unique all the same.
    let table = ok(&daemon, &["todo", "list"]);
    for row in [1, 600, 1200] {
        let row = &rows(&table)[row];
        assert_eq!(value(&ctl(&daemon, &["todo", "show", row[0], "--json"]))["title"], row[3]);
    }
}

#[test]
fn todos_closed_before_midnight_are_listed_on_request() {
    let shell = Daemon::prepare(STINAD, &[], &[]);
    let (daemon, clock) = daemon_at(1_790_000_000_000);
    let socket = daemon.socket().to_str().unwrap();
    let titles = |args: &[&str]| {
        let ran = ctl(&shell, &[&["todo", "list", "--json", "--socket", socket], args].concat());
        ran.json().iter().map(|todo| todo["title"].as_str().unwrap().to_owned()).collect::<Vec<_>>().join(" ")
    };
    for (title, status) in [("open", "pending"), ("over", "done")] {
        ok(&shell, &["todo", "add", title, "--status", status, "--socket", socket]);
    }
    assert_eq!(titles(&[]), "open over");
    clock.fetch_add(48 * 3_600_000, Ordering::Relaxed);
    assert_eq!((titles(&[]), titles(&["--all"])), ("open".to_owned(), "open over".to_owned()));
    // It can still be named.
    assert_eq!(ok(&shell, &["todo", "reopen", "OVER", "--socket", socket]), "reopened over (revision 3)");
}

#[test]
fn due_dates_are_read_in_the_local_zone() {
    let daemon = daemon();
    let due = |when: &str| {
        let mut command = command(&daemon, &["todo", "add", "x", "--json", "--due", when]);
        let output = command.env("TZ", "America/New_York").output().unwrap();
        let reply: Value = serde_json::from_slice(&output.stdout).unwrap();
        reply["value"]["dueAt"].as_i64().unwrap()
    };
    let at = |text: &str| text.parse::<jiff::Timestamp>().unwrap().as_millisecond();
    assert_eq!(due("2026-12-24"), at("2026-12-24T05:00:00Z"));
    assert_eq!(due("2026-07-01 9:00"), at("2026-07-01T13:00:00Z"));
    assert_eq!(due("2026-07-01T09:00+02:00"), at("2026-07-01T07:00:00Z"));
    assert_eq!(due("1790000000123"), 1_790_000_000_123);
    let zone = jiff::tz::TimeZone::get("America/New_York").unwrap();
    let local = |millis: i64| jiff::Timestamp::from_millisecond(millis).unwrap().to_zoned(zone.clone());
    let now = jiff::Zoned::now().with_time_zone(zone.clone());
    let tomorrow = local(due("tomorrow 9:00"));
    assert!(tomorrow > now && tomorrow.hour() == 9 && tomorrow.minute() == 0, "{tomorrow}");
    let friday = local(due("fri"));
    assert_eq!((friday.weekday(), friday.hour()), (jiff::civil::Weekday::Friday, 0));
    let before = jiff::Timestamp::now().as_millisecond();
    let in_two_hours = due("+2h") - 2 * 3_600_000;
    assert!((before..=jiff::Timestamp::now().as_millisecond()).contains(&in_two_hours));
}

#[test]
fn a_dash_reads_standard_input() {
    let daemon = daemon();
    let todo = value(&ctl_with(&daemon, &["todo", "add", "Write", "-d", "-", "--json"], "two\nlines\n"));
    assert_eq!(todo["description"], "two\nlines");
    assert_eq!(
        value(&ctl_with(&daemon, &["todo", "add", "-", "--json"], "From a pipe\n"))["title"],
        "From a pipe"
    );
    let comment = value(&ctl_with(&daemon, &["todo", "comment", "write", "-", "--json"], "日本語\n"));
    assert_eq!(comment["content"], "日本語");
    assert_eq!(
        value(&ctl_with(&daemon, &["todo", "edit", "write", "-d", "-", "--json"], "new"))["description"],
        "new"
    );
    assert_eq!(ctl(&daemon, &["todo", "add", "-", "-d", "-"]).code, 2);
}

#[test]
fn an_endless_standard_input_is_refused() {
    let daemon = daemon();
    let endless = File::open("/dev/zero").unwrap();
    let output = command(&daemon, &["todo", "add", "-"]).stdin(endless).output().unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), err.contains("too large: the limit is")), (Some(6), true), "{err}");
}

#[test]
fn json_has_the_shapes_of_the_protocol() {
    let daemon = daemon();
    let todo = add(&daemon, &["x"]);
    ok(&daemon, &["todo", "comment", "x", "one"]);
    ok(&daemon, &["todo", "comment", "x", "two"]);
    let shown = ctl(&daemon, &["todo", "show", "x", "--json"]).json();
    assert_eq!((&shown[0]["rev"], &shown[0]["value"]["commentCount"]), (&json!(3), &json!(2)));
    assert_eq!((&shown[1]["content"], &shown[2]["content"]), (&json!("one"), &json!("two")));
    let mut peer = daemon.peer();
    let got = peer.call("todo.get", json!({"id": todo["id"]}));
    assert_eq!(shown[0]["value"], got["value"]);
    assert_eq!(ctl(&daemon, &["todo", "list", "--json"]).json(), [got["value"].clone()]);
}

#[test]
fn mistakes_have_hints_and_exit_codes() {
    let daemon = daemon();
    add(&daemon, &["x", "--id", "td_x", "--metadata", r#"{"z": 1.50, "a": 1}"#]);
    for (args, code, expected) in [
        (&["add"][..], 2, "TITLE"),
        (&["add", " "], 6, "title: must not be empty"),
        (&["add", "x", "--id", "td_x"], 5, "already exists"),
        (&["add", "x", "--id", "a b"], 6, "id: "),
        (&["add", "x", "--due", "soonish"], 2, "try `tomorrow 9:00`"),
        (&["add", "x", "--metadata", "[1]"], 2, "must be a JSON object"),
        (&["edit", "x"], 2, "nothing to change: `stinactl todo edit --help` lists the fields"),
        (&["edit", "x", "--if-rev", "1"], 2, "nothing to change"),
        (&["edit"], 2, "<TODO>"),
        (&["edit", "x", "--status", "maybe"], 2, "not_started, in_progress, completed or cancelled"),
        (&["edit", "x", "--title", "y", "--if-rev", "7"], 5, "it is now {"),
        (&["rm", "x", "--if-rev", "7"], 5, r#""metadata":{"z":1.50,"a":1},"#),
        (&["comment", "x", " "], 6, "content: must not be empty"),
        (&["lst"], 2, "'list'"),
    ] {
        let ran = ctl(&daemon, &[&["todo"], args].concat());
        assert_eq!(ran.code, code, "{args:?}: {ran:?}");
        assert!(ran.err.contains(expected), "{args:?}: {}", ran.err);
    }
    assert_eq!(ctl(&daemon, &["--socket", "/nowhere", "todo", "list"]).code, 3);
    // Wrong arguments are reported whether there is a daemon or not.
    assert_eq!(ctl(&daemon, &["--socket", "/nowhere", "todo", "edit", "x"]).code, 2);
}

#[test]
fn help_of_edit_explains_its_fields() {
    let daemon = daemon();
    let help = ok(&daemon, &["todo", "edit", "--help"]);
    let lines: Vec<&str> = help.lines().map(str::trim).collect();
    assert_eq!(lines[0], "Change one or more fields of a todo; other fields stay unchanged");
    assert!(lines[2].starts_with("Usage: ") && lines[2].ends_with("todo edit [OPTIONS] <TODO>"), "{help}");
    for expected in [
        "<TODO>  Its id, its title in any case, or a unique prefix of its id",
        "--due <WHEN>          Due time: see below; `none` removes it",
        "--if-rev <REV>        Only if its revision is this. Else exit code 5",
        "--json                Print JSON Lines",
    ] {
        assert!(lines.contains(&expected), "{expected} in\n{help}");
    }
    let add = ok(&daemon, &["todo", "add", "--help"]);
    assert!(
        add.contains("Due time: see below") && !add.contains("removes it"),
        "there is nothing to remove: {add}"
    );
    // The options common to all commands come last.
    let at = |option: &str| lines.iter().position(|line| line.contains(option)).unwrap();
    assert!(
        at("--title") < at("--source") && at("--source") < at("--if-rev") && at("--if-rev") < at("--json")
    );
}
