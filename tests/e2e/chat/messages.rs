//! Messages and interactions: cases over every framing, with the notifications that they cause.

use super::{append, changed, members};
use crate::daemon;
use serde_json::{Value, json};
use stina_tests::Framing;
use stina_tests::cases::{err, ok, run};

#[test]
fn messages_reply_and_notify_the_same_over_every_framing() {
    for framing in Framing::ALL {
        let daemon = daemon();
        let mut watcher = daemon.peer();
        let mut caller = daemon.connect(framing);
        watcher.call("chat.startConversation", json!({"id": "c1", "provider": "openai", "aiModel": "m"}));
        watcher.call("chat.startConversation", json!({"id": "c2"}));
        watcher.call("chat.subscribe", json!({}));
        let content = "före \u{0} efter\u{1} 🙂 \u{2028} \" \\ \u{fffd}";
        let m1 = json!({
            "id": "m1", "conversationId": "c1", "interactionId": "i1", "role": "user", "content": content,
            "provider": null, "aborted": false, "metadata": null, "state": "complete", "rev": 3
        });
        for case in [
            ok(
                "chat.appendMessage",
                json!({"role": "user", "content": content, "conversationId": "c1", "interactionId": "i1",
                       "id": "m1"}),
                m1.clone(),
                &["put c1", "put i1", "put m1"],
            ),
            // Joins its interaction's conversation, though another one is current.
            ok(
                "chat.appendMessage",
                json!({"role": "tool", "content": "", "interactionId": "i1", "id": "m2",
                       "metadata": [1, null, "x"], "provider": "p"}),
                json!({"conversationId": "c1", "metadata": [1, null, "x"], "provider": "p", "rev": 4}),
                &["put c1", "put m2"],
            ),
            ok(
                "chat.getInteraction",
                json!({"id": "i1"}),
                json!({"id": "i1", "conversationId": "c1", "provider": "openai", "aiModel": "m", "aborted": false,
                       "messages": [{"id": "m1"}, {"id": "m2"}], "rev": 3}),
                &[],
            ),
            ok(
                "chat.appendMessage",
                json!({"role": "user", "content": "hej", "interactionId": "i2", "id": "m3", "createdAt": -5,
                       "provider": "p"}),
                json!({"conversationId": "c2", "createdAt": -5}),
                &["put c2", "put i2", "put m3"],
            ),
            ok(
                "chat.getInteraction",
                json!({"id": "i2"}),
                json!({"createdAt": -5, "provider": "p", "aiModel": null}),
                &[],
            ),
            err(
                "chat.appendMessage",
                json!({"role": "user", "content": "x", "id": "m1"}),
                json!({"kind": "already_exists", "entity": "message", "id": "m1"}),
            ),
            err(
                "chat.appendMessage",
                json!({"role": "user", "content": "x", "conversationId": "c0"}),
                json!({"kind": "not_found", "entity": "conversation", "id": "c0"}),
            ),
            err(
                "chat.appendMessage",
                json!({"role": "user", "content": "x", "conversationId": "c2", "interactionId": "i1"}),
                json!({"kind": "invalid", "field": "interactionId"}),
            ),
            err(
                "chat.appendMessage",
                json!({"role": "user", "content": "x", "conversationId": "c0", "interactionId": "i1"}),
                json!({"kind": "not_found", "entity": "conversation"}),
            ),
            err(
                "chat.appendMessage",
                json!({"role": "boss", "content": "x"}),
                json!({"kind": "invalid", "field": "role"}),
            ),
            err(
                "chat.appendMessage",
                json!({"role": "user"}),
                json!({"kind": "invalid", "field": "content"}),
            ),
            err(
                "chat.appendMessage",
                json!({"role": "user", "content": 1}),
                json!({"kind": "invalid", "field": "content"}),
            ),
            err(
                "chat.appendMessage",
                json!({"role": "user", "content": "", "createdAt": 1e17}),
                json!({"kind": "invalid", "field": "createdAt"}),
            ),
            // An aborted message aborts its interaction, and with it every message in it.
            ok(
                "chat.appendMessage",
                json!({"role": "assistant", "content": "…", "interactionId": "i1", "id": "m4", "aborted": true}),
                json!({"aborted": true, "rev": 6}),
                &["put c1", "put i1", "put m1", "put m2", "put m4"],
            ),
            ok(
                "chat.appendMessage",
                json!({"role": "info", "content": "late", "interactionId": "i1", "id": "m5"}),
                json!({"aborted": true}),
                &["put c1", "put m5"],
            ),
            ok(
                "chat.appendMessage",
                json!({"role": "debug", "content": "", "conversationId": "c1", "interactionId": "i3", "id": "m6",
                       "aborted": true}),
                json!({"aborted": true}),
                &["put c1", "put i3", "put m6"],
            ),
            ok("chat.abortInteraction", json!({"id": "i1"}), json!({"aborted": true, "rev": 6}), &[]),
            ok(
                "chat.abortInteraction",
                json!({"id": "i2", "ifRev": 5}),
                json!({"aborted": true, "rev": 9}),
                &["put c2", "put i2", "put m3"],
            ),
            err(
                "chat.abortInteraction",
                json!({"id": "i0"}),
                json!({"kind": "not_found", "entity": "interaction"}),
            ),
            ok(
                "chat.listMessages",
                json!({"conversationId": "c1"}),
                json!({"items": [{"id": "m1", "aborted": true, "rev": 6}, {"id": "m2", "aborted": true}, {"id": "m4"},
                                 {"id": "m5"}, {"id": "m6"}], "next": null}),
                &[],
            ),
            ok("chat.countMessages", json!({"conversationId": "c1"}), json!(5), &[]),
            ok("chat.countMessages", json!({}), json!(1), &[]),
            err("chat.countMessages", json!({"conversationId": "c0"}), json!({"kind": "not_found"})),
            err("chat.deleteInteraction", json!({"id": "i1", "ifRev": 1}), json!({"kind": "conflict"})),
            ok(
                "chat.deleteInteraction",
                json!({"id": "i1"}),
                json!({"id": "i1", "aborted": true}),
                &["put c1", "delete m1", "delete m2", "delete m4", "delete m5", "delete i1"],
            ),
            err(
                "chat.deleteInteraction",
                json!({"id": "i1"}),
                json!({"kind": "not_found", "entity": "interaction"}),
            ),
            ok("chat.countMessages", json!({"conversationId": "c1"}), json!(1), &[]),
        ] {
            run(&case, &mut caller, &mut watcher);
        }
    }
}

#[test]
fn a_message_without_a_home_gets_one_in_the_same_transaction() {
    let daemon = daemon();
    let mut peer = daemon.peer();
    let mut watcher = daemon.peer();
    watcher.call("chat.subscribe", json!({}));
    watcher.drain();
    let message = append(&mut peer, json!({}));
    let id = |name: &str| message[name].as_str().unwrap();
    let (conversation, interaction) = (id("conversationId"), id("interactionId"));
    assert!(conversation.starts_with("c_") && interaction.starts_with("ia_") && id("id").starts_with("m_"));
    let events = watcher.drain();
    assert_eq!(events.len(), 1);
    assert_eq!(
        changed(&events),
        [
            format!("put {conversation}"),
            "put chat.currentConversation".to_owned(),
            format!("put {interaction}"),
            format!("put {}", id("id")),
        ]
    );
    let values = events[0]["changes"].as_array().unwrap();
    assert_eq!(values[3]["value"], message, "sent as it is answered");
    assert_eq!(values[2]["value"].get("messages"), None, "an interaction is sent without its messages");
    // The next one without an interaction opens another, in the same conversation.
    let next = append(&mut peer, json!({}));
    assert_eq!(next["conversationId"], conversation);
    assert_ne!(next["interactionId"], interaction);
}

#[test]
fn a_message_of_8_mib_is_kept_and_a_larger_one_refused() {
    let daemon = daemon();
    let mut peer = daemon.peer();
    let mut watcher = daemon.peer();
    watcher.call("chat.subscribe", json!({}));
    watcher.drain();
    let limit = 8 << 20;
    // Two bytes a character: the bound is in bytes.
    let content = "å".repeat(limit / 2);
    let kept = append(&mut peer, json!({"content": content, "id": "m"}));
    assert!(kept["content"] == content);
    let event = watcher.event_of("change");
    assert!(event["changes"][3]["value"]["content"] == content);
    assert!(peer.call("chat.listMessages", json!({}))["value"]["items"][0]["content"] == content);
    let error = peer.fail("chat.appendMessage", json!({"role": "user", "content": content + "x"}));
    assert_eq!(error, json!({"kind": "too_large", "limit": limit}));
}

#[test]
fn equal_and_odd_times_keep_one_strict_order_for_everybody() {
    let daemon = daemon();
    let mut peers =
        [daemon.connect(Framing::Ndjson), daemon.connect(Framing::WebSocket), daemon.connect(Framing::Http)];
    peers[0].call("chat.startConversation", json!({"id": "c"}));
    let mut watcher = daemon.peer();
    watcher.call("chat.subscribe", json!({"conversationId": "c"}));
    watcher.drain();
    for i in 0..30 {
        // Three instants, each many times, in no order.
        let at = [7, 5, 6][i % 3];
        append(&mut peers[i % 2], json!({"id": format!("m{i}"), "createdAt": at}));
    }
    let mut mirrored: Vec<Value> = watcher
        .drain()
        .iter()
        .flat_map(|event| event["changes"].as_array().unwrap().clone())
        .filter(|change| change["entity"] == "message")
        .map(|mut change| change["value"].take())
        .collect();
    // A client that receives them one by one does this.
    mirrored.sort_by_key(|m| (m["createdAt"].as_i64().unwrap(), m["seq"].as_u64().unwrap()));
    let expected: Vec<String> =
        [1, 2, 0].into_iter().flat_map(|start| (start..30).step_by(3)).map(|i| format!("m{i}")).collect();
    for peer in &mut peers {
        let page = peer.call("chat.listMessages", json!({}))["value"].take();
        assert_eq!(members(&page, "id"), expected);
        assert_eq!(page["items"], json!(mirrored));
    }
}

#[test]
fn a_repeated_append_with_its_request_id_adds_one_message() {
    let daemon = daemon();
    let mut peer = daemon.peer();
    let params = json!({"role": "user", "content": "once", "requestId": "r1"});
    let first = peer.call("chat.appendMessage", params.clone());
    assert_eq!(daemon.peer().call("chat.appendMessage", params), first);
    assert_eq!(peer.call("chat.countMessages", json!({}))["value"], 1);
}
