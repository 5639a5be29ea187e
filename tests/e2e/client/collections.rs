//! Mirrors of todos, memories, conversations and messages show what the lists show.

use super::{connect, ready, soon};
use crate::daemon;
use serde_json::{Value, json};
use stina_client::mirror::{Conversations, Diff, Memories, Messages, Todos};
use stina_client::protocol::EntityId;
use stina_client::protocol::chat::InitialMessages;
use stina_tests::{Peer, Scripted};

fn ids(peer: &mut Peer, method: &str, params: Value) -> Vec<String> {
    let page = peer.call(method, params);
    let items = page["value"]["items"].as_array().unwrap();
    items.iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mirror_of_todos_has_the_order_of_the_list_and_drops_done_todos() {
    let daemon = daemon();
    let mut peer = daemon.peer();
    let client = connect(&daemon.socket()).await;
    let mirror = ready(client.todos().mirror(Todos::open())).await;
    for (id, due) in
        [("a", json!(5)), ("b", Value::Null), ("c", json!(3)), ("d", Value::Null), ("e", json!(4))]
    {
        peer.call("todo.create", json!({"id": id, "title": id, "dueAt": due}));
    }
    peer.call("todo.update", json!({"id": "b", "dueAt": 1}));
    let rev = peer.call("todo.update", json!({"id": "e", "status": "done"}))["rev"].as_u64().unwrap();
    mirror.wait(rev).await.unwrap();
    let shown: Vec<String> = mirror.snapshot().items.iter().map(|todo| todo.id.to_string()).collect();
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
    let memories =
        ready(client.memories().mirror(Memories { tag: Some("even".into()), ..Memories::default() })).await;
    let shown: Vec<String> = memories.snapshot().items.iter().map(|memory| memory.id.to_string()).collect();
    assert_eq!(shown, ids(&mut peer, "memory.list", json!({"tag": "even"})));
    let conversations = ready(client.mirror(Conversations)).await;
    let shown: Vec<String> = conversations.snapshot().items.iter().map(|c| c.id.to_string()).collect();
    assert_eq!((shown.len(), &shown), (5, &ids(&mut peer, "chat.listConversations", json!({}))));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mirror_of_messages_grows_with_each_delta() {
    let daemon = daemon();
    let mut owner = daemon.peer();
    owner.call("chat.startConversation", json!({"id": "c"}));
    owner.call("chat.appendMessage", json!({"role": "user", "content": "fråga"}));
    let begun = owner.call("chat.beginMessage", json!({"role": "assistant", "content": "", "id": "m"}));
    let client = connect(&daemon.socket()).await;
    let conversation = EntityId::new("c").unwrap();
    let mirror = ready(client.chat().mirror_messages(Messages::of(conversation))).await;
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

#[tokio::test(flavor = "multi_thread")]
async fn a_mirror_of_todos_has_the_same_todos_as_the_list() {
    let daemon = daemon();
    let mut peer = daemon.peer();
    let rev = ["open", "closed", "archived"].map(|id| {
        let status = if id == "open" { "pending" } else { "done" };
        peer.call("todo.create", json!({"id": id, "title": id, "status": status}))["rev"].as_u64()
    })[2];
    let shell = rusqlite::Connection::open(daemon.database()).unwrap();
    shell.execute("UPDATE todos SET updated_at = 0 WHERE id = 'archived'", []).unwrap();
    stina_tests::eventually("it is noticed", || peer.call("store.ping", json!({}))["rev"].as_u64() > rev);
    let client = connect(&daemon.socket()).await;
    for include_archived in [false, true] {
        let which = Todos { include_archived, ..Todos::default() };
        let mirror = ready(client.todos().mirror(which)).await;
        let shown: Vec<String> = mirror.snapshot().items.iter().map(|todo| todo.id.to_string()).collect();
        assert_eq!(shown, ids(&mut peer, "todo.list", json!({"includeArchived": include_archived})));
        assert_eq!(shown.len(), 2 + usize::from(include_archived));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_memory_leaves_its_mirror() {
    let daemon = daemon();
    let mut peer = daemon.peer();
    let now = || std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_millis();
    let remember = |peer: &mut Peer, id: &str, valid_until: Value| {
        peer.call("memory.create", json!({"id": id, "title": "", "content": "x", "validUntil": valid_until}))
    };
    remember(&mut peer, "over", json!(now() - 1000));
    remember(&mut peer, "always", json!(null));
    let client = connect(&daemon.socket()).await;
    let mirror = ready(client.memories().mirror(Memories::default())).await;
    let all = Memories { include_expired: true, ..Memories::default() };
    let all = ready(client.memories().mirror(all)).await;
    let (_, mut patches) = mirror.watch();
    assert_eq!((mirror.len(), all.len()), (1, 2));

    let ends = now() + 2000;
    remember(&mut peer, "soon-over", json!(ends));
    let came = soon("it comes", patches.next()).await.unwrap();
    assert!(matches!(&came.diffs[..], [Diff::Inserted { at: 0, .. }]), "{came:?}");
    let went = soon("it goes", patches.next()).await.unwrap();
    assert!(matches!(&went.diffs[..], [Diff::Removed { at: 0 }]), "{went:?}");
    assert!(now() > ends, "not before it is over");
    let valid = json!({"id": "soon-over", "validUntil": now() + 3_600_000});
    let rev = peer.call("memory.update", valid)["rev"].as_u64().unwrap();
    mirror.wait(rev).await.unwrap();
    all.wait(rev).await.unwrap();
    assert_eq!((mirror.len(), all.len()), (2, 3), "valid again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_memory_that_expires_before_the_snapshot_is_complete_is_dropped_too() {
    let now = || i64::try_from(std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_millis()).unwrap();
    let slow = Scripted::start(move |stage| {
        stage.reply(json!(1));
        let ends = now() + 100;
        let memory = json!({"id": "a", "title": "", "content": "", "metadata": null, "source": null, "tags": [],
            "validUntil": ends, "createdAt": 0, "updatedAt": 0, "rev": 1});
        let change = json!({"entity": "memory", "op": "put", "id": "a", "value": memory});
        stage.send_event(
            1,
            json!({"type": "change", "rev": 1, "prev": 0, "at": 0, "initial": true, "changes": [change]}),
        );
        // The mirror has looked at the clock by then.
        stina_tests::eventually("it is over", || now() > ends + 200);
        stage.send_event(1, json!({"type": "synced", "rev": 1}));
    });
    let client = connect(&slow.socket()).await;
    let mirror = ready(client.memories().mirror(Memories::default())).await;
    stina_tests::eventually("it goes", || mirror.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mirror_of_the_last_messages_has_no_older_ones_among_them() {
    let daemon = daemon();
    let mut peer = daemon.peer();
    peer.call("chat.startConversation", json!({"id": "c"}));
    let append = |peer: &mut Peer, id: &str| {
        peer.call("chat.appendMessage", json!({"role": "user", "content": "", "id": id, "interactionId": id}))
    };
    for id in ["1", "2", "3", "4"] {
        append(&mut peer, id);
    }
    let client = connect(&daemon.socket()).await;
    let which =
        Messages { last: InitialMessages::new(2).unwrap(), ..Messages::of(EntityId::new("c").unwrap()) };
    let mirror = ready(client.chat().mirror_messages(which)).await;
    let shown = || mirror.snapshot().items.iter().map(|m| (m.id.to_string(), m.aborted)).collect::<Vec<_>>();
    let is = |id: &str, aborted| (id.to_owned(), aborted);
    assert_eq!(shown(), [is("3", false), is("4", false)]);
    peer.call("chat.abortInteraction", json!({"id": "1"}));
    peer.call("chat.abortInteraction", json!({"id": "3"}));
    let rev = append(&mut peer, "5")["rev"].as_u64().unwrap();
    mirror.wait(rev).await.unwrap();
    assert_eq!(shown(), [is("3", true), is("4", false), is("5", false)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mirror_of_no_old_messages_shows_the_new_ones_alone() {
    let daemon = daemon();
    let mut peer = daemon.peer();
    peer.call("chat.startConversation", json!({"id": "c"}));
    let append = |peer: &mut Peer, id: &str| {
        peer.call("chat.appendMessage", json!({"role": "user", "content": "", "id": id, "interactionId": id}))
    };
    let client = connect(&daemon.socket()).await;
    let which =
        || Messages { last: InitialMessages::new(0).unwrap(), ..Messages::of(EntityId::new("c").unwrap()) };
    let of_empty = ready(client.chat().mirror_messages(which())).await;
    append(&mut peer, "1");
    append(&mut peer, "2");
    let mirror = ready(client.chat().mirror_messages(which())).await;
    assert!(mirror.is_empty());
    peer.call("chat.abortInteraction", json!({"id": "1"}));
    peer.call("chat.abortInteraction", json!({"id": "2"}));
    let rev = append(&mut peer, "3")["rev"].as_u64().unwrap();
    mirror.wait(rev).await.unwrap();
    of_empty.wait(rev).await.unwrap();
    assert_eq!((mirror.len(), mirror.get("3").is_some(), of_empty.len()), (1, true, 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mirror_of_no_statuses_shows_nothing_as_the_list_does() {
    let daemon = daemon();
    let mut peer = daemon.peer();
    let rev = peer.call("todo.create", json!({"title": "a"}))["rev"].as_u64().unwrap();
    assert_eq!(peer.call("todo.list", json!({"status": []}))["value"]["items"], json!([]));
    let client = connect(&daemon.socket()).await;
    for (statuses, shown) in [(Some(Vec::new()), 0), (None, 1)] {
        let mirror = ready(client.todos().mirror(Todos { statuses, ..Todos::default() })).await;
        mirror.wait(rev).await.unwrap();
        assert_eq!(mirror.len(), shown);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mirror_of_the_current_conversation_follows_it() {
    let daemon = daemon();
    let mut peer = daemon.peer();
    let client = connect(&daemon.socket()).await;
    let mirror = ready(client.chat().mirror_current()).await;
    let (snapshot, mut patches) = mirror.watch();
    let mut list = snapshot.items;
    assert!(list.is_empty(), "there is no conversation");
    let append = |peer: &mut Peer, conversation: &str, id: &str| {
        peer.call(
            "chat.appendMessage",
            json!({"role": "user", "content": id, "id": id, "interactionId": id, "conversationId": conversation}),
        )
    };
    let mut steps: Vec<(&str, Value, &[&str])> = vec![
        ("chat.startConversation", json!({"id": "a"}), &[]),
        ("append", json!(["a", "a1"]), &["a1"]),
        ("chat.startConversation", json!({"id": "b"}), &[]),
        ("append", json!(["a", "a2"]), &[]),
        ("append", json!(["b", "b1"]), &["b1"]),
        ("chat.setCurrent", json!({"conversationId": "a"}), &["a1", "a2"]),
        ("append", json!(["b", "b2"]), &["a1", "a2"]),
        ("chat.deleteConversation", json!({"id": "a"}), &["b1", "b2"]),
        ("kv.set", json!({"key": "chat.currentConversation", "value": 7}), &[]),
        ("chat.setCurrent", json!({"conversationId": "b"}), &["b1", "b2"]),
        (
            "chat.beginMessage",
            json!({"id": "b3", "role": "assistant", "interactionId": "b3"}),
            &["b1", "b2", "b3"],
        ),
    ];
    for (method, params, shown) in steps.drain(..) {
        let reply = match method {
            "append" => append(&mut peer, params[0].as_str().unwrap(), params[1].as_str().unwrap()),
            _ => peer.call(method, params),
        };
        soon("the revision", mirror.wait(reply["rev"].as_u64().unwrap())).await.unwrap();
        let ids: Vec<_> = mirror.snapshot().items.iter().map(|message| message.id.clone()).collect();
        assert_eq!(ids, shown, "{method}");
    }
    peer.call("chat.appendDelta", json!({"messageId": "b3", "offset": 0, "text": "hej"}));
    soon("its text", async {
        while list.iter().all(|message| message.content != "hej") {
            patches.next().await.unwrap().apply(&mut list);
        }
    })
    .await;
    assert_eq!(list, mirror.snapshot().items);
}
