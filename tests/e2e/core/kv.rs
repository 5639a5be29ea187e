//! Cases of `kv.*`, over every framing, with the notifications that they cause.

use crate::daemon;
use serde_json::{Value, json};
use stina_tests::Framing;
use stina_tests::cases::{err, ok, run};

#[test]
fn kv_replies_and_notifies_the_same_over_every_framing() {
    for framing in Framing::ALL {
        let daemon = daemon();
        let mut watcher = daemon.peer();
        watcher.call("kv.subscribe", json!({}));
        let mut caller = daemon.connect(framing);
        let big: Value = serde_json::from_str("12345678901234567890").unwrap();
        for case in [
            ok("kv.get", json!({"key": "a"}), Value::Null, &[]),
            ok(
                "kv.set",
                json!({"key": "a", "value": {"x": [1, null]}}),
                json!({"key": "a", "value": {"x": [1, null]}}),
                &["put a"],
            ),
            ok("kv.get", json!({"key": "a"}), json!({"value": {"x": [1, null]}, "rev": 1}), &[]),
            ok("kv.set", json!({"key": "å/ö 🙂", "value": big}), json!({"value": big}), &["put å/ö 🙂"]),
            ok(
                "kv.set",
                json!({"key": "a", "value": null, "ifRev": 1}),
                json!({"value": null, "rev": 3}),
                &["put a"],
            ),
            err(
                "kv.set",
                json!({"key": "a", "value": 0, "ifRev": 1}),
                json!({"kind": "conflict", "current": {"rev": 3}}),
            ),
            err(
                "kv.set",
                json!({"key": "new", "value": 0, "ifRev": 1}),
                json!({"kind": "conflict", "current": null}),
            ),
            ok("kv.set", json!({"key": "new", "value": 0, "ifRev": 0}), json!({"rev": 4}), &["put new"]),
            err("kv.set", json!({"key": "new", "value": 0, "ifRev": 0}), json!({"kind": "conflict"})),
            err("kv.set", json!({"key": "", "value": 0}), json!({"kind": "invalid", "field": "key"})),
            err("kv.set", json!({"key": "a\u{0}b", "value": 0}), json!({"kind": "invalid", "field": "key"})),
            err("kv.set", json!({"key": "a"}), json!({"kind": "invalid", "field": "value"})),
            err("kv.set", json!({"key": 1, "value": 0}), json!({"kind": "invalid", "field": "key"})),
            err(
                "kv.set",
                json!({"key": "a", "value": 0, "colour": 1}),
                json!({"kind": "invalid", "field": "colour"}),
            ),
            err("kv.get", json!([1]), json!({"kind": "invalid"})),
            err("kv.nothing", json!({}), json!({"kind": "unsupported"})),
            ok("kv.increment", json!({"key": "n"}), json!({"value": 1}), &["put n"]),
            ok("kv.increment", json!({"key": "n", "by": -3}), json!({"value": -2}), &["put n"]),
            err("kv.increment", json!({"key": "å/ö 🙂"}), json!({"kind": "invalid"})),
            err("kv.increment", json!({"key": "a"}), json!({"kind": "invalid", "field": "key"})),
            err(
                "kv.increment",
                json!({"key": "a", "ifRev": 1}),
                json!({"kind": "conflict", "current": {"rev": 3}}),
            ),
            err(
                "kv.increment",
                json!({"key": "none", "ifRev": 1}),
                json!({"kind": "conflict", "current": null}),
            ),
            err(
                "kv.increment",
                json!({"key": "n", "by": 9_007_199_254_740_995_i64}),
                json!({"kind": "invalid", "field": "by"}),
            ),
            ok(
                "kv.list",
                json!({"prefix": "n"}),
                json!({"items": [{"key": "n"}, {"key": "new"}], "next": null}),
                &[],
            ),
            err("kv.list", json!({"limit": 0}), json!({"kind": "invalid", "field": "limit"})),
            err("kv.list", json!({"limit": 1001}), json!({"kind": "invalid", "field": "limit"})),
            err("kv.list", json!({"cursor": "?"}), json!({"kind": "invalid", "field": "cursor"})),
            err("kv.delete", json!({"key": "n", "ifRev": 1}), json!({"kind": "conflict"})),
            ok("kv.delete", json!({"key": "n"}), json!({"key": "n", "value": -2}), &["delete n"]),
            ok("kv.delete", json!({"key": "n"}), Value::Null, &[]),
        ] {
            run(&case, &mut caller, &mut watcher);
        }
    }
}

#[test]
fn pages_of_a_list_stay_right_while_keys_come_and_go() {
    let daemon = daemon();
    let mut peer = daemon.peer();
    for i in 0..25 {
        peer.call("kv.set", json!({"key": format!("k{i:02}"), "value": i}));
    }
    let (mut keys, mut cursor, mut page) = (Vec::new(), Value::Null, 0);
    loop {
        let mut params = json!({"prefix": "k", "limit": 10});
        if !cursor.is_null() {
            params["cursor"] = cursor;
        }
        let mut list = peer.call("kv.list", params)["value"].take();
        keys.extend(list["items"].as_array().unwrap().iter().map(|e| e["key"].as_str().unwrap().to_owned()));
        cursor = list["next"].take();
        if cursor.is_null() {
            break;
        }
        // The key at which the cursor stands goes, one before it and one after it come.
        peer.call("kv.delete", json!({"key": keys.last().unwrap()}));
        peer.call("kv.set", json!({"key": format!("k00-{page}"), "value": 0}));
        page += 1;
    }
    let expected: Vec<String> = (0..25).map(|i| format!("k{i:02}")).collect();
    assert_eq!(keys, expected);
}

#[test]
fn a_value_keeps_its_digits_and_order_in_every_reply_and_event() {
    let daemon = daemon();
    let value = r#"{"z":18446744073709551616,"a":[1.10,-0,1E5]}"#;
    let mut peer = daemon.peer();
    let set = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"kv.set","params":{{"key":"a","value":{value},"ifRev":0}}}}"#
    );
    let raw = |message: &str| {
        String::from_utf8(stina_tests::peer::post(&daemon.socket(), message.as_bytes())).unwrap()
    };
    let call = |method: &str, params: Value| {
        raw(&json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string())
    };
    let keeps_value = |answer: String| assert!(answer.contains(value), "{answer}");
    keeps_value(raw(&set));
    keeps_value(call("kv.get", json!({"key": "a"})));
    keeps_value(call("kv.list", json!({})));
    keeps_value(call("store.changes", json!({"since": 0})));
    let conflict = raw(&set);
    assert!(conflict.contains(r#""kind":"conflict""#), "{conflict}");
    keeps_value(conflict);
    let step = |key: &str| json!({"method": "kv.delete", "params": {"key": key, "ifRev": 9}});
    keeps_value(call("store.transact", json!({"ops": [step("a")]})));
    assert_eq!(peer.call("kv.get", json!({"key": "a"}))["rev"], 1);
}

#[test]
fn a_value_nested_to_the_limit_can_be_read_in_every_reply_and_event() {
    let daemon = daemon();
    let call = |id: u64, method: &str, params: &str| {
        format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}","params":{params}}}"#)
    };
    let set = |depth: usize| {
        let value = "[".repeat(depth) + &"]".repeat(depth);
        call(depth as u64, "kv.set", &format!(r#"{{"key":"a","value":{value}}}"#))
    };
    for framing in Framing::LIVE {
        // The peer reads with serde_json's limit.
        let mut peer = daemon.connect(framing);
        peer.call("kv.subscribe", json!({"initial": true}));
        let batch = format!("[{},{}]", set(118), set(119));
        let replies = peer.exchange(batch.as_bytes()).unwrap();
        assert_eq!(replies[0]["result"]["value"]["key"], "a");
        assert_eq!(
            (&replies[1]["id"], &replies[1]["error"]["data"]["kind"]),
            (&json!(119), &json!("invalid"))
        );
        let changes = format!("[{}]", call(1, "store.changes", r#"{"since":0}"#));
        assert!(peer.exchange(changes.as_bytes()).unwrap()[0].get("result").is_some());
        let conflict = set(118).replace(r#""key":"a","#, r#""key":"a","ifRev":0,"#);
        assert_eq!(peer.exchange(conflict.as_bytes()).unwrap()["error"]["data"]["kind"], "conflict");
        assert!(!peer.drain().is_empty());
    }
}
