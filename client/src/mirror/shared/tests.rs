//! Tests of the shared state.

use super::super::patches::watch;
use super::*;
use crate::Entries;
use crate::mirror::Messages;
use stina_protocol::chat::Message;
use stina_protocol::kv::Entry;

/// A row, and a weak reference to its entry.
fn row(key: &str, value: usize) -> (Row<(), Entry>, std::sync::Weak<Entry>) {
    let text = format!(r#"{{"key":"{key}","value":{value},"rev":1,"updatedAt":0}}"#);
    let row = Row::new((), key.to_owned(), serde_json::from_str(&text).unwrap(), 1000);
    let entry = Arc::downgrade(&row.item);
    (row, entry)
}

#[tokio::test]
async fn a_watcher_that_does_not_read_holds_few_old_entities() {
    let shared: Arc<Shared<Entries>> = Arc::new(Shared::new(10_000));
    let (snapshot, mut patches) = watch(&shared);
    let mut list = snapshot.items;
    let mut entries = Vec::new();
    for n in 0..600 {
        let (row, entry) = row("a", n);
        shared.apply(vec![RowChange::Put(row)], n as u64);
        entries.push(entry);
    }
    let alive = entries.iter().filter(|entry| entry.strong_count() > 0).count();
    assert!(alive <= 10, "{alive} of them are kept");
    patches.next().await.unwrap().apply(&mut list);
    assert_eq!(list, shared.snapshot().items);
}

fn message(text: &str) -> Message {
    let fields = r#""id":"m","conversationId":"c","interactionId":"i","seq":1,"role":"assistant""#;
    let more = r#""metadata":null,"provider":null,"aborted":false,"state":"streaming","createdAt":0,"rev":1"#;
    serde_json::from_str(&format!(r#"{{{fields},"content":"{text}",{more}}}"#)).unwrap()
}

#[tokio::test]
async fn a_message_is_not_copied_for_each_delta() {
    let shared: Arc<Shared<Messages>> = Arc::new(Shared::new(1 << 20));
    shared.apply(vec![RowChange::Put(Row::new((0, 1), "m".into(), message("hej"), 3))], 1);
    let (snapshot, mut patches) = watch(&shared);
    let mut list = snapshot.items;
    let (mut copies, mut place) = (0, (std::ptr::null(), std::ptr::null()));
    for n in 0..2000 {
        shared.append("m", 3 + n, "x");
        patches.next().await.unwrap().apply(&mut list);
        let now = (Arc::as_ptr(&list[0]), Arc::as_ptr(&shared.get("m").unwrap()));
        copies += usize::from(place.0 != now.0) + usize::from(place.1 != now.1);
        place = now;
    }
    assert!(copies <= 4, "{copies} copies");
    assert_eq!(list, shared.snapshot().items);
    assert_eq!(list[0].content.len(), 2003);
    shared.append("m", 9999, "a gap");
    shared.append("m", 0, "new");
    patches.next().await.unwrap().apply(&mut list);
    assert_eq!(list[0].content, "new");
}

#[tokio::test]
async fn patches_and_states_end_once_and_may_be_polled_after_that() {
    let shared: Arc<Shared<Entries>> = Arc::new(Shared::new(1000));
    let (_, mut patches) = watch(&shared);
    let mut states = shared.states();
    shared.apply(vec![RowChange::Put(row("a", 1).0)], 1);
    shared.end(Error::Closed);
    assert!(patches.next().await.is_some(), "what came before the end");
    assert!(patches.next().await.is_none() && patches.next().await.is_none());
    assert_eq!([states.next().await, states.next().await], [Some(MirrorState::Ended), None]);
    assert!(matches!(shared.wait(9, None, async { None }).await, Err(Error::Closed)));
}

#[tokio::test]
async fn a_mirror_is_loading_then_live_then_stale_and_live_again() {
    let shared: Shared<Entries> = Shared::new(1000);
    let mut seen = vec![shared.state()];
    for is_live in [false, true, false, false, true] {
        shared.set_live(is_live);
        seen.push(shared.state());
    }
    use MirrorState::{Ended, Live, Loading, Stale};
    assert_eq!(seen, [Loading, Loading, Live, Stale, Stale, Live]);
    shared.end(Error::Closed);
    shared.set_live(true);
    assert_eq!(shared.state(), Ended);
}

/// Whether a wait for revision 5 ends, when the mirror is at revision 100 of epoch `a`, the store is in `epoch`, and then
/// the mirror takes up revision `rev` of epoch `b`.
async fn wait(epoch: &str, rev: u64, newest: u64) -> (bool, bool) {
    let shared: Shared<Entries> = Shared::new(1000);
    shared.replace(Vec::new(), 100, "a", false);
    let mut waiting = std::pin::pin!(shared.wait(5, Some(epoch.to_owned()), async { Some(newest) }));
    let before = futures_util::poll!(waiting.as_mut()).is_ready();
    if before {
        return (true, true);
    }
    shared.replace(Vec::new(), rev, "b", true);
    (before, futures_util::poll!(waiting.as_mut()).is_ready())
}

#[tokio::test]
async fn a_revision_of_another_history_is_not_taken_for_one_of_this() {
    assert_eq!(wait("a", 0, 0).await, (true, true), "it is reached");
    assert_eq!(wait("b", 5, 5).await, (false, true), "not before the mirror shows the other history");
    assert_eq!(wait("b", 4, 5).await, (false, false), "not before the revision");
    assert_eq!(wait("b", 4, 4).await, (false, true), "the revision was of the replaced history");
    assert_eq!(wait("c", 4, 4).await, (false, true), "replaced twice");
}
