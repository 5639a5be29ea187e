//! What a writer writes, and what each answer must be.

use crate::mirror::Entities;
use crate::random::Random;
use serde_json::{Value, json};

/// A writer's own entities, as far as it must know them to write more.
#[derive(Debug)]
pub(super) struct Writer {
    name: String,
    random: Random,
    /// Its number of writes so far.
    sent: u64,
    /// The expected value of its counter.
    count: u64,
    /// Transactions done: the number that every part of its pair has.
    pairs: u64,
    todos: Vec<String>,
    memories: Vec<String>,
    keys: Vec<String>,
    /// Whether its conversation is begun.
    chats: bool,
}

/// A write under way: sent again as it is until it is answered.
#[derive(Debug)]
pub(super) struct Write {
    pub(super) method: &'static str,
    pub(super) params: Value,
    pub(super) request_id: String,
    then: Then,
}

/// The meaning of its answer.
#[derive(Debug)]
enum Then {
    Nothing,
    Counted,
    Paired,
    Chatted,
    MadeTodo,
    MadeMemory,
    SetKey(String),
}

impl Writer {
    pub(super) fn new(n: usize, random: Random) -> Self {
        let (name, none) = (format!("w{n}"), Vec::new);
        Self {
            name,
            random,
            sent: 0,
            count: 0,
            pairs: 0,
            todos: none(),
            memories: none(),
            keys: none(),
            chats: false,
        }
    }

    pub(super) fn next(&mut self) -> Write {
        self.sent += 1;
        let (n, w) = (self.sent, self.name.clone());
        let (method, mut params, then) = self.choose(n, &w);
        let request_id = format!("{w}-{n}");
        params["requestId"] = json!(request_id);
        Write { method, params, request_id, then }
    }

    fn choose(&mut self, n: u64, w: &str) -> (&'static str, Value, Then) {
        let taken = |random: &mut Random, all: &mut Vec<String>| {
            (!all.is_empty())
                .then(|| all.swap_remove(usize::try_from(random.below(all.len() as u64)).unwrap()))
        };
        let r = &mut self.random;
        match r.below(14) {
            0 | 1 => ("store.transact", self.pair(), Then::Paired),
            2 => ("todo.create", json!({"title": format!("{w} {n}")}), Then::MadeTodo),
            3 if !self.todos.is_empty() => {
                let params = json!({"id": r.one_of(&self.todos), "title": format!("{w} {n}")});
                ("todo.update", params, Then::Nothing)
            }
            4 if !self.todos.is_empty() => {
                let params = json!({"todoId": r.one_of(&self.todos), "content": format!("{w} {n}")});
                ("todo.addComment", params, Then::Nothing)
            }
            5 if self.todos.len() > 5 => {
                ("todo.delete", json!({"id": taken(r, &mut self.todos)}), Then::Nothing)
            }
            6 => {
                let params = json!({"title": format!("{w} {n}"), "content": "x".repeat(100)});
                ("memory.create", params, Then::MadeMemory)
            }
            7 if self.memories.len() > 5 => {
                ("memory.delete", json!({"id": taken(r, &mut self.memories)}), Then::Nothing)
            }
            8 if self.keys.len() > 5 => {
                ("kv.delete", json!({"key": taken(r, &mut self.keys)}), Then::Nothing)
            }
            // Long enough that a kill finds it half on its way.
            9 => {
                let size = usize::try_from(r.below(60_000)).unwrap();
                let key = format!("own/{w}/{n}");
                ("kv.set", json!({"key": key, "value": "y".repeat(size)}), Then::SetKey(key))
            }
            10 => {
                let key = format!("shared/{}", r.below(5));
                ("kv.set", json!({"key": key, "value": [w, n]}), Then::Nothing)
            }
            11 | 12 => {
                let id = format!("chat-{w}");
                if !self.chats {
                    return ("chat.startConversation", json!({"id": id}), Then::Chatted);
                }
                let params = json!({"conversationId": id, "role": "user", "content": format!("{w} {n}")});
                ("chat.appendMessage", params, Then::Nothing)
            }
            _ => ("kv.increment", json!({"key": format!("count/{w}")}), Then::Counted),
        }
    }

    /// One transaction over two modules: all its parts get one number.
    fn pair(&self) -> Value {
        let (w, n) = (&self.name, self.pairs + 1);
        let todo = |i: u8| match n {
            1 => json!({"method": "todo.create", "params": {"id": format!("pair-{w}-{i}"), "title": "1"}}),
            _ => {
                json!({"method": "todo.update", "params": {"id": format!("pair-{w}-{i}"), "title": n.to_string()}})
            }
        };
        let entry =
            |i: u8| json!({"method": "kv.set", "params": {"key": format!("pair/{w}/{i}"), "value": n}});
        json!({"ops": [entry(1), todo(1), todo(2), entry(2)]})
    }

    /// Takes the answer of a write: a second execution would show in some of them.
    pub(super) fn done(&mut self, write: Write, value: &Value) {
        let id = || value["id"].as_str().expect("an id").to_owned();
        match write.then {
            Then::Nothing => {}
            Then::Counted => {
                self.count += 1;
                assert_eq!(value["value"], self.count, "each increment once");
            }
            Then::Paired => self.pairs += 1,
            Then::Chatted => self.chats = true,
            Then::MadeTodo => self.todos.push(id()),
            Then::MadeMemory => self.memories.push(id()),
            Then::SetKey(key) => self.keys.push(key),
        }
    }
}

/// Panics when only a part of a writer's transaction is seen.
pub(super) fn assert_whole(entities: &Entities, writer: usize) {
    let number = |entity: &str, id: String, field: &str| {
        let found = &entities.get(&(entity.to_owned(), id))?[field];
        found.as_u64().or_else(|| found.as_str()?.parse().ok())
    };
    let both = |entity: &str, separator: char, field: &str| {
        let of = |i: u8| number(entity, format!("pair{separator}w{writer}{separator}{i}"), field);
        assert_eq!(of(1), of(2), "half a transaction of writer {writer} in {entity}");
        of(1)
    };
    if let (Some(entry), Some(todo)) = (both("kv", '/', "value"), both("todo", '-', "title")) {
        assert_eq!(entry, todo, "half a transaction of writer {writer}");
    }
}
