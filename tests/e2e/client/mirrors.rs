//! Mirrors equal the store, and their patches lead from each state to the next.

use super::{builder, connect, limits, ready, soon};
use crate::daemon;
use serde_json::{Value, json};
use std::sync::Arc;
use stina_client::mirror::{Diff, Patches, Snapshot};
use stina_client::protocol::kv::Entry;
use stina_client::{Entries, Mirror};
use stina_tests::{Peer, Scripted};

type List = Vec<(String, String)>;

fn shown(items: &[Arc<Entry>]) -> List {
    items.iter().map(|entry| (entry.key.to_string(), entry.value.get().to_owned())).collect()
}

/// Entries as the store lists them.
fn stored(peer: &mut Peer, prefix: &str) -> List {
    let list = peer.call("kv.list", json!({"prefix": prefix, "limit": 1000}));
    let items = list["value"]["items"].as_array().unwrap();
    items.iter().map(|e| (e["key"].as_str().unwrap().to_owned(), e["value"].to_string())).collect()
}

fn write(peer: &mut Peer, method: &str, params: Value) -> u64 {
    peer.call(method, params)["rev"].as_u64().unwrap()
}

/// Applies patches until the list is complete up to `rev`.
async fn follow(list: &mut Snapshot<Entry>, patches: &mut Patches<Entry>, rev: u64) {
    while list.rev < rev {
        let patch = soon("a patch", patches.next()).await.expect("it goes on");
        assert!(patch.rev > list.rev && !patch.diffs.is_empty());
        patch.apply(&mut list.items);
        list.rev = patch.rev;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mirror_is_sorted_filtered_and_current() {
    let daemon = daemon();
    let mut peer = daemon.peer();
    for key in ["b/2", "a", "b/1", "c"] {
        write(&mut peer, "kv.set", json!({"key": key, "value": key}));
    }
    let client = connect(&daemon.socket()).await;
    let mirror = ready(client.kv().mirror("b/")).await;
    let (mut list, mut patches) = mirror.watch();
    assert_eq!(shown(&list.items), stored(&mut peer, "b/"));
    let mut rev = 0;
    for (method, params) in [
        ("kv.set", json!({"key": "b/0", "value": 0})),
        ("kv.set", json!({"key": "z", "value": 0})),
        ("kv.delete", json!({"key": "b/2"})),
        ("kv.increment", json!({"key": "b/0"})),
    ] {
        rev = write(&mut peer, method, params);
    }
    follow(&mut list, &mut patches, rev).await;
    assert_eq!(shown(&list.items), stored(&mut peer, "b/"));
    assert_eq!(shown(&mirror.snapshot().items), shown(&list.items));
    assert_eq!((mirror.len(), mirror.get("b/0").unwrap().value.get()), (2, "1"));
    assert!(mirror.get("z").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_returned_is_seen_after_waiting_for_its_revision() {
    let daemon = daemon();
    let client = connect(&daemon.socket()).await;
    let mirror = ready(client.kv().mirror("a")).await;
    for i in 0..200 {
        let set = client.kv().set("a", i).await.unwrap();
        soon("the revision", mirror.wait(set.rev)).await.unwrap();
        assert_eq!(mirror.get("a").unwrap().value.get(), i.to_string());
    }
    let elsewhere = client.kv().set("b", 1).await.unwrap();
    soon("a revision that does not concern it", mirror.wait(elsewhere.rev)).await.unwrap();
    assert_eq!(mirror.rev(), elsewhere.rev);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_is_one_patch() {
    let daemon = daemon();
    let client = connect(&daemon.socket()).await;
    let mirror = ready(client.kv().mirror("")).await;
    let (_, mut patches) = mirror.watch();
    let ops: Vec<_> = ["b", "a", "b"].map(|k| json!({"method": "kv.increment", "params": {"key": k}})).into();
    let rev = write(&mut daemon.peer(), "store.transact", json!({"ops": ops}));
    let patch = soon("a patch", patches.next()).await.unwrap();
    let Diff::Inserted { at: 0, .. } = patch.diffs[0] else { panic!("{patch:?}") };
    assert_eq!((patch.rev, patch.diffs.len()), (rev, 3));
    drop(mirror);
    assert!(soon("the end", patches.next()).await.is_none(), "with the last clone of its mirror");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mirror_heals_after_another_history_with_diffs_alone() {
    let mut daemon = daemon();
    let mut peer = daemon.peer();
    for key in ["a", "b", "c"] {
        write(&mut peer, "kv.set", json!({"key": key, "value": 1}));
    }
    let client = connect(&daemon.socket()).await;
    let mirror = ready(client.kv().mirror("")).await;
    let (mut list, mut patches) = mirror.watch();
    let waiting = tokio::spawn({
        let mirror = mirror.clone();
        async move { mirror.wait(1000).await }
    });
    daemon.stop();
    std::fs::remove_file(daemon.database()).unwrap();
    daemon.restart();
    let mut peer = daemon.peer();
    soon("the wait for a lost revision ends", waiting).await.unwrap().unwrap();
    let rev = write(&mut peer, "kv.set", json!({"key": "b", "value": 2}));
    list.rev = 0;
    soon("it follows", async {
        while shown(&list.items) != stored(&mut peer, "") {
            let patch = patches.next().await.unwrap();
            patch.apply(&mut list.items);
        }
    })
    .await;
    assert_eq!(mirror.rev(), rev);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watcher_that_takes_no_patches_gets_the_whole_list_again() {
    let daemon = daemon();
    let mut limits = limits();
    limits.patch_bytes = 300_000;
    let client = builder(&daemon.socket()).limits(limits).connect().await.unwrap();
    let mirror = ready(client.kv().mirror("")).await;
    let (mut list, mut patches) = mirror.watch();
    let mut peer = daemon.peer();
    let mut rev = 0;
    for round in 0..6 {
        let ops: Vec<_> = (0..1000)
            .map(|i| json!({"method": "kv.set", "params": {"key": format!("k{:03}", i % 500 + round), "value": i + round}}))
            .collect();
        rev = write(&mut peer, "store.transact", json!({"ops": ops}));
        write(&mut peer, "kv.delete", json!({"key": format!("k{round:03}")}));
    }
    soon("all of it", mirror.wait(rev)).await.unwrap();
    let first = patches.next().await.unwrap();
    assert!(matches!(first.diffs[0], Diff::Cleared));
    first.apply(&mut list.items);
    list.rev = first.rev;
    let last = write(&mut peer, "kv.set", json!({"key": "last", "value": 1}));
    follow(&mut list, &mut patches, last).await;
    assert_eq!(shown(&list.items), stored(&mut peer, ""));
}

#[tokio::test]
async fn entities_that_were_cut_off_half_way_are_never_shown() {
    let entry = |key: &str| {
        let value = json!({"key": key, "value": 1, "rev": 5, "updatedAt": 0});
        json!({"entity": "kv", "op": "put", "id": key, "value": value})
    };
    let part = move |rev, prev, key: &str| {
        json!({"type": "change", "rev": rev, "prev": prev, "at": 0, "initial": true,
            "origin": {"client": null}, "changes": [entry(key)]})
    };
    let scripted = Scripted::start(move |stage| {
        if stage.method != "kv.subscribe" {
            return stage.reply(json!(true));
        }
        stage.reply(json!(1));
        match stage.connection {
            1 => {
                stage.send_event(1, part(5, 0, "a"));
                stage.hang_up();
            }
            _ => {
                stage.send_event(1, part(7, 0, "b"));
                stage.send_event(1, part(7, 7, "c"));
                stage.send_event(1, json!({"type": "synced", "rev": 7}));
            }
        }
    });
    let client = builder(&scripted.socket()).limits(limits()).connect().await.unwrap();
    let mirror: Mirror<Entries> = ready(client.kv().mirror("")).await;
    assert_eq!(
        shown(&mirror.snapshot().items).iter().map(|(k, _)| k.as_str()).collect::<Vec<_>>(),
        ["b", "c"]
    );
    assert_eq!(mirror.rev(), 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_to_another_history_is_seen_after_waiting_for_its_revision() {
    let mut daemon = daemon();
    for _ in 0..100 {
        write(&mut daemon.peer(), "kv.increment", json!({"key": "n"}));
    }
    let client = connect(&daemon.socket()).await;
    let mirror = ready(client.kv().mirror("")).await;
    for round in 0..8 {
        daemon.stop();
        std::fs::remove_file(daemon.database()).unwrap();
        daemon.restart();
        let set = client.kv().set("round", round).await.unwrap();
        soon("the revision", mirror.wait(set.rev)).await.unwrap();
        assert_eq!(shown(&mirror.snapshot().items), [("round".to_owned(), round.to_string())]);
    }
}
