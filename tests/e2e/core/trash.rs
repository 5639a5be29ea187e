//! `store.history` and `store.trash`.

use crate::daemon;
use serde_json::{Value, json};
use stina_tests::cases::{err, invalid, ok, run_all};
use stina_tests::{Framing, Peer};

fn items(peer: &mut Peer, method: &str, params: Value) -> Vec<Value> {
    let page = peer.call(method, params)["value"].take();
    assert!(page["next"].is_null(), "{page}");
    page["items"].as_array().unwrap().clone()
}

#[test]
fn history_follows_an_entity_through_deletion_and_undo() {
    for framing in Framing::ALL {
        let daemon = daemon();
        let mut watcher = daemon.peer();
        watcher.call("store.subscribe", json!({}));
        let mut caller = daemon.connect(framing);
        let of = json!({"entity": "todo", "id": "t"});
        run_all(
            &[
                ok("store.history", of.clone(), json!({"items": [], "next": null}), &[]),
                ok("todo.create", json!({"id": "t", "title": "a"}), json!({}), &["put t"]),
                ok("kv.set", json!({"key": "noise", "value": 1}), json!({}), &["put noise"]),
                ok("todo.update", json!({"id": "t", "title": "b"}), json!({}), &["put t"]),
                ok("todo.delete", json!({"id": "t"}), json!({}), &["delete t"]),
                ok("kv.set", json!({"key": "noise", "value": 2}), json!({}), &["put noise"]),
                ok("store.undo", json!({"rev": 4}), json!({"rev": 6}), &["put t"]),
                ok(
                    "store.history",
                    of.clone(),
                    json!({"next": null, "items": [
                        {"rev": 6, "op": "put", "before": null, "after": {"title": "b"}, "origin": {"undoes": 4}},
                        {"rev": 4, "op": "delete", "before": {"title": "b", "rev": 3}, "after": null},
                        {"rev": 3, "op": "put", "before": {"title": "a"}, "after": {"title": "b", "rev": 3}},
                        {"rev": 1, "op": "put", "before": null, "after": {"title": "a"}},
                    ]}),
                    &[],
                ),
                err("store.history", json!({"entity": "note", "id": "t"}), invalid("entity")),
                err("store.history", json!({"entity": "todo"}), invalid("id")),
                err("store.history", json!({"entity": "todo", "id": "t", "cursor": "x"}), invalid("cursor")),
            ],
            &mut caller,
            &mut watcher,
        );
        let (mut revs, mut params) = (Vec::new(), json!({"entity": "todo", "id": "t", "limit": 1}));
        loop {
            let mut page = caller.call("store.history", params.clone())["value"].take();
            revs.extend(page["items"].as_array().unwrap().iter().map(|item| item["rev"].as_u64().unwrap()));
            params["cursor"] = page["next"].take();
            if params["cursor"].is_null() {
                break;
            }
        }
        assert_eq!(revs, [6, 4, 3, 1]);
        params["cursor"] =
            caller.call("store.history", json!({"entity": "todo", "id": "t", "limit": 1}))["value"]["next"]
                .take();
        params["id"] = json!("other");
        assert_eq!(caller.fail("store.history", params)["field"], "cursor");
    }
}

#[test]
fn the_trash_has_what_is_gone_and_can_be_put_back() {
    for framing in Framing::ALL {
        let daemon = daemon();
        let mut peer = daemon.connect(framing);
        peer.call("todo.create", json!({"id": "t", "title": "milk"}));
        peer.call("todo.addComment", json!({"todoId": "t", "id": "c", "content": "å".repeat(200)}));
        peer.call("kv.set", json!({"key": "k", "value": 1}));
        peer.call("kv.delete", json!({"key": "k"}));
        peer.call("todo.delete", json!({"id": "t"}));
        peer.call("kv.set", json!({"key": "k", "value": 2}));
        peer.call("memory.create", json!({"id": "m", "title": "", "content": "tea"}));
        peer.call("memory.delete", json!({"id": "m"}));
        // Made and deleted at once: there is nothing to go back to.
        let ops = json!([
            {"method": "todo.create", "params": {"id": "x", "title": "x"}},
            {"method": "todo.delete", "params": {"id": "x"}},
        ]);
        peer.call("store.transact", json!({"ops": ops}));
        let all = items(&mut peer, "store.trash", json!({}));
        let gist = |item: &Value| {
            format!("{} {} {} {}", item["entity"], item["id"], item["title"].as_str().unwrap(), item["rev"])
        };
        let long = format!("{}…", "å".repeat(100));
        let expected =
            ["\"memory\" \"m\" tea 8", "\"todo\" \"t\" milk 5", &format!("\"comment\" \"c\" {long} 5")];
        assert_eq!(all.iter().map(gist).collect::<Vec<_>>(), expected);
        assert!(all.iter().all(|item| item["deletedAt"].as_i64() > Some(1_600_000_000_000)));
        assert_eq!(items(&mut peer, "store.trash", json!({"modules": ["memory"]})), all[..1]);
        assert_eq!(peer.fail("store.trash", json!({"modules": ["notes"]}))["field"], "modules");

        let page = peer.call("store.trash", json!({"limit": 2}))["value"].take();
        assert_eq!(page["items"].as_array().unwrap()[..], all[..2]);
        // Deleted again meanwhile: it is no item of the next page too.
        peer.call("kv.delete", json!({"key": "k"}));
        let rest = items(&mut peer, "store.trash", json!({"limit": 2, "cursor": page["next"]}));
        assert_eq!(rest, all[2..]);
        let newest = items(&mut peer, "store.trash", json!({}));
        assert_eq!((newest.len(), gist(&newest[0])), (4, "\"kv\" \"k\" k 10".to_owned()));

        peer.call("store.undo", json!({"rev": 5}));
        assert_eq!(items(&mut peer, "store.trash", json!({})).len(), 2);
    }
}
