//! Calls as a frontend writes them: built step by step, many at once.

use super::connect;
use crate::daemon;
use serde_json::json;
use std::time::Duration;
use stina_client::protocol::chat::Role;
use stina_client::protocol::todo::Status;
use stina_client::protocol::types::Millis;
use stina_client::protocol::{EntityId, Error as Kind, RequestId};
use stina_client::{Error, when};

#[tokio::test]
async fn handles_own_what_they_need() {
    let daemon = daemon();
    let client = connect(&daemon.socket()).await;
    let set = futures_util::future::join_all((0..9).map(|i| client.kv().set(format!("k{i}"), i))).await;
    assert!(set.iter().all(Result::is_ok), "{set:?}");
    let got = futures_util::future::join_all((0..9).map(|i| client.kv().get(format!("k{i}")))).await;
    for (i, entry) in got.into_iter().enumerate() {
        assert_eq!(entry.unwrap().value.unwrap().value.get(), i.to_string());
    }
    let mirrors = ["k1", "k2"].map(|prefix| super::ready(client.kv().mirror(prefix)));
    assert!(futures_util::future::join_all(mirrors).await.iter().all(|mirror| mirror.len() == 1));
}

#[tokio::test]
async fn a_todo_is_created_changed_and_done() {
    let daemon = daemon();
    let client = connect(&daemon.socket()).await;
    let todos = client.todos();
    let at = when::parse("2026-12-24 9:00").unwrap();
    let id = EntityId::new("td_milk").unwrap();
    let new = todos.create(" Buy milk ").id(id.clone()).due(at).description("The blue one").source("a list");
    let todo = new.metadata(json!({"shop": "Ica"})).status(Status::InProgress).await.unwrap().value;
    assert_eq!((&todo.id, todo.title.as_str(), todo.due_at), (&id, "Buy milk", Some(at.get())));
    assert_eq!((todo.description.as_deref(), todo.source.as_deref()), (Some("The blue one"), Some("a list")));
    assert_eq!((todo.metadata.unwrap().json().get(), todo.status), (r#"{"shop":"Ica"}"#, Status::InProgress));

    let update = || todos.update(&id).title("Buy oat milk").due(None).description(None).metadata(());
    let stale = update().if_rev(todo.rev + 7).await.unwrap_err();
    assert!(matches!(stale.kind(), Some(Kind::Conflict { current: Some(_) })), "{stale:?}");
    let changed = update().if_rev(todo.rev).await.unwrap().value;
    assert_eq!((changed.title.as_str(), changed.due_at, changed.description), ("Buy oat milk", None, None));
    assert_eq!(
        (changed.metadata, changed.source.as_deref()),
        (None, Some("a list")),
        "one of them was not named"
    );

    todos.add_comment(&id, "no sugar").await.unwrap();
    assert_eq!(todos.list_comments([&id]).limit(5).await.unwrap().value.items[0].content, "no sugar");
    assert_eq!(todos.done(&id).await.unwrap().value.status, Status::Completed);
    for (statuses, found) in [(vec![Status::Completed], 1), (vec![Status::NotStarted], 0), (vec![], 0)] {
        assert_eq!(todos.list().statuses(statuses).await.unwrap().value.items.len(), found);
    }
    assert_eq!(todos.list().limit(1).due_after(at).await.unwrap().value.items.len(), 0);
    todos.delete(&id).if_rev(None).await.unwrap();
}

#[tokio::test]
async fn memories_conversations_and_messages_are_built_in_the_same_way() {
    let daemon = daemon();
    let client = connect(&daemon.socket()).await;
    let memories = client.memories();
    let until = Millis::new(i64::MAX / 10_000).unwrap();
    let memory = memories.create("Tea", "likes green tea").tags(["tea", "Åsa"]).valid_until(until);
    let memory = memory.await.unwrap().value;
    assert_eq!(
        (memory.tags, memory.valid_until),
        (vec!["tea".to_owned(), "Åsa".to_owned()], Some(until.get()))
    );
    let changed = memories.update(&memory.id).content("likes coffee").tags([""; 0]).valid_until(None).await;
    let changed = changed.unwrap().value;
    assert_eq!(
        (changed.content.as_str(), changed.tags.len(), changed.valid_until),
        ("likes coffee", 0, None)
    );
    assert_eq!(memories.search("coffee").limit(3).await.unwrap().value.items[0].memory.id, memory.id);
    assert_eq!(memories.get_many([&memory.id]).await.unwrap().value.items.len(), 1);
    assert_eq!(memories.list().tag("tea").await.unwrap().value.items.len(), 0);

    let chat = client.chat();
    let conversation = chat.start_conversation().title("Weather").ai_model("m").await.unwrap().value;
    let renamed =
        chat.update_conversation(&conversation.id).title(None).if_rev(conversation.rev).await.unwrap().value;
    assert_eq!((renamed.title, renamed.ai_model.as_deref()), (None, Some("m")));
    let message = chat.append(Role::User, "hej").conversation(&conversation.id).metadata(json!([1])).await;
    let message = message.unwrap().value;
    assert_eq!((&message.conversation_id, message.metadata.get()), (&conversation.id, "[1]"));
    let page = chat.list_messages().conversation(&conversation.id).limit(1).await.unwrap().value;
    assert_eq!(page.items, [message]);
}

#[tokio::test]
async fn what_is_not_valid_names_its_field_and_is_not_sent() {
    let daemon = daemon();
    let client = connect(&daemon.socket()).await;
    let field = |error: Error| match error.kind() {
        Some(Kind::Invalid { field, .. }) => field.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(field(client.todos().get("not an id").await.unwrap_err()), "id");
    assert_eq!(field(client.todos().create(" ").due(None).await.unwrap_err()), "title");
    assert_eq!(field(client.todos().create("x").metadata(7).await.unwrap_err()), "metadata");
    assert_eq!(field(client.todos().list().limit(0).await.unwrap_err()), "limit");
    assert_eq!(field(client.memories().create("x", "y").tags(["a", " "]).await.unwrap_err()), "tags");
    assert_eq!(field(client.kv().set("", 1).if_rev(0).await.unwrap_err()), "key");
    assert_eq!(client.store().ping().await.unwrap(), 0, "nothing was written");
}

#[tokio::test]
async fn one_call_has_an_id_and_a_timeout_of_its_own() {
    let daemon = daemon();
    let client = connect(&daemon.socket()).await;
    let id = RequestId::new("mine").unwrap();
    let first = client.kv().set("a", 1).request_id(id.clone()).timeout(Duration::from_secs(9)).await.unwrap();
    let again = client.kv().set("a", 1).request_id(id.clone()).await.unwrap();
    assert_eq!((first.rev, again.rev), (1, 1));
    assert_eq!(client.store().result(id.clone()).await.unwrap().rev, 1);
    let mut transaction = client.transact().request_id(id);
    transaction.add(client.kv().set("b", 1)).unwrap();
    let mismatch = transaction.commit().await.unwrap_err();
    assert_eq!(mismatch.kind(), Some(&Kind::RequestMismatch));
    let late = client.store().info().timeout(Duration::ZERO).await.unwrap_err();
    assert!(matches!(late, Error::TimedOut { .. } | Error::NotReachable { .. }), "{late:?}");
}
