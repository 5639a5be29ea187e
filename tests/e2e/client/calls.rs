//! Calls, typed and not, and what they fail with.

use super::{builder, connect, ready, soon};
use crate::{STINAD, daemon};
use serde_json::json;
use std::time::Duration;
use stina_client::protocol::Error as Kind;
use stina_client::protocol::event::Event;
use stina_client::protocol::kv::{Key, Subscribe, SubscribeParams};
use stina_client::{CallOptions, Client, Error};
use stina_tests::{Daemon, Scripted, eventually};

fn key(text: &str) -> Key {
    Key::new(text).unwrap()
}

#[tokio::test]
async fn calls_answer_with_types() {
    let daemon = daemon();
    let client = connect(&daemon.socket()).await;
    let set = client.kv().set("a", json!({"x": [1, null]})).await.unwrap();
    assert_eq!((set.rev, set.value.rev, set.value.value.get()), (1, 1, r#"{"x":[1,null]}"#));
    assert_eq!(client.kv().get("a").await.unwrap().value, Some(set.value));
    assert_eq!(client.kv().increment("n", -2).await.unwrap().value.value.get(), "-2");
    assert_eq!(client.kv().list().await.unwrap().value.items.len(), 2);
    assert_eq!(client.kv().delete("a").await.unwrap().value.unwrap().key, "a");
    assert_eq!(client.kv().delete("a").await.unwrap().value, None);
    assert_eq!(client.store().info().await.unwrap().pid, daemon.pid());
    let server = client.server().unwrap();
    assert_eq!((server.server.pid, server.rev), (daemon.pid(), 0));
    let b = client.kv().set("b", 1).await.unwrap().rev;
    let conflict = client.kv().delete("b").if_rev(b - 1).await.unwrap_err();
    assert!(matches!(conflict.kind(), Some(Kind::Conflict { .. })), "{conflict:?}");
    assert!(client.kv().delete("b").if_rev(b).await.unwrap().value.is_some());
    assert_eq!(client.store().clients().await.unwrap().clients[0].name.as_deref(), Some("test"));
    let conflict = client.kv().set("n", 1).if_rev(77).await.unwrap_err();
    assert!(matches!(conflict.kind(), Some(Kind::Conflict { current: Some(_) })), "{conflict:?}");
    let raw = client.call_raw("kv.get", Some(r#"{"key":"n"}"#), CallOptions::default()).await.unwrap();
    assert!(raw.get().contains(r#""value":-2"#));
}

#[tokio::test]
async fn calls_from_many_tasks_share_one_connection() {
    let daemon = daemon();
    let client = connect(&daemon.socket()).await;
    let tasks: Vec<_> = (0..200)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move { client.kv().increment("n", 1).await })
        })
        .collect();
    for task in tasks {
        soon("a reply", task).await.unwrap().unwrap();
    }
    assert_eq!(client.kv().get("n").await.unwrap().value.unwrap().value.get(), "200");
    assert_eq!(client.store().clients().await.unwrap().clients.len(), 1);
}

#[tokio::test]
async fn a_transaction_answers_each_step_or_names_the_one_that_failed() {
    let daemon = daemon();
    let client = connect(&daemon.socket()).await;
    let kv = client.kv();
    let mut transaction = client.transact();
    let first = transaction.add(kv.set("a", "v")).unwrap();
    let counted = transaction.add(kv.increment("n", 7)).unwrap();
    let done = transaction.commit().await.unwrap();
    assert_eq!((done.rev, done.get(first).unwrap().key), (1, key("a")));
    assert_eq!(done.get(counted).unwrap().value.get(), "7");

    let mut failing = client.transact();
    failing.add(kv.set("b", "v")).unwrap();
    failing.add(kv.set("a", "v").if_rev(9)).unwrap();
    assert!(failing.add(kv.set("", "v")).is_err(), "it is no key");
    let Err(Error::Rpc(fault)) = failing.commit().await else { panic!("it must fail") };
    assert_eq!(fault.index, Some(1));
    assert_eq!(client.kv().get("b").await.unwrap().value, None);
    let late = client.transact().if_rev(0).commit().await.unwrap_err();
    assert!(late.kind().is_some(), "{late:?}");
}

#[tokio::test]
async fn a_call_that_cannot_be_sent_is_refused_and_the_connection_stays() {
    let daemon = daemon();
    let client = connect(&daemon.socket()).await;
    let deep = format!("{}1{}", "[".repeat(119), "]".repeat(119));
    let long = "x".repeat(33 << 20);
    for (value, kind) in [(&deep, "Invalid"), (&long, "TooLarge")] {
        let params = format!(
            r#"{{"key":"a","value":{}}}"#,
            if *value == deep { deep.clone() } else { format!("{value:?}") }
        );
        let refused = client.call_raw("kv.set", Some(&params), CallOptions::default()).await.unwrap_err();
        assert!(format!("{:?}", refused.kind()).contains(kind), "{kind}");
    }
    assert!(client.call_raw("kv.get", Some("{"), CallOptions::default()).await.is_err());
    assert!(client.kv().set("", 1).await.unwrap_err().kind().is_some());
    let subscribe = client.call_raw("kv.subscribe", None, CallOptions::default()).await.unwrap_err();
    assert!(matches!(subscribe.kind(), Some(Kind::Invalid { .. })));
    client.kv().set("a", 1).await.unwrap();
    assert_eq!(client.store().clients().await.unwrap().clients[0].id, 1, "the first connection still");
}

#[tokio::test]
async fn without_a_daemon_calls_wait_for_one_until_their_deadline() {
    let mut daemon = Daemon::prepare(STINAD, &[], &[]);
    let now = builder(&daemon.socket()).connect().await;
    assert!(matches!(now, Err(Error::NotReachable { .. })), "{now:?}");
    let client = builder(&daemon.socket()).start().unwrap();
    let in_vain = client.kv().set("a", 1).timeout(Duration::from_millis(50)).await;
    assert!(matches!(in_vain, Err(Error::NotReachable { .. })), "nothing was sent: {in_vain:?}");
    let waiting = tokio::spawn({
        let client = client.clone();
        async move { client.kv().set("a", 1).await }
    });
    daemon.restart();
    assert_eq!(waiting.await.unwrap().unwrap().rev, 1);
}

#[tokio::test]
async fn a_call_on_a_closed_client_is_an_error() {
    let daemon = daemon();
    let client = connect(&daemon.socket()).await;
    let mut events =
        client.subscribe::<stina_client::protocol::kv::Subscribe>(Default::default()).await.unwrap();
    let mirror = ready(client.kv().mirror("")).await;
    let (_, mut patches) = mirror.watch();
    assert!(mirror.ended().is_none() && client.server().is_some());
    client.close().await;
    assert!(client.server().is_none());
    assert!(matches!(client.store().ping().await, Err(Error::Closed)));
    soon("the subscription ends", async { while events.next().await.is_some() {} }).await;
    soon("the mirror ends", async { while patches.next().await.is_some() {} }).await;
    assert!(matches!(mirror.ended(), Some(Error::Closed)));
    let mut peer = daemon.peer();
    eventually("the connection is gone", || peer.call("store.info", json!({}))["clients"] == 1);
}

#[tokio::test]
async fn a_client_is_closed_when_its_last_handle_is_dropped() {
    let daemon = daemon();
    let client = connect(&daemon.socket()).await;
    let mut events = client.subscribe::<Subscribe>(SubscribeParams::default()).await.unwrap();
    drop(client);
    daemon.peer().call("kv.set", json!({"key": "a", "value": 1}));
    soon("a subscription keeps it", async {
        while !matches!(events.next().await.unwrap().unwrap(), Event::Change(_)) {}
    })
    .await;
    drop(events);
    let mut peer = daemon.peer();
    soon("the connection ends", async {
        while peer.call("store.info", json!({}))["clients"] != 1 {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn an_unreadable_answer_is_an_error_not_a_loop() {
    let odd = Scripted::start(|stage| match stage.method {
        "kv.get" => stage.reply(json!("what?")),
        _ => stage.send_event(0, json!({"subscription": "none"})),
    });
    let client = connect(&odd.socket()).await;
    let unreadable = client.kv().get("a").await;
    assert!(matches!(unreadable, Err(Error::Protocol(_))), "{unreadable:?}");
    let mute =
        Client::builder().socket(odd.socket()).deadline(Duration::from_millis(50)).connect().await.unwrap();
    let never = mute.store().ping().await;
    assert!(matches!(never, Err(Error::TimedOut { .. })), "{never:?}");
    // Not that there is none: it is connected.
    let never = mute.subscribe::<Subscribe>(SubscribeParams::default()).await;
    assert!(matches!(never, Err(Error::TimedOut { .. })), "{never:?}");
}

#[tokio::test]
async fn a_limit_of_zero_is_a_limit_of_one() {
    let daemon = daemon();
    let mut limits = super::limits();
    (limits.calls, limits.subscriptions, limits.subscription_bytes, limits.patch_bytes) = (0, 0, 0, 0);
    let client = builder(&daemon.socket()).limits(limits).connect().await.unwrap();
    let mut events = client.subscribe::<Subscribe>(SubscribeParams::default()).await.unwrap();
    client.kv().set("a", 1).await.unwrap();
    soon("the change", async { while !matches!(events.next().await.unwrap().unwrap(), Event::Change(_)) {} })
        .await;
}
