//! Searching in messages.

use super::{append, members};
use crate::daemon;
use serde_json::json;
use stina_tests::InProcess;
use stina_tests::in_process::Setup;
use stinad::limits::Limits;

#[test]
fn any_typed_text_is_searched_for_in_any_script() {
    let daemon = daemon();
    let mut peer = daemon.peer();
    for (id, content) in [
        ("sv", "Räksmörgås på Åsögatan"),
        ("zh", "我明天去北京开会。"),
        ("emoji", "Crème brûlée 🙂🍕 (e-post)"),
        ("nul", "before\u{0}after"),
    ] {
        append(&mut peer, json!({"id": id, "content": content}));
    }
    for (query, found) in [
        ("räksmörgås", vec!["sv"]),
        ("ASO", vec!["sv"]),
        ("北京", vec!["zh"]),
        ("🍕", vec!["emoji"]),
        ("creme e-post", vec!["emoji"]),
        ("after", vec!["nul"]),
        ("\"", vec![]),
        ("AND OR NOT", vec![]),
        ("(", vec!["emoji"]),
        ("。", vec!["zh"]),
        ("content:x*", vec![]),
        ("", vec![]),
        (" \u{0} ", vec!["nul"]),
    ] {
        let page = peer.call("chat.search", json!({"query": query}))["value"].take();
        assert_eq!(members(&page, "messageId"), found, "{query:?}");
        assert_eq!(page["next"], json!(null));
    }
    let hit = peer.call("chat.search", json!({"query": "ÅSÖ"}))["value"]["items"][0].take();
    assert_eq!(hit["snippet"], "Räksmörgås på [Åsögatan]");
    assert_eq!(hit["role"], "user");
}

#[test]
fn a_search_finds_only_current_messages() {
    let daemon = daemon();
    let mut peer = daemon.peer();
    peer.call("chat.startConversation", json!({"id": "c1"}));
    append(&mut peer, json!({"id": "old", "interactionId": "i1", "content": "needle", "createdAt": 1}));
    append(&mut peer, json!({"id": "new", "interactionId": "i2", "content": "needle", "createdAt": 2}));
    peer.call("chat.startConversation", json!({"id": "c2"}));
    append(&mut peer, json!({"id": "elsewhere", "content": "a needle"}));
    peer.call("chat.beginMessage", json!({"role": "assistant", "id": "written", "content": "a need"}));
    peer.call("chat.appendDelta", json!({"messageId": "written", "offset": 6, "text": "le found"}));
    let mut search = |params| {
        let page = peer.call("chat.search", params)["value"].take();
        members(&page, "messageId").into_iter().map(ToOwned::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(search(json!({"query": "needle", "conversationId": "c1"})), ["new", "old"]);
    assert_eq!(search(json!({"query": "needle", "limit": 1})), ["new"]);
    assert_eq!(search(json!({"query": "needle"})).len(), 3, "a message is found once it is complete");
    peer.call("chat.finishMessage", json!({"messageId": "written"}));
    peer.call("chat.deleteInteraction", json!({"id": "i2"}));
    let mut search = |params| {
        let page = peer.call("chat.search", params)["value"].take();
        members(&page, "messageId").into_iter().map(ToOwned::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(search(json!({"query": "needle", "conversationId": "c1"})), ["old"]);
    assert_eq!(search(json!({"query": "needle found"})), ["written"]);
    assert_eq!(peer.fail("chat.search", json!({"query": "x", "conversationId": "c0"}))["kind"], "not_found");
}

#[test]
fn of_a_common_word_the_newest_matches_are_ranked() {
    let limits = Limits { ranked_matches: 3, ..Limits::default() };
    let daemon = InProcess::start(Setup { limits, memory: true, ..Setup::default() });
    let mut peer = daemon.peer();
    peer.call("chat.startConversation", json!({"id": "old"}));
    // The best match of all is the oldest; by their times it would be the newest.
    append(&mut peer, json!({"id": "best", "content": "common", "createdAt": 9}));
    peer.call("chat.startConversation", json!({"id": "new"}));
    append(&mut peer, json!({"id": "better", "content": "common word", "createdAt": 1}));
    for id in ["m1", "m2"] {
        append(&mut peer, json!({"id": id, "content": "common among many other words", "createdAt": 1}));
    }
    let mut searcher = daemon.peer();
    let mut search = |params| {
        let page = searcher.call("chat.search", params)["value"].take();
        members(&page, "messageId").into_iter().map(ToOwned::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(search(json!({"query": "common"})), ["better", "m2", "m1"]);
    assert_eq!(search(json!({"query": "common", "limit": 2})), ["better", "m2"]);
    // The matches of a conversation are counted alone, so that those of others do not hide them.
    assert_eq!(search(json!({"query": "common", "conversationId": "old"})), ["best"]);
    // Of matches that are not ranked, the newest are found.
    append(&mut peer, json!({"id": "plain", "content": "--", "createdAt": 1}));
    append(&mut peer, json!({"id": "plain2", "content": "--", "createdAt": 0}));
    assert_eq!(search(json!({"query": "--"})), ["plain2", "plain"]);
    assert_eq!(search(json!({"query": "--", "conversationId": "old"})), [""; 0]);
}
