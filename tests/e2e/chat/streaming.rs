//! Messages as they are being written.

use super::{begin, changed, delta, stored, watcher};
use crate::daemon;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use stina_tests::cases::{err, ok, run};
use stina_tests::{Framing, Peer, eventually};

#[test]
fn deltas_are_sent_as_they_come_and_the_whole_message_at_the_end() {
    for framing in Framing::LIVE {
        let daemon = daemon();
        let mut owner = daemon.connect(framing);
        owner.call("chat.startConversation", json!({"id": "c"}));
        let mut watcher = watcher(&daemon, framing);
        let begun = owner.call(
            "chat.beginMessage",
            json!({"role": "assistant", "id": "m", "interactionId": "i", "content": "Hé", "provider": "p"}),
        );
        assert_eq!(
            (&begun["value"]["state"], &begun["value"]["content"]),
            (&json!("streaming"), &json!("Hé"))
        );
        let events = watcher.drain();
        assert_eq!(changed(&events), ["put c", "put i", "put m"]);
        assert_eq!(events[0]["changes"][2]["value"], begun["value"]);
        assert_eq!(delta(&mut owner, "m", 3, "j 🙂"), json!({"offset": 9}));
        assert_eq!(delta(&mut owner, "m", 9, "!"), json!({"offset": 10}));
        let told_delta = |offset, text| json!({"type": "delta", "messageId": "m", "conversationId": "c", "offset": offset, "text": text});
        assert_eq!(watcher.drain(), [told_delta(3, "j 🙂"), told_delta(9, "!")]);
        let finished = owner.call("chat.finishMessage", json!({"messageId": "m", "metadata": {"tokens": 3}}));
        let whole = &finished["value"];
        assert_eq!((&whole["content"], &whole["state"]), (&json!("Héj 🙂!"), &json!("complete")));
        assert_eq!((&whole["metadata"], &whole["aborted"]), (&json!({"tokens": 3}), &json!(false)));
        assert_eq!(finished["rev"], json!(begun["rev"].as_u64().unwrap() + 1), "words make no revision");
        let events = watcher.drain();
        assert_eq!(changed(&events), ["put c", "put m"]);
        assert_eq!(&events[0]["changes"][1]["value"], whole);
        assert_eq!(&stored(&mut owner, "m"), whole);
    }
}

#[test]
fn streaming_answers_the_same_over_every_lasting_framing() {
    for framing in Framing::LIVE {
        let daemon = daemon();
        let mut owner = daemon.connect(framing);
        owner.call("chat.startConversation", json!({"id": "c"}));
        let mut watcher = watcher(&daemon, framing);
        let append = |offset: u64, text: &str| json!({"messageId": "m", "offset": offset, "text": text});
        let role = "assistant";
        for case in [
            err(
                "chat.appendDelta",
                append(0, "x"),
                json!({"kind": "not_found", "entity": "message", "id": "m"}),
            ),
            err("chat.finishMessage", json!({"messageId": "m"}), json!({"kind": "not_found"})),
            err("chat.cancelMessage", json!({"messageId": "m"}), json!({"kind": "not_found"})),
            ok(
                "chat.beginMessage",
                json!({"role": role, "id": "m", "interactionId": "i"}),
                json!({"state": "streaming", "content": "", "rev": 2}),
                &["put c", "put i", "put m"],
            ),
            err("chat.beginMessage", json!({"role": role, "id": "m"}), json!({"kind": "already_exists"})),
            err("chat.beginMessage", json!({"role": "x"}), json!({"kind": "invalid", "field": "role"})),
            ok("chat.appendDelta", append(0, "åä"), json!({"offset": 4}), &[]),
            // Old text again, whole and in part; a part that adds something.
            ok("chat.appendDelta", append(0, "åä"), json!({"offset": 4}), &[]),
            ok("chat.appendDelta", append(2, "ä"), json!({"offset": 4}), &[]),
            ok("chat.appendDelta", append(2, "äö"), json!({"offset": 6}), &[]),
            ok("chat.appendDelta", append(6, ""), json!({"offset": 6}), &[]),
            err(
                "chat.appendDelta",
                append(7, "x"),
                json!({"kind": "invalid", "field": "offset", "expected": 6}),
            ),
            err(
                "chat.appendDelta",
                append(u64::MAX, ""),
                json!({"kind": "invalid", "field": "offset", "expected": 6}),
            ),
            err("chat.appendDelta", append(0, "ab"), json!({"kind": "invalid", "field": "text"})),
            err("chat.appendDelta", append(5, "x"), json!({"kind": "invalid", "field": "text"})),
            err(
                "chat.appendDelta",
                json!({"messageId": "m", "text": ""}),
                json!({"kind": "invalid", "field": "offset"}),
            ),
            err(
                "chat.finishMessage",
                json!({"messageId": "m", "ifRev": 1}),
                json!({"kind": "conflict", "current": {"rev": 2}}),
            ),
            ok(
                "chat.finishMessage",
                json!({"messageId": "m", "content": "other", "ifRev": 2}),
                json!({"content": "other", "metadata": null, "rev": 3}),
                &["put c", "put m"],
            ),
            err("chat.appendDelta", append(6, "x"), json!({"kind": "invalid", "field": "messageId"})),
            err(
                "chat.finishMessage",
                json!({"messageId": "m"}),
                json!({"kind": "invalid", "field": "messageId"}),
            ),
            err(
                "chat.abortMessage",
                json!({"messageId": "m"}),
                json!({"kind": "invalid", "field": "messageId"}),
            ),
            ok("chat.cancelMessage", json!({"messageId": "m"}), json!({"cancelled": false}), &[]),
            ok(
                "chat.beginMessage",
                json!({"role": role, "id": "n", "interactionId": "i", "content": "so far"}),
                json!({"rev": 4}),
                &["put c", "put n"],
            ),
            // Aborted like any message: with its interaction, and with what else is in it.
            ok(
                "chat.abortMessage",
                json!({"messageId": "n"}),
                json!({"content": "so far", "aborted": true, "state": "complete"}),
                &["put c", "put i", "put m", "put n"],
            ),
            ok("chat.abortMessage", json!({"messageId": "n"}), json!({"content": "so far", "rev": 5}), &[]),
        ] {
            run(&case, &mut owner, &mut watcher);
        }
    }
}

#[test]
fn over_http_a_message_cannot_be_begun_but_can_be_stopped() {
    let daemon = daemon();
    let mut http = daemon.connect(Framing::Http);
    let error = http.fail("chat.beginMessage", json!({"role": "assistant"}));
    assert_eq!(error["kind"], "unsupported");
    assert_eq!(http.call("chat.countMessages", json!({}))["value"], 0);
    let mut owner = daemon.peer();
    begin(&mut owner, "m");
    let append = json!({"messageId": "m", "offset": 0, "text": "x"});
    for (method, params) in [("chat.appendDelta", append), ("chat.finishMessage", json!({"messageId": "m"}))]
    {
        for other in [&mut http, &mut daemon.peer()] {
            let error = other.fail(method, params.clone());
            assert_eq!((&error["kind"], &error["field"]), (&json!("invalid"), &json!("messageId")));
        }
    }
    assert_eq!(http.call("chat.cancelMessage", json!({"messageId": "m"})), json!({"cancelled": true}));
    assert_eq!(http.call("chat.abortMessage", json!({"messageId": "m"}))["value"]["aborted"], true);
    assert_eq!(owner.fail("chat.finishMessage", json!({"messageId": "m"}))["field"], "messageId");
}

#[test]
fn a_late_subscriber_gets_the_text_so_far_then_each_later_delta() {
    let daemon = daemon();
    let mut owner = daemon.peer();
    owner.call("chat.startConversation", json!({"id": "c"}));
    let ids: Vec<String> = (0..10).map(|i| format!("m{i}")).collect();
    for id in &ids {
        begin(&mut owner, id);
        delta(&mut owner, id, 0, "one ");
    }
    let rev = owner.call("store.ping", json!({}))["rev"].as_u64().unwrap();
    for since in [None, Some(0), Some(rev)] {
        let mut late = daemon.peer();
        let mut params = json!({});
        if let Some(since) = since {
            params["since"] = since.into();
        }
        late.call("chat.subscribe", params);
        let events = late.drain();
        let synced = events.iter().position(|e| e["type"] == "synced").expect("synced");
        assert!(events[..synced].iter().all(|e| e["type"] == "change"));
        let texts: Vec<_> =
            events[synced + 1..].iter().map(|e| (&e["messageId"], &e["offset"], &e["text"])).collect();
        let text = json!(if since == Some(rev) {
            "one two two "
        } else if since.is_some() {
            "one two "
        } else {
            "one "
        });
        let expected: Vec<_> = ids.iter().map(|id| (json!(id), json!(0), text.clone())).collect();
        let expected: Vec<_> = expected.iter().map(|(id, offset, text)| (id, offset, text)).collect();
        assert_eq!(texts, expected);
        let offset = text.as_str().unwrap().len();
        for id in &ids {
            delta(&mut owner, id, offset, "two ");
        }
        let follows: Vec<Value> =
            late.drain().iter().map(|e| json!([e["messageId"], e["offset"], e["text"]])).collect();
        assert_eq!(follows, ids.iter().map(|id| json!([id, offset, "two "])).collect::<Vec<_>>());
    }
    for id in &ids {
        let whole = owner.call("chat.finishMessage", json!({"messageId": id}));
        assert_eq!(whole["value"]["content"], "one two two two ");
    }
}

#[test]
fn a_burst_of_deltas_sent_without_waiting_is_taken_in_order() {
    for framing in Framing::LIVE {
        let daemon = daemon();
        let mut owner = daemon.connect(framing);
        begin(&mut owner, "m");
        let mut text = String::new();
        for i in 0..300 {
            let word = format!("{i} ");
            owner.send("chat.appendDelta", json!({"messageId": "m", "offset": text.len(), "text": word}));
            text.push_str(&word);
        }
        // Not even the end waits for the answers.
        owner.send("chat.finishMessage", json!({"messageId": "m"}));
        for _ in 0..=300 {
            let reply = owner.reply().unwrap();
            assert!(reply.get("error").is_none(), "{reply}");
        }
        assert_eq!(stored(&mut owner, "m")["content"], text);
    }
}

#[test]
fn text_is_saved_within_half_a_second_without_a_revision() {
    let mut daemon = daemon();
    let mut owner = daemon.peer();
    for id in ["m", "n"] {
        begin(&mut owner, id);
    }
    let rev = owner.call("store.ping", json!({}))["rev"].take();
    delta(&mut owner, "m", 0, "little");
    let much = "much ".repeat(2000);
    delta(&mut owner, "n", 0, &much);
    eventually("both are saved", || {
        stored(&mut owner, "m")["content"] == "little" && stored(&mut owner, "n")["content"] == much
    });
    delta(&mut owner, "m", 6, " more");
    eventually("more is saved", || stored(&mut owner, "m")["content"] == "little more");
    assert_eq!(owner.call("store.ping", json!({}))["rev"], rev);
    let mut other = watcher(&daemon, Framing::Ndjson);
    daemon.kill();
    while other.receive().is_some() {}
    daemon.restart();
    // Both are ended in one revision, which a subscriber that resumes gets.
    let mut peer = daemon.peer();
    peer.call("chat.subscribe", json!({"since": rev}));
    let events = peer.drain();
    let changes: Vec<&Value> = events.iter().filter(|e| e["type"] == "change").collect();
    assert_eq!(changes.len(), 1);
    assert_eq!(changes[0]["origin"]["client"], "stinad");
    for (id, text) in [("m", "little more"), ("n", &much)] {
        let message = stored(&mut peer, id);
        assert_eq!((&message["content"], &message["state"]), (&json!(text), &json!("complete")));
        assert_eq!(message["aborted"], true);
    }
}

#[test]
fn a_delta_larger_than_the_event_buffer_reaches_all_subscribers() {
    let daemon = daemon();
    let mut owner = daemon.peer();
    begin(&mut owner, "m");
    let mut watcher = watcher(&daemon, Framing::WebSocket);
    let large = "å".repeat(1 << 20);
    delta(&mut owner, "m", 0, &large);
    delta(&mut owner, "m", large.len(), "!");
    let mut text = String::new();
    while text.len() <= large.len() {
        let event = watcher.event_of("delta");
        text.truncate(usize::try_from(event["offset"].as_u64().unwrap()).unwrap());
        text.push_str(event["text"].as_str().unwrap());
    }
    assert!(text == large + "!");
}

#[test]
fn a_subscriber_that_does_not_read_holds_no_more_of_long_texts_than_of_short_ones() {
    const LONG: usize = 4 << 20;
    let daemon = daemon();
    let mut owner = daemon.peer();
    let ids = ["m0", "m1", "m2", "m3"];
    for id in ids {
        begin(&mut owner, id);
        for part in 0..4 {
            delta(&mut owner, id, part * (LONG / 4), &"x".repeat(LONG / 4));
        }
    }
    let late = || {
        let mut late = daemon.peer();
        late.call("chat.subscribe", json!({}));
        late.event_of("synced");
        late
    };
    // The memory to create them is allocated once.
    drop((late(), late()));
    let Some((_, before)) = stina_tests::measured(daemon.memory()) else { return };
    let mut stalled: Vec<Peer> = (0..16).map(|_| late()).collect();
    let (_, after) = daemon.memory().unwrap();
    // Each of them is to be sent 16 MiB, and holds one message: 4 MiB, and room to read it.
    assert!(after < before + 16 * 10 * 1024, "memory grew from {before} to {after} KiB");
    delta(&mut owner, "m3", LONG, "!");
    for reader in stalled.iter_mut().take(2) {
        let mut texts = BTreeMap::new();
        for _ in ids {
            let event = reader.event_of("delta");
            assert_eq!(event["offset"], 0);
            texts.insert(
                event["messageId"].as_str().unwrap().to_owned(),
                event["text"].as_str().unwrap().len(),
            );
        }
        assert!(texts.len() == 4 && texts.values().all(|length| *length == LONG), "{texts:?}");
        let last = reader.event_of("delta");
        assert_eq!(
            (&last["messageId"], &last["offset"], &last["text"]),
            (&json!("m3"), &json!(LONG), &json!("!"))
        );
    }
}
