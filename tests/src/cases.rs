//! Cases as data: a call, its answer, and the notification that it causes, through one helper.

use crate::Peer;
use serde_json::{Value, json};

/// A call, what it answers, and the events that it sends.
pub struct Case {
    /// The method.
    pub method: &'static str,
    /// Its params.
    pub params: Value,
    /// The `value` of the reply (the reply itself where it has none), or `data` of the error; members that are not
    /// named here are not looked at.
    pub answers: Result<Value, Value>,
    /// `op id` of each change in the one notification; empty when none is sent.
    pub events: &'static [&'static str],
}

/// A call that succeeds.
pub fn ok(method: &'static str, params: Value, answer: Value, events: &'static [&'static str]) -> Case {
    Case { method, params, answers: Ok(answer), events }
}

/// A call that fails, and changes nothing.
pub fn err(method: &'static str, params: Value, error: Value) -> Case {
    Case { method, params, answers: Err(error), events: &[] }
}

/// The error that a field is wrong.
pub fn invalid(field: &str) -> Value {
    json!({"kind": "invalid", "field": field})
}

/// The error that there is no such entity.
pub fn missing(entity: &str, id: &str) -> Value {
    json!({"kind": "not_found", "entity": entity, "id": id})
}

/// The error that an id is taken.
pub fn taken(entity: &str, id: &str) -> Value {
    json!({"kind": "already_exists", "entity": entity, "id": id})
}

/// Whether `actual` has everything that `expected` names.
pub fn includes(actual: &Value, expected: &Value) -> bool {
    match (actual, expected) {
        (Value::Object(actual), Value::Object(expected)) => {
            expected.iter().all(|(k, v)| actual.get(k).is_some_and(|a| includes(a, v)))
        }
        (Value::Array(actual), Value::Array(expected)) => {
            actual.len() == expected.len() && actual.iter().zip(expected).all(|(a, e)| includes(a, e))
        }
        _ => actual == expected,
    }
}

/// Runs cases, one after the other.
///
/// # Panics
/// As [`run`].
pub fn run_all(cases: &[Case], caller: &mut Peer, watcher: &mut Peer) {
    for case in cases {
        run(case, caller, watcher);
    }
}

/// Runs a case; `watcher` is subscribed to whatever the call may change.
///
/// # Panics
/// When answer or notification are others.
pub fn run(case: &Case, caller: &mut Peer, watcher: &mut Peer) {
    let outcome = caller.try_call(case.method, case.params.clone());
    let (actual, expected) = match (&outcome, &case.answers) {
        (Ok(reply), Ok(expected)) => (reply.get("value").unwrap_or(reply), expected),
        (Err(error), Err(expected)) => (&error["data"], expected),
        _ => panic!("{} {}: {outcome:?}", case.method, case.params),
    };
    assert!(includes(actual, expected), "{} {}: {actual} lacks {expected}", case.method, case.params);
    let events = watcher.drain();
    let changes: Vec<&Value> = events.iter().filter(|e| e["type"] == "change").collect();
    assert!(changes.len() <= 1, "one notification a transaction: {events:?}");
    let sent: Vec<String> = changes
        .iter()
        .flat_map(|e| e["changes"].as_array().unwrap())
        .map(|c| format!("{} {}", c["op"].as_str().unwrap(), c["id"].as_str().unwrap()))
        .collect();
    assert_eq!(sent, case.events, "{} {}", case.method, case.params);
    if let (Some(change), Ok(reply)) = (changes.first(), &outcome) {
        assert_eq!(change["rev"], reply["rev"]);
    }
}
