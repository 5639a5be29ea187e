//! Whatever happens while messages are being written, everybody ends with what is stored, and that is what was
//! sent: all of it when it was finished, nearly all of it when the daemon was killed.

use super::world::{Act, DISK, End, HALF_A_SECOND, World, check};
use proptest::prelude::*;
use serde_json::json;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let words = || prop::collection::vec("[a-zåäö🙂\u{0} ]{0,40}|[a-z ]{2000}", 1..6);
    let act = prop_oneof![
        4 => (0..2_usize).prop_map(|owner| Act::Begin { owner }),
        20 => (any::<usize>(), words()).prop_map(|(message, words)| Act::Write { message, words }),
        2 => (any::<usize>(), 0..60_usize).prop_map(|(message, bytes)| Act::Repeat { message, bytes }),
        3 => (any::<usize>(), any::<bool>()).prop_map(|(message, other)| Act::Finish { message, other }),
        1 => any::<usize>().prop_map(|message| Act::Abort { message }),
        1 => any::<usize>().prop_map(|message| Act::Cancel { message }),
        1 => (0..2_usize).prop_map(|owner| Act::Leave { owner }),
        2 => any::<bool>().prop_map(|deltas| Act::Join { deltas }),
        2 => Just(Act::Save),
        1 => (any::<usize>(), words()).prop_map(|(message, words)| Act::Kill { message, words }),
    ];
    prop::collection::vec(act, 40..80)
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 5, max_shrink_iters: 10, failure_persistence: None, ..ProptestConfig::default()
    })]

    #[test]
    fn all_subscribers_end_with_the_stored_text_which_is_the_sent_text(acts in acts()) {
        let mut world = World::new();
        for act in acts {
            world.act(act);
        }
        let (rev, stored) = world.settle();
        assert_eq!(stored.len(), world.sent.len());
        for sent in &world.sent {
            check(sent, &stored[&sent.id]);
        }
        let expected: BTreeMap<String, (String, bool)> = stored
            .into_iter()
            .map(|(id, m)| (id, (m["content"].as_str().unwrap().to_owned(), true)))
            .collect();
        for mirror in &mut world.mirrors {
            mirror.catch_up(rev);
            assert_eq!(mirror.texts, expected);
        }
    }
}

#[test]
fn text_older_than_half_a_second_survives_a_crash() {
    let mut world = World::new();
    for owner in [0, 1] {
        world.begin(owner);
    }
    let end = Instant::now() + DISK + HALF_A_SECOND * 2;
    let mut round = 0;
    while Instant::now() < end {
        world.act(Act::Write { message: 0, words: vec!["a few words ".to_owned()] });
        if round % 4 == 0 {
            world.act(Act::Write { message: 1, words: vec!["many words ".repeat(100)] });
        }
        round += 1;
        std::thread::park_timeout(Duration::from_millis(5));
    }
    world.act(Act::Kill { message: 1, words: vec!["under way".to_owned()] });
    let (_, stored) = world.settle();
    for sent in &world.sent {
        check(sent, &stored[&sent.id]);
        let length = stored[&sent.id]["content"].as_str().unwrap().len();
        assert!(length > 1 && matches!(sent.end, End::Killed(_)), "something was saved");
    }
}

#[test]
fn a_delta_after_the_end_is_refused_or_part_of_the_message() {
    let mut world = World::new();
    for round in 0..40 {
        world.begin(round % 2);
        let sent = &world.sent[round];
        let owner = &mut world.owners[sent.owner];
        // The end goes first, and nobody waits for it.
        let finish = owner.send("chat.finishMessage", json!({"messageId": sent.id}));
        for offset in 1..=30 {
            owner.send("chat.appendDelta", json!({"messageId": sent.id, "offset": offset, "text": "x"}));
        }
        let mut taken = 1;
        for _ in 0..31 {
            let reply = owner.reply().unwrap();
            if reply["id"] == finish {
                world.sent[round].end =
                    End::Finished(reply["result"]["value"]["content"].as_str().unwrap().to_owned());
            } else if reply.get("result").is_some() {
                taken += 1;
            } else {
                // Not that another connection owns it, which would be untrue.
                let reason = reply["error"]["data"]["reason"].as_str().unwrap();
                assert!(["the message is ending", "the message has ended"].contains(&reason), "{reply}");
            }
        }
        let End::Finished(text) = &world.sent[round].end else { panic!("not finished") };
        assert_eq!(text.len(), taken, "what was taken is there, and what was not is not");
    }
    let (rev, _) = world.settle();
    world.mirrors.iter_mut().for_each(|mirror| mirror.catch_up(rev));
}
