//! The life of a mirror: before the daemon, while it is away, after the end of whatever the mirror depends on.

use super::{builder, connect, ready, soon};
use crate::daemon;
use serde_json::json;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;
use stina_client::mirror::{Collection, MirrorState};
use stina_client::protocol::kv::{Entry, Subscribe};
use stina_client::{Client, Error, States};
use stina_tests::eventually;

async fn next(states: &mut States<MirrorState>) -> MirrorState {
    soon("a state", states.next()).await.expect("it goes on")
}

#[tokio::test]
async fn a_mirror_opens_without_a_daemon_and_fills_when_it_comes() {
    let mut daemon = daemon();
    daemon.peer().call("kv.set", json!({"key": "a", "value": 1}));
    daemon.stop();
    let client = builder(&daemon.socket()).deadline(Duration::from_millis(20)).start().unwrap();
    let mirror = client.kv().mirror("").unwrap();
    let (mut states, (snapshot, mut patches)) = (mirror.states(), mirror.watch());
    assert!(matches!(mirror.ready().await, Err(Error::NotReachable { .. })));
    assert_eq!((mirror.state(), next(&mut states).await), (MirrorState::Loading, MirrorState::Loading));
    assert!(mirror.ended().is_none() && snapshot.items.is_empty());
    daemon.restart();
    let mut list = snapshot.items;
    soon("it fills", patches.next()).await.unwrap().apply(&mut list);
    assert_eq!((list.len(), next(&mut states).await), (1, MirrorState::Live));
    mirror.ready().await.unwrap();
}

#[tokio::test]
async fn a_mirror_is_stale_while_the_daemon_is_away_and_then_live_again() {
    let mut daemon = daemon();
    daemon.peer().call("kv.set", json!({"key": "a", "value": 1}));
    let client = connect(&daemon.socket()).await;
    let mirror = ready(client.kv().mirror("")).await;
    let mut states = mirror.states();
    while next(&mut states).await != MirrorState::Live {}
    daemon.kill();
    assert_eq!(next(&mut states).await, MirrorState::Stale);
    assert_eq!(mirror.len(), 1, "it shows what it had");
    daemon.restart();
    assert_eq!(next(&mut states).await, MirrorState::Live);
    client.close().await;
    assert_eq!(next(&mut states).await, MirrorState::Ended);
    assert_eq!(soon("the end", states.next()).await, None);
    assert_eq!(soon("the end", states.next()).await, None);
}

#[tokio::test]
async fn a_mirror_ends_with_the_runtime_of_its_client() {
    let daemon = daemon();
    let other = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let client = builder(&daemon.socket());
    let client = other.spawn(client.connect()).await.unwrap().unwrap();
    // Opened here, it runs there.
    let mirror = ready(client.kv().mirror("")).await;
    let mut events = client.subscribe::<Subscribe>(Default::default()).await.unwrap();
    let (_, mut patches) = mirror.watch();
    let mut waiting = pin!(mirror.wait(1000));
    tokio::select! {
        biased;
        done = &mut waiting => panic!("already: {done:?}"),
        () = std::future::ready(()) => {}
    }
    other.shutdown_background();
    assert!(matches!(soon("the wait ends", waiting).await, Err(Error::Closed)));
    assert!(soon("the patches end", patches.next()).await.is_none());
    soon("the events end", async { while events.next().await.is_some() {} }).await;
    assert!(matches!(mirror.ended(), Some(Error::Closed)));
    let again = client.kv().mirror("").unwrap();
    assert!(matches!(soon("an answer", again.ready()).await, Err(Error::Closed)));
    assert!(matches!(
        soon("an answer", client.subscribe::<Subscribe>(Default::default())).await,
        Err(Error::Closed)
    ));
}

/// A collection with a defect.
struct Defective;

impl Collection for Defective {
    type Subscription = Subscribe;
    type Item = Entry;
    type SortKey = ();
    const ENTITY: &'static str = "kv";

    fn sort_key(&self, entry: &Entry) {
        assert_ne!(entry.key, "odd", "no key for this one");
    }
}

#[tokio::test]
async fn a_mirror_whose_collection_panics_ends_with_the_reason() {
    let daemon = daemon();
    let client = connect(&daemon.socket()).await;
    let mirror = ready(client.mirror(Defective)).await;
    let (_, mut patches) = mirror.watch();
    let rev = daemon.peer().call("kv.set", json!({"key": "odd", "value": 1}))["rev"].as_u64().unwrap();
    let ended = soon("the wait ends", mirror.wait(rev)).await.unwrap_err();
    assert!(matches!(&ended, Error::Panicked(reason) if reason.contains("no key for this one")), "{ended:?}");
    assert!(soon("the patches end", patches.next()).await.is_none());
    assert_eq!(mirror.state(), MirrorState::Ended);
}

/// Runs a future on this thread, without any runtime.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    struct Thread(std::thread::Thread);
    impl Wake for Thread {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Thread(std::thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => std::thread::park(),
        }
    }
}

/// A client on a runtime of its own, and that runtime.
fn client_elsewhere(socket: &std::path::Path) -> (Client, tokio::runtime::Runtime) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let client = runtime.block_on(builder(socket).connect()).unwrap();
    (client, runtime)
}

#[test]
fn everything_works_on_a_thread_without_a_runtime() {
    let daemon = daemon();
    assert!(
        matches!(block_on(builder(&daemon.socket()).connect()), Err(Error::Rpc(_))),
        "it needs one to start on"
    );
    assert!(matches!(builder(&daemon.socket()).start(), Err(Error::Rpc(_))));
    let (client, _runtime) = client_elsewhere(&daemon.socket());
    let mirror = client.kv().mirror("").unwrap();
    block_on(mirror.ready()).unwrap();
    let mut events = block_on(client.subscribe::<Subscribe>(Default::default())).unwrap();
    let (_, mut patches) = mirror.watch();
    let rev = block_on(client.kv().set("a", 1)).unwrap().rev;
    block_on(mirror.wait(rev)).unwrap();
    assert_eq!(block_on(patches.next()).unwrap().rev, rev);
    while block_on(events.next()).unwrap().is_ok_and(|event| !format!("{event:?}").contains("Change")) {}
    let mut message = block_on(async {
        let scope = client.chat().interaction();
        scope.stream(stina_client::protocol::chat::Role::Assistant).await.unwrap()
    });
    block_on(message.push("hej")).unwrap();
    drop(message);
    let mut peer = daemon.peer();
    eventually("a dropped message is aborted", || {
        peer.call("chat.listMessages", json!({}))["value"]["items"][0]["aborted"] == true
    });
    block_on(client.close());
    assert!(block_on(client.store().ping()).is_err());
}
