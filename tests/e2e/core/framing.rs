//! JSON-RPC 2.0 on every framing, and what no sane client sends.

use crate::daemon;
use serde_json::{Value, json};
use std::io::Write;
use stina_tests::{Framing, InProcess, Peer, in_process::Setup};
use stinad::limits::Limits;

/// A reply without what differs from run to run: the outcome as `id code` or `id result`.
fn outcome(reply: &Value) -> String {
    if let Some(batch) = reply.as_array() {
        let mut all: Vec<String> = batch.iter().map(outcome).collect();
        all.sort();
        return format!("[{}]", all.join(", "));
    }
    assert_eq!(reply["jsonrpc"], "2.0", "{reply}");
    match reply.get("error") {
        Some(error) => {
            assert!(error["message"].is_string() && error["data"]["kind"].is_string(), "{reply}");
            format!("{} {}", reply["id"], error["code"])
        }
        None => format!("{} ok", reply["id"]),
    }
}

/// The examples of the specification, section 7, with methods that exist here.
const EXAMPLES: &[(&str, Option<&str>)] = &[
    (r#"{"jsonrpc": "2.0", "method": "kv.get", "params": {"key": "a"}, "id": 1}"#, Some("1 ok")),
    (r#"{"jsonrpc": "2.0", "method": "store.ping", "id": "1"}"#, Some("\"1\" ok")),
    (r#"{"jsonrpc": "2.0", "method": "store.ping", "id": null}"#, Some("null ok")),
    (r#"{"jsonrpc": "2.0", "method": "store.ping", "params": [], "id": 2}"#, Some("2 -32602")),
    (r#"{"jsonrpc": "2.0", "method": "kv.set", "params": {"key": "note", "value": 1}}"#, None),
    (r#"{"jsonrpc": "2.0", "method": "foobar"}"#, None),
    (r#"{"jsonrpc": "2.0", "method": "foobar", "id": "1"}"#, Some("\"1\" -32601")),
    (r#"{"jsonrpc": "2.0", "method": "foobar, "params": "bar", "baz]"#, Some("null -32700")),
    (r#"{"jsonrpc": "2.0", "method": 1, "params": "bar"}"#, Some("null -32600")),
    (
        r#"[{"jsonrpc": "2.0", "method": "sum", "params": [1,2,4], "id": "1"},{"jsonrpc": "2.0", "method"]"#,
        Some("null -32700"),
    ),
    ("[]", Some("null -32600")),
    ("[1]", Some("[null -32600]")),
    ("[1,2,3]", Some("[null -32600, null -32600, null -32600]")),
    (
        r#"[{"jsonrpc": "2.0", "method": "kv.get", "params": {"key": "a"}, "id": "1"},
            {"jsonrpc": "2.0", "method": "kv.set", "params": {"key": "b", "value": 7}},
            {"jsonrpc": "2.0", "method": "kv.set", "params": {"key": "a", "value": 23}, "id": "2"},
            {"foo": "boo"},
            {"jsonrpc": "2.0", "method": "foo.get", "params": {"name": "myself"}, "id": "5"},
            {"jsonrpc": "2.0", "method": "store.ping", "id": "9"}]"#,
        Some("[\"1\" ok, \"2\" ok, \"5\" -32601, \"9\" ok, null -32600]"),
    ),
    (
        r#"[{"jsonrpc": "2.0", "method": "kv.set", "params": {"key": "x", "value": 1}},
            {"jsonrpc": "2.0", "method": "kv.set", "params": {"key": "y", "value": 2}}]"#,
        None,
    ),
];

#[test]
fn the_examples_of_the_specification_hold_on_every_framing() {
    let daemon = daemon();
    for framing in Framing::ALL {
        let mut peer = daemon.connect(framing);
        for (request, expected) in EXAMPLES {
            // A line holds no line break.
            let request = request.replace('\n', " ");
            peer.send_raw(request.as_bytes());
            // A message without a reply is followed by a call that has one.
            let reply = match expected {
                Some(_) => peer.reply(),
                None => peer.exchange(br#"{"jsonrpc":"2.0","id":"end","method":"store.ping"}"#),
            };
            let reply = outcome(&reply.expect("a reply"));
            assert_eq!(reply, expected.unwrap_or("\"end\" ok"), "{framing:?} {request}");
        }
        // Notifications were carried out all the same: before any later write of the connection.
        peer.call("kv.set", json!({"key": "later", "value": 1}));
        let mut value = |key: &str| peer.call("kv.get", json!({ "key": key }))["value"]["value"].take();
        assert_eq!((value("note"), value("b"), value("y")), (json!(1), json!(7), json!(2)));
    }
}

#[test]
fn bad_input_gets_its_error_and_the_connection_lives_on() {
    let daemon = daemon();
    let deep = "[".repeat(5000);
    let deep_value =
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"kv.set","params":{{"key":"a","value":{deep}}}}}"#);
    let long = "x".repeat(600);
    let call = |method: &str, params: Value| {
        json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string()
    };
    // A connection leaves little in memory.
    let long_prefix = call("kv.subscribe", json!({ "prefix": long }));
    let long_version = call("store.hello", json!({"client": {"name": "t", "version": long}}));
    let cases: &[(&[u8], i64, &str)] = &[
        (b"{", -32700, "invalid"),
        (b"[", -32700, "invalid"),
        (b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\xff\"}", -32700, "invalid"),
        (br#"{"jsonrpc":"2.0","id":{},"method":"store.ping"}"#, -32600, "invalid"),
        (br#"{"jsonrpc":"2.0","id":1,"method":"store.ping","params":null}"#, -32600, "invalid"),
        (br#"{"jsonrpc":"2.0","id":1,"method":"store.ping","parms":{}}"#, -32600, "invalid"),
        (br#"{"jsonrpc":"2.0","id":1,"method":"store.ping","params":{"x":1}}"#, -32602, "invalid"),
        (br#"{"jsonrpc":"2.0","id":1,"method":"kv.set","params":{"key":"a","value":1e999}}"#, -32602, "invalid"),
        (br#"{"jsonrpc":"2.0","id":1,"method":"kv.set","params":{"key":"a","value":1,"requestId":"not an id"}}"#, -32602, "invalid"),
        (br#"{"jsonrpc":"2.0","id":1,"method":"kv.get","params":{"key":"a","requestId":"r"}}"#, -32602, "invalid"),
        (br#"{"jsonrpc":"2.0","id":1,"method":"kv.unsubscribe","params":["x"]}"#, -32602, "invalid"),
        (long_prefix.as_bytes(), -32602, "invalid"),
        (long_version.as_bytes(), -32602, "invalid"),
        (br#"{"jsonrpc":"2.0","id":1,"method":"store.subscribe","params":{"modules":["nothing"]}}"#, -32602, "invalid"),
        (br#"{"jsonrpc":"2.0","id":1,"method":"store.changes","params":{"since":0,"modules":["nothing"]}}"#, -32602, "invalid"),
        (br#"{"jsonrpc":"2.0","id":1,"method":"store.hello","params":{"client":{"name":"t","version":"1"},"protocol":{"min":2,"max":9}}}"#, -32013, "unsupported"),
        (br#"{"jsonrpc":"2.0","id":1,"method":"store.hello","params":{"client":["t","1"]}}"#, -32602, "invalid"),
        (br#"{"jsonrpc":"2.0","id":1,"method":"store.hello","params":{"client":{"name":"t","version":"1"},"protocol":[1,1]}}"#, -32602, "invalid"),
        (br#"{"jsonrpc":"2.0","id":1,"method":"store.transact","params":{"ops":[["kv.set",{"key":"a","value":1}]]}}"#, -32602, "invalid"),
        (deep.as_bytes(), -32602, "invalid"),
        (deep_value.as_bytes(), -32602, "invalid"),
    ];
    for framing in Framing::ALL {
        let mut peer = daemon.connect(framing);
        for (message, code, kind) in cases {
            let what = format!("{framing:?} {}", String::from_utf8_lossy(&message[..message.len().min(100)]));
            if framing == Framing::Http && message[0] == b'[' && message.len() == 1 {
                continue;
            }
            let reply = peer.exchange(message).expect(&what);
            assert_eq!(
                (&reply["error"]["code"], &reply["error"]["data"]["kind"]),
                (&json!(code), &json!(kind)),
                "{what}"
            );
            peer.call("store.ping", json!({}));
        }
    }
}

fn small_frames() -> InProcess {
    let limits = Limits { frame_bytes: 10_000, ..Limits::default() };
    InProcess::start(Setup { limits, ..Setup::default() })
}

#[test]
fn a_frame_over_the_limit_is_answered_too_large() {
    let daemon = small_frames();
    let request = |size: usize| {
        let value = "x".repeat(size);
        json!({"jsonrpc": "2.0", "id": 1, "method": "kv.set", "params": {"key": "big", "value": value}})
            .to_string()
    };
    for framing in Framing::ALL {
        let mut peer = daemon.connect(framing);
        assert_eq!(outcome(&peer.exchange(request(9_000).as_bytes()).unwrap()), "1 ok");
        let reply = peer.exchange(request(1_000_000).as_bytes()).expect("an answer");
        assert_eq!(reply["error"]["data"], json!({"kind": "too_large", "limit": 10_000}), "{framing:?}");
        if framing == Framing::WebSocket {
            assert_eq!(peer.receive(), None, "a WebSocket can't be followed any further");
        } else {
            peer.call("store.ping", json!({}));
        }
    }
}

#[test]
fn a_batch_stops_once_its_replies_are_too_large() {
    let daemon = small_frames();
    for framing in Framing::ALL {
        let mut peer = daemon.connect(framing);
        peer.call("kv.set", json!({"key": "big", "value": "x".repeat(6_000)}));
        peer.call("kv.set", json!({"key": "later", "value": 0}));
        let call = |id: u64, method: &str, params: Value| json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
        let get = |id: u64| call(id, "kv.get", json!({"key": "big"}));
        let batch = json!([get(1), get(2), get(3), call(4, "kv.increment", json!({"key": "later"}))]);
        let reply = peer.exchange(batch.to_string().as_bytes()).unwrap();
        assert_eq!(outcome(&reply), "[1 ok, 2 ok, 3 -32006, 4 -32006]");
        // A refused call was not executed; an executed one is answered, however long the reply.
        assert_eq!(peer.call("kv.get", json!({"key": "later"}))["value"]["value"], 0);
        let delete = |id: u64, key: &str| call(id, "kv.delete", json!({ "key": key }));
        for key in ["a", "b", "c"] {
            peer.call("kv.set", json!({"key": key, "value": "x".repeat(6_000)}));
        }
        let batch = json!([delete(1, "a"), delete(2, "b"), delete(3, "c")]);
        let reply = peer.exchange(batch.to_string().as_bytes()).unwrap();
        for (i, key) in ["a", "b", "c"].into_iter().enumerate() {
            let is_there = !peer.call("kv.get", json!({ "key": key }))["value"].is_null();
            assert_eq!(reply[i].get("error").is_some(), is_there, "{}", outcome(&reply));
        }
    }
}

#[test]
fn frames_may_arrive_in_pieces_of_any_size() {
    let daemon = daemon();
    let request = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"kv.set\",\"params\":{\"key\":\"å\",\"value\":\"🙂\"}}\r\n";
    for size in [1, 2, 10, request.len()] {
        let mut peer = daemon.peer();
        for piece in request.as_bytes().chunks(size) {
            peer.stream().write_all(piece).unwrap();
        }
        assert_eq!(outcome(&peer.reply().unwrap()), "1 ok", "pieces of {size}");
    }
}

#[test]
fn half_a_frame_then_silence_blocks_nobody_and_is_answered_at_the_end() {
    let daemon = daemon();
    let half = daemon.peer();
    half.stream().write_all(b"{\"jsonrpc\":\"2.0\",").unwrap();
    let mut other = daemon.peer();
    other.call("kv.set", json!({"key": "a", "value": 1}));

    let end = |mut peer: Peer| {
        peer.stream().shutdown(std::net::Shutdown::Write).unwrap();
        let reply = outcome(&peer.receive().expect("an answer"));
        assert_eq!(peer.receive(), None);
        reply
    };
    assert_eq!(end(half), "null -32700");
    // A whole message needs no line break at the end of the stream: `printf` forgets it.
    let whole = daemon.peer();
    whole.stream().write_all(br#"{"jsonrpc":"2.0","id":9,"method":"store.ping"}"#).unwrap();
    assert_eq!(end(whole), "9 ok");
}

#[test]
fn every_call_is_answered_after_the_sender_closed_its_side() {
    let daemon = daemon();
    let mut peer = daemon.peer();
    let mut lines = String::new();
    for id in 0..500 {
        lines += &format!(
            "{{\"jsonrpc\":\"2.0\",\"id\":{id},\"method\":\"kv.increment\",\"params\":{{\"key\":\"n\"}}}}\n"
        );
    }
    peer.stream().write_all(lines.as_bytes()).unwrap();
    peer.stream().shutdown(std::net::Shutdown::Write).unwrap();
    let mut ids: Vec<u64> =
        std::iter::from_fn(|| peer.receive()).map(|r| r["id"].as_u64().unwrap()).collect();
    ids.sort_unstable();
    assert_eq!(ids, (0..500).collect::<Vec<_>>());
}

#[test]
fn a_subscriber_that_closes_its_side_gets_all_events_up_to_then_and_is_closed() {
    let daemon = daemon();
    let mut writer = daemon.peer();
    for i in 0..300 {
        writer.call("kv.set", json!({"key": "a", "value": i}));
    }
    let mut watcher = daemon.peer();
    watcher.send("kv.subscribe", json!({"since": 0}));
    watcher.stream().shutdown(std::net::Shutdown::Write).unwrap();
    let messages: Vec<Value> = std::iter::from_fn(|| watcher.receive()).collect();
    let last = &messages[messages.len() - 1]["params"]["result"];
    assert_eq!((messages.len(), last), (302, &json!({"type": "synced", "rev": 300})));
    assert_eq!(writer.call("store.clients", json!({}))["clients"].as_array().unwrap().len(), 1);
}

#[test]
fn http_refuses_what_it_can_not_do() {
    let daemon = daemon();
    let mut http = daemon.connect(Framing::Http);
    assert_eq!(http.fail("kv.subscribe", json!({}))["kind"], "unsupported");
    let get = |head: &str| {
        use std::io::Read;
        let mut stream = std::os::unix::net::UnixStream::connect(daemon.socket()).unwrap();
        stream.write_all(format!("{head}\r\nHost: stina\r\nConnection: close\r\n\r\n").as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer.split_whitespace().nth(1).map(ToOwned::to_owned).unwrap_or_default()
    };
    assert_eq!(get("GET / HTTP/1.1"), "426");
    assert_eq!(get("DELETE / HTTP/1.1"), "405");
    assert_eq!(get("NONSENSE"), "400");
    // Answered at once, and not when all of it has arrived.
    assert_eq!(get("POST / HTTP/1.1\r\nContent-Length: 99999999999"), "413");
}

#[test]
fn a_websocket_ends_with_a_closing_handshake() {
    use tokio_tungstenite::tungstenite::{self, Message};
    let daemon = InProcess::start(Setup::default());
    let connect = || {
        let stream = std::os::unix::net::UnixStream::connect(daemon.socket()).unwrap();
        stream.set_read_timeout(Some(stina_tests::DEADLINE)).unwrap();
        tungstenite::client("ws://stina/", stream).unwrap().0
    };
    let code = |message: tungstenite::Result<Message>| match message {
        Ok(Message::Close(frame)) => frame.map(|frame| u16::from(frame.code)),
        other => panic!("no goodbye: {other:?}"),
    };
    let mut leaving = connect();
    leaving.close(None).unwrap();
    assert_eq!(code(leaving.read()), None);
    let mut staying = connect();
    staying.send(Message::text(r#"{"jsonrpc":"2.0","id":1,"method":"store.stop"}"#)).unwrap();
    assert!(staying.read().unwrap().is_text());
    assert_eq!(code(staying.read()), Some(1001));
}

#[test]
fn a_websocket_that_breaks_the_rules_gets_the_error_and_the_close_code() {
    use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
    use tokio_tungstenite::tungstenite::{self, Message, protocol::frame::Frame};
    let daemon = daemon();
    let connect = || {
        let stream = std::os::unix::net::UnixStream::connect(daemon.socket()).unwrap();
        stream.set_read_timeout(Some(stina_tests::DEADLINE)).unwrap();
        tungstenite::client("ws://stina/", stream).unwrap().0
    };
    let ping = r#"{"jsonrpc":"2.0","id":1,"method":"store.ping"}"#;
    let not_text = Frame::message(vec![0xff_u8], OpCode::Data(Data::Text), true);
    let unasked = Frame::message(ping.as_bytes().to_vec(), OpCode::Data(Data::Continue), true);
    for (frame, error, code) in [(not_text, Some(-32700), 1007), (unasked, None, 1002)] {
        let mut socket = connect();
        // Earlier calls are answered first.
        socket.write(Message::text(ping)).unwrap();
        socket.send(Message::Frame(frame)).unwrap();
        let mut replies = Vec::new();
        let closed = loop {
            match socket.read().unwrap() {
                Message::Text(text) => replies.push(serde_json::from_str::<Value>(&text).unwrap()),
                Message::Close(frame) => break frame.map(|frame| u16::from(frame.code)),
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(closed, Some(code));
        // In whatever order: replies may overtake one another.
        let (answers, errors): (Vec<_>, Vec<_>) = replies.iter().partition(|reply| reply["id"] == 1);
        assert!(answers.len() == 1 && answers[0]["result"].is_object(), "{answers:?}");
        let codes: Vec<_> = errors.iter().map(|reply| reply["error"]["code"].clone()).collect();
        assert_eq!(codes, error.map(|code| json!(code)).into_iter().collect::<Vec<_>>());
    }
}
