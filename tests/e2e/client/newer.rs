//! A newer daemon sends names, events and errors that this client does not know: it keeps them, and goes on.

use super::{connect, event};
use crate::daemon;
use serde_json::{Value, json};
use stina_client::mirror::Todos;
use stina_client::protocol::chat::Role;
use stina_client::protocol::error::UnknownError;
use stina_client::protocol::event::{Event, Op, ResetReason, Start};
use stina_client::protocol::todo::Status;
use stina_client::protocol::{Error as Kind, kv};
use stina_tests::Scripted;

fn todo(id: &str, status: &str) -> Value {
    json!({"id": id, "title": id, "description": null, "status": status, "dueAt": null, "metadata": null,
        "source": null, "commentCount": 0, "createdAt": 0, "updatedAt": 0, "rev": 1, "colour": "red"})
}

#[tokio::test]
async fn one_todo_with_a_new_status_leaves_its_list_readable() {
    let newer = Scripted::start(|stage| {
        let items = json!([todo("a", "not_started"), todo("b", "delegated"), todo("not an id", "completed")]);
        stage.reply(json!({"rev": 1, "value": {"items": items, "next": null}}));
    });
    let client = connect(&newer.socket()).await;
    let todos = client.todos().list().await.unwrap().value.items;
    let found: Vec<(&str, &Status)> = todos.iter().map(|todo| (todo.id.as_str(), &todo.status)).collect();
    let delegated = Status::Unknown("delegated".to_owned());
    assert_eq!(found, [("a", &Status::NotStarted), ("b", &delegated), ("not an id", &Status::Completed)]);
    assert_eq!(serde_json::to_value(&todos[1]).unwrap()["status"], "delegated");
}

#[tokio::test]
async fn a_mirror_shows_a_todo_with_a_new_status() {
    let newer = Scripted::start(|stage| {
        stage.reply(json!(1));
        let change = json!({"entity": "todo", "op": "put", "id": "b", "value": todo("b", "delegated")});
        let changes =
            json!({"type": "change", "rev": 1, "prev": 0, "at": 0, "initial": true, "changes": [change]});
        stage.send_event(1, changes);
        stage.send_event(1, json!({"type": "synced", "rev": 1}));
    });
    let client = connect(&newer.socket()).await;
    let mirror = super::ready(client.todos().mirror(Todos::default())).await;
    assert_eq!(mirror.snapshot().items[0].status.as_str(), "delegated");
    let none =
        super::ready(client.todos().mirror(Todos { statuses: Some(vec![]), ..Todos::default() })).await;
    assert!(none.is_empty(), "no status is wanted");
}

#[tokio::test]
async fn events_that_are_not_known_end_no_stream() {
    let newer = Scripted::start(|stage| {
        stage.reply(json!(1));
        for event in [
            json!({"type": "synced", "rev": 1}),
            json!({"type": "renamed", "from": "a", "rev": {"not": "a number"}}),
            json!({"type": "reset", "reason": "moved", "rev": 4}),
            json!({"type": "change", "rev": 5, "prev": 4, "at": 0, "changes": [{"entity": "kv", "op": "touch", "id": "a"}]}),
        ] {
            stage.send_event(1, event);
        }
    });
    let client = connect(&newer.socket()).await;
    let params = kv::SubscribeParams { head: Start::after(1), ..Default::default() };
    let mut events = client.subscribe::<kv::Subscribe>(params).await.unwrap();
    assert_eq!(event(&mut events).await, Event::Synced { rev: 1 });
    let Event::Unknown(renamed) = event(&mut events).await else { panic!("an event of a new type") };
    assert_eq!(renamed.to::<Value>().unwrap()["from"], "a");
    let reason = ResetReason::Unknown("moved".to_owned());
    assert_eq!(event(&mut events).await, Event::Reset { reason, rev: 4 });
    let Event::Change(changes) = event(&mut events).await else { panic!("a change") };
    assert_eq!(changes.changes[0].op, Op::Unknown("touch".to_owned()));
}

#[tokio::test]
async fn an_error_of_a_new_kind_keeps_its_name_and_fields() {
    let newer = Scripted::start(|stage| {
        let error =
            json!({"code": -32050, "message": "the quota is used up", "data": {"kind": "quota", "left": 0}});
        let reply = json!({"jsonrpc": "2.0", "id": stage.request["id"], "error": error});
        stage.send_text(&format!("{reply}\n"));
    });
    let client = connect(&newer.socket()).await;
    let error = client.kv().get("a").await.unwrap_err();
    assert_eq!((error.name(), error.to_string().as_str()), ("quota", "the quota is used up"));
    let Some(Kind::Unknown(UnknownError { fields, .. })) = error.kind() else { panic!("{error:?}") };
    assert_eq!(fields["left"], 0);
}

#[test]
fn the_daemon_refuses_names_that_it_does_not_know() {
    let daemon = daemon();
    let mut peer = daemon.peer();
    for (method, params, field) in [
        ("todo.create", json!({"title": "x", "status": "delegated"}), "status"),
        ("todo.list", json!({"status": ["delegated"]}), "status[0]"),
        ("chat.appendMessage", json!({"role": "narrator", "content": "x"}), "role"),
        ("chat.beginMessage", json!({"role": "narrator"}), "role"),
    ] {
        let error = peer.fail(method, params);
        assert_eq!((&error["kind"], &error["field"]), (&json!("invalid"), &json!(field)), "{method}");
    }
    assert!("narrator".parse::<Role>().is_err());
}
