//! Property: whatever was done, undone in reverse, leaves the database of the start; undone again, that of the end.

use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use stina_tests::in_process::Setup;
use stina_tests::mirror::{Mirror, database};
use stina_tests::random::Random;
use stina_tests::{InProcess, Peer};
use stinad::limits::Limits;

/// Operations before the start and between start and end.
const OPERATIONS: usize = 80;

type Entities = BTreeMap<(String, String), Value>;

/// A write out of few ids, of every sort.
fn write(random: &mut Random) -> (&'static str, Value) {
    let r = random;
    let id = |r: &mut Random, kind: &str| json!(format!("{kind}{}", r.below(4)));
    let text = |r: &mut Random| json!(r.one_of(&["å", "be to", "北京", "x y z"]).repeat(2));
    match r.below(24) {
        0 => ("todo.create", json!({"id": id(r, "t"), "title": text(r), "dueAt": r.below(9)})),
        1 => ("todo.update", json!({"id": id(r, "t"), "title": text(r), "status": "done"})),
        2 => ("todo.delete", json!({"id": id(r, "t")})),
        3 | 4 => ("todo.addComment", json!({"todoId": id(r, "t"), "content": text(r), "id": id(r, "c")})),
        5 => ("todo.deleteComment", json!({"id": id(r, "c")})),
        6 => (
            "memory.create",
            json!({"id": id(r, "m"), "title": text(r), "content": text(r), "tags": [text(r)],
                   "createdAt": r.below(5), "validUntil": 4_000_000_000_000_i64}),
        ),
        7 => ("memory.update", json!({"id": id(r, "m"), "content": text(r), "tags": [text(r), text(r)]})),
        8 => ("memory.delete", json!({"id": id(r, "m")})),
        9 => ("kv.set", json!({"key": id(r, "k"), "value": [text(r)]})),
        10 => ("kv.increment", json!({"key": id(r, "n")})),
        11 => ("kv.delete", json!({"key": id(r, "k")})),
        12 => ("chat.startConversation", json!({"id": id(r, "v"), "title": text(r)})),
        13 => ("chat.updateConversation", json!({"id": id(r, "v"), "title": text(r)})),
        14 => ("chat.deleteConversation", json!({"id": id(r, "v")})),
        15 => ("chat.setCurrent", json!({"conversationId": id(r, "v")})),
        16 => ("chat.clearHistory", json!({})),
        17 => ("chat.abortInteraction", json!({"id": id(r, "i")})),
        18 => ("chat.deleteInteraction", json!({"id": id(r, "i")})),
        _ => (
            "chat.appendMessage",
            json!({"role": "user", "content": text(r), "id": format!("g{}", r.below(12)),
                   "interactionId": id(r, "i"), "createdAt": r.below(5), "aborted": r.below(9) == 0}),
        ),
    }
}

/// One write, or several as one, or the undo of one of the last revisions.
fn operate(peer: &mut Peer, random: &mut Random) -> Option<u64> {
    let (method, params) = match random.below(12) {
        0 => {
            let newest = peer.call("store.ping", json!({}))["rev"].as_u64().unwrap();
            let rev = newest.saturating_sub(random.below(6)).max(1);
            ("store.undo", json!({"rev": rev, "force": random.below(2) == 0}))
        }
        1 | 2 => {
            let steps = (0..=random.below(3)).map(|_| write(random));
            let ops: Vec<Value> =
                steps.map(|(method, params)| json!({"method": method, "params": params})).collect();
            ("store.transact", json!({"ops": ops}))
        }
        _ => write(random),
    };
    match peer.try_call(method, params.clone()) {
        Ok(reply) => Some(reply["rev"].as_u64().unwrap()),
        Err(error) => {
            let kind = error["data"]["kind"].as_str().unwrap().to_owned();
            let expected = ["not_found", "already_exists", "conflict", "invalid"];
            assert!(expected.contains(&kind.as_str()), "{method} {params}: {error}");
            None
        }
    }
}

/// The entities as `initial` sends them, and as the lists have them, without revisions; what searches find.
fn state(daemon: &InProcess) -> (Entities, Vec<Value>) {
    let mut peer = daemon.peer();
    peer.call("store.subscribe", json!({"initial": true}));
    let mut mirror = Mirror::default();
    while !mirror.whole {
        mirror.take(&peer.event());
    }
    let mut peer = daemon.peer();
    let mut entities = mirror.entities;
    assert_eq!(entities, database(&mut peer, 50));
    let mut found = Vec::new();
    for query in ["å", "be", "北", "x y"] {
        for method in ["chat.search", "memory.search"] {
            let hits = peer.call(method, json!({"query": query, "limit": 1000}))["value"]["items"].take();
            let id = |hit: &Value| hit.get("messageId").or(hit.get("id")).cloned().unwrap();
            let mut ids: Vec<String> =
                hits.as_array().unwrap().iter().map(|hit| id(hit).to_string()).collect();
            ids.sort();
            found.push(json!([method, query, ids]));
        }
    }
    for tag in ["åå", "be tobe to", "北京北京", "x y zx y z"] {
        let page =
            peer.call("memory.list", json!({"tag": tag, "includeExpired": true}))["value"]["items"].take();
        let ids: Vec<&Value> = page.as_array().unwrap().iter().map(|memory| &memory["id"]).collect();
        found.push(json!([tag, ids]));
    }
    for entity in entities.values_mut() {
        entity.as_object_mut().unwrap().remove("rev");
    }
    (entities, found)
}

/// The last revision of each write between two revisions.
fn last_steps(peer: &mut Peer, since: u64, end: u64) -> Vec<u64> {
    let page = peer.call("store.changes", json!({"since": since, "limit": 1000}));
    let revisions = page["value"]["items"].as_array().unwrap().iter();
    let firsts: Vec<(u64, u64)> = revisions
        .map(|revision| {
            let rev = revision["rev"].as_u64().unwrap();
            (rev, revision["origin"]["continues"].as_u64().unwrap_or(rev))
        })
        .collect();
    assert_eq!(firsts.last().map_or(since, |(rev, _)| *rev), end);
    let is_last = |at: &usize| firsts.get(at + 1).is_none_or(|(_, first)| *first != firsts[*at].1);
    (0..firsts.len()).filter(is_last).map(|at| firsts[at].0).collect()
}

fn newest(peer: &mut Peer) -> u64 {
    peer.call("store.ping", json!({}))["rev"].as_u64().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 16, max_shrink_iters: 0, failure_persistence: None, ..ProptestConfig::default()
    })]

    #[test]
    fn everything_undone_in_reverse_is_the_start_and_undone_again_the_end(
        seed in any::<u64>(),
        // Also where every larger write is made in steps.
        step_changes in prop_oneof![Just(1), Just(2), Just(3), Just(1000)],
    ) {
        let limits = Limits { step_changes, ..Limits::default() };
        let daemon = InProcess::start(Setup { memory: true, limits, ..Setup::default() });
        let (mut peer, mut random) = (daemon.peer(), Random::new(seed));
        let mut watcher = daemon.peer();
        watcher.call("store.subscribe", json!({"initial": true}));
        let mut mirror = Mirror::default();
        for _ in 0..OPERATIONS {
            operate(&mut peer, &mut random);
        }
        let (start, start_rev) = (state(&daemon), newest(&mut peer));
        for _ in 0..OPERATIONS {
            operate(&mut peer, &mut random);
        }
        let (end, end_rev) = (state(&daemon), newest(&mut peer));
        let mut undos = Vec::new();
        for rev in last_steps(&mut peer, start_rev, end_rev).into_iter().rev() {
            match peer.try_call("store.undo", json!({"rev": rev})) {
                Ok(reply) if reply["rev"] == reply["value"]["rev"] => undos.push(reply["rev"].as_u64().unwrap()),
                other => panic!("undo of {rev}: {other:?}"),
            }
        }
        prop_assert_eq!(&state(&daemon), &start);
        undos.dedup();
        for rev in undos.into_iter().rev().filter(|rev| *rev > end_rev) {
            peer.call("store.undo", json!({"rev": rev}));
        }
        prop_assert_eq!(&state(&daemon), &end);
        // A subscriber has the same.
        let head = newest(&mut peer);
        while mirror.rev < head {
            mirror.take(&watcher.event());
        }
        prop_assert_eq!(&mirror.entities, &database(&mut peer, 50));
    }
}
