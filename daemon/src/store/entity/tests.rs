use super::{Entity, EntityKind, Table, create, find, get, remove, save, update, walk, with};
use crate::store::recording::first_seq;
use crate::store::tx::{Author, WriteTx};
use crate::store::{Failure, LiveChange, Result};
use rusqlite::types::Value;
use rusqlite::{Connection, Row};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::sync::LazyLock;
use stina_protocol::event::Op;
use stina_protocol::{Json, JsonObject};

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Colour {
    Red,
    DarkBlue,
    Mixed(u8, u8),
}

/// An entity with every kind of member.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Thing {
    id: String,
    seq: u64,
    long_name: Option<String>,
    colour: Colour,
    is_new: bool,
    size: f64,
    any: Json,
    metadata: Option<JsonObject>,
    tags: Vec<String>,
    counted: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    parts: Option<Vec<String>>,
    rev: u64,
}

impl Entity for Thing {
    const KIND: EntityKind = EntityKind::of::<Self>("things", "thing", "things");
    const ROW: Option<&'static str> = Some("seq");
    const READ_ONLY: &'static [&'static str] = &["counted"];
    const ELSEWHERE: &'static [&'static str] = &["parts"];
    const DERIVED: &'static [super::Derived<Self>] =
        &[("name_key", |thing| Value::Text(thing.long_name.clone().unwrap_or_default().to_lowercase()))];

    fn table() -> &'static Table {
        static TABLE: LazyLock<Table> = LazyLock::new(Table::of::<Thing>);
        &TABLE
    }

    fn key(&self) -> &str {
        &self.id
    }

    fn rev(&self) -> u64 {
        self.rev
    }

    fn set_rev(&mut self, rev: u64) {
        self.rev = rev;
    }

    fn scope(&self) -> Option<&str> {
        self.tags.first().map(String::as_str)
    }

    fn row(&self) -> u64 {
        self.seq
    }

    fn set_row(&mut self, row: u64) {
        self.seq = row;
    }
}

/// Bytes of changes that a transaction holds.
const MOST_BYTES: usize = 1 << 20;

fn database() -> Connection {
    let conn = Connection::open_in_memory().unwrap();
    for migration in crate::store::migrate::CORE.migrations {
        conn.execute_batch(migration.sql).unwrap();
    }
    conn.execute_batch(
        "CREATE TABLE things (
             seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, long_name TEXT, name_key TEXT NOT NULL,
             colour TEXT NOT NULL, is_new INTEGER NOT NULL, size REAL NOT NULL, any TEXT NOT NULL, metadata TEXT,
             tags TEXT NOT NULL, counted INTEGER NOT NULL DEFAULT 7, rev INTEGER NOT NULL
         ) STRICT",
    )
    .unwrap();
    conn
}

fn thing(id: &str) -> Thing {
    Thing {
        id: id.to_owned(),
        seq: 0,
        long_name: Some("Å\0b".to_owned()),
        colour: Colour::DarkBlue,
        is_new: true,
        size: 0.1,
        any: Json::parse(r#"{"b":12345678901234567890123,"a":[1.50,null]}"#).unwrap(),
        metadata: None,
        tags: vec!["x\"y".to_owned(), String::new()],
        counted: 7,
        parts: None,
        rev: 0,
    }
}

fn write<T>(conn: &Connection, rev: u64, f: impl FnOnce(&mut WriteTx<'_>) -> Result<T>) -> T {
    f(&mut WriteTx::new(conn, rev, 0, &Author::daemon(), MOST_BYTES)).unwrap()
}

#[test]
fn every_kind_of_member_is_saved_and_read() {
    let conn = database();
    let created = write(&conn, 3, |tx| create(tx, thing("a")));
    assert_eq!((created.seq, created.rev), (1, 3));
    let read: Thing = write(&conn, 4, |tx| get(tx, "a"));
    assert_eq!(read, created);
    // Digits and order of JSON are unchanged.
    assert_eq!(read.any.get(), r#"{"b":12345678901234567890123,"a":[1.50,null]}"#);
    let stored: (String, String, String) = conn
        .query_row("SELECT colour, tags, name_key FROM things", [], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)))
        .unwrap();
    assert_eq!(stored, ("dark_blue".to_owned(), r#"["x\"y",""]"#.to_owned(), "å\0b".to_owned()));
}

#[test]
fn an_enum_with_data_is_read_back() {
    let conn = database();
    let made = write(&conn, 1, |tx| create(tx, Thing { colour: Colour::Mixed(1, 2), ..thing("a") }));
    assert_eq!(write(&conn, 2, |tx| get::<Thing>(tx, "a")), made);
}

#[test]
fn members_that_the_database_writes_are_read_and_not_written() {
    let conn = database();
    let created = write(&conn, 1, |tx| create(tx, thing("a")));
    conn.execute("UPDATE things SET counted = 9", []).unwrap();
    let after = Thing { colour: Colour::Red, counted: 1, seq: 77, ..created.clone() };
    write(&conn, 2, |tx| save(tx, Some(&created), after));
    let read: Thing = write(&conn, 3, |tx| get(tx, "a"));
    assert_eq!((read.colour, read.counted, read.seq, read.rev), (Colour::Red, 9, 1, 2));
}

#[test]
fn text_that_is_not_utf_8_is_read_with_replacement_characters() {
    let conn = database();
    write(&conn, 1, |tx| create(tx, thing("a")));
    conn.execute(
        "UPDATE things SET long_name = CAST(x'41EDA0BD42' AS TEXT), tags = CAST(x'5B22FF225D' AS TEXT)",
        [],
    )
    .unwrap();
    let read: Thing = write(&conn, 2, |tx| get(tx, "a"));
    assert_eq!(
        (read.long_name.as_deref(), &*read.tags),
        (Some("A\u{fffd}\u{fffd}\u{fffd}B"), &["\u{fffd}".to_owned()][..])
    );
}

#[test]
fn an_invalid_row_is_corrupt() {
    for wrong in
        ["colour = 'done'", "tags = '[1'", "tags = '[] more'", "any = '{'", "any = '1 2'", "metadata = '3'"]
    {
        let conn = database();
        write(&conn, 1, |tx| create(tx, thing("a")));
        conn.execute(&format!("UPDATE things SET {wrong}"), []).unwrap();
        let author = Author::daemon();
        let found = find::<Thing>(&WriteTx::new(&conn, 2, 0, &author, MOST_BYTES), "a");
        assert!(matches!(found, Err(Failure::Corrupt(_))), "{wrong}: {found:?}");
    }
}

#[test]
fn an_entity_is_restored_from_its_json() {
    let conn = database();
    let created = write(&conn, 1, |tx| create(tx, thing("a")));
    let changed = Thing {
        tags: Vec::new(),
        metadata: Some(JsonObject::new(Json::parse("{}").unwrap()).unwrap()),
        ..created.clone()
    };
    write(&conn, 2, |tx| save(tx, Some(&created), changed));
    // Over an existing row and into a free one, with its old row number.
    let json = serde_json::to_string(&created).unwrap();
    write(&conn, 3, |tx| (Thing::KIND.put)(tx, &json));
    assert_eq!(write(&conn, 4, |tx| get::<Thing>(tx, "a")), Thing { rev: 3, ..created.clone() });
    write(&conn, 4, |tx| (Thing::KIND.remove)(tx, "a"));
    write(&conn, 5, |tx| create(tx, thing("b")));
    write(&conn, 6, |tx| (Thing::KIND.put)(tx, &json));
    assert_eq!(write(&conn, 7, |tx| get::<Thing>(tx, "a")), Thing { rev: 6, ..created });
    let mut kept = Vec::new();
    write(&conn, 7, |tx| {
        walk::<Thing>(tx, "ORDER BY seq", [], |thing| {
            kept.push((thing.seq, thing.id));
            Ok(true)
        })
    });
    assert_eq!(kept, [(1, "a".to_owned()), (2, "b".to_owned())]);
}

#[test]
fn stored_values_that_no_caller_could_write_survive_an_update_of_other_members() {
    let conn = database();
    write(&conn, 1, |tx| create(tx, thing("a")));
    let deep = format!("{}1{}", "[".repeat(125), "]".repeat(125));
    conn.execute("UPDATE things SET any = ?, metadata = '{\"a\":1e999}'", [&deep]).unwrap();
    let before: Thing = write(&conn, 2, |tx| get(tx, "a"));
    let changes = json!({ "colour": "red", "tags": ["t"] });
    let after =
        write(&conn, 2, |tx| update(tx, before.clone(), &changes, |thing, now| thing.size = now as f64));
    assert_eq!(
        (after.any.get(), after.colour, &*after.tags, after.size),
        (&*deep, Colour::Red, &["t".to_owned()][..], 0.0)
    );
    // A change that changes nothing is no write.
    let author = Author::daemon();
    let mut tx = WriteTx::new(&conn, 3, 9, &author, MOST_BYTES);
    let same =
        update(&mut tx, after.clone(), &json!({ "colour": "red" }), |thing, _| thing.size = 9.0).unwrap();
    assert_eq!((same, tx.changes.count), (after, 0));
}

#[test]
fn members_that_the_database_writes_are_logged_as_stored() {
    let conn = database();
    let made = write(&conn, 1, |tx| create(tx, thing("a")));
    conn.execute("UPDATE things SET counted = 9", []).unwrap();
    let author = Author::daemon();
    let mut tx = WriteTx::new(&conn, 2, 0, &author, MOST_BYTES);
    let saved =
        save(&mut tx, Some(&made), Thing { counted: 1, seq: 77, is_new: false, ..made.clone() }).unwrap();
    assert_eq!((saved.counted, saved.seq, saved.is_new), (9, 1, false));
    assert_eq!(logged(&tx).last().unwrap().after, Some(serde_json::to_string(&saved).unwrap()));
}

#[test]
fn every_change_is_recorded_with_before_and_after() {
    let conn = database();
    let author = Author::daemon();
    let mut tx = WriteTx::new(&conn, 5, 0, &author, MOST_BYTES);
    let created = create(&mut tx, thing("a")).unwrap();
    let changed =
        save(&mut tx, Some(&created), with(&created, &json!({ "longName": null })).unwrap()).unwrap();
    assert_eq!(changed.long_name, None);
    remove(&mut tx, &changed).unwrap();
    let json = |thing: &Thing| serde_json::to_string(thing).unwrap();
    let values: Vec<_> = logged(&tx).into_iter().map(|row| [row.before, row.after]).collect();
    assert_eq!(
        values,
        [
            [None, Some(json(&created))],
            [Some(json(&created)), Some(json(&changed))],
            [Some(json(&changed)), None]
        ]
    );
    assert!(with(&created, &json!({ "colour": "green" })).is_err());
}

#[test]
fn an_update_leaves_the_index_of_keys_alone() {
    let conn = database();
    let mut plan = conn.prepare(&format!("EXPLAIN {}", Thing::table().update)).unwrap();
    let values = vec![0; plan.parameter_count()];
    let steps = plan.query_map(rusqlite::params_from_iter(values), |row| row.get::<_, String>(1)).unwrap();
    let steps: Vec<String> = steps.map(std::result::Result::unwrap).collect();
    assert!(steps.iter().any(|step| step == "Insert"), "{steps:?}");
    assert!(!steps.iter().any(|step| step == "IdxInsert" || step == "IdxDelete"), "{steps:?}");
}

#[test]
fn an_entity_that_moves_leaves_its_old_scope_with_a_delete() {
    let conn = database();
    let author = Author::daemon();
    let mut tx = WriteTx::new(&conn, 5, 0, &author, MOST_BYTES);
    let tagged = |tag: Option<&str>, thing: &Thing| Thing {
        tags: tag.into_iter().map(ToOwned::to_owned).collect(),
        ..thing.clone()
    };
    let first = create(&mut tx, tagged(Some("x"), &thing("a"))).unwrap();
    let moved = save(&mut tx, Some(&first), tagged(Some("y"), &first)).unwrap();
    let alone = save(&mut tx, Some(&moved), tagged(None, &moved)).unwrap();
    remove(&mut tx, &alone).unwrap();
    let expected = [
        ("put", Some("x")),
        ("delete", Some("x")),
        ("put", Some("y")),
        ("delete", Some("y")),
        ("put", None),
        ("delete", None),
    ];
    let rows = logged(&tx);
    let found: Vec<_> = rows.iter().map(|row| (row.op.as_str(), row.scope.as_deref())).collect();
    assert_eq!(found, expected);
    let kept = tx.changes.kept.unwrap();
    let live = kept
        .iter()
        .map(|change| (if change.op == Op::Put { "put" } else { "delete" }, change.scope.as_deref()));
    assert_eq!(live.collect::<Vec<_>>(), expected);
}

#[test]
fn what_subscribers_do_not_get_of_a_change_is_not_held_in_memory() {
    let conn = database();
    let author = Author::daemon();
    let large = Thing { long_name: Some("x".repeat(2 * MOST_BYTES)), ..thing("a") };
    let created = write(&conn, 1, |tx| create(tx, large));
    let mut tx = WriteTx::new(&conn, 2, 0, &author, MOST_BYTES);
    let small = save(&mut tx, Some(&created), Thing { long_name: None, ..created.clone() }).unwrap();
    let large = save(&mut tx, Some(&small), created).unwrap();
    assert!(tx.changes.kept.is_none(), "it is too large as it is sent");
    let mut tx = WriteTx::new(&conn, 3, 0, &author, MOST_BYTES);
    save(&mut tx, Some(&large), small).unwrap();
    remove(&mut tx, &large).unwrap();
    let kept = tx.changes.kept.unwrap();
    assert_eq!(kept.len(), 2);
    assert!(kept.iter().map(LiveChange::bytes).sum::<usize>() < MOST_BYTES);
}

/// A row of the change log.
struct LoggedRow {
    op: String,
    scope: Option<String>,
    before: Option<String>,
    after: Option<String>,
}

/// What a write has logged.
fn logged(tx: &WriteTx<'_>) -> Vec<LoggedRow> {
    let sql = "SELECT op, scope, before, after FROM core_changes WHERE seq >= ? ORDER BY seq";
    let row = |row: &Row<'_>| {
        Ok(LoggedRow { op: row.get(0)?, scope: row.get(1)?, before: row.get(2)?, after: row.get(3)? })
    };
    tx.all(sql, [first_seq(tx.rev())], row).unwrap()
}
