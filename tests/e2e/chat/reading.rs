//! Windows on messages and interactions.

use super::{append, members};
use crate::daemon;
use serde_json::{Value, json};
use stina_tests::in_process::Setup;
use stina_tests::{InProcess, Peer};
use stinad::limits::Limits;

/// Messages `m000`… of 20 in one conversation, two in each interaction.
fn fill(peer: &mut Peer, count: usize) {
    peer.call("chat.startConversation", json!({"id": "c"}));
    for i in 0..count {
        append(
            peer,
            json!({"id": format!("m{i:03}"), "interactionId": format!("i{:03}", i / 2), "createdAt": i / 4}),
        );
    }
}

fn names(prefix: char, range: impl Iterator<Item = usize>) -> Vec<String> {
    range.map(|i| format!("{prefix}{i:03}")).collect()
}

#[test]
fn windows_go_on_in_the_direction_asked() {
    let daemon = daemon();
    let mut peer = daemon.peer();
    fill(&mut peer, 20);
    for (method, prefix, count) in [("chat.listMessages", 'm', 20), ("chat.listInteractions", 'i', 10)] {
        let mut list = |params: Value| peer.call(method, params)["value"].take();
        let ids = |page: &Value| members(page, "id").into_iter().map(ToOwned::to_owned).collect::<Vec<_>>();
        let id = |i: usize| format!("{prefix}{i:03}");
        let newest = list(json!({"limit": 4}));
        assert_eq!(ids(&newest), names(prefix, count - 4..count));
        // Older ones, to the end.
        let older = list(json!({"limit": 4, "before": newest["next"]}));
        assert_eq!(ids(&older), names(prefix, count - 8..count - 4));
        assert_eq!(list(json!({"limit": 4, "before": id(count - 4)})), older, "an id is a cursor");
        let rest = list(json!({"limit": 100, "before": older["next"]}));
        assert_eq!((ids(&rest), &rest["next"]), (names(prefix, 0..count - 8), &Value::Null));
        // Newer ones, to the end.
        let newer = list(json!({"limit": 3, "after": id(1)}));
        assert_eq!(ids(&newer), names(prefix, 2..5));
        let rest = list(json!({"after": newer["next"]}));
        assert_eq!((ids(&rest), &rest["next"]), (names(prefix, 5..count), &Value::Null));
        assert_eq!(list(json!({"after": id(count - 1)})), json!({"items": [], "next": null}));
        assert_eq!(list(json!({"before": id(0)})), json!({"items": [], "next": null}));
        // A page that holds just what there is, is the last.
        assert_eq!(list(json!({"limit": count}))["next"], Value::Null);
        for (params, field) in [
            (json!({"before": "m999x"}), "before"),
            (json!({"after": "~AAAA"}), "after"),
            (json!({"after": id(1), "before": id(3)}), "after"),
            (json!({"limit": 0}), "limit"),
        ] {
            let error = peer.fail(method, params.clone());
            assert_eq!((&error["kind"], &error["field"]), (&json!("invalid"), &json!(field)), "{params}");
        }
        assert_eq!(peer.fail(method, json!({"conversationId": "c0"}))["kind"], "not_found");
    }
}

#[test]
fn an_id_of_another_conversation_is_no_cursor() {
    let daemon = daemon();
    let mut peer = daemon.peer();
    fill(&mut peer, 2);
    peer.call("chat.startConversation", json!({"id": "other"}));
    assert_eq!(peer.fail("chat.listMessages", json!({"before": "m000"}))["field"], "before");
    assert_eq!(peer.fail("chat.listInteractions", json!({"after": "i000"}))["field"], "after");
}

#[test]
fn a_cursor_goes_on_in_its_conversation_and_in_no_other() {
    let daemon = daemon();
    let mut peer = daemon.peer();
    fill(&mut peer, 8);
    for (method, newest, older) in
        [("chat.listMessages", "m006", ["m004", "m005"]), ("chat.listInteractions", "i002", ["i000", "i001"])]
    {
        let next = peer.call(method, json!({"conversationId": "c", "limit": 2}))["value"].take();
        assert_eq!(members(&next, "id")[0], newest);
        // Somebody makes another conversation current, between one page and the next.
        peer.call("chat.startConversation", json!({"id": "other"}));
        append(&mut peer, json!({"createdAt": 0}));
        let page = peer.call(method, json!({"limit": 2, "before": next["next"]}));
        assert_eq!(members(&page["value"], "id"), older);
        let mixed = json!({"conversationId": "other", "before": next["next"]});
        let error = peer.fail(method, mixed);
        assert_eq!((&error["kind"], &error["field"]), (&json!("invalid"), &json!("before")));
        peer.call("chat.deleteConversation", json!({"id": "other"}));
        let gone = json!({"conversationId": "gone"});
        assert_eq!(peer.fail(method, gone)["kind"], "not_found");
    }
    let next = peer.call("chat.listMessages", json!({"limit": 2}))["value"]["next"].take();
    peer.call("chat.deleteConversation", json!({"id": "c"}));
    assert_eq!(peer.fail("chat.listMessages", json!({"before": next}))["entity"], "conversation");
}

#[test]
fn pages_stay_right_while_messages_come_and_go() {
    let daemon = daemon();
    let mut peer = daemon.peer();
    fill(&mut peer, 40);
    let mut seen: Vec<String> = Vec::new();
    let mut cursor = Value::Null;
    for round in 0.. {
        let mut params = json!({"limit": 7, "conversationId": "c"});
        if !cursor.is_null() {
            params["before"] = cursor;
        }
        let mut page = peer.call("chat.listMessages", params)["value"].take();
        let ids = members(&page, "id").into_iter().map(ToOwned::to_owned);
        seen.splice(0..0, ids);
        cursor = page["next"].take();
        if cursor.is_null() {
            break;
        }
        // The message at which the cursor stands goes with its interaction, and newer ones come.
        let standing = seen[0].clone();
        let interaction = format!("i{:03}", standing[1..].parse::<usize>().unwrap() / 2);
        peer.call("chat.deleteInteraction", json!({"id": interaction}));
        append(&mut peer, json!({"id": format!("new{round}")}));
    }
    // Only those that were deleted before their page came are missing.
    let mut expected = names('m', 0..40);
    expected.retain(|id| seen.contains(id));
    assert_eq!(seen, expected);
    assert!(seen.len() >= 35, "{seen:?}");
}

#[test]
fn a_page_ends_once_it_is_large() {
    let daemon = daemon();
    let mut peer = daemon.peer();
    let content = "x".repeat(1 << 20);
    for i in 0..7 {
        append(
            &mut peer,
            json!({"id": format!("m{i}"), "interactionId": format!("i{i}"), "content": content}),
        );
    }
    for method in ["chat.listMessages", "chat.listInteractions"] {
        let page = peer.call(method, json!({}))["value"].take();
        assert_eq!(page["items"].as_array().unwrap().len(), 4);
        let rest = peer.call(method, json!({"before": page["next"]}))["value"].take();
        assert_eq!((rest["items"].as_array().unwrap().len(), &rest["next"]), (3, &Value::Null));
        let newer = peer.call(method, json!({"after": rest["items"][0]["id"]}))["value"].take();
        assert_eq!(newer["items"].as_array().unwrap().len(), 4);
    }
}

#[test]
fn an_interaction_that_no_frame_holds_is_listed_without_its_messages() {
    let limits = Limits { frame_bytes: 4096, ..Limits::default() };
    let daemon = InProcess::start(Setup { limits, ..Setup::default() });
    let mut peer = daemon.peer();
    for (interaction, count) in [("small", 1), ("just", 2), ("large", 3)] {
        for _ in 0..count {
            append(&mut peer, json!({"interactionId": interaction, "content": "x".repeat(3000)}));
        }
    }
    let page = peer.call("chat.listInteractions", json!({}))["value"].take();
    assert_eq!(members(&page, "id"), ["small", "just", "large"]);
    let counts: Vec<Option<usize>> =
        (0..3).map(|i| page["items"][i]["messages"].as_array().map(Vec::len)).collect();
    assert_eq!(counts, [Some(1), Some(2), None]);
    assert_eq!(peer.call("chat.getInteraction", json!({"id": "just"}))["value"], page["items"][1]);
    let error = peer.fail("chat.getInteraction", json!({"id": "large"}));
    assert_eq!(error, json!({"kind": "too_large", "limit": 4096}));
}

#[test]
fn an_interaction_comes_with_its_messages_in_order() {
    let daemon = daemon();
    let mut peer = daemon.peer();
    for (id, at) in [("m1", 9), ("m2", 3), ("m3", 9)] {
        append(&mut peer, json!({"id": id, "interactionId": "i", "createdAt": at}));
    }
    let page = peer.call("chat.listInteractions", json!({}))["value"].take();
    let interaction = &page["items"][0];
    let ids: Vec<&Value> = interaction["messages"].as_array().unwrap().iter().map(|m| &m["id"]).collect();
    assert_eq!(ids, ["m2", "m1", "m3"]);
    assert_eq!(&peer.call("chat.getInteraction", json!({"id": "i"}))["value"], interaction);
    assert_eq!(peer.fail("chat.getInteraction", json!({"id": "i0"}))["entity"], "interaction");
}
