//! One call of every mutating method, for proofs that concern them all.

use crate::Peer;
use serde_json::{Value, json};

/// Names of the methods that take a `requestId`, as the daemon itself lists them.
pub fn mutating_methods(peer: &mut Peer) -> Vec<String> {
    let document = peer.call("rpc.discover", json!({}));
    let methods = document["methods"].as_array().expect("methods").iter();
    methods
        .filter(|m| {
            // `store.result` asks for one; only writes may do without.
            m["params"]
                .as_array()
                .expect("params")
                .iter()
                .any(|p| p["name"] == "requestId" && p["required"] == false)
        })
        .map(|m| m["name"].as_str().expect("a name").to_owned())
        // A message that is being written ends with its owner's connection; its own tests cut that.
        .filter(|name| {
            // A purge makes no revision.
            !["chat.beginMessage", "chat.finishMessage", "chat.abortMessage", "store.purge"]
                .contains(&name.as_str())
        })
        .collect()
}

/// Does the `n`th time what must be there before a call of `method`, and answers its params. Every such call makes
/// a revision.
///
/// # Panics
/// At a method that is not in the table: a new one belongs here too.
pub fn prepare(peer: &mut Peer, method: &str, n: u64) -> Value {
    let id = format!("e{n:06}");
    let todo = json!({"id": id, "title": "before"});
    let comment = json!({"id": format!("c{n:06}"), "todoId": id, "content": "before"});
    let memory = json!({"id": id, "title": "before", "content": "before"});
    let conversation = json!({"id": id, "title": "before"});
    let message = json!({"role": "user", "content": "before", "interactionId": id});
    let (before, params): (&[(&str, &Value)], Value) = match method {
        "kv.set" => (&[], json!({"key": id, "value": [n, "å"]})),
        "kv.delete" => (&[("kv.set", &json!({"key": id, "value": n}))], json!({"key": id})),
        "kv.increment" => (&[], json!({"key": "counter", "by": 3})),
        "todo.create" => (&[], json!({"title": "new"})),
        "todo.update" => (&[("todo.create", &todo)], json!({"id": id, "title": "after"})),
        "todo.delete" => (&[("todo.create", &todo)], json!({"id": id})),
        "todo.addComment" => (&[("todo.create", &todo)], json!({"todoId": id, "content": "new"})),
        "todo.deleteComment" => {
            (&[("todo.create", &todo), ("todo.addComment", &comment)], json!({"id": comment["id"]}))
        }
        "memory.create" => (&[], json!({"title": "new", "content": "new"})),
        "memory.update" => (&[("memory.create", &memory)], json!({"id": id, "content": "after"})),
        "memory.delete" => (&[("memory.create", &memory)], json!({"id": id})),
        "chat.startConversation" => (&[], json!({"title": "new"})),
        "chat.ensureCurrent" => (
            &[
                ("chat.startConversation", &json!({})),
                ("kv.delete", &json!({"key": "chat.currentConversation"})),
            ],
            json!({}),
        ),
        "chat.setCurrent" => (
            &[("chat.startConversation", &conversation), ("chat.startConversation", &json!({}))],
            json!({"conversationId": id}),
        ),
        "chat.updateConversation" => {
            (&[("chat.startConversation", &conversation)], json!({"id": id, "title": "after"}))
        }
        "chat.deleteConversation" => (&[("chat.startConversation", &conversation)], json!({"id": id})),
        "chat.clearHistory" => {
            (&[("chat.startConversation", &conversation), ("chat.startConversation", &json!({}))], json!({}))
        }
        "chat.appendMessage" => (&[], json!({"role": "user", "content": "new"})),
        "chat.abortInteraction" | "chat.deleteInteraction" => {
            (&[("chat.appendMessage", &message)], json!({"id": id}))
        }
        "store.undo" => {
            let set = peer.call("kv.set", json!({"key": id, "value": n}));
            (&[], json!({"rev": set["rev"]}))
        }
        "store.transact" => {
            let todo = json!({"method": "todo.create", "params": {"title": "new"}});
            let entry = json!({"method": "kv.increment", "params": {"key": "counter"}});
            (&[], json!({"ops": [todo, entry]}))
        }
        other => panic!("{other} mutates: tests/src/mutations.rs lacks a call of it"),
    };
    for (method, params) in before {
        peer.call(method, (*params).clone());
    }
    params
}
