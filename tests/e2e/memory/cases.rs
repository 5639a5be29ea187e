//! Cases of `memory.*`, over every framing, with the notifications that they cause.

use crate::{daemon, daemon_at};
use serde_json::{Value, json};
use std::sync::atomic::Ordering;
use stina_tests::cases::{Case, err, invalid, missing, ok, run_all, taken};
use stina_tests::in_process::Setup;
use stina_tests::{Framing, InProcess};

#[test]
fn memories_reply_and_notify_the_same_over_every_framing() {
    for framing in Framing::ALL {
        let daemon = daemon();
        let mut watcher = daemon.peer();
        watcher.call("memory.subscribe", json!({}));
        let mut caller = daemon.connect(framing);
        run_all(&creates(), &mut caller, &mut watcher);
        run_all(&updates(), &mut caller, &mut watcher);
        run_all(&reads(), &mut caller, &mut watcher);
        run_all(&deletes(), &mut caller, &mut watcher);
    }
}

fn creates() -> Vec<Case> {
    vec![
        ok(
            "memory.create",
            json!({"id": "a", "title": "", "content": " Anna tycker om räksmörgås "}),
            json!({
                "id": "a", "title": "", "content": " Anna tycker om räksmörgås ", "metadata": null, "source": null,
                "tags": [], "validUntil": null, "rev": 1,
            }),
            &["put a"],
        ),
        ok(
            "memory.create",
            json!({
                "id": "b", "title": "Kod", "content": "1234\u{0}5678", "metadata": {"z": 1, "a": {}},
                "source": "chat", "tags": [" hem ", "larm", "hem"], "validUntil": 8_640_000_000_000_000_i64,
            }),
            json!({
                "content": "1234\u{0}5678", "metadata": {"z": 1, "a": {}}, "source": "chat",
                "tags": ["hem", "larm"], "validUntil": 8_640_000_000_000_000_i64,
            }),
            &["put b"],
        ),
        ok(
            "memory.create",
            json!({"id": "old", "title": "old", "content": "räksmörgås", "tags": ["hem"], "validUntil": now() - 1000}),
            json!({"id": "old"}),
            &["put old"],
        ),
        err("memory.create", json!({"id": "a", "title": "x", "content": "x"}), taken("memory", "a")),
        err("memory.create", json!({"content": "x"}), invalid("title")),
        err("memory.create", json!({"title": "x"}), invalid("content")),
        err("memory.create", json!({"title": null, "content": "x"}), invalid("title")),
        err("memory.create", json!({"title": "x", "content": "x", "tags": "t"}), invalid("tags")),
        err("memory.create", json!({"title": "x", "content": "x", "tags": ["t", " "]}), invalid("tags[1]")),
        err("memory.create", json!({"title": "x", "content": "x", "metadata": 1}), invalid("metadata")),
        err(
            "memory.create",
            json!({"title": "x", "content": "x", "validUntil": "soon"}),
            invalid("validUntil"),
        ),
        err("memory.create", json!({"title": "x".repeat((64 << 10) + 1), "content": "x"}), invalid("title")),
        err("memory.create", json!({"title": "x", "content": "x", "rev": 1}), invalid("rev")),
    ]
}

fn updates() -> Vec<Case> {
    vec![
        ok(
            "memory.update",
            json!({"id": "b", "content": "4321", "tags": ["dörr"], "ifRev": 2}),
            json!({"title": "Kod", "content": "4321", "tags": ["dörr"], "source": "chat", "rev": 4}),
            &["put b"],
        ),
        err(
            "memory.update",
            json!({"id": "b", "title": "x", "ifRev": 2}),
            json!({"kind": "conflict", "current": {"id": "b", "rev": 4, "content": "4321"}}),
        ),
        ok(
            "memory.update",
            json!({"id": "b", "metadata": null, "source": null, "tags": null, "validUntil": null}),
            json!({"content": "4321", "metadata": null, "source": null, "tags": [], "validUntil": null}),
            &["put b"],
        ),
        ok("memory.update", json!({"id": "b", "tags": ["larm"]}), json!({"tags": ["larm"]}), &["put b"]),
        err("memory.update", json!({"id": "b", "title": null}), invalid("title")),
        err("memory.update", json!({"id": "b", "content": null}), invalid("content")),
        err("memory.update", json!({"id": "nobody", "title": ""}), missing("memory", "nobody")),
        err("memory.update", json!({"title": ""}), invalid("id")),
    ]
}

fn reads() -> Vec<Case> {
    let found = |id: &str| json!({"items": [{"id": id}], "next": null});
    let none = json!({"items": [], "next": null});
    vec![
        ok("memory.get", json!({"id": "old"}), json!({"id": "old", "rev": 3}), &[]),
        err("memory.get", json!({"id": "nobody"}), missing("memory", "nobody")),
        ok(
            "memory.getMany",
            json!({"ids": ["old", "nobody", "a", "old"]}),
            json!({"items": [{"id": "old"}, {"id": "a"}], "next": null}),
            &[],
        ),
        err("memory.getMany", json!({"ids": vec!["a"; 1001]}), invalid("ids")),
        err("memory.getMany", json!({"ids": ["a"], "cursor": "x"}), invalid("cursor")),
        ok("memory.list", json!({"tag": "larm"}), found("b"), &[]),
        ok("memory.list", json!({"tag": "dörr"}), none.clone(), &[]),
        ok("memory.list", json!({"tag": "hem"}), none.clone(), &[]),
        ok("memory.list", json!({"tag": " hem ", "includeExpired": true}), found("old"), &[]),
        err("memory.list", json!({"tag": ""}), invalid("tag")),
        err("memory.list", json!({"cursor": "x"}), invalid("cursor")),
        ok("memory.find", json!({"content": "räksmörgås"}), json!({"id": "a"}), &[]),
        ok(
            "memory.find",
            json!({"content": "räksmörgås", "includeExpired": true}),
            json!({"id": "old", "content": "räksmörgås"}),
            &[],
        ),
        ok("memory.find", json!({"content": "ANNA TYCKER"}), json!({"id": "a"}), &[]),
        ok("memory.find", json!({"content": "raksmorgas"}), Value::Null, &[]),
        ok("memory.find", json!({"content": ""}), Value::Null, &[]),
        ok(
            "memory.search",
            json!({"query": "RAKSMÖR"}),
            json!({"items": [{"id": "a", "tags": [], "snippet": "Anna tycker om [räksmörgås]"}], "next": null}),
            &[],
        ),
        ok("memory.search", json!({"query": "larm kod"}), json!({"items": [{"snippet": "[Kod]"}]}), &[]),
        ok("memory.search", json!({"query": "lar"}), json!({"items": [{"snippet": "[larm]"}]}), &[]),
        ok("memory.search", json!({"query": "1234"}), none.clone(), &[]),
        ok("memory.search", json!({"query": ""}), none, &[]),
        err("memory.search", json!({}), invalid("query")),
        err("memory.search", json!({"query": "x", "limit": 0}), invalid("limit")),
    ]
}

fn deletes() -> Vec<Case> {
    vec![
        err(
            "memory.delete",
            json!({"id": "b", "ifRev": 1}),
            json!({"kind": "conflict", "current": {"id": "b"}}),
        ),
        ok(
            "memory.delete",
            json!({"id": "b", "ifRev": 6}),
            json!({"id": "b", "tags": ["larm"]}),
            &["delete b"],
        ),
        err("memory.delete", json!({"id": "b"}), missing("memory", "b")),
        ok("memory.search", json!({"query": "kod"}), json!({"items": []}), &[]),
        ok("memory.list", json!({"tag": "larm"}), json!({"items": []}), &[]),
        ok(
            "memory.list",
            json!({"includeExpired": true}),
            json!({"items": [{"id": "old"}, {"id": "a"}], "next": null}),
            &[],
        ),
    ]
}

fn now() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

#[test]
fn lists_are_newest_first_without_expired_memories() {
    let (daemon, clock) = daemon_at(1000);
    let mut peer = daemon.peer();
    for (id, at, valid_until) in
        [("c", 1000, None), ("a", 2000, Some(5000)), ("b", 2000, None), ("d", 2001, Some(3000))]
    {
        clock.store(at, Ordering::Relaxed);
        let params =
            json!({"id": id, "title": "t", "content": "x", "tags": ["t"], "validUntil": valid_until});
        peer.call("memory.create", params);
    }
    for (now, params, expected) in [
        (3000, json!({}), vec!["d", "b", "a", "c"]),
        (3001, json!({}), vec!["b", "a", "c"]),
        (3001, json!({"tag": "t"}), vec!["b", "a", "c"]),
        (5001, json!({}), vec!["b", "c"]),
        (5001, json!({"tag": "t", "includeExpired": true}), vec!["d", "b", "a", "c"]),
    ] {
        clock.store(now, Ordering::Relaxed);
        for limit in 1..5 {
            let (mut found, mut params) = (Vec::new(), params.clone());
            params["limit"] = json!(limit);
            while found.is_empty() || !params["cursor"].is_null() {
                let page = peer.call("memory.list", params.clone());
                let items = page["value"]["items"].as_array().unwrap().iter();
                found.extend(items.map(|memory| memory["id"].as_str().unwrap().to_owned()));
                params["cursor"] = page["value"]["next"].clone();
            }
            assert_eq!(found, expected, "at {now}: {params}");
        }
    }
    // The newest is found, whether a content is it or holds it.
    clock.store(2001, Ordering::Relaxed);
    assert_eq!(peer.call("memory.find", json!({"content": "X"}))["value"]["id"], "d");
    peer.call("memory.create", json!({"id": "e", "title": "", "content": "axe"}));
    assert_eq!(peer.call("memory.find", json!({"content": "x"}))["value"]["id"], "d");
    assert_eq!(peer.call("memory.find", json!({"content": "AX"}))["value"]["id"], "e");
}

#[test]
fn initial_has_expired_memories_too_also_in_memory() {
    for memory in [false, true] {
        let daemon = InProcess::start(Setup { memory, ..Setup::default() });
        let mut peer = daemon.peer();
        for (id, valid_until) in [("a", None), ("b", Some(now() - 1))] {
            peer.call(
                "memory.create",
                json!({"id": id, "title": id, "content": id, "validUntil": valid_until}),
            );
        }
        peer.call("memory.subscribe", json!({"initial": true}));
        let events = peer.events_until(|event| event["type"] == "synced");
        let initial = events.iter().filter(|event| event["initial"] == true);
        assert_eq!(initial.flat_map(|event| event["changes"].as_array().unwrap()).count(), 2);
        assert_eq!(peer.call("memory.search", json!({"query": "a"}))["value"]["items"][0]["snippet"], "[a]");
    }
}

#[test]
fn large_memories_come_in_pages() {
    let (daemon, _clock) = daemon_at(0);
    let mut peer = daemon.peer();
    let large = format!("word {}", "x".repeat(2_200_000));
    let ids = ["a", "b", "c"];
    for id in ids {
        peer.call("memory.create", json!({"id": id, "title": "t", "content": large}));
    }
    let page = peer.call("memory.getMany", json!({"ids": ids}));
    assert_eq!(page["value"]["items"].as_array().unwrap().len(), 2);
    let rest = peer.call("memory.getMany", json!({"ids": ids, "cursor": page["value"]["next"]}));
    assert_eq!(rest["value"]["items"][0]["id"], "c");
    assert!(rest["value"]["next"].is_null());
    let hits = peer.call("memory.search", json!({"query": "word"}));
    assert_eq!(hits["value"]["items"].as_array().unwrap().len(), 2, "fewer hits where they are large");
}
