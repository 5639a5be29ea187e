//! Each call keeps its own deadline, and no limit is too large.

use super::{builder, connect, event, soon};
use crate::daemon;
use serde_json::json;
use std::time::{Duration, Instant};
use stina_client::protocol::chat::Role;
use stina_client::protocol::event::Event;
use stina_client::protocol::kv::{Subscribe, SubscribeParams};
use stina_client::{CallOptions, Error, Limits};
use stina_tests::Scripted;

fn within(deadline: Duration) -> CallOptions {
    CallOptions { deadline: Some(deadline), ..CallOptions::default() }
}

#[tokio::test]
async fn a_deadline_may_be_as_short_or_as_long_as_can_be() {
    let daemon = daemon();
    let client = connect(&daemon.socket()).await;
    let never = client.kv().set("a", "v").timeout(Duration::ZERO).await.unwrap_err();
    assert!(matches!(&never, Error::TimedOut { after, .. } if after.is_zero()), "{never:?}");
    client.kv().set("a", "v").timeout(Duration::MAX).await.unwrap();
    assert_eq!(client.kv().get("a").timeout(Duration::MAX).await.unwrap().rev, 1, "written once");
}

#[tokio::test]
async fn a_raw_call_keeps_its_deadline() {
    let mute = Scripted::start(|_| {});
    let client = connect(&mute.socket()).await;
    let short = Duration::from_millis(50);
    let raw = client.call_raw("kv.get", Some(r#"{"key":"a"}"#), within(short)).await.unwrap_err();
    assert!(matches!(&raw, Error::TimedOut { after, .. } if *after == short), "{raw:?}");
}

#[tokio::test]
async fn streams_that_begin_at_once_share_no_deadline() {
    let mute = Scripted::start(|_| {});
    let client = builder(&mute.socket()).deadline(Duration::from_millis(300)).connect().await.unwrap();
    let began = Instant::now();
    let streams: Vec<_> = (0..20)
        .map(|_| {
            let chat = client.chat();
            tokio::spawn(async move { chat.stream(Role::Assistant).await.unwrap_err() })
        })
        .collect();
    for stream in streams {
        let error = soon("its end", stream).await.unwrap();
        assert!(matches!(error, Error::TimedOut { .. }), "{error:?}");
    }
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
}

#[tokio::test]
async fn no_limit_is_too_large() {
    let daemon = daemon();
    let mut limits = Limits::default();
    (limits.calls, limits.subscriptions, limits.patch_bytes) = (usize::MAX, usize::MAX, usize::MAX);
    (limits.request_bytes, limits.message_bytes, limits.subscription_bytes) =
        (usize::MAX, usize::MAX, usize::MAX);
    (limits.first_backoff, limits.max_backoff) = (Duration::MAX, Duration::MAX);
    (limits.connect, limits.silence, limits.ping) = (Duration::MAX, Duration::MAX, Duration::MAX);
    let client =
        builder(&daemon.socket()).limits(limits.clone()).deadline(Duration::MAX).connect().await.unwrap();
    let mut events = client.subscribe::<Subscribe>(SubscribeParams::default()).await.unwrap();
    client.kv().set("a", 1).await.unwrap();
    while !matches!(event(&mut events).await, Event::Change(_)) {}

    let busy = Scripted::start(|stage| stage.refuse("busy"));
    let patient = builder(&busy.socket()).limits(limits).connect().await.unwrap();
    let refused = soon("the refusal", patient.kv().set("a", 1)).await.unwrap_err();
    assert!(refused.kind().is_some(), "it did not happen, and that is known: {refused:?}");
    assert_eq!(busy.requests()[0]["params"]["value"], json!(1));
}
