//! What resets are to subscriptions and to mirrors, for every reason that there is.

use super::{builder, change, connect, event, limits, ready, soon};
use crate::daemon;
use serde_json::{Value, json};
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use stina_client::mirror::{Diff, Patches};
use stina_client::protocol::event::{Event, ResetReason, Start};
use stina_client::protocol::kv::{Entry, Subscribe, SubscribeParams};
use stina_tests::in_process::Setup;
use stina_tests::{InProcess, Peer, Proxy, Scripted, eventually};
use stinad::limits::Limits;

fn set(peer: &mut Peer, key: &str, value: impl serde::Serialize) -> u64 {
    peer.call("kv.set", json!({"key": key, "value": value}))["rev"].as_u64().unwrap()
}

fn keys(items: &[Arc<Entry>]) -> Vec<&str> {
    items.iter().map(|entry| entry.key.as_str()).collect()
}

fn with_initial() -> SubscribeParams {
    SubscribeParams { head: Start::initial(), ..SubscribeParams::default() }
}

/// The keys of a part of the snapshot.
async fn snapshot_keys(events: &mut stina_client::Subscription) -> Vec<String> {
    let changes = change(events).await;
    assert!(changes.initial, "{changes:?}");
    changes.changes.into_iter().map(|change| change.id).collect()
}

/// The steps of the next patch, in short.
async fn steps(patches: &mut Patches<Entry>, list: &mut Vec<Arc<Entry>>) -> Vec<String> {
    let patch = soon("a patch", patches.next()).await.expect("it goes on");
    patch.apply(list);
    let short = |diff: &Diff<Entry>| match diff {
        Diff::Inserted { at, item } => format!("+{at} {}", item.key),
        Diff::Updated { at, item } => format!("*{at} {}", item.key),
        Diff::Appended { at, text, .. } => format!("…{at} {text}"),
        Diff::Moved { from, to, item } => format!("{from}>{to} {}", item.key),
        Diff::Removed { at } => format!("-{at}"),
        Diff::Cleared => "cleared".to_owned(),
    };
    patch.diffs.iter().map(short).collect()
}

/// Begins to wait for something that has not happened yet.
async fn begin<T: std::fmt::Debug>(waiting: &mut (impl Future<Output = T> + Unpin)) {
    tokio::select! {
        biased;
        done = waiting => panic!("already: {done:?}"),
        () = std::future::ready(()) => {}
    }
}

/// A way to a daemon that can be taken away.
struct Road {
    proxy: Proxy,
    link: PathBuf,
    daemon: PathBuf,
}

impl Road {
    fn to(daemon: &std::path::Path) -> Self {
        let link = daemon.with_file_name("road");
        symlink(daemon, &link).unwrap();
        Self {
            proxy: Proxy::start(&daemon.with_file_name("proxy.sock"), &link),
            link,
            daemon: daemon.to_owned(),
        }
    }

    /// Does something while nobody can come this way.
    fn closed<T>(&self, meanwhile: impl FnOnce() -> T) -> T {
        std::fs::remove_file(&self.link).unwrap();
        self.proxy.cut_all();
        let done = meanwhile();
        symlink(&self.daemon, &self.link).unwrap();
        done
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_was_trimmed_meanwhile_sends_reset_compacted() {
    let limits = Limits {
        log_bytes: 50_000,
        log_revisions: 1,
        checkpoint_after: Duration::from_millis(1),
        prune_revisions: 1,
        ring_items: 4,
        ..Limits::default()
    };
    let daemon = InProcess::start(Setup { limits, ..Setup::default() });
    let mut peer = daemon.peer();
    for key in ["a", "b", "c"] {
        set(&mut peer, key, 1);
    }
    let road = Road::to(daemon.socket());
    let client = connect(road.proxy.socket()).await;
    let mut bare = client.subscribe::<Subscribe>(SubscribeParams::default()).await.unwrap();
    assert_eq!(event(&mut bare).await, Event::Synced { rev: 3 });
    let mut whole = client.subscribe::<Subscribe>(with_initial()).await.unwrap();
    assert_eq!(snapshot_keys(&mut whole).await, ["a", "b", "c"]);
    assert_eq!(event(&mut whole).await, Event::Synced { rev: 3 });
    let mirror = ready(client.kv().mirror("")).await;
    let (snapshot, mut patches) = mirror.watch();

    let last = road.closed(|| {
        peer.call("kv.delete", json!({"key": "a"}));
        let mut last = 0;
        for n in 0..200 {
            last = set(&mut peer, "d", format!("{n:01000}"));
        }
        let hello = json!({"client": {"name": "test", "version": "1"}});
        eventually("the log is pruned", || {
            peer.call("store.hello", hello.clone())["oldestRev"].as_u64() > Some(10)
        });
        last
    });

    let reset = Event::Reset { reason: ResetReason::Compacted, rev: last };
    assert_eq!(event(&mut bare).await, reset);
    assert_eq!(event(&mut bare).await, Event::Synced { rev: last });
    assert_eq!(event(&mut whole).await, reset);
    assert_eq!(snapshot_keys(&mut whole).await, ["b", "c", "d"]);
    assert_eq!(event(&mut whole).await, Event::Synced { rev: last });
    soon("the mirror heals", mirror.wait(last)).await.unwrap();
    let mut list = snapshot.items;
    assert_eq!(steps(&mut patches, &mut list).await, ["-0", "+2 d"], "what differs, and nothing else");

    let next = set(&mut peer, "e", 1);
    for events in [&mut bare, &mut whole] {
        let next_change = change(events).await;
        assert_eq!((next_change.rev, next_change.prev, next_change.initial), (next, last, false));
    }
    assert_eq!(steps(&mut patches, &mut list).await, ["+3 e"]);
    assert_eq!(keys(&list), keys(&mirror.snapshot().items));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscriber_that_reads_too_late_for_the_log_is_reset_and_continues() {
    let bounds = Limits {
        log_bytes: 20_000,
        log_revisions: 1,
        checkpoint_after: Duration::from_millis(1),
        prune_revisions: 1,
        ring_items: 4,
        ..Limits::default()
    };
    let daemon = InProcess::start(Setup { limits: bounds, ..Setup::default() });
    let mut own = limits();
    own.subscription_bytes = 4 << 10;
    let client = builder(daemon.socket()).limits(own).connect().await.unwrap();
    let mut events = client.subscribe::<Subscribe>(SubscribeParams::default()).await.unwrap();
    let mut peer = daemon.peer();
    let mut last = 0;
    for n in 0..500 {
        last = set(&mut peer, "k", format!("{n:01000}"));
    }
    let hello = json!({"client": {"name": "test", "version": "1"}});
    eventually("the log is pruned", || {
        peer.call("store.hello", hello.clone())["oldestRev"].as_u64() > Some(last - 100)
    });
    // Buffered events come first; then a reset, and from there on nothing is missed.
    let (mut last_rev, mut resets) = (0, 0);
    while last_rev < last {
        match event(&mut events).await {
            Event::Change(changes) => {
                assert_eq!(changes.prev, last_rev);
                last_rev = changes.rev;
            }
            Event::Synced { rev } => last_rev = rev,
            Event::Reset { reason, rev } => {
                assert_eq!(reason, ResetReason::Compacted);
                (last_rev, resets) = (rev, resets + 1);
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((last_rev, resets), (last, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_of_another_process_sends_reset_external_and_mirrors_recover() {
    let daemon = daemon();
    let mut peer = daemon.peer();
    for key in ["a", "b", "c"] {
        set(&mut peer, key, 1);
    }
    let road = Road::to(&daemon.socket());
    let client = connect(road.proxy.socket()).await;
    let mut bare = client.subscribe::<Subscribe>(SubscribeParams::default()).await.unwrap();
    assert_eq!(event(&mut bare).await, Event::Synced { rev: 3 });
    let mirror = ready(client.kv().mirror("")).await;
    let (snapshot, mut patches) = mirror.watch();
    let mut list = snapshot.items;
    let shell = rusqlite::Connection::open(daemon.database()).unwrap();
    let write = |sql: &str| shell.execute_batch(&format!("BEGIN IMMEDIATE; {sql}; COMMIT")).unwrap();

    write(
        "DELETE FROM kv_entries WHERE key = 'a'; UPDATE kv_entries SET value = '2' WHERE key = 'c';
         INSERT INTO kv_entries (key, value, rev, updated_at) VALUES ('d', '4', 1, 0)",
    );
    assert_eq!(steps(&mut patches, &mut list).await, ["-0", "*1 c", "+2 d"]);
    let Event::Reset { reason: ResetReason::External, rev } = event(&mut bare).await else {
        panic!("a reset")
    };
    assert_eq!(mirror.rev(), rev);

    // A subscriber that was away meanwhile is reset too.
    road.closed(|| {
        write("DELETE FROM kv_entries WHERE key = 'b'");
        eventually("it is noticed", || peer.call("store.ping", json!({}))["rev"].as_u64() > Some(rev));
    });
    assert_eq!(steps(&mut patches, &mut list).await, ["-0"]);
    let again = loop {
        match event(&mut bare).await {
            Event::Synced { .. } => {}
            other => break other,
        }
    };
    assert!(matches!(again, Event::Reset { reason: ResetReason::External, .. }), "{again:?}");
    let next = set(&mut peer, "e", 1);
    assert_eq!(steps(&mut patches, &mut list).await, ["+2 e"]);
    assert_eq!(change(&mut bare).await.rev, next);
    assert_eq!(keys(&list), ["c", "d", "e"]);
}

/// A part of the snapshot, as of `rev`.
fn part(rev: u64, prev: u64, key: &str) -> Value {
    let entry = json!({"key": key, "value": 1, "rev": 1, "updatedAt": 0});
    let change = json!({"entity": "kv", "op": "put", "id": key, "value": entry});
    json!({"type": "change", "rev": rev, "prev": prev, "at": 0, "initial": true,
        "origin": {"client": null}, "changes": [change]})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_database_is_another_history_on_the_same_connection() {
    let scripted = Scripted::start(|stage| match (stage.connection, stage.method) {
        (1, "kv.subscribe") => {
            stage.reply(json!(1));
            stage.send_event(1, part(9, 0, "old"));
            stage.send_event(1, json!({"type": "synced", "rev": 9}));
        }
        (1, "kv.increment") => {
            stage.set_epoch("restored");
            stage.send_event(1, json!({"type": "reset", "reason": "restored", "rev": 3}));
            stage.send_event(1, part(3, 3, "new"));
            stage.send_event(1, json!({"type": "synced", "rev": 3}));
        }
        // The connection breaks only once the client has taken all that in.
        (1, _) => stage.hang_up(),
        (_, "kv.subscribe") => stage.reply(json!(2)),
        _ => stage.reply(json!({"rev": 3})),
    });
    let client = connect(&scripted.socket()).await;
    let mirror = ready(client.kv().mirror("")).await;
    let (snapshot, mut patches) = mirror.watch();
    let mut list = snapshot.items;
    let mut waiting = pin!(mirror.wait(100));
    begin(&mut waiting).await;
    let restoring = tokio::spawn({
        let client = client.clone();
        async move { client.kv().increment("n", 1).await }
    });
    assert_eq!(steps(&mut patches, &mut list).await, ["-0", "+0 new"]);
    assert_eq!((mirror.rev(), keys(&list)), (3, vec!["new"]));
    soon("a revision of the old history is not waited for", waiting).await.unwrap();
    assert_eq!(client.store().ping().await.unwrap(), 3);
    let subscriptions = || -> Vec<Value> {
        let requests = scripted.requests();
        requests.iter().filter(|r| r["method"] == "kv.subscribe").map(|r| r["params"].clone()).collect()
    };
    eventually("the mirror is back", || subscriptions().len() == 2);
    let again = &subscriptions()[1];
    assert_eq!((&again["since"], &again["epoch"]), (&json!(3), &json!("restored")));
    restoring.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_of_a_replaced_history_is_no_longer_awaited() {
    let scripted = Scripted::start(|stage| match (stage.connection, stage.method) {
        (1, "kv.subscribe") => {
            stage.reply(json!(1));
            stage.send_event(1, part(9, 0, "a"));
            stage.send_event(1, json!({"type": "synced", "rev": 9}));
        }
        (1, _) => {
            stage.send_event(1, json!({"type": "reset", "reason": "external", "rev": 10}));
            stage.send_event(1, part(10, 10, "a"));
            stage.set_epoch("other");
            stage.hang_up();
        }
        (_, "kv.subscribe") => {
            stage.reply(json!(2));
            stage.send_event(2, part(2, 0, "b"));
            stage.send_event(2, json!({"type": "synced", "rev": 2}));
        }
        _ => stage.reply(json!({"rev": 2})),
    });
    let client = connect(&scripted.socket()).await;
    let mirror = ready(client.kv().mirror("")).await;
    let mut waiting = pin!(mirror.wait(10));
    begin(&mut waiting).await;
    client.store().ping().await.unwrap();
    soon("the wait ends", waiting).await.unwrap();
    assert_eq!((mirror.rev(), keys(&mirror.snapshot().items)), (2, vec!["b"]));
}

#[tokio::test]
async fn an_event_too_long_for_the_client_is_replaced_by_a_snapshot_or_ends_the_subscription() {
    let daemon = daemon();
    let mut limits = limits();
    limits.message_bytes = 200 << 10;
    let client = builder(&daemon.socket()).limits(limits).connect().await.unwrap();
    let mut with_snapshot = client.subscribe::<Subscribe>(with_initial()).await.unwrap();
    assert!(matches!(event(&mut with_snapshot).await, Event::Synced { rev: 0 }));
    let mirror = ready(client.kv().mirror("")).await;
    let mut without = client.subscribe::<Subscribe>(SubscribeParams::default()).await.unwrap();
    assert!(matches!(event(&mut without).await, Event::Synced { rev: 0 }));
    // A transaction is always one notification, however long.
    let step = |n: usize| json!({"method": "kv.set", "params": {"key": format!("k{n:03}"), "value": "x".repeat(1000)}});
    let ops: Vec<Value> = (0..300).map(step).collect();
    let rev = daemon.peer().call("store.transact", json!({"ops": ops}))["rev"].as_u64().unwrap();
    assert!(matches!(event(&mut with_snapshot).await, Event::Reset { reason: ResetReason::Compacted, .. }));
    let mut seen = 0;
    while seen < 300 {
        seen += snapshot_keys(&mut with_snapshot).await.len();
    }
    assert!(matches!(event(&mut with_snapshot).await, Event::Synced { .. }));
    soon("the mirror heals", mirror.wait(rev)).await.unwrap();
    assert_eq!(mirror.snapshot().items.len(), 300);
    let ended = soon("an end", without.next()).await.unwrap();
    assert!(ended.unwrap_err().to_string().contains("more than 204800 bytes"));
    assert!(soon("nothing more", without.next()).await.is_none());
    // The others go on.
    let rev = daemon.peer().call("kv.set", json!({"key": "k000", "value": 1}))["rev"].as_u64().unwrap();
    assert_eq!(change(&mut with_snapshot).await.rev, rev);
}
