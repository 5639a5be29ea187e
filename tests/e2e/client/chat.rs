//! An interaction scope, and messages written through the client.

use super::{connect, soon, state};
use crate::daemon;
use serde_json::{Value, json};
use std::time::Duration;
use stina_client::protocol::chat::{MessageState, Role, SubscribeParams};
use stina_client::protocol::event::Event;
use stina_client::protocol::{EntityId, Error as Kind, Json};
use stina_client::{ConnectionState, Error, Stopped, Subscription};
use stina_tests::{Peer, Scripted, eventually};

/// A message as the store has it.
fn stored(peer: &mut Peer, id: &str) -> Value {
    let page = peer.call("chat.listMessages", json!({}));
    page["value"]["items"].as_array().unwrap().iter().find(|m| m["id"] == id).expect("it is there").clone()
}

/// Adds up the words of a message until they are as long as `bytes`.
async fn words(events: &mut Subscription, message: &str, bytes: usize) -> String {
    let mut text = String::new();
    while text.len() < bytes {
        if let Event::Delta(delta) = super::event(events).await
            && delta.message_id == message
        {
            text.truncate(usize::try_from(delta.offset).unwrap());
            text.push_str(&delta.text);
        }
    }
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_of_one_scope_are_one_interaction() {
    let daemon = daemon();
    let client = connect(&daemon.socket()).await;
    let chat = client.chat();
    assert!(chat.current().await.unwrap().is_none());
    let scope = chat.interaction().answered_by("openai");
    assert!(matches!(scope.abort().await, Err(Error::Rpc(_))), "it has no messages");
    let first = scope.instruction("be kind").await.unwrap().value;
    // Another conversation becomes current: what belongs together stays together.
    let other = chat.start_conversation().await.unwrap().value;
    scope.user("hej").await.unwrap();
    scope.tool("weather.now", json!({"place": "Umeå"})).await.unwrap();
    scope.info("a note").await.unwrap();
    scope.automation("todo-alerts", "milk is due").await.unwrap();
    scope.error("no network").await.unwrap();
    let mut answer = scope.stream(Role::Assistant).await.unwrap();
    answer.push("hej ").await.unwrap();
    answer.push("då").await.unwrap();
    assert_eq!(answer.finish().await.unwrap().value.state, MessageState::Complete);
    scope.assistant("that is all").await.unwrap();

    let stored = chat.get_interaction(scope.id()).await.unwrap().value;
    assert_eq!(stored.conversation_id, first.conversation_id);
    assert_ne!(stored.conversation_id, other.id);
    let messages: Vec<(Role, String, String)> = stored
        .messages
        .unwrap()
        .into_iter()
        .map(|m| {
            assert_eq!(m.provider.as_deref(), Some("openai"));
            (m.role, m.content, m.metadata.get().to_owned())
        })
        .collect();
    let expected = [
        (Role::Instructions, "be kind", "null"),
        (Role::User, "hej", "null"),
        (Role::Tool, "weather.now", r#"{"place":"Umeå"}"#),
        (Role::Info, "a note", "null"),
        (Role::Info, "milk is due", r#"{"automation":"todo-alerts"}"#),
        (Role::Error, "no network", "null"),
        (Role::Assistant, "hej då", "null"),
        (Role::Assistant, "that is all", "null"),
    ];
    assert_eq!(messages, expected.map(|(role, text, metadata)| (role, text.to_owned(), metadata.to_owned())));
    // In a conversation that is named, and in none that is not there.
    let named = chat.interaction().conversation(&other.id).user("here").await.unwrap().value;
    assert_eq!(named.conversation_id, other.id);
    assert_eq!(chat.count_messages().conversation(&other.id).await.unwrap().value, 1);
    assert!(chat.interaction().conversation("c_unknown").user("x").await.is_err());
    let invalid = chat.interaction().conversation("not an id").user("x").await.unwrap_err();
    assert!(matches!(invalid.kind(), Some(Kind::Invalid { field, .. }) if field == "conversationId"));
    assert!(scope.abort().await.unwrap().value.aborted);
}

#[tokio::test(flavor = "multi_thread")]
async fn text_arrives_once_for_any_bytes_and_any_dropped_call() {
    let daemon = daemon();
    let client = connect(&daemon.socket()).await;
    let mut stream = client.chat().interaction().stream(Role::Assistant).await.unwrap();
    let message = stream.message().clone();
    let mut events =
        connect(&daemon.socket()).await.chat().subscribe(SubscribeParams::default()).await.unwrap();
    let all = ["å", "äö", "", "日本", "語 🙂", "\0\n"];
    for word in all {
        // Dropped before it was answered, or not.
        let _ = tokio::time::timeout(Duration::ZERO, stream.push(word)).await;
    }
    stream.push("slut").await.unwrap();
    let text = all.concat() + "slut";
    assert_eq!(words(&mut events, &message.id, text.len()).await, text);
    let done = stream.finish_with(None, Some(Json::parse("[1]").unwrap())).await.unwrap().value;
    assert_eq!((done.content.as_str(), done.metadata.get(), done.aborted), (text.as_str(), "[1]", false));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unfinished_message_is_aborted() {
    let daemon = daemon();
    let mut peer = daemon.peer();
    let client = connect(&daemon.socket()).await;
    let scope = client.chat().interaction();
    let mut dropped = scope.stream(Role::Assistant).await.unwrap();
    dropped.push("half").await.unwrap();
    let id = dropped.message().id.clone();
    drop(dropped);
    // The client goes on, so it is not the connection that ends it.
    eventually("it is aborted", || stored(&mut peer, &id)["state"] == "complete");
    let message = stored(&mut peer, &id);
    assert_eq!((&message["aborted"], &message["content"]), (&json!(true), &json!("half")));
    let whole = client.chat().interaction().stream(Role::Assistant).await.unwrap();
    assert!(!whole.finish_with(Some("other".to_owned()), None).await.unwrap().value.aborted);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_writer_of_a_message_receives_its_cancel() {
    let daemon = daemon();
    let client = connect(&daemon.socket()).await;
    let other = connect(&daemon.socket()).await;
    let chat = client.chat();
    // Ten at once, of which one is cancelled.
    let mut streams = Vec::new();
    for _ in 0..10 {
        streams.push(chat.interaction().stream(Role::Assistant).await.unwrap());
    }
    let mut cancelled = streams.swap_remove(3);
    cancelled.push("so far").await.unwrap();
    assert!(other.chat().cancel_message(&cancelled.message().id).await.unwrap());
    assert_eq!(soon("the cancel", cancelled.stopped()).await, Stopped::Cancelled);
    cancelled.push(" and a last word").await.unwrap();
    let aborted = cancelled.abort().await.unwrap().value;
    assert_eq!((aborted.aborted, aborted.content.as_str()), (true, "so far and a last word"));
    assert!(!other.chat().cancel_message(&aborted.id).await.unwrap());

    let mut ended = streams.swap_remove(0);
    other.chat().abort_message(&ended.message().id).await.unwrap();
    assert_eq!(soon("the end", ended.stopped()).await, Stopped::Ended);
    assert!(matches!(ended.push("x").await, Err(Error::Rpc(_))));
    for stream in streams {
        assert!(!stream.finish().await.unwrap().value.aborted);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_streams_of_a_client_share_one_subscription() {
    let daemon = daemon();
    let mut peer = daemon.peer();
    let client = connect(&daemon.socket()).await;
    let chat = client.chat();
    let mut subscriptions = || -> usize {
        let clients = peer.call("store.clients", json!({}));
        let clients = clients["clients"].as_array().unwrap();
        clients.iter().map(|client| client["subscriptions"].as_array().unwrap().len()).sum()
    };
    let scope = chat.interaction();
    let mut streams = Vec::new();
    // As many as the daemon lets be open, which is also how many subscriptions a connection may have.
    for _ in 0..64 {
        streams.push(scope.stream(Role::Assistant).await.unwrap());
    }
    let _mine = chat.subscribe(SubscribeParams::default()).await.unwrap();
    assert_eq!(subscriptions(), 2);
    chat.cancel_message(&streams[40].message().id).await.unwrap();
    chat.abort_message(&streams[50].message().id).await.unwrap();
    assert_eq!(soon("the cancel", streams[40].stopped()).await, Stopped::Cancelled);
    assert_eq!(soon("the end", streams[50].stopped()).await, Stopped::Ended);
    let other = tokio::time::timeout(Duration::ZERO, streams[0].stopped()).await;
    assert!(other.is_err(), "nobody asks for it");
    drop(streams);
    eventually("nothing is listened for", || subscriptions() == 1);
    // And again, after a break.
    let again = scope.stream(Role::Assistant).await.unwrap();
    assert_eq!(subscriptions(), 2);
    chat.cancel_message(&again.message().id).await.unwrap();
    assert_eq!(soon("the cancel", again.stopped()).await, Stopped::Cancelled);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_whose_begin_call_is_dropped_is_aborted() {
    let daemon = daemon();
    let mut peer = daemon.peer();
    let client = connect(&daemon.socket()).await;
    let scope = || client.chat().interaction();
    let steady = scope().stream(Role::Assistant).await.unwrap();
    let mut dropped = 0;
    for tenths in 0..40 {
        let scope = scope();
        let begin = scope.stream(Role::Assistant);
        dropped +=
            usize::from(tokio::time::timeout(Duration::from_micros(tenths * 100), begin).await.is_err());
    }
    assert!(dropped > 0);
    let open = |peer: &mut Peer| {
        let page = peer.call("chat.listMessages", json!({}))["value"].take();
        page["items"].as_array().unwrap().iter().filter(|m| m["state"] == "streaming").count()
    };
    eventually("only one is written", || open(&mut peer) == 1);
    assert!(!steady.finish().await.unwrap().value.aborted);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_that_is_taken_leaves_its_message_as_it_is() {
    let daemon = daemon();
    let client = connect(&daemon.socket()).await;
    let begin = || client.chat().stream(Role::Assistant).id(EntityId::new("m").unwrap());
    let mut stream = begin().await.unwrap();
    let mut conversation = stream.message().conversation_id.clone();
    assert!(matches!(begin().await, Err(Error::Rpc(_))));
    client.chat().cancel_message("m").await.unwrap();
    assert_eq!(soon("the cancel", stream.stopped()).await, Stopped::Cancelled);
    stream.push("whole").await.unwrap();
    assert!(!stream.finish().await.unwrap().value.aborted);
    // Once it is gone the id is free, and what is still on its way of it is not of the next.
    let _keeps_listening = client.chat().stream(Role::Assistant).await.unwrap();
    for _ in 0..20 {
        let chat = client.chat();
        chat.delete_conversation(conversation).await.unwrap();
        let mut stream = begin().await.unwrap();
        stream.push("x").await.unwrap();
        assert!(tokio::time::timeout(Duration::ZERO, stream.stopped()).await.is_err());
        conversation = stream.message().conversation_id.clone();
        assert!(!stream.finish().await.unwrap().value.aborted);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_connection_ends_the_message_and_not_the_scope() {
    let mut daemon = daemon();
    let client = connect(&daemon.socket()).await;
    let scope = client.chat().interaction();
    let mut stream = scope.stream(Role::Assistant).await.unwrap();
    stream.push("before").await.unwrap();
    let id = stream.message().id.clone();
    daemon.kill();
    daemon.restart();
    state(
        &client,
        "connected again",
        |state| matches!(state, ConnectionState::Connected { pid, .. } if *pid == daemon.pid()),
    )
    .await;
    assert_eq!(soon("the end", stream.stopped()).await, Stopped::Ended);
    assert!(matches!(stream.push("after").await, Err(Error::Rpc(_))));
    assert!(stream.finish().await.is_err());
    let message = stored(&mut daemon.peer(), &id);
    assert_eq!((&message["aborted"], &message["state"]), (&json!(true), &json!("complete")));
    assert!("before".starts_with(message["content"].as_str().unwrap()));
    let again = scope.stream(Role::Assistant).await.unwrap();
    assert_eq!(&again.message().interaction_id, scope.id());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_finished_or_dropped_is_stopped() {
    let daemon = daemon();
    let client = connect(&daemon.socket()).await;
    let scope = client.chat().interaction();
    let _keeps_listening = scope.stream(Role::Assistant).await.unwrap();
    let finished = scope.stream(Role::Assistant).await.unwrap();
    let stopped = finished.stopped();
    finished.finish().await.unwrap();
    assert_eq!(soon("the end", stopped).await, Stopped::Ended);
    let dropped = scope.stream(Role::Assistant).await.unwrap();
    let stopped = dropped.stopped();
    drop(dropped);
    assert_eq!(soon("the end", stopped).await, Stopped::Ended);
    let of_closed = scope.stream(Role::Assistant).await.unwrap();
    client.close().await;
    assert_eq!(soon("the end", of_closed.stopped()).await, Stopped::Ended);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_ended_among_missed_changes_is_stopped_and_no_other() {
    // A daemon that resets the listener once a message has begun, and does not know message 2.
    let mut begun = 0;
    let scripted = Scripted::start(move |stage| match stage.method {
        "chat.subscribe" => {
            stage.reply(json!(1));
            stage.send_event(1, json!({"type": "synced", "rev": 1}));
        }
        "chat.beginMessage" => {
            begun += 1;
            let id = stage.request["params"]["id"].clone();
            let message = json!({"id": id, "conversationId": "c", "interactionId": "i", "seq": begun, "role": "assistant",
                "content": "", "metadata": null, "provider": null, "aborted": false, "state": "streaming", "createdAt": 0,
                "rev": 100 + begun});
            // The second one has begun and ended before the reset, which comes before the answer.
            if begun == 2 {
                stage.send_event(1, json!({"type": "reset", "reason": "compacted", "rev": 200}));
            }
            stage.reply(json!({"rev": 100 + begun, "value": message}));
        }
        "chat.appendDelta" if stage.request["params"]["messageId"] == "m1" => {
            stage.reply(json!({"offset": 0}))
        }
        "chat.appendDelta" => stage.refuse("internal"),
        _ => stage.reply(json!({"rev": 300, "value": null})),
    });
    let client = connect(&scripted.socket()).await;
    let begin = async |id: &str| client.chat().stream(Role::Assistant).id(EntityId::new(id).unwrap()).await;
    let first = begin("m1").await.unwrap();
    let second = begin("m2").await.unwrap();
    assert_eq!(soon("the end", second.stopped()).await, Stopped::Ended);
    let other = tokio::time::timeout(Duration::ZERO, first.stopped()).await;
    assert!(other.is_err(), "it is streaming");
}
