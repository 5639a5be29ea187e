//! `stinactl chat`: conversations and their messages.

use super::{ctl, ctl_with, ok};
use crate::daemon;
use serde_json::{Value, json};
use stina_tests::Daemon;

/// Starts a conversation; answers its id.
fn new(daemon: &Daemon, title: &str) -> String {
    let reply = ctl(daemon, &["chat", "new", title, "--json"]).json();
    reply[0]["value"]["id"].as_str().unwrap().to_owned()
}

/// Ids of the conversations that the table marks as current.
fn current(daemon: &Daemon) -> Vec<String> {
    let table = ok(daemon, &["chat", "list"]);
    let marked = table.lines().filter_map(|line| line.strip_prefix('*'));
    marked.map(|line| line.split_whitespace().next().unwrap().to_owned()).collect()
}

#[test]
fn a_conversation_is_named_by_id_title_or_prefix() {
    let daemon = daemon();
    assert_eq!(ctl(&daemon, &["chat", "show"]).code, 4);
    let made = ok(&daemon, &["chat", "new", "Åka", "skidor"]);
    assert!(made.starts_with("started c_") && made.contains(" Åka skidor (revision "), "{made}");
    let work = new(&daemon, "Work");
    daemon.peer().call("chat.startConversation", json!({"id": "own-1", "title": "work"}));
    daemon.peer().call("chat.startConversation", json!({"id": "own-2"}));
    assert_eq!(current(&daemon), ["own-2"]);
    for (name, meant) in
        [("åka SKIDOR", None), (work.as_str(), Some(work.as_str())), ("own-1", Some("own-1"))]
    {
        let reply = ctl(&daemon, &["chat", "use", name, "--json"]);
        assert_eq!(reply.code, 0, "{reply:?}");
        let value = &reply.json()[0]["value"];
        assert!(
            meant.is_none_or(|id| value["id"] == id) && meant.is_some() == (value["title"] != "Åka skidor")
        );
    }
    for (name, code, expected) in [
        ("Work", 6, "ambiguous"),
        ("own-", 6, "own-2"),
        ("åka skridskor", 4, "did you mean `Åka skidor`?"),
        ("c_unknown", 4, "stinactl chat list"),
    ] {
        let ran = ctl(&daemon, &["chat", "rm", name]);
        assert!(ran.code == code && ran.err.contains(expected), "{name}: {ran:?}");
    }
    assert!(
        ok(&daemon, &["chat", "rename", "own-2", "Jobb", "och", "annat"])
            .starts_with("renamed own-2 Jobb och annat (")
    );
    assert!(ok(&daemon, &["chat", "rename", "jobb och annat", ""]).starts_with("renamed own-2 ("));
    assert_eq!(current(&daemon), ["own-1"]);
    assert!(ok(&daemon, &["chat", "rm", "own-1"]).starts_with("deleted own-1 work ("));
    assert_eq!(current(&daemon), ["own-2"]);
    assert_eq!(ok(&daemon, &["chat", "list", "--json"]).lines().count(), 3);
    assert!(ok(&daemon, &["chat", "list", "-n", "1"]).contains("and more"));
}

#[test]
fn sent_messages_are_shown_for_people() {
    let daemon = daemon();
    assert!(ok(&daemon, &["chat", "send", "Hej", "på", "dig"]).starts_with("sent m_"));
    for (args, input) in [
        (&["chat", "send", "--role", "assistant", "-"][..], "日本語 🙂\n\ttvå rader\n"),
        (&["chat", "send"], "utan radslut"),
        (&["chat", "send", "--role", "error"], "\u{1b}[2J\n"),
    ] {
        let ran = ctl_with(&daemon, args, input);
        assert_eq!(ran.code, 0, "{ran:?}");
    }
    daemon
        .peer()
        .call("chat.appendMessage", json!({"role": "assistant", "content": "half", "aborted": true}));
    // By somebody who is still connected when it is shown.
    let mut writer = daemon.peer();
    writer.call("chat.beginMessage", json!({"role": "tool", "content": "so far"}));
    let shown = ok(&daemon, &["chat", "show"]);
    // Times are left out.
    let shown: Vec<&str> = shown
        .lines()
        .map(|line| match line.split_once("  20") {
            Some((role, time)) if time.len() == "26-12-24 12:00:00".len() => role,
            _ => line,
        })
        .collect();
    let expected = [
        "user",
        "Hej på dig",
        "",
        "assistant",
        "日本語 🙂",
        "\ttvå rader",
        "",
        "user",
        "utan radslut",
        "",
        "error",
        "\u{1b}[2J",
        "",
        "assistant",
        "half",
        "[aborted]",
        "",
        "tool",
        "so far",
        "[streaming]",
    ];
    assert_eq!(shown, expected);
    let last = ctl(&daemon, &["chat", "show", "-n", "2", "--json"]).json();
    let contents: Vec<&Value> = last.iter().map(|message| &message["content"]).collect();
    assert_eq!(contents, ["half", "so far"]);
    assert_eq!(ctl(&daemon, &["chat", "send", "--role", "User", "x"]).code, 2);
}

#[test]
fn show_gives_as_many_messages_as_asked_for() {
    let daemon = daemon();
    let mut peer = daemon.peer();
    let ops: Vec<Value> = (0..1000)
        .map(
            |i| json!({"method": "chat.appendMessage", "params": {"role": "user", "content": i.to_string()}}),
        )
        .collect();
    peer.call("store.transact", json!({"ops": ops}));
    peer.call("chat.appendMessage", json!({"role": "user", "content": "1000"}));
    for (n, from) in [("0", 1001), ("1", 1000), ("1001", 0), ("5000", 0)] {
        let shown = ctl(&daemon, &["chat", "show", "-n", n, "--json"]).json();
        let contents: Vec<String> = shown.iter().map(|m| m["content"].as_str().unwrap().to_owned()).collect();
        assert_eq!(contents, (from..=1000).map(|i: u32| i.to_string()).collect::<Vec<_>>(), "-n {n}");
    }
}

#[test]
fn search_finds_words_in_all_conversations_or_one() {
    let daemon = daemon();
    let first = new(&daemon, "first");
    ok(&daemon, &["chat", "send", "snön faller"]);
    new(&daemon, "second");
    ok(&daemon, &["chat", "send", "--role", "info", "mer snö\ni morgon"]);
    ok(&daemon, &["chat", "send", "-c", "first", "regn"]);
    let table = ok(&daemon, &["chat", "search", "snö"]);
    assert!(table.lines().next().unwrap().starts_with("SENT"), "{table}");
    assert!(
        table.lines().any(|line| line.contains("info") && line.contains("mer") && line.contains("i morgon")),
        "{table}"
    );
    let in_first = ctl(&daemon, &["chat", "search", "regn", "-c", "FIRST", "--json"]).json();
    assert_eq!((in_first.len(), &in_first[0]["conversationId"]), (1, &json!(first)));
    assert_eq!(ctl(&daemon, &["chat", "search", "regn", "-c", "second", "--json"]).json(), [json!(null); 0]);
    ok(&daemon, &["chat", "send", "-c", "first", "snö igen"]);
    let cut = ok(&daemon, &["chat", "search", "snö", "-n", "1"]);
    assert!(cut.lines().count() == 3 && cut.ends_with("raise --limit to see them"), "{cut}");
    let cut = ctl(&daemon, &["chat", "search", "snö", "-n", "1", "--json"]);
    assert_eq!((cut.json().len(), cut.err.contains("and more")), (1, true), "{cut:?}");
    let whole = ok(&daemon, &["chat", "search", "snö", "-n", "3"]);
    assert!(!whole.contains("more"), "{whole}");
}
