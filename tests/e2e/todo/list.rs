//! `todo.list`: filters, archive, pages.

use crate::{STINAD, daemon_at};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use stina_tests::{Daemon, Peer};

fn ids(list: &Value) -> Vec<String> {
    let items = list["value"]["items"].as_array().unwrap().iter();
    items.map(|todo| todo["id"].as_str().unwrap().to_owned()).collect()
}

/// All ids of a list, page by page; `between` is called after each page.
fn all_pages(peer: &mut Peer, params: &Value, mut between: impl FnMut(&mut Peer)) -> Vec<String> {
    let (mut found, mut params) = (Vec::new(), params.clone());
    loop {
        let page = peer.call("todo.list", params.clone());
        found.extend(ids(&page));
        params["cursor"] = page["value"]["next"].clone();
        if params["cursor"].is_null() {
            return found;
        }
        between(peer);
    }
}

#[test]
fn filters_combine_and_the_order_has_no_due_date_last() {
    let (daemon, clock) = daemon_at(1_000_000);
    let mut peer = daemon.peer();
    for (id, due_at, status, passes) in [
        ("none-late", Value::Null, "pending", 2),
        ("none-b", Value::Null, "started", -1),
        ("none-a", Value::Null, "done", 0),
        ("late", json!(2000), "not_started", 0),
        ("soon-second", json!(1000), "completed", 1),
        ("soon-first", json!(1000), "in_progress", -2),
        ("past", json!(-5), "cancelled", 0),
    ] {
        clock.fetch_add(passes, Ordering::Relaxed);
        peer.call("todo.create", json!({"id": id, "title": id, "dueAt": due_at, "status": status}));
    }
    for (params, expected) in [
        (json!({}), vec!["past", "soon-first", "soon-second", "late", "none-a", "none-b", "none-late"]),
        (json!({"status": ["not-started", "DONE"]}), vec!["soon-second", "late", "none-a", "none-late"]),
        (json!({"status": ["cancelled", "canceled"]}), vec!["past"]),
        (json!({"status": []}), vec![]),
        (json!({"dueBefore": 1000}), vec!["past"]),
        (json!({"dueBefore": 1001}), vec!["past", "soon-first", "soon-second"]),
        (json!({"dueAfter": 1000}), vec!["late"]),
        (json!({"dueAfter": 999, "dueBefore": 2000}), vec!["soon-first", "soon-second"]),
        (json!({"dueAfter": -6, "dueBefore": 5000, "status": ["ongoing"]}), vec!["soon-first"]),
        (json!({"dueAfter": 2000, "dueBefore": 1000}), vec![]),
    ] {
        assert_eq!(ids(&peer.call("todo.list", params.clone())), expected, "{params}");
        let mut one_by_one = params.clone();
        one_by_one["limit"] = json!(1);
        assert_eq!(all_pages(&mut peer, &one_by_one, |_| ()), expected, "{params}");
    }
    for (params, field) in [
        (json!({"status": "done"}), "status"),
        (json!({"status": ["done", "open"]}), "status[1]"),
        (json!({"limit": 1001}), "limit"),
        (json!({"cursor": "bnVsbA"}), "cursor"),
        (json!({"dueBefore": "tomorrow"}), "dueBefore"),
    ] {
        assert_eq!(peer.fail("todo.list", params)["field"], field);
    }
}

#[test]
fn closed_todos_are_archived_at_the_next_local_midnight() {
    let midnight = jiff::Zoned::now().start_of_day().unwrap().timestamp().as_millisecond();
    let (daemon, clock) = daemon_at(midnight - 1);
    let mut peer = daemon.peer();
    for (id, status) in [("done", "done"), ("off", "cancelled"), ("open", "pending"), ("begun", "started")] {
        peer.call("todo.create", json!({"id": id, "title": id, "status": status}));
    }
    let all = ["begun", "done", "off", "open"];
    let list = |peer: &mut Peer, params: Value| ids(&peer.call("todo.list", params));
    assert_eq!(list(&mut peer, json!({})), all);
    clock.store(midnight, Ordering::Relaxed);
    assert_eq!(list(&mut peer, json!({})), ["begun", "open"]);
    assert_eq!(list(&mut peer, json!({"status": ["completed"]})), Vec::<String>::new());
    assert_eq!(list(&mut peer, json!({"status": ["completed"], "includeArchived": true})), ["done"]);
    assert_eq!(list(&mut peer, json!({"includeArchived": true})), all);
    // A comment is no update; an update brings it back for the rest of the day.
    peer.call("todo.addComment", json!({"todoId": "off", "content": "really?"}));
    peer.call("todo.update", json!({"id": "done", "title": "done!"}));
    assert_eq!(list(&mut peer, json!({})), ["begun", "done", "open"]);
}

#[test]
fn pages_are_the_same_when_very_many_were_closed_today() {
    let midnight = jiff::Zoned::now().start_of_day().unwrap().timestamp().as_millisecond();
    let (daemon, clock) = daemon_at(midnight - 1);
    let mut peer = daemon.peer();
    let mut make = |thousand: i64| {
        let create = |i: i64| {
            let (id, status) = (format!("{thousand}-{i}"), ["done", "aborted", "pending"][i as usize % 3]);
            let due_at = (i % 7 > 0).then_some(i * 7919 % 1000);
            json!({"method": "todo.create",
                   "params": {"id": id, "title": "t", "status": status, "dueAt": due_at}})
        };
        let ops: Vec<Value> = (0..1000).map(create).collect();
        peer.call("store.transact", json!({"ops": ops}));
    };
    make(0);
    clock.store(midnight, Ordering::Relaxed);
    (1..=8).for_each(&mut make);
    let everything = all_pages(&mut peer, &json!({"limit": 1000, "includeArchived": true}), |_| ());
    assert_eq!(everything.len(), 9000);
    let is_archived = |id: &String| id.strip_prefix("0-").is_some_and(|i| i.parse::<i64>().unwrap() % 3 < 2);
    let expected: Vec<String> = everything.into_iter().filter(|id| !is_archived(id)).collect();
    assert_eq!(all_pages(&mut peer, &json!({"limit": 999}), |_| ()), expected);
}

#[test]
fn the_program_takes_midnight_from_its_own_time_zone() {
    // A zone in which this day began an hour ago, whatever the time here.
    let now = jiff::Timestamp::now();
    let east = 3600 - now.as_second().rem_euclid(86_400);
    let (sign, west) = if east < 0 { ("", -east) } else { ("-", east) };
    let zone = format!("<LOC>{sign}{:02}:{:02}:{:02}", west / 3600, west / 60 % 60, west % 60);
    let daemon = Daemon::start_with(STINAD, &[], &[("TZ", &zone)]);
    let mut peer = daemon.peer();
    for id in ["yesterday", "today"] {
        peer.call("todo.create", json!({"id": id, "title": id, "status": "done"}));
    }
    let before = |minutes: i64| now.as_millisecond() - minutes * 60_000;
    let conn = rusqlite::Connection::open(daemon.database()).unwrap();
    for (id, updated_at) in [("yesterday", before(90)), ("today", before(30))] {
        conn.execute("UPDATE todos SET updated_at = ? WHERE id = ?", (updated_at, id)).unwrap();
    }
    assert_eq!(ids(&peer.call("todo.list", json!({}))), ["today"]);
}

#[test]
fn a_page_ends_once_it_is_large_and_the_next_goes_on() {
    let (daemon, _clock) = daemon_at(0);
    let mut peer = daemon.peer();
    let large = "x".repeat(2_200_000);
    peer.call("todo.create", json!({"id": "small", "title": "small", "status": "cancelled"}));
    for i in 0..3 {
        peer.call("todo.create", json!({"id": format!("t{i}"), "title": "large", "description": large}));
        peer.call("todo.addComment", json!({"todoId": "small", "id": format!("c{i}"), "content": large}));
        peer.call("kv.set", json!({"key": format!("k{i}"), "value": large}));
    }
    for (method, mut params) in [
        ("todo.list", json!({"status": ["pending"]})),
        ("todo.listComments", json!({"todoIds": ["small"]})),
        ("kv.list", json!({"prefix": "k"})),
    ] {
        let mut counts = Vec::new();
        while counts.len() < 9 {
            let page = peer.call(method, params.clone());
            counts.push(page["value"]["items"].as_array().unwrap().len());
            params["cursor"] = page["value"]["next"].clone();
            if params["cursor"].is_null() {
                break;
            }
        }
        assert_eq!(counts, [2, 1], "{method}");
    }
}

/// A due date out of a few, so that many are equal.
fn due_date() -> impl Strategy<Value = Option<i64>> {
    prop::option::of(prop::sample::select(vec![-1_i64, 0, 5, 5_000]))
}

/// The changes of the todos that come and go.
#[derive(Debug, Clone)]
enum Meanwhile {
    Create(Option<i64>),
    Move(prop::sample::Index, Option<i64>),
    Delete(prop::sample::Index),
}

fn meanwhile() -> impl Strategy<Value = Meanwhile> {
    prop_oneof![
        due_date().prop_map(Meanwhile::Create),
        (any::<prop::sample::Index>(), due_date()).prop_map(|(which, due)| Meanwhile::Move(which, due)),
        any::<prop::sample::Index>().prop_map(Meanwhile::Delete),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_todo_that_stays_is_seen_once_while_others_come_and_go(
        stay in prop::collection::vec((due_date(), 0..3_i64), 1..40),
        go in prop::collection::vec((due_date(), 0..3_i64), 0..20),
        limit in 1..8,
        mut happenings in prop::collection::vec(prop::collection::vec(meanwhile(), 0..4), 0..40),
    ) {
        let (daemon, clock) = daemon_at(0);
        let mut peer = daemon.peer();
        let create = |peer: &mut Peer, due: Option<i64>, now: Option<i64>| {
            clock.store(now.unwrap_or(1), Ordering::Relaxed);
            let todo = peer.call("todo.create", json!({"title": "t", "dueAt": due}));
            (todo["value"]["id"].as_str().unwrap().to_owned(), todo["value"].clone())
        };
        let staying: BTreeMap<String, Value> =
            stay.iter().map(|(due, now)| create(&mut peer, *due, Some(*now))).collect();
        let mut going: Vec<String> =
            go.iter().map(|(due, now)| create(&mut peer, *due, Some(*now)).0).collect();
        let seen = all_pages(&mut peer, &json!({"limit": limit}), |peer| {
            for happening in happenings.pop().unwrap_or_default() {
                match happening {
                    Meanwhile::Create(due) => going.push(create(peer, due, None).0),
                    Meanwhile::Move(which, due) if !going.is_empty() => {
                        peer.call("todo.update", json!({"id": which.get(&going), "dueAt": due}));
                    }
                    Meanwhile::Delete(which) if !going.is_empty() => {
                        let id = going.swap_remove(which.index(going.len()));
                        peer.call("todo.delete", json!({"id": id}));
                    }
                    _ => {}
                }
            }
        });
        let place = |todo: &Value| {
            let due = todo["dueAt"].as_i64();
            (due.is_none(), due, todo["createdAt"].as_i64(), todo["id"].as_str().map(ToOwned::to_owned))
        };
        let mut expected: Vec<&Value> = staying.values().collect();
        expected.sort_by_key(|todo| place(todo));
        let expected: Vec<&str> = expected.iter().map(|todo| todo["id"].as_str().unwrap()).collect();
        let seen: Vec<&String> = seen.iter().filter(|id| staying.contains_key(*id)).collect();
        prop_assert_eq!(seen, expected);
    }
}
