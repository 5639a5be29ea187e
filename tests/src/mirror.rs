//! A mirror that a client builds from events, and the database to compare it with.

use crate::Peer;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Entities by sort and id.
pub type Entities = BTreeMap<(String, String), Value>;

/// A mirror kept by events. It panics at an event that breaks a promise: a hole, a revision that goes back, a delete
/// of what was never there.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Mirror {
    /// Last revision received.
    pub rev: u64,
    /// The entities.
    pub entities: Entities,
    /// Whether the snapshot is complete: only then is `rev` a cursor for `since`.
    pub whole: bool,
}

impl Mirror {
    /// Takes the next event of a subscription with `initial`, or of one since `self.rev`.
    pub fn take(&mut self, event: &Value) {
        let rev = event["rev"].as_u64().expect("a revision");
        assert!(rev >= self.rev, "back from {}: {event}", self.rev);
        match event["type"].as_str() {
            Some("change") => {
                assert_eq!(event["prev"], self.rev, "a hole: {event}");
                assert!(rev > self.rev || event["initial"] == true, "sent twice: {event}");
                event["changes"].as_array().expect("changes").iter().for_each(|change| self.apply(change));
            }
            Some("synced") => self.whole = true,
            Some("reset") => {
                self.entities.clear();
                self.whole = false;
            }
            _ => panic!("{event}"),
        }
        self.rev = rev;
    }

    fn apply(&mut self, change: &Value) {
        let part = |name: &str| change[name].as_str().expect("text").to_owned();
        let key = (part("entity"), part("id"));
        match change["op"].as_str() {
            Some("put") => _ = self.entities.insert(key, change["value"].clone()),
            _ => assert!(self.entities.remove(&key).is_some(), "{key:?} was there"),
        }
    }
}

/// Panics when a mirror is not what the database is, and says where they differ.
pub fn assert_same(mirror: &Entities, database: &Entities) {
    let differs = |key: &&(String, String)| mirror.get(*key) != database.get(*key);
    let keys: BTreeSet<_> = mirror.keys().chain(database.keys()).filter(differs).take(10).collect();
    assert!(keys.is_empty(), "the mirror is not what the database is, in {keys:?} at least");
}

/// All items of a list, page by page.
pub fn list(peer: &mut Peer, method: &str, mut params: Value, limit: usize) -> Vec<Value> {
    let mut items = Vec::new();
    loop {
        params["limit"] = json!(limit);
        let mut page = peer.call(method, params.clone())["value"].take();
        items.append(page["items"].as_array_mut().expect("items"));
        params["cursor"] = page["next"].take();
        if params["cursor"].is_null() {
            return items;
        }
    }
}

/// The database as the lists show it, in pages of `limit`.
pub fn database(peer: &mut Peer, limit: usize) -> Entities {
    let todos = list(peer, "todo.list", json!({"includeArchived": true}), limit);
    let ids: Vec<&str> = todos.iter().map(|todo| todo["id"].as_str().expect("an id")).collect();
    let comments: Vec<Value> = ids
        .chunks(100)
        .flat_map(|ids| list(peer, "todo.listComments", json!({"todoIds": ids}), limit))
        .collect();
    let mut counts = BTreeMap::new();
    comments.iter().for_each(|comment| *counts.entry(comment["todoId"].as_str()).or_insert(0) += 1);
    for todo in &todos {
        assert_eq!(todo["commentCount"], *counts.get(&todo["id"].as_str()).unwrap_or(&0), "{todo}");
    }
    let memories = list(peer, "memory.list", json!({"includeExpired": true}), limit);
    let entries = list(peer, "kv.list", json!({}), limit);
    let conversations = list(peer, "chat.listConversations", json!({}), limit);
    let (interactions, messages) = chat(peer, &conversations, limit);
    let all = [
        ("conversation", "id", conversations),
        ("interaction", "id", interactions),
        ("message", "id", messages),
        ("todo", "id", todos),
        ("comment", "id", comments),
        ("memory", "id", memories),
        ("kv", "key", entries),
    ];
    let keyed = all.into_iter().flat_map(|(entity, key, values)| {
        values.into_iter().map(move |v| ((entity.to_owned(), v[key].as_str().expect("an id").to_owned()), v))
    });
    keyed.collect()
}

/// The interactions of conversations, and the messages in them, from the newest window back to the first.
fn chat(peer: &mut Peer, conversations: &[Value], limit: usize) -> (Vec<Value>, Vec<Value>) {
    let (mut interactions, mut messages) = (Vec::new(), Vec::new());
    for conversation in conversations {
        let mut params = json!({"conversationId": conversation["id"], "limit": limit});
        loop {
            let mut page = peer.call("chat.listInteractions", params.clone())["value"].take();
            for mut interaction in std::mem::take(page["items"].as_array_mut().expect("items")) {
                let nested =
                    interaction.as_object_mut().and_then(|i| i.remove("messages")).expect("messages");
                messages.extend(nested.as_array().expect("messages").iter().cloned());
                interactions.push(interaction);
            }
            if page["next"].is_null() {
                break;
            }
            params["before"] = page["next"].take();
        }
    }
    (interactions, messages)
}

/// The revisions that each `requestId` of the change log has, read from its start; panics at a hole.
pub fn revisions_by_request(peer: &mut Peer) -> BTreeMap<String, Vec<u64>> {
    let mut found: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    let (mut since, mut last) = (json!(0), 0);
    while !since.is_null() {
        let mut page = peer.call("store.changes", json!({"since": since, "limit": 1000}))["value"].take();
        for revision in page["items"].as_array().expect("items") {
            let rev = revision["rev"].as_u64().expect("a revision");
            assert_eq!(rev, last + 1, "a hole in the log");
            last = rev;
            if let Some(id) = revision["origin"]["requestId"].as_str() {
                found.entry(id.to_owned()).or_default().push(rev);
            }
        }
        since = page["next"].take();
    }
    found
}
