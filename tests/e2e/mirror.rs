//! A mirror kept by events equals the database: from a snapshot, and from any revision on.

use proptest::prelude::*;
use serde_json::{Value, json};
use stina_tests::in_process::Setup;
use stina_tests::mirror::{Mirror, database};
use stina_tests::random::Random;
use stina_tests::{InProcess, Peer};

const OPERATIONS: usize = 10_000;
const CLIENTS: usize = 3;
/// Requests that a client has under way.
const WINDOW: usize = 32;

/// A write, out of few ids: many meet an entity that another client made, changed or removed.
fn write(random: &mut Random) -> (&'static str, Value) {
    let id = |random: &mut Random, kind: &str| json!(format!("{kind}{}", random.below(30)));
    let text = |random: &mut Random| json!(random.one_of(&["å", "be to", "北京", "x y z"]).repeat(3));
    let time =
        |random: &mut Random| random.one_of(&[json!(null), json!(5), json!(4_000_000_000_000_i64)]).clone();
    let status = |random: &mut Random| *random.one_of(&["pending", "started", "done", "aborted"]);
    let r = random;
    match r.below(18) {
        12 => ("chat.startConversation", json!({"id": id(r, "c"), "title": text(r)})),
        13 | 14 => (
            "chat.appendMessage",
            json!({"role": "user", "content": text(r), "id": id(r, "m"), "interactionId": id(r, "i"),
                   "createdAt": r.below(5), "aborted": r.below(9) == 0}),
        ),
        15 => ("chat.deleteInteraction", json!({"id": id(r, "i")})),
        16 => ("chat.abortInteraction", json!({"id": id(r, "i")})),
        17 => ("chat.deleteConversation", json!({"id": id(r, "c")})),
        0 => (
            "todo.create",
            json!({"id": id(r, "t"), "title": text(r), "dueAt": time(r), "status": status(r)}),
        ),
        1 | 2 => ("todo.update", json!({"id": id(r, "t"), "description": text(r), "status": status(r)})),
        3 => ("todo.delete", json!({"id": id(r, "t")})),
        4 => ("todo.addComment", json!({"todoId": id(r, "t"), "content": text(r), "id": id(r, "c")})),
        5 => ("todo.deleteComment", json!({"id": id(r, "c")})),
        6 => (
            "memory.create",
            json!({"id": id(r, "m"), "title": text(r), "content": text(r), "tags": [text(r)]}),
        ),
        7 => ("memory.update", json!({"id": id(r, "m"), "content": text(r), "metadata": {"n": r.below(9)}})),
        8 => ("memory.delete", json!({"id": id(r, "m")})),
        9 => ("kv.set", json!({"key": id(r, "k"), "value": [text(r)]})),
        10 => ("kv.increment", json!({"key": id(r, "n")})),
        _ => ("kv.delete", json!({"key": (*r.one_of(&["k", "n"])).to_owned() + &r.below(30).to_string()})),
    }
}

/// A write, or several as one.
fn operation(random: &mut Random) -> (&'static str, Value) {
    if random.below(8) > 0 {
        return write(random);
    }
    let steps = (0..=random.below(3)).map(|_| write(random));
    let ops: Vec<Value> = steps.map(|(method, params)| json!({"method": method, "params": params})).collect();
    ("store.transact", json!({"ops": ops}))
}

/// Does its part of the operations; answers how many were done.
fn client(mut peer: Peer, mut random: Random) -> usize {
    let (mut sent, mut done) = (0, 0);
    let mut under_way = 0;
    let share = OPERATIONS.div_ceil(CLIENTS);
    while sent < share || under_way > 0 {
        if sent < share && under_way < WINDOW {
            let (method, params) = operation(&mut random);
            peer.send(method, params);
            (sent, under_way) = (sent + 1, under_way + 1);
        } else {
            let reply = peer.reply().unwrap();
            let kind = reply["error"]["data"]["kind"].as_str();
            assert!(matches!(kind, None | Some("not_found" | "already_exists")), "{reply}");
            done += usize::from(kind.is_none());
            under_way -= 1;
        }
    }
    done
}

/// Follows the events until the revision `head`; keeps what it was at the revisions `at`.
fn follow(peer: &mut Peer, mirror: &mut Mirror, head: u64, at: &[u64]) -> Vec<Mirror> {
    let mut kept = Vec::new();
    while mirror.rev < head {
        let event = peer.event();
        assert!(event["type"] != "reset", "{event}");
        mirror.take(&event);
        if at.contains(&mirror.rev) {
            kept.push(mirror.clone());
        }
    }
    kept
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 1, max_shrink_iters: 0, failure_persistence: None, ..ProptestConfig::default()
    })]

    #[test]
    fn a_mirror_from_initial_or_since_any_revision_equals_the_database(seed in any::<u64>()) {
        let daemon = InProcess::start(Setup::default());
        let mut random = Random::new(seed);
        let mut watcher = daemon.peer();
        // Begun before, amid and after the writes: the same code.
        watcher.call("store.subscribe", json!({"initial": true}));
        let clients: Vec<_> = (0..CLIENTS)
            .map(|_| (daemon.peer(), Random::new(random.any())))
            .map(|(peer, random)| std::thread::spawn(move || client(peer, random)))
            .collect();
        let mut amid = daemon.peer();
        let mut mirror = Mirror::default();
        follow(&mut watcher, &mut mirror, random.below(500) + 1, &[]);
        amid.call("store.subscribe", json!({"initial": true}));
        // Where to begin again: revisions that are still to come, as far as they come.
        let at: Vec<u64> = (0..20).map(|_| mirror.rev + random.below(OPERATIONS as u64 / 2)).collect();
        let done: usize = clients.into_iter().map(|client| client.join().unwrap()).sum();
        prop_assert!(done > OPERATIONS / 4, "{} were possible", done);

        let mut peer = daemon.peer();
        let expected = database(&mut peer, 7);
        let head = peer.call("store.ping", json!({}))["rev"].as_u64().unwrap();
        let kept = follow(&mut watcher, &mut mirror, head, &at);
        prop_assert_eq!(&mirror.entities, &expected);
        let mut late = Mirror::default();
        follow(&mut amid, &mut late, head, &[]);
        prop_assert_eq!(&late.entities, &expected);
        prop_assert!(kept.len() > 5, "{} revisions to begin again from", kept.len());
        for mut mirror in kept {
            let mut peer = daemon.peer();
            peer.call("store.subscribe", json!({"since": mirror.rev}));
            follow(&mut peer, &mut mirror, head, &[]);
            prop_assert_eq!(&mirror.entities, &expected);
        }
    }
}
