//! `stinactl undo`, `redo`, `history` and `trash`.

use super::{ctl, ok};
use crate::daemon;
use serde_json::json;
use stina_tests::Daemon;

fn value(daemon: &Daemon, key: &str) -> String {
    ctl(daemon, &["kv", "get", key]).out.trim_end().to_owned()
}

#[test]
fn undo_repeated_goes_further_back_and_redo_forward() {
    let daemon = daemon();
    for value in ["1", "2", "3"] {
        ok(&daemon, &["kv", "set", "a", value]);
    }
    assert_eq!(ok(&daemon, &["undo", "--dry-run"]), "would undo revision 3: changed kv a -> changed back");
    assert_eq!(ok(&daemon, &["undo"]), "undid revision 3: changed kv a -> changed back (revision 4)");
    assert_eq!(ok(&daemon, &["undo"]), "undid revision 2: changed kv a -> changed back (revision 5)");
    assert_eq!(value(&daemon, "a"), "1");
    assert_eq!(ok(&daemon, &["redo", "--dry-run"]), "would redo revision 2: changed kv a");
    assert_eq!(ok(&daemon, &["redo"]), "redid revision 2: changed kv a (revision 6)");
    assert_eq!(value(&daemon, "a"), "2");
    assert_eq!(ok(&daemon, &["redo"]), "redid revision 3: changed kv a (revision 7)");
    assert_eq!(value(&daemon, "a"), "3");
    let none = ctl(&daemon, &["redo"]);
    assert_eq!((none.code, none.err.as_str()), (4, "stinactl: there is nothing to redo\n"));
    for rev in [3, 2, 1] {
        assert!(ok(&daemon, &["undo"]).starts_with(&format!("undid revision {rev}: ")));
    }
    assert_eq!(ctl(&daemon, &["undo"]).code, 4);
    assert_eq!(ok(&daemon, &["redo"]), "redid revision 1: created kv a (revision 11)");
    let reply = ctl(&daemon, &["undo", "--json"]).json();
    assert_eq!(
        reply,
        [json!({"rev": 12, "value": {"rev": 12, "changes": [{"entity": "kv", "op": "delete", "id": "a"}]}})]
    );
}

#[test]
fn a_delete_in_steps_is_one_undo_one_redo_and_one_line_of_the_trash() {
    let daemon = daemon();
    let mut peer = daemon.peer();
    ok(&daemon, &["kv", "set", "a", "1"]);
    peer.call("chat.startConversation", json!({"id": "trip", "title": "Trip"}));
    let message = json!({"method": "chat.appendMessage", "params":
        {"role": "user", "content": "hej", "conversationId": "trip", "interactionId": "i"}});
    peer.call("store.transact", json!({"ops": vec![message; 350]}));
    let deleted = peer.call("chat.deleteConversation", json!({"id": "trip"}))["rev"].as_u64().unwrap();
    assert_eq!(deleted, 5, "two steps");
    let trash = ok(&daemon, &["trash"]);
    let lines: Vec<&str> = trash.lines().skip(1).collect();
    assert!(lines[0].starts_with("5 ") && lines[0].contains("Trip (and 352 more)"), "{trash}");

    let steps = "revision 5 and the other steps of its write, from 4: deleted conversation Trip and at least 101 more";
    assert_eq!(ok(&daemon, &["undo", "--dry-run"]), format!("would undo {steps} -> restored"));
    assert_eq!(ok(&daemon, &["undo"]), format!("undid {steps} -> restored (revision 7)"));
    let count =
        |peer: &mut stina_tests::Peer| peer.call("chat.countMessages", json!({"conversationId": "trip"}));
    assert_eq!(count(&mut peer)["value"], 350);
    assert_eq!(ok(&daemon, &["redo", "--dry-run"]), format!("would redo {steps}"));
    assert_eq!(ok(&daemon, &["redo"]), format!("redid {steps} (revision 9)"));
    assert_eq!(ctl(&daemon, &["redo"]).code, 4);
    assert_eq!(ok(&daemon, &["undo"]), format!("undid {steps} -> restored (revision 11)"));
    assert!(ok(&daemon, &["undo"]).starts_with("undid revision 3: created "));
    assert!(ok(&daemon, &["undo"]).starts_with("undid revision 2: created conversation Trip"));
    assert!(ok(&daemon, &["undo"]).starts_with("undid revision 1: created kv a"));
    assert_eq!(ctl(&daemon, &["undo"]).code, 4);
}

#[test]
fn the_trash_names_what_was_deleted_and_not_what_pointed_to_it() {
    let daemon = daemon();
    ok(&daemon, &["chat", "new", "Trip"]);
    ok(&daemon, &["chat", "send", "hej"]);
    ok(&daemon, &["chat", "rm", "Trip"]);
    let trash = ok(&daemon, &["trash"]);
    assert!(trash.lines().nth(1).is_some_and(|line| line.contains("Trip (and 3 more)")), "{trash}");
}

#[test]
fn undo_names_what_people_know_and_what_is_in_the_way() {
    let daemon = daemon();
    ok(&daemon, &["todo", "add", "Buy milk", "--id", "milk"]);
    ok(&daemon, &["todo", "comment", "milk", "two litres"]);
    assert_eq!(
        ok(&daemon, &["undo"]),
        "undid revision 2: created comment two litres -> removed (revision 3)"
    );
    ok(&daemon, &["redo"]);
    ok(&daemon, &["todo", "rm", "milk"]);
    let said = ok(&daemon, &["undo", "5"]);
    assert_eq!(said, "undid revision 5: deleted todo Buy milk and 1 more -> restored (revision 6)");
    ok(&daemon, &["todo", "edit", "milk", "--title", "Buy tea"]);
    ok(&daemon, &["todo", "edit", "milk", "--title", "Buy more tea"]);
    let refused = ctl(&daemon, &["undo", "7"]);
    assert_eq!(refused.code, 5);
    assert_eq!(
        refused.err,
        "stinactl: it has changed since\n  todo milk (Buy more tea) has changed since\n  --force puts it back all the same\n"
    );
    ok(&daemon, &["undo", "7", "--force"]);
    assert_eq!(ctl(&daemon, &["todo", "show", "milk", "--json"]).json()[0]["value"]["title"], "Buy milk");
    assert_eq!(ctl(&daemon, &["undo", "99"]).code, 6);
    assert_eq!(ctl(&daemon, &["undo", "0"]).code, 6);
    assert_eq!(ctl(&daemon, &["undo", "x"]).code, 2);

    ok(&daemon, &["chat", "new", "Trip"]);
    assert_eq!(
        ok(&daemon, &["undo"]),
        "undid revision 10: created conversation Trip and 1 more -> removed (revision 11)"
    );
}

#[test]
fn what_belongs_to_something_gone_says_what_to_undo_first() {
    let daemon = daemon();
    ok(&daemon, &["todo", "add", "x", "--id", "t"]);
    let comment = ctl(&daemon, &["todo", "comment", "t", "y", "--json"]).json()[0]["value"]["id"].clone();
    ok(&daemon, &["todo", "uncomment", comment.as_str().unwrap()]);
    ok(&daemon, &["todo", "rm", "t"]);
    let refused = ctl(&daemon, &["undo", "3"]);
    assert_eq!(refused.code, 5);
    assert!(
        refused.err.ends_with("  todo t was deleted by revision 4: `stinactl undo 4` first\n"),
        "{}",
        refused.err
    );
}

#[test]
fn history_and_trash_are_listed() {
    let daemon = daemon();
    ok(&daemon, &["todo", "add", "Buy milk", "--id", "milk-1"]);
    ok(&daemon, &["todo", "comment", "milk-1", "two litres"]);
    ok(&daemon, &["kv", "set", "same", "1"]);
    ok(&daemon, &["memory", "add", "T", "tea", "--id", "same"]);
    ok(&daemon, &["todo", "rm", "milk-1"]);
    ok(&daemon, &["kv", "delete", "same"]);
    let rows = |args: &[&str]| -> Vec<String> {
        let lines = ok(&daemon, args);
        lines.lines().skip(1).map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
    };
    let trash = rows(&["trash"]);
    assert!(trash[0].starts_with("6 ") && trash[0].ends_with(" kv same same"), "{trash:?}");
    assert!(
        trash[1].starts_with("5 ") && trash[1].ends_with(" todo Buy milk (and 1 more) milk-1"),
        "{trash:?}"
    );
    assert_eq!(rows(&["trash", "--module", "kv"]).len(), 1);
    assert_eq!(ctl(&daemon, &["trash", "--json"]).json().len(), 3);
    assert_eq!(ctl(&daemon, &["trash", "--module", "nothing"]).code, 6);

    // A prefix is enough, of what is in the trash too.
    let history = rows(&["history", "milk"]);
    assert_eq!(history.len(), 3, "{history:?}");
    assert!(history[0].contains(" stinactl deleted Buy milk"), "{history:?}");
    assert!(history[1].contains(" changed commentCount: 1"), "{history:?}");
    assert!(history[2].contains(" created Buy milk"), "{history:?}");
    let ambiguous = ctl(&daemon, &["history", "same"]);
    assert_eq!(ambiguous.code, 6);
    assert!(ambiguous.err.contains("--entity kv same") && ambiguous.err.contains("--entity memory same"));
    assert_eq!(rows(&["history", "same", "--entity", "kv"]).len(), 2);
    let one = ctl(&daemon, &["history", "same", "--entity", "memory", "--json"]).json();
    assert_eq!((&one[0]["op"], &one[0]["after"]["content"]), (&json!("put"), &json!("tea")));
    assert_eq!(ctl(&daemon, &["history", "nobody"]).code, 4);
    ok(&daemon, &["undo", "5"]);
    assert!(rows(&["history", "milk-1"])[0].contains(" created (undo of 5) Buy milk"));
}
