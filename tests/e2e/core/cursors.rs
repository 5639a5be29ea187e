//! A cursor that no page gave is refused: whatever it holds, it is the caller's mistake and no defect of the daemon.

use data_encoding::BASE64URL_NOPAD;
use serde_json::{Value, json};
use stina_tests::{Framing, InProcess, Peer, in_process::Setup};

/// Every method with pages: its name, its params, and the params that take a cursor.
fn paged() -> Vec<(&'static str, Value, &'static [&'static str])> {
    const CURSOR: &[&str] = &["cursor"];
    const WINDOW: &[&str] = &["before", "after"];
    vec![
        ("kv.list", json!({}), CURSOR),
        ("todo.list", json!({}), CURSOR),
        ("todo.listComments", json!({"todoIds": ["td_0", "td_1"]}), CURSOR),
        ("memory.list", json!({}), CURSOR),
        ("memory.getMany", json!({"ids": ["mem_0", "mem_1", "mem_2"]}), CURSOR),
        ("chat.listConversations", json!({}), CURSOR),
        ("chat.listMessages", json!({}), WINDOW),
        ("chat.listInteractions", json!({}), WINDOW),
        ("store.history", json!({"entity": "kv", "id": "k_0"}), CURSOR),
        ("store.trash", json!({}), CURSOR),
    ]
}

/// Two or more items for each of the pages.
fn fill(peer: &mut Peer) {
    for n in 0..3 {
        peer.call("memory.create", json!({"id": format!("mem_{n}"), "title": "t", "content": "c"}));
        peer.call("todo.create", json!({"id": format!("td_{n}"), "title": "t"}));
        peer.call("todo.addComment", json!({"todoId": "td_0", "content": "c"}));
        peer.call("chat.startConversation", json!({"id": format!("c_{n}")}));
        peer.call("kv.set", json!({"key": format!("k_{n}"), "value": n}));
        peer.call("kv.set", json!({"key": "k_0", "value": [n]}));
        peer.call("kv.set", json!({"key": format!("gone_{n}"), "value": n}));
        peer.call("kv.delete", json!({"key": format!("gone_{n}")}));
    }
    for n in 0..3 {
        let ids = json!({"id": format!("m_{n}"), "interactionId": format!("ia_{n}"), "role": "user", "content": "m"});
        peer.call("chat.appendMessage", ids);
    }
}

fn with(params: &Value, name: &str, value: Value) -> Value {
    let mut params = params.clone();
    params[name] = value;
    params
}

/// Each of the numbers and texts in `value` replaced, one at a time.
fn forged(value: &Value) -> Vec<Value> {
    let texts = ["", "\0", "a\0b", "'; DROP TABLE kv_entries; --", "\u{10ffff}"].map(|text| json!(text));
    let numbers = [
        json!(-1),
        json!(0),
        json!(i64::MIN),
        json!(i64::MAX),
        json!(9_223_372_036_854_775_808_u64),
        json!(u64::MAX),
        json!(0.5),
        json!(1e300),
    ];
    let each =
        |at: Value, rest: &dyn Fn(Value) -> Value| forged(&at).into_iter().map(rest).collect::<Vec<_>>();
    match value {
        Value::Number(_) => numbers.into_iter().chain(texts).chain([Value::Null, json!([])]).collect(),
        Value::String(_) => texts.into_iter().chain(numbers).chain([Value::Null, json!({})]).collect(),
        Value::Array(items) => (0..items.len())
            .flat_map(|at| {
                each(items[at].clone(), &|item| {
                    let mut items = items.clone();
                    items[at] = item;
                    Value::Array(items)
                })
            })
            .chain([json!([]), Value::Null])
            .collect(),
        Value::Object(members) => members
            .keys()
            .flat_map(|name| each(members[name].clone(), &|item| with(value, name, item)))
            .chain([json!({}), json!({"Rev": 1, "Before": 1})])
            .collect(),
        Value::Null | Value::Bool(_) => vec![json!(1)],
    }
}

fn encoded(value: &Value) -> String {
    BASE64URL_NOPAD.encode(value.to_string().as_bytes())
}

#[test]
fn a_forged_or_foreign_cursor_is_invalid_for_every_list() {
    let daemon = InProcess::start(Setup { memory: true, ..Setup::default() });
    let mut peer = daemon.peer();
    fill(&mut peer);
    let document = peer.call("rpc.discover", json!({}));
    let methods = paged();
    // No list is forgotten here.
    for method in document["methods"].as_array().unwrap() {
        let takes = |name: &str| method["params"].as_array().unwrap().iter().any(|p| p["name"] == name);
        if takes("cursor") || takes("before") {
            assert!(methods.iter().any(|(name, ..)| method["name"] == *name), "{}", method["name"]);
        }
    }
    // The pages of this one end only where they are large.
    let mut given = vec![("memory.getMany", encoded(&json!(["memory.getMany", "mem_0"])))];
    for (method, params, _) in methods.iter().filter(|(method, ..)| *method != "memory.getMany") {
        let next = peer.call(method, with(params, "limit", json!(1)))["value"]["next"].take();
        given.push((method, next.as_str().unwrap_or_else(|| panic!("{method} has one page")).to_owned()));
    }
    let after_first = with(&methods[4].1, "cursor", json!(given[0].1));
    assert_eq!(peer.call("memory.getMany", after_first)["value"]["items"][0]["id"], "mem_1");
    for framing in Framing::ALL {
        let mut peer = daemon.connect(framing);
        for (method, params, fields) in &methods {
            let (_, own) = given.iter().find(|(name, _)| name == method).unwrap();
            let decoded: Value =
                serde_json::from_slice(&BASE64URL_NOPAD.decode(own.as_bytes()).unwrap()).unwrap();
            let mut hostile: Vec<String> =
                ["", " ", "\0", "AAAA", "bnVsbA", "bnVsbA==", "å", "~", "null", "[]", "0"]
                    .map(ToOwned::to_owned)
                    .into();
            hostile.extend([own.repeat(2), format!("{own}="), format!("{own}\0"), own[1..].to_owned()]);
            hostile.push(BASE64URL_NOPAD.encode(&[0xff; 64]));
            hostile.push(BASE64URL_NOPAD.encode("[".repeat(10_000).as_bytes()));
            hostile.push(encoded(&json!([method])));
            hostile.push(encoded(&json!([method, null])));
            let foreign = given.iter().filter(|(name, _)| name != method);
            hostile.extend(foreign.map(|(_, cursor)| cursor.clone()));
            for field in *fields {
                for cursor in &hostile {
                    let error = peer.fail(method, with(params, field, json!(cursor)));
                    let expected = (&json!("invalid"), &json!(field));
                    assert_eq!((&error["kind"], &error["field"]), expected, "{method} {cursor:?}");
                }
                // In the right form: some of these could have been given, and are a place in the list.
                for forged in forged(&decoded[1]) {
                    let cursor = encoded(&json!([method, forged]));
                    if let Err(error) = peer.try_call(method, with(params, field, json!(cursor))) {
                        let kind = error["data"]["kind"].as_str().unwrap();
                        assert!(["invalid", "not_found"].contains(&kind), "{method} {forged}: {error}");
                    }
                }
            }
        }
    }
}

#[test]
fn a_number_that_no_row_can_have_is_invalid() {
    let daemon = InProcess::start(Setup { memory: true, ..Setup::default() });
    let mut peer = daemon.peer();
    fill(&mut peer);
    for number in [json!(9_223_372_036_854_775_808_u64), json!(u64::MAX), json!(-1), json!(0.5)] {
        for (method, params, field, from) in [
            ("chat.listConversations", json!({}), "cursor", json!([1, number])),
            ("chat.listMessages", json!({}), "before", json!(["c_2", [1, number]])),
            ("chat.listInteractions", json!({}), "after", json!(["c_2", [1, number]])),
            ("store.trash", json!({}), "cursor", number.clone()),
            (
                "store.history",
                json!({"entity": "kv", "id": "k_0"}),
                "cursor",
                json!([["kv", "k_0"], {"Rev": number}]),
            ),
            (
                "store.history",
                json!({"entity": "kv", "id": "k_0"}),
                "cursor",
                json!([["kv", "k_0"], {"Before": number}]),
            ),
        ] {
            let error = peer.fail(method, with(&params, field, json!(encoded(&json!([method, from])))));
            assert_eq!(
                (&error["kind"], &error["field"]),
                (&json!("invalid"), &json!(field)),
                "{method} {number}"
            );
        }
        let error = peer.fail("store.changes", json!({"since": number}));
        assert_eq!((&error["kind"], &error["field"]), (&json!("invalid"), &json!("since")), "{number}");
    }
}
