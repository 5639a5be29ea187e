//! Between commit and notification: subscribers, owners and cancels that come then.

use super::{begin, changed, delta, members};
use serde_json::{Value, json};
use std::sync::{Condvar, Mutex};
use stina_protocol::types::NoParams;
use stina_tests::in_process::Setup;
use stina_tests::{DEADLINE, InProcess, Peer, eventually};
use stinad::modules::{chat, kv};
use stinad::rpc::{Module, Registry};

/// A module whose write, once it is committed, holds back its notification until the gate is open.
const HOLD: Module = Module { name: "hold", migrations: &[], entities: &[], register };

stina_protocol::methods! {
    /// Waits at the gate after its commit.
    Commit = "hold.commit": Write(NoParams) -> bool;
}

static GATE: (Mutex<bool>, Condvar) = (Mutex::new(false), Condvar::new());

fn register(registry: &mut Registry) {
    registry.write::<Commit>(|tx, _| {
        tx.on_end(|_| {
            let opened = GATE.1.wait_timeout_while(GATE.0.lock().unwrap(), DEADLINE, |open| !*open);
            drop(opened);
        });
        Ok(true)
    });
}

fn open_the_gate() {
    *GATE.0.lock().unwrap() = true;
    GATE.1.notify_all();
}

/// The type of each event; of a change its operations, of a delta its text.
fn summary(events: &[Value]) -> Vec<String> {
    let one = |event: &Value| match event["type"].as_str() {
        Some("change") => changed(std::slice::from_ref(event)).join(", "),
        Some("delta") => format!("{} {} {}", event["messageId"], event["offset"], event["text"]),
        kind => kind.unwrap_or_default().to_owned(),
    };
    events.iter().map(one).collect()
}

fn subscribe(daemon: &InProcess, params: Value) -> Peer {
    let mut peer = daemon.peer();
    peer.call("chat.subscribe", params);
    peer
}

#[test]
fn a_subscriber_between_commit_and_notification_gets_everything_once_and_in_order() {
    let daemon = InProcess::start(Setup { modules: &[kv::MODULE, chat::MODULE, HOLD], ..Setup::default() });
    let (mut owner, mut other) = (daemon.peer(), daemon.peer());
    owner.call("chat.startConversation", json!({"id": "c"}));
    begin(&mut owner, "m1");
    delta(&mut owner, "m1", 0, "one");
    let ops = json!([
        {"method": "chat.finishMessage", "params": {"messageId": "m1"}},
        {"method": "chat.beginMessage", "params": {"role": "assistant", "id": "m2", "interactionId": "i2", "content": "two"}},
        {"method": "hold.commit", "params": {}},
    ]);
    let mut early = subscribe(&daemon, json!({}));
    assert_eq!(summary(&early.drain()), ["synced", r#""m1" 0 "one""#]);
    let committing = owner.send("store.transact", json!({"ops": ops}));
    eventually("it is committed", || {
        let page = other.call("chat.listMessages", json!({}));
        members(&page["value"], "id") == ["m1", "m2"]
    });
    // More than the daemon has threads, and each ahead of what was sent: they wait, and others are served.
    let mut ahead: Vec<Peer> = (0..8).map(|_| subscribe(&daemon, json!({"initial": true}))).collect();
    let mut late = subscribe(&daemon, json!({}));
    // Its cursor was read, so it is one of this history.
    let read = other.call("chat.listMessages", json!({}))["rev"].clone();
    let mut since = subscribe(&daemon, json!({"since": read}));
    other.call("store.ping", json!({}));
    // The owner has no answer yet: it can't know that it may write.
    owner.send("chat.appendDelta", json!({"messageId": "m2", "offset": 3, "text": "!"}));
    let refused = owner.reply().expect("an answer");
    assert_eq!(refused["error"]["data"]["field"], "messageId");
    assert_eq!(other.call("chat.cancelMessage", json!({"messageId": "m2"})), json!({"cancelled": true}));
    // A client that has read it is answered a sync once it was sent.
    let syncing = other.send("store.sync", json!({}));
    late.call("store.ping", json!({}));
    open_the_gate();
    let synced = other.reply().expect("an answer");
    assert_eq!((&synced["id"], &synced["result"]["rev"]), (&json!(syncing), &read));
    assert_eq!(owner.reply().expect("an answer")["id"], committing);
    delta(&mut owner, "m2", 3, " more");
    let change = "put c, put m1, put i2, put m2";
    let more = r#""m2" 3 " more""#;
    // All of it up to these words, and the cancel, which comes before or after them.
    let watch = |watcher: &mut Peer| {
        let (mut words, mut cancels) = (0, 0);
        let events = watcher.events_until(|event| {
            words += usize::from(event["text"].as_str().is_some_and(|text| text.ends_with(" more")));
            cancels += usize::from(event["type"] == "cancel");
            words > 0 && cancels > 0
        });
        assert_eq!((words, cancels), (1, 1), "{events:?}");
        let mut events = summary(&events);
        events.retain(|event| event != "cancel");
        events
    };
    for watcher in [&mut early, &mut late] {
        let mut events = watch(watcher);
        events.retain(|event| event != "synced");
        assert_eq!(events, [change, more]);
    }
    for watcher in &mut ahead {
        let events = watch(watcher);
        assert!(events[0].ends_with("put m2") && events[1] == "synced", "{events:?}");
        assert!(
            events[2].starts_with(r#""m2" 0 "two"#) && events[3..].iter().all(|event| event == more),
            "{events:?}"
        );
    }
    let events = summary(&since.events_until(|event| event["type"] == "cancel"));
    assert_eq!(events[0], "synced", "{events:?}");
    owner.call("chat.finishMessage", json!({"messageId": "m2"}));
}
