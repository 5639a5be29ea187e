//! Which events of the chat a subscriber gets.

use super::{append, changed};
use crate::daemon;
use serde_json::{Value, json};
use stina_tests::Peer;

/// `entity id` of every change, with the type of what is no change.
fn summary(events: &[Value]) -> Vec<String> {
    events
        .iter()
        .flat_map(|event| match event["changes"].as_array() {
            Some(changes) => changes
                .iter()
                .map(|c| format!("{} {}", c["entity"].as_str().unwrap(), c["id"].as_str().unwrap()))
                .collect(),
            None => vec![event["type"].as_str().unwrap().to_owned()],
        })
        .collect()
}

fn two_conversations(peer: &mut Peer) {
    for c in ["c1", "c2"] {
        peer.call("chat.startConversation", json!({"id": c}));
        for m in 0..3 {
            append(peer, json!({"id": format!("{c}-m{m}"), "interactionId": format!("{c}-i{}", m / 2)}));
        }
    }
    peer.call("chat.beginMessage", json!({"role": "assistant", "id": "s", "interactionId": "c2-i1"}));
    peer.call("chat.appendDelta", json!({"messageId": "s", "offset": 0, "text": "so far"}));
}

#[test]
fn initial_is_the_conversations_the_pointer_and_the_last_messages() {
    let daemon = daemon();
    let mut peer = daemon.peer();
    two_conversations(&mut peer);
    let pointer = "kv chat.currentConversation";
    for (params, expected) in [
        (
            json!({}),
            vec![
                "conversation c1",
                "conversation c2",
                pointer,
                "interaction c2-i0",
                "message c2-m0",
                "message c2-m1",
                "interaction c2-i1",
                "message c2-m2",
                "message s",
                "synced",
                "delta",
            ],
        ),
        (
            json!({"initialMessages": 2, "deltas": false}),
            vec![
                "conversation c1",
                "conversation c2",
                pointer,
                "interaction c2-i1",
                "message c2-m2",
                "message s",
                "synced",
            ],
        ),
        (
            json!({"conversationId": "c1", "initialMessages": 1}),
            vec!["conversation c1", pointer, "interaction c1-i1", "message c1-m2", "synced"],
        ),
        (
            json!({"conversationId": "c2", "initialMessages": 0}),
            vec!["conversation c2", pointer, "synced", "delta"],
        ),
        (json!({"conversationId": "c0"}), vec![pointer, "synced"]),
    ] {
        let mut params = params;
        params["initial"] = json!(true);
        let mut watcher = daemon.peer();
        watcher.call("chat.subscribe", params.clone());
        let events = watcher.drain();
        assert_eq!(summary(&events), expected, "{params}");
        assert!(events.iter().all(|e| e["type"] != "change" || e["initial"] == true));
    }
    for (params, field) in [
        (json!({"initialMessages": 1001}), "initialMessages"),
        (json!({"conversation": "c1"}), "conversation"),
        (json!({"deltas": 1}), "deltas"),
    ] {
        assert_eq!(peer.fail("chat.subscribe", params)["field"], field);
    }
}

#[test]
fn a_filter_lets_its_conversation_and_the_pointer_pass() {
    let daemon = daemon();
    let mut peer = daemon.peer();
    two_conversations(&mut peer);
    let mut watcher = daemon.peer();
    watcher.call("chat.subscribe", json!({"conversationId": "c1"}));
    watcher.drain();
    append(&mut peer, json!({"conversationId": "c2"}));
    peer.call("chat.appendDelta", json!({"messageId": "s", "offset": 6, "text": "!"}));
    peer.call("chat.cancelMessage", json!({"messageId": "s"}));
    peer.call("kv.set", json!({"key": "other", "value": 1}));
    append(&mut peer, json!({"conversationId": "c1", "id": "new", "interactionId": "c1-i0"}));
    peer.call("chat.setCurrent", json!({"conversationId": "c1"}));
    peer.call("chat.deleteInteraction", json!({"id": "c1-i1"}));
    peer.call("chat.deleteConversation", json!({"id": "c2"}));
    let events = watcher.drain();
    let changes: Vec<Value> = events.into_iter().filter(|e| e["type"] != "synced").collect();
    assert_eq!(
        summary(&changes),
        [
            "conversation c1",
            "message new",
            "kv chat.currentConversation",
            "conversation c1",
            "message c1-m2",
            "interaction c1-i1",
        ]
    );
    // A replay out of the log passes the same filter.
    let mut replayed = daemon.peer();
    replayed.call("chat.subscribe", json!({"conversationId": "c1", "since": changes[0]["prev"]}));
    let mut replay = replayed.drain();
    replay.retain(|e| e["type"] == "change");
    assert_eq!(summary(&replay), summary(&changes));
}

#[test]
fn what_was_deleted_and_purged_is_sent_to_the_subscribers_of_its_conversation_only() {
    let daemon = daemon();
    let mut peer = daemon.peer();
    for c in ["c1", "c2"] {
        peer.call("chat.startConversation", json!({"id": c}));
        append(&mut peer, json!({"id": format!("{c}-m"), "interactionId": format!("{c}-i")}));
    }
    let rev = peer.call("store.ping", json!({}))["rev"].clone();
    let mut live = daemon.peer();
    live.call("chat.subscribe", json!({"conversationId": "c1"}));
    live.drain();
    peer.call("chat.deleteInteraction", json!({"id": "c2-i"}));
    peer.call("chat.deleteInteraction", json!({"id": "c1-i"}));
    let deleted = ["delete c1-m", "delete c1-i"];
    let changes = |events: &[Value]| -> Vec<String> {
        changed(events).into_iter().filter(|change| change.starts_with("delete")).collect()
    };
    let replay = |since: &Value| {
        let mut late = daemon.peer();
        late.call("chat.subscribe", json!({"conversationId": "c1", "since": since}));
        changed(&late.drain())
    };
    assert_eq!(changes(&live.drain()), deleted);
    let before = replay(&rev);
    peer.call("store.undo", json!({"rev": rev.as_u64().unwrap() + 2}));
    assert_eq!(changed(&live.drain()), ["put c1-i", "put c1-m", "put c1"]);
    peer.call("chat.deleteInteraction", json!({"id": "c1-i"}));
    assert_eq!(changes(&live.drain()), deleted);
    peer.call("store.purge", json!({"deletedBefore": 1_i64 << 52}));
    // Blank now, and still of their conversations.
    let after = replay(&rev);
    assert_eq!(after[..before.len()], before);
    assert!(after.iter().all(|change| !change.contains("c2")), "{after:?}");
    let all = replay(&json!(0));
    assert!(
        all.contains(&"delete c1-m".to_owned()) && all.iter().all(|change| !change.contains("c2")),
        "{all:?}"
    );
}

#[test]
fn a_subscriber_to_all_modules_gets_all_of_the_chat_without_deltas() {
    let daemon = daemon();
    let mut peer = daemon.peer();
    two_conversations(&mut peer);
    let mut watcher = daemon.peer();
    watcher.call("store.subscribe", json!({"initial": true, "modules": ["chat"]}));
    let events = watcher.drain();
    assert_eq!(changed(&events).len(), 2 + 4 + 7);
    assert_eq!(summary(&events).last().unwrap(), "synced");
    peer.call("chat.appendDelta", json!({"messageId": "s", "offset": 6, "text": "!"}));
    assert_eq!(watcher.drain(), [] as [Value; 0]);
    peer.call("chat.finishMessage", json!({"messageId": "s"}));
    assert_eq!(changed(&watcher.drain()), ["put c2", "put s"]);
}
