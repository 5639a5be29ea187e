//! What fails, and how: reasons, refusals, answers that can't be used.

use super::{builder, connect, limits, soon, state};
use crate::daemon;
use serde_json::json;
use std::error::Error as _;
use std::os::unix::net::UnixListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use stina_client::protocol::Error as Kind;
use stina_client::{ConnectionState, Error, Unreachable};
use stina_tests::Scripted;

#[tokio::test]
async fn not_reachable_says_why() {
    let home = tempfile::tempdir().unwrap();
    let socket = home.path().join("s");
    let mut limits = limits();
    limits.connect = Duration::from_millis(50);
    let why = async || match builder(&socket).limits(limits.clone()).connect().await {
        Err(Error::NotReachable { why, source, .. }) => (why, source.is_some()),
        other => panic!("{other:?}"),
    };
    assert_eq!(why().await, (Unreachable::NoSocket, true));
    let listener = UnixListener::bind(&socket).unwrap();
    assert_eq!(why().await, (Unreachable::NoAnswer, false));
    drop(listener);
    assert_eq!(why().await, (Unreachable::Refused, true));
    assert_eq!(serde_json::to_value(Unreachable::NoSocket).unwrap(), "no_socket");
}

#[tokio::test]
async fn a_lasting_refusal_fails_calls_at_once() {
    let daemon = daemon();
    let client = builder(&daemon.socket()).name("not an id", "1").deadline(Duration::MAX).start().unwrap();
    let refused = soon("the refusal", client.kv().set("a", 1)).await.unwrap_err();
    assert!(matches!(refused.kind(), Some(Kind::Invalid { field, .. }) if field == "name"), "{refused:?}");
    let refused = soon("the refusal", client.kv().get("a")).await.unwrap_err();
    assert!(refused.source().is_some_and(|source| source.is::<Kind>()), "{refused:?}");
    let connected = builder(&daemon.socket()).name("not an id", "1").connect().await.unwrap_err();
    assert!(matches!(connected.kind(), Some(Kind::Invalid { .. })), "{connected:?}");
}

#[tokio::test]
async fn an_answer_that_is_too_long_fails_its_call_only() {
    let daemon = daemon();
    daemon.peer().call("kv.set", json!({"key": "big", "value": "x".repeat(300_000)}));
    let mut limits = limits();
    limits.message_bytes = 64 << 10;
    let client = builder(&daemon.socket()).limits(limits).connect().await.unwrap();
    let bystanders: Vec<_> = (0..40)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move { client.kv().increment("n", 1).await })
        })
        .collect();
    for _ in 0..3 {
        let read = client.kv().get("big").await.unwrap_err();
        assert!(matches!(&read, Error::Protocol(why) if why.contains("more than 65536 bytes")), "{read:?}");
    }
    let write = client.kv().set("big", "y".repeat(300_000)).await.unwrap_err();
    assert!(matches!(write, Error::OutcomeUnknown { .. }), "{write:?}");
    for bystander in bystanders {
        soon("a reply", bystander).await.unwrap().unwrap();
    }
    let clients = client.store().clients().await.unwrap().clients;
    assert_eq!(clients.len(), 1, "the first connection still: {clients:?}");
    assert_eq!(client.kv().get("n").await.unwrap().value.unwrap().value.get(), "40");
}

#[tokio::test]
async fn notifications_that_it_does_not_know_are_ignored() {
    let newer = Scripted::start(|stage| {
        for news in [
            r#"{"jsonrpc":"2.0","method":"news","params":{"subscription":"abc","result":1}}"#,
            r#"{"jsonrpc":"2.0","method":"news","params":[1]}"#,
            r#"{"method":"news","jsonrpc":"2.0"}"#,
        ] {
            stage.send_text(&format!("{news}\n"));
        }
        let connection = stage.connection;
        stage.reply(json!({"rev": connection, "value": null}));
    });
    let client = connect(&newer.socket()).await;
    for _ in 0..3 {
        assert_eq!(client.kv().get("a").await.unwrap().rev, 1, "the first connection still");
    }
}

#[tokio::test]
async fn a_call_beside_an_unreadable_message_is_sent_again_but_not_for_ever() {
    let broken = Arc::new(AtomicUsize::new(0));
    let left = Arc::clone(&broken);
    let odd = Scripted::start(move |stage| {
        if left.load(Ordering::Relaxed) > 0 {
            left.fetch_sub(1, Ordering::Relaxed);
            return stage.send_text("{\"jsonrpc\":\"2.0\",\"id\":\n");
        }
        stage.reply(json!({"rev": 1, "value": {"key": "a", "value": 1, "rev": 1, "updatedAt": 0}}));
    });
    let client = connect(&odd.socket()).await;
    for times in [1, 2] {
        broken.store(times, Ordering::Relaxed);
        client.kv().set("a", 1).await.unwrap();
        broken.store(times, Ordering::Relaxed);
        client.kv().get("a").await.unwrap();
    }
    broken.store(1000, Ordering::Relaxed);
    let unreadable = client.kv().get("a").await.unwrap_err();
    assert!(matches!(unreadable, Error::Protocol(_)), "{unreadable:?}");
    let unknown = client.kv().set("a", 1).await.unwrap_err();
    assert!(matches!(unknown, Error::OutcomeUnknown { .. }), "{unknown:?}");
    assert_eq!(1000 - broken.load(Ordering::Relaxed), 6, "three attempts each");
}

#[tokio::test]
async fn connections_that_live_briefly_are_replaced_after_growing_waits() {
    let rude = Scripted::start(|stage| stage.hang_up());
    let client = connect(&rude.socket()).await;
    let calling = tokio::spawn({
        let client = client.clone();
        async move { client.kv().get("a").await }
    });
    state(&client, "attempts are counted", |state| {
        matches!(state, ConnectionState::Reconnecting { attempt: 4.., why: Unreachable::Broken, .. })
    })
    .await;
    client.close().await;
    assert!(calling.await.unwrap().is_err());
}
