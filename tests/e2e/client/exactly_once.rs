//! *Exactly once*: whatever happens to connection and daemon, a write that is acknowledged happened once.

use super::{builder, connect, limits, soon, state};
use crate::daemon;
use rustix::process::Signal;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use stina_client::protocol::{Error as Kind, RequestId};
use stina_client::{Client, ConnectionState, Error};
use stina_tests::{DEADLINE, Daemon, Peer, Proxy, Scripted, Way};

/// The outcome of a call, in short.
type Called = Result<String, Error>;

/// Makes one call through a proxy for each place where the connection may be cut, every `step` bytes; `prepare`
/// and `check` talk to the daemon past the proxy.
async fn cut_everywhere<F: Future<Output = Called>>(
    daemon: &Daemon,
    step: usize,
    mut prepare: impl FnMut(&mut Peer),
    mut call: impl FnMut(Client) -> F,
    mut check: impl FnMut(&mut Peer, String),
) {
    static PROXIES: AtomicUsize = AtomicUsize::new(0);
    let name = format!("proxy{}.sock", PROXIES.fetch_add(1, Ordering::Relaxed));
    let proxy = Proxy::start(&daemon.home().join(name), &daemon.socket());
    let mut peer = daemon.peer();
    let mut round = async |cut: Option<(Way, usize)>| {
        prepare(&mut peer);
        if let Some((way, after)) = cut {
            proxy.cut_next(way, after);
        }
        let client = builder(proxy.socket()).start().unwrap();
        state(&client, "connected", |s| matches!(s, ConnectionState::Connected { .. })).await;
        let greeted = [proxy.carried(Way::Up), proxy.carried(Way::Down)];
        let answer = soon("an answer", call(client.clone())).await;
        check(&mut peer, answer.unwrap_or_else(|e| panic!("cut at {cut:?}: {e}")));
        (greeted, [proxy.carried(Way::Up), proxy.carried(Way::Down)])
    };
    let (greeted, carried) = round(None).await;
    for way in [Way::Up, Way::Down] {
        let (from, to) = (greeted[way as usize], carried[way as usize]);
        assert!(from > 0 && to > from + 50, "a call has so many bytes");
        // A few more than this call had: numbers grow.
        for after in (from..=to + 4).step_by(step) {
            round(Some((way, after))).await;
        }
    }
}

fn head(peer: &mut Peer) -> u64 {
    peer.call("store.ping", json!({}))["rev"].as_u64().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_increment_cut_off_after_any_byte_happens_once() {
    let daemon = daemon();
    let mut expected = 0;
    cut_everywhere(
        &daemon,
        1,
        |_| {},
        |client| async move { Ok(client.kv().increment("n", 1).await?.value.value.get().to_owned()) },
        |peer, answer| {
            expected += 1;
            assert_eq!(answer, expected.to_string());
            assert_eq!(peer.call("kv.get", json!({"key": "n"}))["value"]["value"], expected);
        },
    )
    .await;
    assert!(expected > 200, "{expected} places");
}

#[tokio::test(flavor = "multi_thread")]
async fn other_writes_cut_off_happen_once() {
    let daemon = daemon();
    let before = Mutex::new(0);
    let note = |peer: &mut Peer| *before.lock().unwrap() = head(peer);
    let one_more = |peer: &mut Peer, _| assert_eq!(head(peer), *before.lock().unwrap() + 1);
    let set = |client: Client| async move { Ok(client.kv().set("a", "v").await?.rev.to_string()) };
    cut_everywhere(&daemon, 7, note, set, one_more).await;
    let prepare_delete = |peer: &mut Peer| {
        peer.call("kv.set", json!({"key": "d", "value": 1}));
        note(peer);
    };
    // The first answer, with the entry that was removed, not that of a second attempt that finds none.
    let delete = |client: Client| async move {
        Ok(client.kv().delete("d").await?.value.expect("an entry").key.into())
    };
    cut_everywhere(&daemon, 7, prepare_delete, delete, one_more).await;
    let transact = |client: Client| async move {
        let mut transaction = client.transact();
        for name in ["x", "y"] {
            transaction.add(client.kv().increment(name, 1))?;
        }
        Ok(transaction.commit().await?.rev.to_string())
    };
    cut_everywhere(&daemon, 11, note, transact, one_more).await;
    let mut peer = daemon.peer();
    let mut value = |key| peer.call("kv.get", json!({"key": key}))["value"]["value"].take();
    assert_eq!(value("x"), value("y"));
}

#[tokio::test(flavor = "multi_thread")]
async fn writes_across_kills_of_the_daemon_happen_once() {
    let mut daemon = daemon();
    let client = connect(&daemon.socket()).await;
    let stop = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = (0..4)
        .map(|_| {
            let (client, stop) = (client.clone(), Arc::clone(&stop));
            tokio::spawn(async move {
                let mut acknowledged = 0;
                while !stop.load(Ordering::Relaxed) {
                    client.kv().increment("n", 1).await.unwrap();
                    acknowledged += 1;
                }
                acknowledged
            })
        })
        .collect();
    let mut peer = daemon.peer();
    for _ in 0..6 {
        let so_far = head(&mut peer);
        stina_tests::eventually("writes go on", || head(&mut peer) > so_far + 20);
        daemon.kill();
        daemon.restart();
        peer = daemon.peer();
    }
    stop.store(true, Ordering::Relaxed);
    let mut acknowledged = 0;
    for writer in writers {
        acknowledged += soon("the last answer", writer).await.unwrap();
    }
    assert_eq!(peer.call("kv.get", json!({"key": "n"}))["value"]["value"], acknowledged);
}

#[tokio::test]
async fn a_busy_daemon_is_asked_again_with_the_same_id() {
    let mut left = 2;
    let busy = Scripted::start(move |stage| {
        if left == 0 {
            let entry = json!({"key": "a", "value": 1, "rev": 1, "updatedAt": 0});
            return stage.reply(json!({"rev": 1, "value": entry}));
        }
        left -= 1;
        match left {
            1 => stage.refuse("busy"),
            _ => {
                stage.refuse("shutting_down");
                stage.hang_up();
            }
        }
    });
    let client = connect(&busy.socket()).await;
    client.kv().set("a", 1).await.unwrap();
    let ids: Vec<Value> = busy.requests().iter().map(|r| r["params"]["requestId"].clone()).collect();
    assert_eq!((ids.len(), &ids[0], &ids[0]), (3, &ids[1], &ids[2]));
    assert!(RequestId::new(ids[0].as_str().unwrap()).is_ok());

    let always = Scripted::start(|stage| stage.refuse("busy"));
    let mut limits = limits();
    (limits.first_backoff, limits.max_backoff) = (DEADLINE * 3, DEADLINE * 3);
    let patient = builder(&always.socket()).limits(limits).connect().await.unwrap();
    let refused = patient.kv().set("a", 1).await.unwrap_err();
    assert_eq!(refused.kind(), Some(&Kind::Busy), "it did not happen, and that is known");
}

#[tokio::test(flavor = "multi_thread")]
async fn past_the_deadline_the_outcome_is_unknown_and_can_be_asked_for() {
    let daemon = daemon();
    let client = connect(&daemon.socket()).await;
    daemon.signal(Signal::STOP);
    let hasty = Duration::from_millis(100);
    let unknown = client.kv().set("a", "v").timeout(hasty).await;
    let Err(Error::OutcomeUnknown { request_id }) = unknown else { panic!("{unknown:?}") };
    let read = client.store().ping().timeout(hasty).await;
    assert!(matches!(read, Err(Error::TimedOut { .. })), "{read:?}");
    daemon.signal(Signal::CONT);
    // Writes of one connection commit in the order sent.
    client.kv().set("b", 1).await.unwrap();
    let stored = client.store().result(request_id.clone()).await.unwrap();
    assert_eq!(stored.rev, 1);
    // The same write with the same id is not made again.
    assert_eq!(client.kv().set("a", "v").request_id(request_id.clone()).await.unwrap().rev, 1);
    let mismatch = client.kv().set("a", "other").request_id(request_id).await.unwrap_err();
    assert_eq!(mismatch.kind(), Some(&Kind::RequestMismatch));
    let never = client.store().result(RequestId::new("never").unwrap()).await.unwrap_err();
    assert!(matches!(never.kind(), Some(Kind::NotFound { .. })));
}

#[tokio::test]
async fn stop_is_never_sent_twice() {
    let stubborn = Scripted::start(|stage| stage.hang_up());
    let mut limits = limits();
    limits.connect = DEADLINE;
    let client = builder(&stubborn.socket()).limits(limits).connect().await.unwrap();
    assert_eq!(client.store().stop().await.unwrap(), None);
    assert_eq!(stubborn.requests().len(), 1);
}
