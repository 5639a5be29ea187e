//! `rpc.discover`: the document is true.

use crate::daemon;
use serde_json::{Value, json};
use stina_tests::Framing;

/// Every `$ref` of a document.
fn refs<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::Object(members) => {
            found.extend(members.get("$ref").and_then(Value::as_str));
            members.values().for_each(|v| refs(v, found));
        }
        Value::Array(items) => items.iter().for_each(|v| refs(v, found)),
        _ => {}
    }
}

#[test]
fn the_document_is_openrpc_and_every_reference_resolves() {
    let daemon = daemon();
    for framing in Framing::ALL {
        let document = daemon.connect(framing).call("rpc.discover", json!({}));
        assert!(document["openrpc"].as_str().unwrap().starts_with("1."));
        assert!(document["info"]["title"].is_string() && document["info"]["version"].is_string());
        let mut found = Vec::new();
        refs(&document, &mut found);
        assert!(!found.is_empty());
        for reference in found {
            let pointer = reference.strip_prefix('#').expect("a local reference");
            assert!(document.pointer(pointer).is_some(), "{reference}");
        }
        for method in document["methods"].as_array().unwrap() {
            let name = method["name"].as_str().unwrap();
            assert!(method["summary"].as_str().is_some_and(|s| s.len() > 5), "{name} has a summary");
            assert!(method["result"]["schema"].is_object() || method["result"]["schema"] == true, "{name}");
            let params = method["params"].as_array().unwrap();
            let mut names: Vec<&str> = params.iter().map(|p| p["name"].as_str().unwrap()).collect();
            let required: Vec<bool> = params.iter().map(|p| p["required"].as_bool().unwrap()).collect();
            assert!(required.is_sorted_by(|a, b| a >= b), "{name}: required params first");
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), params.len(), "{name}: names are unique");
        }
    }
}

#[test]
fn every_listed_method_exists_and_takes_the_params_it_lists() {
    let daemon = daemon();
    let mut peer = daemon.peer();
    let document = peer.call("rpc.discover", json!({}));
    for method in document["methods"].as_array().unwrap() {
        let name = method["name"].as_str().unwrap();
        if name == "store.stop" {
            continue;
        }
        // One that no method has: the error lists what it would take.
        let refused = peer.try_call(name, json!({"noSuchParam": 1})).unwrap_err();
        assert_eq!(refused["code"], -32602, "{name}: {refused}");
        for param in method["params"].as_array().unwrap().iter().filter(|p| p["required"] == true) {
            let missing = peer.try_call(name, json!({})).unwrap_err();
            assert_eq!(missing["data"]["kind"], "invalid", "{name} without {param}");
        }
    }
    let names: Vec<&str> =
        document["methods"].as_array().unwrap().iter().map(|m| m["name"].as_str().unwrap()).collect();
    for expected in
        ["store.hello", "store.sync", "store.transact", "kv.increment", "kv.subscribe", "kv.unsubscribe"]
    {
        assert!(names.contains(&expected), "{expected}");
    }
}

#[test]
fn null_means_the_same_as_a_param_left_out() {
    let daemon = daemon();
    let mut peer = daemon.peer();
    let document = peer.call("rpc.discover", json!({}));
    let mut tried = 0;
    for method in document["methods"].as_array().unwrap() {
        let name = method["name"].as_str().unwrap();
        // There null clears, or is refused where nothing can be cleared.
        if name.contains(".update") || name == "store.stop" {
            continue;
        }
        for param in method["params"].as_array().unwrap().iter().filter(|p| p["required"] == false) {
            let param = param["name"].as_str().unwrap();
            if let Err(error) = peer.try_call(name, json!({param: null})) {
                assert_ne!(error["data"]["field"], param, "{name}: {error}");
            }
            tried += 1;
        }
    }
    assert!(tried > 50, "{tried}");
}
