//! A streaming message that can't be saved or ended costs the others nothing.

use super::{begin, delta, stored};
use serde_json::json;
use stina_tests::in_process::Setup;
use stina_tests::{InProcess, eventually};

/// Refuses every row that saves or ends the message `bad`.
const REFUSE: &str = "
    CREATE TRIGGER refuse_text BEFORE INSERT ON chat_pieces
    WHEN (SELECT id FROM chat_messages WHERE seq = new.message) = 'bad' BEGIN SELECT RAISE (ABORT, 'refused'); END;
    CREATE TRIGGER refuse_end BEFORE UPDATE ON chat_messages
    WHEN new.id = 'bad' AND new.state = 'complete' BEGIN SELECT RAISE (ABORT, 'refused'); END;";
const ALLOW: &str = "DROP TRIGGER refuse_text; DROP TRIGGER refuse_end;";

fn shell(home: &std::path::Path) -> rusqlite::Connection {
    let conn = rusqlite::Connection::open(home.join("stina.db")).unwrap();
    conn.busy_timeout(stina_tests::DEADLINE).unwrap();
    conn
}

/// A daemon whose database refuses to save or end `bad`.
fn refusing() -> InProcess {
    let home = InProcess::start(Setup::default()).stop();
    shell(home.path()).execute_batch(REFUSE).unwrap();
    InProcess::start(Setup { home: Some(home), ..Setup::default() })
}

#[test]
fn a_message_that_cannot_be_saved_or_aborted_keeps_no_other_from_it() {
    let daemon = refusing();
    let conn = shell(daemon.socket().parent().unwrap());
    let mut reader = daemon.peer();
    let (mut owner, mut steady) = (daemon.peer(), daemon.peer());
    for id in ["bad", "good"] {
        begin(&mut owner, id);
        delta(&mut owner, id, 0, "words");
    }
    begin(&mut steady, "steady");
    delta(&mut steady, "steady", 0, "words");
    let saved = |id: &str| {
        let sql = "SELECT count(*) FROM chat_pieces JOIN chat_messages ON message = seq WHERE id = ?";
        conn.query_row(sql, [id], |row| row.get::<_, u64>(0)).unwrap()
    };
    eventually("the others are saved", || saved("good") > 0 && saved("steady") > 0);
    drop(owner);
    eventually("the other is aborted", || stored(&mut reader, "good")["aborted"] == true);
    assert_eq!(stored(&mut reader, "good")["content"], "words");
    let pieces = saved("steady");
    delta(&mut steady, "steady", 5, " and more");
    eventually("what comes later is saved", || saved("steady") > pieces);
    assert_eq!((saved("bad"), &stored(&mut reader, "bad")["state"]), (0, &json!("streaming")));
    // It is tried again: once nothing refuses, all its text is there.
    conn.execute_batch(ALLOW).unwrap();
    eventually("it is aborted", || stored(&mut reader, "bad")["state"] == "complete");
    let bad = stored(&mut reader, "bad");
    assert_eq!((&bad["content"], &bad["aborted"]), (&json!("words"), &json!(true)));
}

#[test]
fn a_message_left_streaming_that_cannot_be_aborted_at_the_start_keeps_no_other_from_it() {
    let daemon = InProcess::start(Setup::default());
    let mut owner = daemon.peer();
    for id in ["a", "bad", "z"] {
        begin(&mut owner, id);
        owner.call("chat.finishMessage", json!({"messageId": id, "content": "words"}));
    }
    drop(owner);
    let home = daemon.stop();
    let conn = shell(home.path());
    // As a crash leaves them.
    conn.execute_batch("UPDATE chat_messages SET state = 'streaming'; DELETE FROM chat_search;").unwrap();
    conn.execute_batch(REFUSE).unwrap();
    let daemon = InProcess::start(Setup { home: Some(home), ..Setup::default() });
    let mut reader = daemon.peer();
    for id in ["a", "z"] {
        let message = stored(&mut reader, id);
        assert_eq!((&message["state"], &message["aborted"]), (&json!("complete"), &json!(true)), "{id}");
    }
    assert_eq!(stored(&mut reader, "bad")["state"], "streaming");
    conn.execute_batch(ALLOW).unwrap();
    eventually("it is aborted", || stored(&mut reader, "bad")["state"] == "complete");
    assert_eq!(stored(&mut reader, "bad")["content"], "words");
}
