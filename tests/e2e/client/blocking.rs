//! The client without async.

use super::builder;
use crate::{STINAD, daemon};
use stina_client::Error;
use stina_client::blocking::Client;
use stina_client::mirror::{Diff, Todos};
use stina_client::protocol::event::{Event, Start};
use stina_client::protocol::{Error as Kind, kv};
use stina_tests::Daemon;

#[test]
fn it_calls_subscribes_and_mirrors_without_a_runtime() {
    let daemon = daemon();
    let client = Client::connect(builder(&daemon.socket())).unwrap();
    let todo = client.todos().create("Buy milk").wait().unwrap();
    let mirror = client.mirror(Todos::open()).unwrap();
    let (snapshot, mut changes) = mirror.watch();
    assert_eq!((snapshot.rev, snapshot.items[0].id.clone()), (todo.rev, todo.value.id.clone()));
    assert_eq!(serde_json::to_value(&snapshot).unwrap()["items"][0]["title"], "Buy milk");
    let done = client.todos().done(&todo.value.id).wait().unwrap();
    mirror.wait(done.rev).unwrap();
    assert!(mirror.snapshot().items.is_empty());
    assert!(matches!(changes.next().unwrap().diffs[..], [Diff::Removed { at: 0 }]));

    let start = kv::SubscribeParams { head: Start::initial(), ..Default::default() };
    let mut events = client.subscribe::<kv::Subscribe>(start).unwrap();
    assert!(matches!(events.next(), Some(Ok(Event::Synced { .. }))));
    let mut transaction = client.transact();
    transaction.add(client.kv().set("a", 1)).unwrap();
    let rev = client.run(transaction.commit()).unwrap().unwrap().rev;
    assert!(matches!(events.next(), Some(Ok(Event::Change(changes))) if changes.rev == rev));
    // Another thread closes it: whoever waits is woken.
    let closer = std::thread::spawn({
        let client = client.clone();
        move || client.close()
    });
    assert!(events.find(|event| !matches!(event, Ok(Event::Synced { .. }))).is_none());
    assert!(changes.next().is_none());
    closer.join().unwrap();
    assert!(matches!(client.kv().get("a").wait(), Err(Error::Closed)));
}

#[test]
fn what_outlives_its_client_is_closed() {
    let daemon = daemon();
    let client = Client::connect(builder(&daemon.socket())).unwrap();
    let (kv, late) = (client.kv(), client.kv().get("a"));
    let mirror = client.mirror(Todos::open()).unwrap();
    drop(client);
    assert!(kv.get("a").wait().is_ok(), "the mirror keeps it alive");
    drop(mirror);
    assert!(matches!(late.wait(), Err(Error::Closed)));
    assert!(matches!(kv.get("a").wait(), Err(Error::Closed)));
}

#[tokio::test]
async fn in_async_code_it_is_an_error_and_no_panic() {
    let daemon = daemon();
    let client = std::thread::spawn({
        let builder = builder(&daemon.socket());
        move || Client::connect(builder)
    });
    let client = client.join().unwrap().unwrap();
    let refused = client.kv().get("a").wait().unwrap_err();
    assert!(matches!(refused.kind(), Some(Kind::Unsupported { .. })), "{refused:?}");
    drop(client);
}

#[test]
fn without_a_daemon_it_fails_or_waits() {
    let mut daemon = Daemon::prepare(STINAD, &[], &[]);
    let now = Client::connect(builder(&daemon.socket()));
    assert!(matches!(now, Err(Error::NotReachable { .. })), "{now:?}");
    let client = Client::start(builder(&daemon.socket())).unwrap();
    let waiting = std::thread::spawn({
        let client = client.clone();
        move || client.kv().set("a", 1).wait()
    });
    daemon.restart();
    assert_eq!(waiting.join().unwrap().unwrap().rev, 1);
}
