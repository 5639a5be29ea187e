//! Cases of `todo.*`, over every framing, with the notifications that they cause.

use crate::daemon;
use serde_json::{Value, json};
use stina_tests::cases::{Case, err, invalid, missing, ok, run_all, taken};
use stina_tests::in_process::Setup;
use stina_tests::{Framing, InProcess};

#[test]
fn todos_reply_and_notify_the_same_over_every_framing() {
    for framing in Framing::ALL {
        let daemon = daemon();
        let mut watcher = daemon.peer();
        watcher.call("todo.subscribe", json!({}));
        let mut caller = daemon.connect(framing);
        run_all(&creates(), &mut caller, &mut watcher);
        run_all(&updates(), &mut caller, &mut watcher);
        run_all(&comments(), &mut caller, &mut watcher);
        run_all(&deletes(), &mut caller, &mut watcher);
    }
}

fn creates() -> Vec<Case> {
    let metadata: Value = serde_json::from_str(r#"{"b":12345678901234567890123,"a":{"å":[null]}}"#).unwrap();
    vec![
        ok(
            "todo.create",
            json!({"id": "a", "title": "\u{feff} Köp mjölk \n"}),
            json!({
                "id": "a", "title": "Köp mjölk", "description": null, "status": "not_started", "dueAt": null,
                "metadata": null, "source": null, "commentCount": 0, "rev": 1,
            }),
            &["put a"],
        ),
        ok(
            "todo.create",
            json!({
                "id": "b", "title": "b", "description": " kept ", "status": "In Progress", "dueAt": -1,
                "metadata": metadata, "source": "mail",
            }),
            json!({
                "description": " kept ", "status": "in_progress", "dueAt": -1, "metadata": metadata,
                "source": "mail",
            }),
            &["put b"],
        ),
        ok("todo.create", json!({"id": "c", "title": "KÖP MJÖLK", "description": ""}), json!({}), &["put c"]),
        err("todo.create", json!({"title": "x", "id": "a"}), taken("todo", "a")),
        err("todo.create", json!({}), invalid("title")),
        err("todo.create", json!({"title": " \u{a0}\u{feff}"}), invalid("title")),
        err("todo.create", json!({"title": null}), invalid("title")),
        err("todo.create", json!({"title": "x".repeat((64 << 10) + 1)}), invalid("title")),
        err("todo.create", json!({"title": "x", "id": ""}), invalid("id")),
        err("todo.create", json!({"title": "x", "id": "å"}), invalid("id")),
        err("todo.create", json!({"title": "x", "status": "open"}), invalid("status")),
        err("todo.create", json!({"title": "x", "dueAt": "2026-01-01"}), invalid("dueAt")),
        err("todo.create", json!({"title": "x", "dueAt": 1.5}), invalid("dueAt")),
        err("todo.create", json!({"title": "x", "dueAt": 8_640_000_000_000_001_i64}), invalid("dueAt")),
        err("todo.create", json!({"title": "x", "metadata": [1]}), invalid("metadata")),
        err("todo.create", json!({"title": "x", "metadata": "{}"}), invalid("metadata")),
        err("todo.create", json!({"title": "x", "createdAt": 1}), invalid("createdAt")),
        err("todo.create", json!({"title": "x", "source": 1}), invalid("source")),
        ok("todo.get", json!({"id": "b"}), json!({"id": "b", "metadata": metadata, "rev": 2}), &[]),
        err("todo.get", json!({"id": "nobody"}), missing("todo", "nobody")),
        ok("todo.find", json!({"identifier": "b"}), json!({"id": "b"}), &[]),
        ok("todo.find", json!({"identifier": " köp MJÖLK "}), json!({"id": "c"}), &[]),
        ok("todo.find", json!({"identifier": "Ko\u{308}p mjölk"}), json!({"id": "c"}), &[]),
        err("todo.find", json!({"identifier": "köp"}), missing("todo", "köp")),
        err("todo.find", json!({"identifier": " "}), invalid("identifier")),
    ]
}

fn updates() -> Vec<Case> {
    vec![
        ok(
            "todo.update",
            json!({"id": "b", "title": " B ", "status": "done", "ifRev": 2}),
            json!({"title": "B", "status": "completed", "dueAt": -1, "description": " kept ", "rev": 4}),
            &["put b"],
        ),
        err(
            "todo.update",
            json!({"id": "b", "title": "x", "ifRev": 2}),
            json!({"kind": "conflict", "current": {"id": "b", "rev": 4, "title": "B"}}),
        ),
        ok(
            "todo.update",
            json!({"id": "b", "description": null, "dueAt": null, "metadata": null, "source": null}),
            json!({"title": "B", "description": null, "dueAt": null, "metadata": null, "source": null}),
            &["put b"],
        ),
        ok(
            "todo.update",
            json!({"id": "b", "dueAt": 8_640_000_000_000_000_i64, "metadata": {}, "source": ""}),
            json!({"dueAt": 8_640_000_000_000_000_i64, "metadata": {}, "source": "", "status": "completed"}),
            &["put b"],
        ),
        ok("todo.find", json!({"identifier": "b"}), json!({"id": "b"}), &[]),
        err("todo.update", json!({"id": "b", "title": null}), invalid("title")),
        err("todo.update", json!({"id": "b", "title": " "}), invalid("title")),
        err("todo.update", json!({"id": "b", "status": null}), invalid("status")),
        err("todo.update", json!({"id": "b", "commentCount": 7}), invalid("commentCount")),
        err("todo.update", json!({"title": "x"}), invalid("id")),
        err("todo.update", json!({"id": "nobody", "title": "x", "ifRev": 1}), missing("todo", "nobody")),
    ]
}

fn comments() -> Vec<Case> {
    vec![
        ok(
            "todo.addComment",
            json!({"todoId": "a", "content": "  first\u{2028}", "id": "c1"}),
            json!({"id": "c1", "todoId": "a", "content": "first", "rev": 7}),
            &["put c1", "put a"],
        ),
        ok(
            "todo.addComment",
            json!({"todoId": "a", "content": "second", "id": "c2"}),
            json!({"id": "c2"}),
            &["put c2", "put a"],
        ),
        ok(
            "todo.addComment",
            json!({"todoId": "b", "content": "on b", "id": "c3"}),
            json!({"id": "c3", "todoId": "b"}),
            &["put c3", "put b"],
        ),
        ok("todo.get", json!({"id": "a"}), json!({"commentCount": 2, "rev": 8}), &[]),
        err("todo.addComment", json!({"todoId": "a", "content": "x", "id": "c3"}), taken("comment", "c3")),
        err("todo.addComment", json!({"todoId": "nobody", "content": "x"}), missing("todo", "nobody")),
        err("todo.addComment", json!({"todoId": "a", "content": "\n"}), invalid("content")),
        err("todo.addComment", json!({"content": "x"}), invalid("todoId")),
        ok(
            "todo.listComments",
            json!({"todoIds": ["b", "a", "nobody", "a"]}),
            json!({"items": [{"id": "c1"}, {"id": "c2"}, {"id": "c3"}], "next": null}),
            &[],
        ),
        ok("todo.listComments", json!({"todoIds": []}), json!({"items": [], "next": null}), &[]),
        err("todo.listComments", json!({}), invalid("todoIds")),
        err("todo.listComments", json!({"todoIds": ["a", 1]}), invalid("todoIds[1]")),
        err("todo.listComments", json!({"todoIds": vec!["a"; 1001]}), invalid("todoIds")),
        err("todo.listComments", json!({"todoIds": ["a"], "cursor": "x"}), invalid("cursor")),
        err("todo.deleteComment", json!({"id": "c3", "ifRev": 8}), json!({"kind": "conflict"})),
        ok(
            "todo.deleteComment",
            json!({"id": "c3", "ifRev": 9}),
            json!({"id": "c3", "content": "on b"}),
            &["delete c3", "put b"],
        ),
        err("todo.deleteComment", json!({"id": "c3"}), missing("comment", "c3")),
        ok("todo.get", json!({"id": "b"}), json!({"commentCount": 0, "rev": 10}), &[]),
    ]
}

fn deletes() -> Vec<Case> {
    vec![
        err(
            "todo.delete",
            json!({"id": "a", "ifRev": 1}),
            json!({"kind": "conflict", "current": {"id": "a", "rev": 8}}),
        ),
        ok(
            "todo.delete",
            json!({"id": "a", "ifRev": 8}),
            json!({"id": "a", "commentCount": 2}),
            &["delete c1", "delete c2", "delete a"],
        ),
        err("todo.delete", json!({"id": "a"}), missing("todo", "a")),
        ok("todo.listComments", json!({"todoIds": ["a"]}), json!({"items": []}), &[]),
        ok(
            "store.transact",
            json!({"ops": [
                {"method": "todo.create", "params": {"id": "a", "title": "again"}},
                {"method": "todo.addComment", "params": {"todoId": "a", "id": "c1", "content": "x"}},
            ]}),
            json!({"results": [{"id": "a", "commentCount": 0}, {"id": "c1"}]}),
            &["put a", "put c1", "put a"],
        ),
        err(
            "store.transact",
            json!({"ops": [
                {"method": "todo.delete", "params": {"id": "a"}},
                {"method": "todo.delete", "params": {"id": "a"}},
            ]}),
            json!({"kind": "not_found", "index": 1}),
        ),
        ok("todo.get", json!({"id": "a"}), json!({"title": "again", "commentCount": 1}), &[]),
    ]
}

#[test]
fn generated_ids_have_their_prefix_and_sort_by_creation() {
    let daemon = InProcess::start(Setup::default());
    let mut peer = daemon.peer();
    let id_of = |reply: Value| reply["value"]["id"].as_str().unwrap().to_owned();
    let todos: Vec<String> =
        (0..20).map(|_| id_of(peer.call("todo.create", json!({"title": "same"})))).collect();
    assert!(todos.is_sorted() && todos.iter().all(|id| id.starts_with("td_")), "{todos:?}");
    let comment = id_of(peer.call("todo.addComment", json!({"todoId": todos[0], "content": "x"})));
    assert!(comment.starts_with("tc_"), "{comment}");
    assert_eq!(id_of(peer.call("todo.find", json!({"identifier": "SAME"}))), todos[19]);
}

#[test]
fn initial_has_every_todo_and_comment_in_memory_too() {
    for memory in [false, true] {
        let daemon = InProcess::start(Setup { memory, ..Default::default() });
        let mut peer = daemon.peer();
        peer.call("kv.set", json!({"key": "k", "value": 1}));
        peer.call("todo.create", json!({"id": "a", "title": "a"}));
        peer.call("todo.addComment", json!({"todoId": "a", "content": "x", "id": "c1"}));
        peer.call("todo.subscribe", json!({"initial": true}));
        let events = peer.events_until(|event| event["type"] == "synced");
        let ids: Vec<&str> = events
            .iter()
            .filter(|event| event["initial"] == true)
            .flat_map(|event| event["changes"].as_array().unwrap())
            .map(|change| change["id"].as_str().unwrap())
            .collect();
        assert_eq!(ids, ["a", "c1"]);
    }
}
