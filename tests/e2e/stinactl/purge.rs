//! `stinactl purge`.

use super::{ctl, ok};
use crate::daemon;

#[test]
fn purge_asks_or_takes_yes_and_names_copies() {
    let daemon = daemon();
    ok(&daemon, &["kv", "set", "apikey", "Zqxk"]);
    ok(&daemon, &["todo", "add", "Zqxk"]);
    let refused = ctl(&daemon, &["purge", "apikey"]);
    assert!(refused.code == 2 && refused.err.contains("--yes"), "{refused:?}");
    let exists = ctl(&daemon, &["purge", "apikey", "--yes"]);
    assert!(exists.code == 6 && exists.err.contains("not deleted"), "{exists:?}");
    ok(&daemon, &["kv", "delete", "apikey"]);
    let log = ["call", "store.changes", r#"{"since":0}"#, "--json"];
    assert!(ok(&daemon, &log).contains(r#""value":"Zqxk""#));
    let copy = daemon.directory().join("stina.db.before-migration-20260101T000000.000Z");
    std::fs::write(&copy, "a copy").unwrap();
    let said = ok(&daemon, &["purge", "apikey", "--yes"]);
    assert!(said.contains("kv apikey") && said.contains("before-migration-20260101"), "{said}");
    let log = ok(&daemon, &log);
    assert!(log.contains("apikey") && !log.contains(r#""value":"Zqxk""#), "{log}");
    assert_eq!(ctl(&daemon, &["purge", "nothing", "--yes"]).code, 4);
    let id = ok(&daemon, &["todo", "list", "--json"]);
    let id = serde_json::from_str::<serde_json::Value>(&id).unwrap()["id"].as_str().unwrap().to_owned();
    ok(&daemon, &["todo", "rm", &id]);
    std::fs::remove_file(copy).unwrap();
    assert!(ok(&daemon, &["purge", "--deleted-before", "-1d", "--yes"]).contains("0 deleted entities"));
    let all = ok(&daemon, &["purge", "--all", "--yes"]);
    assert!(all.contains("1 deleted entity") && !all.contains("still hold"), "{all}");
    assert_eq!(ctl(&daemon, &["purge", "--all", "--yes", "--json"]).json()[0]["value"]["erased"], 0);
    assert_eq!(ctl(&daemon, &["purge"]).code, 2);
    assert_eq!(ctl(&daemon, &["purge", "x", "--all"]).code, 2);
}
