//! What a user interface in another process gets: the JSON of errors, states and mirrors.

use serde_json::{json, to_value};
use std::sync::Arc;
use std::time::Duration;
use stina_client::mirror::{Diff, Patch};
use stina_client::protocol::{Error as Kind, Fault, RequestId};
use stina_client::{ConnectionState, Error, Unreachable};

#[test]
fn an_error_has_its_kind_a_message_and_its_fields() {
    let fault = Fault { index: Some(2), ..Kind::not_found("todo", "td_1").into() };
    let message = Error::from(fault.clone()).to_string();
    assert!(message.contains("todo `td_1` not found"), "{message}");
    assert_eq!(
        to_value(Error::from(fault)).unwrap(),
        json!({"kind": "not_found", "message": message, "rpc": {
            "code": -32001, "message": "todo `td_1` not found",
            "data": {"kind": "not_found", "entity": "todo", "id": "td_1", "index": 2},
        }})
    );
    let request_id = RequestId::new("r").unwrap();
    let method = || "kv.get".to_owned();
    for (error, fields) in [
        (Error::OutcomeUnknown { request_id }, json!({"kind": "outcome_unknown", "requestId": "r"})),
        (Error::Forgotten { rev: 7 }, json!({"kind": "forgotten", "rev": 7})),
        (
            Error::TimedOut { method: method(), after: Duration::from_millis(1500) },
            json!({"kind": "timed_out", "method": "kv.get", "afterMs": 1500}),
        ),
        (Error::Disconnected { method: method() }, json!({"kind": "disconnected", "method": "kv.get"})),
        (Error::Protocol("x".to_owned()), json!({"kind": "protocol"})),
        (
            Error::NotReachable {
                socket: "/s".into(),
                why: Unreachable::NoSocket,
                reason: "x".to_owned(),
                source: None,
            },
            json!({"kind": "not_reachable", "socket": "/s", "why": "no_socket", "reason": "x"}),
        ),
        (Error::Closed, json!({"kind": "closed"})),
    ] {
        let mut expected = fields;
        expected["message"] = error.to_string().into();
        assert_eq!(to_value(&error).unwrap(), expected);
        assert_eq!(expected["kind"], error.name());
    }
}

#[test]
fn a_state_is_named() {
    let connected = ConnectionState::Connected { epoch: "e".to_owned(), pid: 7 };
    assert_eq!(to_value(connected).unwrap(), json!({"state": "connected", "epoch": "e", "pid": 7}));
    let reconnecting = ConnectionState::Reconnecting {
        attempt: 2,
        why: Unreachable::Refused,
        reason: "it is away".to_owned(),
    };
    let expected = json!({"state": "reconnecting", "attempt": 2, "why": "refused", "reason": "it is away"});
    assert_eq!(to_value(reconnecting).unwrap(), expected);
    assert_eq!(to_value(ConnectionState::Closed).unwrap(), json!({"state": "closed"}));
}

#[test]
fn a_patch_is_a_list_of_named_differences() {
    let item = || Arc::new("x");
    let diffs = vec![
        Diff::Inserted { at: 0, item: item() },
        Diff::Updated { at: 1, item: item() },
        Diff::Moved { from: 2, to: 0, item: item() },
        Diff::Removed { at: 3 },
        Diff::Cleared,
    ];
    let expected = json!({"rev": 7, "diffs": [
        {"op": "inserted", "at": 0, "item": "x"},
        {"op": "updated", "at": 1, "item": "x"},
        {"op": "moved", "from": 2, "to": 0, "item": "x"},
        {"op": "removed", "at": 3},
        {"op": "cleared"},
    ]});
    assert_eq!(to_value(Patch { rev: 7, diffs }).unwrap(), expected);
}
