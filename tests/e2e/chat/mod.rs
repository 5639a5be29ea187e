//! Chat: conversations, messages, and streaming messages.

mod conversations;
mod ending;
mod failing;
mod interrupted;
mod messages;
mod reading;
mod search;
mod streaming;
mod subscribing;
mod window;
mod world;

use serde_json::{Value, json};
use stina_tests::{Daemon, Framing, Peer};

/// Appends a message; answers it.
fn append(peer: &mut Peer, params: Value) -> Value {
    let mut all = json!({"role": "user", "content": "x"});
    all.as_object_mut().unwrap().extend(params.as_object().unwrap().clone());
    peer.call("chat.appendMessage", all)["value"].take()
}

/// That member of every item of a page.
fn members<'v>(page: &'v Value, name: &str) -> Vec<&'v str> {
    page["items"].as_array().unwrap().iter().map(|item| item[name].as_str().unwrap()).collect()
}

/// `op id` of every change in events.
fn changed(events: &[Value]) -> Vec<String> {
    let changes =
        events.iter().filter(|e| e["type"] == "change").flat_map(|e| e["changes"].as_array().unwrap());
    changes.map(|c| format!("{} {}", c["op"].as_str().unwrap(), c["id"].as_str().unwrap())).collect()
}

fn begin(peer: &mut Peer, id: &str) -> Value {
    peer.call("chat.beginMessage", json!({"role": "assistant", "id": id}))["value"].take()
}

fn delta(peer: &mut Peer, id: &str, offset: usize, text: &str) -> Value {
    peer.call("chat.appendDelta", json!({"messageId": id, "offset": offset, "text": text}))
}

/// The message as it is stored.
fn stored(peer: &mut Peer, id: &str) -> Value {
    let page = peer.call("chat.listMessages", json!({"limit": 1000}))["value"].take();
    page["items"].as_array().unwrap().iter().find(|m| m["id"] == id).cloned().unwrap_or_default()
}

/// A subscriber to everything, up to date.
fn watcher(daemon: &Daemon, framing: Framing) -> Peer {
    let mut watcher = daemon.connect(framing);
    watcher.call("chat.subscribe", json!({}));
    watcher.drain();
    watcher
}
