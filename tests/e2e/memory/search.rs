//! `memory.search`: the index against a scan, ranking, and whatever a person types.

use crate::daemon_at;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use stina_tests::in_process::Setup;
use stina_tests::{InProcess, Peer};

fn search(peer: &mut Peer, query: &str) -> Vec<String> {
    let found = peer.call("memory.search", json!({"query": query, "limit": 1000}));
    let items = found["value"]["items"].as_array().unwrap().iter();
    items.map(|hit| hit["id"].as_str().unwrap().to_owned()).collect()
}

fn remember(peer: &mut Peer, id: &str, title: &str, content: &str, tags: &[&str]) {
    peer.call("memory.create", json!({"id": id, "title": title, "content": content, "tags": tags}));
}

#[test]
fn the_best_match_comes_first_and_of_equal_ones_the_newest() {
    let (daemon, _clock) = daemon_at(0);
    let mut peer = daemon.peer();
    let filler = "some other words that say nothing of it ".repeat(5);
    remember(&mut peer, "content", "note", &format!("{filler} båt"), &[]);
    remember(&mut peer, "title", "Båt", &filler, &[]);
    remember(&mut peer, "tag", "note", &filler, &["båt"]);
    remember(&mut peer, "often", "note", &format!("{filler} båt båt båt båt"), &[]);
    remember(&mut peer, "none", "note", &filler, &[]);
    assert_eq!(search(&mut peer, "bat"), ["title", "often", "tag", "content"]);
    remember(&mut peer, "same-1", "", "lika", &[]);
    remember(&mut peer, "same-2", "", "lika", &[]);
    assert_eq!(search(&mut peer, "lika"), ["same-2", "same-1"]);
    let top = peer.call("memory.search", json!({"query": "båt", "limit": 1}));
    assert_eq!(top["value"]["items"].as_array().unwrap().len(), 1);
}

#[test]
fn any_typed_text_is_a_query() {
    let (daemon, _clock) = daemon_at(0);
    let mut peer = daemon.peer();
    remember(&mut peer, "zh", "旅行", "我明天去北京开会，然后回家。", &["出差"]);
    remember(&mut peer, "sv", "Åsa", "Åsas födelsedag är i maj, hon är från Östersund", &["vän"]);
    remember(&mut peer, "en", "C++ \"quotes\"", "it's 50% off: use *code* -now- 🎉 (café)", &["a-b"]);
    remember(&mut peer, "nul", "", "be\u{0}fore", &[]);
    for (query, expected) in [
        ("北京", vec!["zh"]),
        ("开会 出差", vec!["zh"]),
        ("asa ostersund", vec!["sv"]),
        ("ÖSTER", vec!["sv"]),
        ("\"quotes\"", vec!["en"]),
        ("'it's", vec!["en"]),
        ("-now", vec!["en"]),
        ("*code*", vec!["en"]),
        ("off:use", vec!["en"]),
        ("cafe\u{301}", vec!["en"]),
        ("🎉", vec!["en"]),
        ("%", vec!["en"]),
        ("a-b", vec!["en"]),
        ("-", vec!["en"]),
        ("。", vec!["zh"]),
        (",", vec!["sv"]),
        ("\u{0}", vec!["nul"]),
        ("be\u{0}fore", vec!["nul"]),
        ("AND OR NOT", vec![]),
        ("title:Åsa", vec![]),
        ("\"", vec!["en"]),
        ("[", vec![]),
        ("NEAR(", vec![]),
        ("  ", vec![]),
    ] {
        assert_eq!(search(&mut peer, query), expected, "{query:?}");
    }
    for long in ["x".repeat(100_000), "北".repeat(33_000), "\"*-: ".repeat(20_000), "a ".repeat(50_000)] {
        search(&mut peer, &long);
    }
    let error = peer.fail("memory.search", json!({"query": "x".repeat((8 << 20) + 1)}));
    assert_eq!(error["field"], "query");
}

#[test]
fn the_index_survives_a_restart_on_a_copy_of_the_database() {
    let daemon = InProcess::start(Setup::default());
    let mut peer = daemon.peer();
    for i in 0..9 {
        remember(&mut peer, &format!("m{i}"), "", &format!("word{i}"), &[]);
    }
    for i in [0, 1, 4] {
        peer.call("memory.delete", json!({"id": format!("m{i}")}));
    }
    drop(peer);
    let home = daemon.stop();
    let copied = tempfile::tempdir().unwrap();
    let copy = copied.path().join("stina.db");
    let conn = rusqlite::Connection::open(home.path().join("stina.db")).unwrap();
    conn.execute("VACUUM INTO ?", [copy.to_str().unwrap()]).unwrap();
    let daemon = InProcess::start(Setup { home: Some(copied), ..Setup::default() });
    let mut peer = daemon.peer();
    remember(&mut peer, "new", "", "word9", &[]);
    for (query, expected) in [("word3", vec!["m3"]), ("word4", vec![]), ("word9", vec!["new"])] {
        assert_eq!(search(&mut peer, query), expected);
    }
    assert_eq!(search(&mut peer, "word").len(), 7);
}

/// Words of which some begin others.
const WORDS: [&str; 7] = ["a", "ab", "abc", "b", "bc", "å", "北"];

fn text() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(&WORDS[..]), 0..4).prop_map(|words| words.join(" "))
}

/// A memory as this test knows it: title, content, tags.
type Known = (String, String, Vec<String>);

fn known() -> impl Strategy<Value = Known> {
    let tags = prop::collection::btree_set(prop::sample::select(&WORDS[..]), 0..3);
    (text(), text(), tags.prop_map(|tags| tags.into_iter().map(ToOwned::to_owned).collect()))
}

#[derive(Debug, Clone)]
enum Op {
    Create(u8, Known),
    Update(u8, Known),
    Delete(u8),
}

fn op() -> impl Strategy<Value = Op> {
    let id = 0..8_u8;
    prop_oneof![
        (id.clone(), known()).prop_map(|(id, known)| Op::Create(id, known)),
        (id.clone(), known()).prop_map(|(id, known)| Op::Update(id, known)),
        id.prop_map(Op::Delete),
    ]
}

impl Op {
    fn step(&self) -> Value {
        let (method, params) = match self {
            Self::Create(id, (title, content, tags)) => {
                ("create", json!({"id": id.to_string(), "title": title, "content": content, "tags": tags}))
            }
            Self::Update(id, (title, content, tags)) => {
                ("update", json!({"id": id.to_string(), "title": title, "content": content, "tags": tags}))
            }
            Self::Delete(id) => ("delete", json!({"id": id.to_string()})),
        };
        json!({"method": format!("memory.{method}"), "params": params})
    }

    /// Whether it can be done; then it is.
    fn apply(&self, all: &mut BTreeMap<String, Known>) -> bool {
        match self {
            Self::Create(id, _) if all.contains_key(&id.to_string()) => false,
            Self::Update(id, _) if !all.contains_key(&id.to_string()) => false,
            Self::Create(id, known) | Self::Update(id, known) => {
                all.insert(id.to_string(), known.clone());
                true
            }
            Self::Delete(id) => all.remove(&id.to_string()).is_some(),
        }
    }
}

/// Whether each word of `query` begins a word of the memory.
fn scan((title, content, tags): &Known, query: &str) -> bool {
    // `å` is `a` to the search.
    let fold = |word: &str| word.replace('å', "a");
    let words: Vec<String> =
        [title, content].into_iter().chain(tags).flat_map(|text| text.split(' ')).map(fold).collect();
    query.split(' ').all(|wanted| words.iter().any(|word| word.starts_with(&fold(wanted))))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_index_finds_what_a_scan_finds_after_updates_deletes_and_rollbacks(
        transactions in prop::collection::vec(prop::collection::vec(op(), 1..4), 1..25),
    ) {
        let (daemon, _clock) = daemon_at(0);
        let mut peer = daemon.peer();
        let mut all = BTreeMap::new();
        for ops in &transactions {
            let mut after = all.clone();
            // A step that can't be done rolls back those before it.
            let possible = ops.iter().all(|op| op.apply(&mut after));
            let steps: Vec<Value> = ops.iter().map(Op::step).collect();
            let done = peer.try_call("store.transact", json!({"ops": steps}));
            prop_assert_eq!(done.is_ok(), possible, "{:?}", done);
            if possible {
                all = after;
            }
        }
        for query in WORDS.into_iter().chain(["a b", "ab bc", "北 å", "abc abc b"]) {
            let mut found = search(&mut peer, query);
            found.sort();
            let expected: Vec<&String> = all.iter().filter(|(_, m)| scan(m, query)).map(|(id, _)| id).collect();
            prop_assert_eq!(found.iter().collect::<Vec<_>>(), expected, "{}", query);
        }
    }
}

#[test]
fn of_a_common_word_the_newest_matches_are_ranked() {
    let limits = stinad::limits::Limits { ranked_matches: 2, ..stinad::limits::Limits::default() };
    let setup = stina_tests::in_process::Setup { limits, memory: true, ..Default::default() };
    let daemon = stina_tests::InProcess::start(setup);
    let mut peer = daemon.peer();
    for (id, content) in [("best", "common"), ("better", "common word"), ("last", "common among other words")]
    {
        peer.call("memory.create", json!({"id": id, "title": "t", "content": content}));
    }
    let found = peer.call("memory.search", json!({"query": "common"}))["value"]["items"].take();
    let ids: Vec<&Value> = found.as_array().unwrap().iter().map(|hit| &hit["id"]).collect();
    assert_eq!(ids, ["better", "last"]);
}
