//! Mirrors of todos, memories, conversations and messages show what the lists show.

use super::connect;
use crate::daemon;
use serde_json::{Value, json};
use stina_client::mirror::{Conversations, Memories, Messages, Todos};
use stina_client::protocol::EntityId;
use stina_tests::Peer;

fn ids(peer: &mut Peer, method: &str, params: Value) -> Vec<String> {
    let page = peer.call(method, params);
    let items = page["value"]["items"].as_array().unwrap();
    items.iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mirror_of_todos_has_the_order_of_the_list_and_drops_what_is_done() {
    let daemon = daemon();
    let mut peer = daemon.peer();
    let client = connect(&daemon.socket()).await;
    let mirror = client.todos().mirror(Todos::open()).await.unwrap();
    for (id, due) in
        [("a", json!(5)), ("b", Value::Null), ("c", json!(3)), ("d", Value::Null), ("e", json!(4))]
    {
        peer.call("todo.create", json!({"id": id, "title": id, "dueAt": due}));
    }
    peer.call("todo.update", json!({"id": "b", "dueAt": 1}));
    let rev = peer.call("todo.update", json!({"id": "e", "status": "done"}))["rev"].as_u64().unwrap();
    mirror.wait(rev).await.unwrap();
    let shown: Vec<String> = mirror.snapshot().items.iter().map(|todo| todo.id.clone()).collect();
    assert_eq!(shown, ids(&mut peer, "todo.list", json!({"status": ["not_started", "in_progress"]})));
    assert_eq!(shown, ["b", "c", "a", "d"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn mirrors_of_memories_and_conversations_have_the_order_of_their_lists() {
    let daemon = daemon();
    let mut peer = daemon.peer();
    for n in 0..5 {
        peer.call(
            "memory.create",
            json!({"title": "", "content": "x", "tags": if n % 2 == 0 { ["even"] } else { ["odd"] }}),
        );
        peer.call("chat.startConversation", json!({"title": n.to_string()}));
    }
    let client = connect(&daemon.socket()).await;
    let memories = client.memories().mirror(Memories { tag: Some("even".into()) }).await.unwrap();
    let shown: Vec<String> = memories.snapshot().items.iter().map(|memory| memory.id.clone()).collect();
    assert_eq!(shown, ids(&mut peer, "memory.list", json!({"tag": "even"})));
    let conversations = client.mirror(Conversations).await.unwrap();
    let shown: Vec<String> = conversations.snapshot().items.iter().map(|c| c.id.clone()).collect();
    assert_eq!((shown.len(), &shown), (5, &ids(&mut peer, "chat.listConversations", json!({}))));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mirror_of_messages_grows_word_by_word() {
    let daemon = daemon();
    let mut owner = daemon.peer();
    owner.call("chat.startConversation", json!({"id": "c"}));
    owner.call("chat.appendMessage", json!({"role": "user", "content": "fråga"}));
    let begun = owner.call("chat.beginMessage", json!({"role": "assistant", "content": "", "id": "m"}));
    let client = connect(&daemon.socket()).await;
    let conversation = EntityId::new("c").unwrap();
    let mirror = client.chat().mirror_messages(Messages::of(conversation)).await.unwrap();
    let (snapshot, mut patches) = mirror.watch();
    assert_eq!(snapshot.items.len(), 2, "{begun}");
    let mut offset = 0;
    for word in ["hej ", "på ", "dig 🙂"] {
        owner.call("chat.appendDelta", json!({"messageId": "m", "offset": offset, "text": word}));
        offset += word.len();
    }
    let mut list = snapshot.items;
    while list[1].content != "hej på dig 🙂" {
        let patch = tokio::time::timeout(stina_tests::DEADLINE, patches.next()).await.expect("in time");
        patch.expect("the mirror lives").apply(&mut list);
    }
    let rev = owner.call("chat.finishMessage", json!({"messageId": "m"}))["rev"].as_u64().unwrap();
    mirror.wait(rev).await.unwrap();
    let shown: Vec<String> = mirror.snapshot().items.iter().map(|message| message.content.clone()).collect();
    assert_eq!(shown, ["fråga", "hej på dig 🙂"]);
}
