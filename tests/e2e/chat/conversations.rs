//! Conversations and the current one: cases over every framing, with the notifications that they cause.

use super::{append, changed, members};
use crate::daemon;
use serde_json::{Value, json};
use stina_tests::cases::{err, ok, run};
use stina_tests::in_process::Setup;
use stina_tests::{Framing, InProcess};
use stinad::limits::Limits;

const CURRENT: &str = "put chat.currentConversation";

#[test]
fn conversations_reply_and_notify_the_same_over_every_framing() {
    for framing in Framing::ALL {
        let daemon = daemon();
        let mut watcher = daemon.peer();
        watcher.call("chat.subscribe", json!({}));
        let mut caller = daemon.connect(framing);
        let unknown = || json!({"kind": "not_found", "entity": "conversation", "id": "c0"});
        for case in [
            ok("chat.listConversations", json!({}), json!({"items": [], "next": null}), &[]),
            ok(
                "chat.startConversation",
                json!({"id": "c1", "title": "å 🙂 \u{0}", "provider": "openai", "aiModel": "m"}),
                json!({"id": "c1", "title": "å 🙂 \u{0}", "provider": "openai", "aiModel": "m", "rev": 1}),
                &["put c1", CURRENT],
            ),
            ok("kv.get", json!({"key": "chat.currentConversation"}), json!({"value": "c1", "rev": 1}), &[]),
            err(
                "chat.startConversation",
                json!({"id": "c1"}),
                json!({"kind": "already_exists", "entity": "conversation", "id": "c1"}),
            ),
            err("chat.startConversation", json!({"id": "c 1"}), json!({"kind": "invalid", "field": "id"})),
            err("chat.startConversation", json!({"name": "x"}), json!({"kind": "invalid", "field": "name"})),
            err(
                "chat.startConversation",
                json!({"title": "x".repeat(65 * 1024)}),
                json!({"kind": "invalid", "field": "title"}),
            ),
            ok("chat.ensureCurrent", json!({}), json!({"id": "c1", "rev": 1}), &[]),
            ok(
                "chat.startConversation",
                json!({"id": "c2"}),
                json!({"id": "c2", "title": null, "provider": null, "aiModel": null}),
                &["put c2", CURRENT],
            ),
            ok("chat.startConversation", json!({"id": "c3"}), json!({}), &["put c3", CURRENT]),
            ok("chat.getConversation", json!({"id": "c1"}), json!({"id": "c1"}), &[]),
            err("chat.getConversation", json!({"id": "c0"}), unknown()),
            ok(
                "chat.listConversations",
                json!({}),
                json!({"items": [{"id": "c3"}, {"id": "c2"}, {"id": "c1"}], "next": null}),
                &[],
            ),
            err("chat.setCurrent", json!({"conversationId": "c0"}), unknown()),
            ok("chat.setCurrent", json!({"conversationId": "c2"}), json!({"id": "c2"}), &[CURRENT]),
            ok("chat.setCurrent", json!({"conversationId": "c2"}), json!({"id": "c2"}), &[]),
            err(
                "chat.setCurrent",
                json!({"conversationId": "c1", "ifRev": 7}),
                json!({"kind": "conflict", "current": {"id": "c1", "rev": 1}}),
            ),
            ok(
                "chat.updateConversation",
                json!({"id": "c1", "title": "new", "provider": null}),
                json!({"title": "new", "provider": null, "aiModel": "m", "rev": 5}),
                &["put c1"],
            ),
            ok("chat.updateConversation", json!({"id": "c1", "title": "new"}), json!({"rev": 5}), &[]),
            err(
                "chat.updateConversation",
                json!({"id": "c1", "title": "x", "ifRev": 1}),
                json!({"kind": "conflict", "current": {"rev": 5}}),
            ),
            err("chat.updateConversation", json!({"id": "c0"}), unknown()),
            err("chat.deleteConversation", json!({"id": "c0"}), unknown()),
            err("chat.deleteConversation", json!({"id": "c1", "ifRev": 1}), json!({"kind": "conflict"})),
            // Of the current one: the newest other becomes current.
            ok("chat.deleteConversation", json!({"id": "c2"}), json!({"id": "c2"}), &["delete c2", CURRENT]),
            ok("chat.ensureCurrent", json!({}), json!({"id": "c3"}), &[]),
            ok("chat.deleteConversation", json!({"id": "c1"}), json!({"id": "c1"}), &["delete c1"]),
            ok(
                "chat.deleteConversation",
                json!({"id": "c3"}),
                json!({"id": "c3"}),
                &["delete c3", "delete chat.currentConversation"],
            ),
            ok("kv.get", json!({"key": "chat.currentConversation"}), Value::Null, &[]),
            ok("chat.clearHistory", json!({}), json!({"conversations": 0, "messages": 0}), &[]),
        ] {
            run(&case, &mut caller, &mut watcher);
        }
    }
}

#[test]
fn any_value_in_the_pointer_is_tolerated() {
    let daemon = daemon();
    let mut peer = daemon.peer();
    for value in [json!("c_gone"), json!(7), json!({"id": "c"}), json!(""), json!(null)] {
        peer.call("kv.set", json!({"key": "chat.currentConversation", "value": value}));
        assert_eq!(peer.call("chat.listMessages", json!({}))["value"], json!({"items": [], "next": null}));
        assert_eq!(peer.call("chat.countMessages", json!({}))["value"], 0);
        let made = peer.call("chat.ensureCurrent", json!({}))["value"].take();
        assert!(made["id"].as_str().unwrap().starts_with("c_"), "{made}");
        let pointer = peer.call("kv.get", json!({"key": "chat.currentConversation"}));
        assert_eq!(pointer["value"]["value"], made["id"]);
    }
}

#[test]
fn deleting_a_conversation_deletes_its_contents_in_one_notification() {
    let daemon = daemon();
    let mut peer = daemon.peer();
    peer.call("chat.startConversation", json!({"id": "c1"}));
    for (interaction, id) in [("i1", "m1"), ("i1", "m2"), ("i2", "m3")] {
        append(&mut peer, json!({"interactionId": interaction, "id": id}));
    }
    peer.call("chat.startConversation", json!({"id": "c2"}));
    append(&mut peer, json!({"id": "kept", "interactionId": "i3"}));
    let mut watcher = daemon.peer();
    watcher.call("chat.subscribe", json!({}));
    watcher.drain();
    peer.call("chat.deleteConversation", json!({"id": "c1"}));
    let events = watcher.drain();
    assert_eq!(events.len(), 1);
    assert_eq!(
        changed(&events),
        ["delete m1", "delete m2", "delete m3", "delete i1", "delete i2", "delete c1"]
    );
    for (method, id) in [("chat.getInteraction", "i1"), ("chat.getConversation", "c1")] {
        assert_eq!(peer.fail(method, json!({"id": id}))["kind"], "not_found");
    }
    // The ids are free again, and what came after is not touched.
    append(&mut peer, json!({"id": "m1", "interactionId": "i1"}));
    let kept = peer.call("chat.listMessages", json!({}))["value"].take();
    assert_eq!(members(&kept, "id"), ["kept", "m1"]);
}

#[test]
fn clearing_the_history_leaves_the_current_conversation_alone() {
    let daemon = daemon();
    let mut peer = daemon.peer();
    for id in ["c1", "c2", "c3"] {
        peer.call("chat.startConversation", json!({"id": id}));
        append(&mut peer, json!({"id": format!("m-{id}"), "interactionId": format!("i-{id}")}));
    }
    peer.call("chat.setCurrent", json!({"conversationId": "c2"}));
    let mut watcher = daemon.peer();
    watcher.call("chat.subscribe", json!({}));
    watcher.drain();
    let cleared = peer.call("chat.clearHistory", json!({}));
    assert_eq!(cleared["value"], json!({"conversations": 2, "messages": 2}));
    let events = watcher.drain();
    assert_eq!(events.len(), 1, "one revision");
    let expected = ["delete m-c1", "delete i-c1", "delete c1", "delete m-c3", "delete i-c3", "delete c3"];
    assert_eq!(changed(&events), expected);
    let left = peer.call("chat.listConversations", json!({}))["value"].take();
    assert_eq!(members(&left, "id"), ["c2"]);
    assert_eq!(peer.call("chat.countMessages", json!({}))["value"], 1);
}

#[test]
fn pages_of_conversations_stay_right_while_they_come_and_go() {
    let daemon = daemon();
    let mut peer = daemon.peer();
    for i in 0..25 {
        peer.call("chat.startConversation", json!({"id": format!("c{i:02}")}));
    }
    let (mut seen, mut cursor, mut page) = (Vec::new(), Value::Null, 0);
    loop {
        let mut params = json!({"limit": 10});
        if !cursor.is_null() {
            params["cursor"] = cursor;
        }
        let mut list = peer.call("chat.listConversations", params)["value"].take();
        seen.extend(members(&list, "id").into_iter().map(ToOwned::to_owned));
        cursor = list["next"].take();
        if cursor.is_null() {
            break;
        }
        // The one at which the cursor stands goes, and a newer one comes.
        peer.call("chat.deleteConversation", json!({"id": seen.last().unwrap()}));
        peer.call("chat.startConversation", json!({"id": format!("new{page}")}));
        page += 1;
    }
    let expected: Vec<String> = (0..25).rev().map(|i| format!("c{i:02}")).collect();
    assert_eq!(seen, expected);
    assert_eq!(peer.fail("chat.listConversations", json!({"cursor": "c01"}))["field"], "cursor");
}

#[test]
fn a_transaction_of_several_chat_methods_is_one_notification() {
    let daemon = daemon();
    let mut peer = daemon.peer();
    let mut watcher = daemon.peer();
    watcher.call("chat.subscribe", json!({}));
    watcher.drain();
    let append = |id: &str| {
        let params = json!({"role": "user", "content": "x", "id": id, "interactionId": "i"});
        json!({"method": "chat.appendMessage", "params": params})
    };
    let start = json!({"method": "chat.startConversation", "params": {"id": "c"}});
    let ops = [start, append("m1"), append("m2")];
    peer.call("store.transact", json!({"ops": ops}));
    let events = watcher.drain();
    assert_eq!(events.len(), 1);
    // The conversation changes with each step, and is sent once.
    assert_eq!(changed(&events), ["put c", CURRENT, "put i", "put m1", "put m2"]);
    let error = peer.fail("store.transact", json!({"ops": [append("m3"), append("m1")]}));
    assert_eq!((error["kind"].as_str(), error["index"].as_u64()), (Some("already_exists"), Some(1)));
    assert_eq!(peer.call("chat.countMessages", json!({}))["value"], 2);
    assert_eq!(watcher.drain(), [] as [Value; 0]);
}

#[test]
fn a_delete_larger_than_a_frame_is_sent_and_can_be_read() {
    let limits = Limits { frame_bytes: 8192, ..Limits::default() };
    let daemon = InProcess::start(Setup { limits, ..Setup::default() });
    let mut peer = daemon.peer();
    peer.call("chat.startConversation", json!({"id": "large"}));
    for id in ["m1", "m2", "m3"] {
        append(&mut peer, json!({"id": id, "interactionId": "i", "content": "x".repeat(5000)}));
    }
    let mut watchers = [json!({}), json!({"conversationId": "large"})].map(|params| {
        let mut watcher = daemon.peer();
        watcher.call("chat.subscribe", params);
        watcher.drain();
        watcher
    });
    let rev = peer.call("chat.deleteConversation", json!({"id": "large"}))["rev"].as_u64().unwrap();
    peer.call("chat.ensureCurrent", json!({}));
    let deleted = ["delete m1", "delete m2", "delete m3", "delete i", "delete large"];
    let mut late = daemon.peer();
    late.call("chat.subscribe", json!({"conversationId": "large", "since": rev - 1}));
    for watcher in watchers.iter_mut().chain([&mut late]) {
        let sent = changed(&watcher.drain());
        assert_eq!(sent[..5], deleted, "{sent:?}");
    }
    let page = &peer.call("store.changes", json!({"since": rev - 2}))["value"];
    let [append, delete, start] = page["items"].as_array().unwrap().as_slice() else { panic!("{page}") };
    assert_eq!(append["changes"][1]["after"]["id"], "m3");
    assert_eq!((&delete["rev"], &delete["omitted"]), (&json!(rev), &json!(true)));
    let changes = delete["changes"].as_array().unwrap();
    assert!(changes.iter().all(|change| change["before"].is_null() && change["after"].is_null()));
    let ids: Vec<&str> = changes.iter().map(|change| change["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["m1", "m2", "m3", "i", "large", "chat.currentConversation"]);
    assert!(start["omitted"].is_null() && !start["changes"][0]["after"].is_null());
}
