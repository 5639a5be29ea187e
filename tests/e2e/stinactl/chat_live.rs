//! `stinactl chat stream` and `follow`: words as they come.

use super::{command, ctl, ctl_with, ok};
use crate::daemon;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::process::{Child, ChildStdin, Stdio};
use std::sync::{Arc, Mutex};
use stina_tests::{Daemon, Peer, eventually};

/// A program that runs, and what it has printed so far.
struct Live {
    child: Child,
    stdin: Option<ChildStdin>,
    shown: Arc<Mutex<String>>,
}

impl Live {
    fn start(daemon: &Daemon, args: &[&str]) -> Self {
        let mut child = command(daemon, args).stdin(Stdio::piped()).spawn().expect("it runs");
        let (stdin, mut stdout) = (child.stdin.take(), child.stdout.take().expect("piped"));
        let shown = Arc::new(Mutex::new(String::new()));
        let to = Arc::clone(&shown);
        std::thread::spawn(move || {
            let (mut bytes, mut chunk) = (Vec::new(), [0; 4096]);
            while let Ok(read @ 1..) = stdout.read(&mut chunk) {
                bytes.extend_from_slice(&chunk[..read]);
                *to.lock().unwrap() = String::from_utf8_lossy(&bytes).into_owned();
            }
        });
        Self { child, stdin, shown }
    }

    fn shown(&self) -> String {
        self.shown.lock().unwrap().clone()
    }

    fn shows(&self, text: &str) {
        eventually(&format!("{text:?} is shown"), || self.shown().contains(text));
    }

    fn write(&mut self, text: &str) {
        self.stdin.as_mut().unwrap().write_all(text.as_bytes()).unwrap();
    }

    /// The id of the message that it streams, once it has begun.
    fn message(&self) -> String {
        self.shows("streaming m_");
        let shown = self.shown();
        shown.split_whitespace().nth(1).unwrap().to_owned()
    }

    /// Waits for its end; answers the exit code and the text on standard error.
    fn end(&mut self) -> (i32, String) {
        let mut code = None;
        eventually("the program ends", || {
            code = self.child.try_wait().expect("a child");
            code.is_some()
        });
        let mut error = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut error).unwrap();
        (code.expect("just seen").code().expect("no signal"), error)
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The lines that `follow` printed, without times.
fn lines(shown: &str) -> Vec<&str> {
    let role = |line: &'_ str| -> Option<usize> { line.split_once("  20").map(|(role, _)| role.len()) };
    shown.lines().map(|line| role(line).map_or(line, |end| &line[..end])).collect()
}

fn messages(peer: &mut Peer) -> Vec<Value> {
    peer.call("chat.listMessages", json!({}))["value"]["items"].as_array().unwrap().clone()
}

fn is_ended(message: &Value, aborted: bool, content: &str) -> bool {
    message["state"] == "complete" && message["aborted"] == aborted && message["content"] == content
}

#[test]
fn one_process_streams_while_another_follows() {
    let daemon = daemon();
    ok(&daemon, &["chat", "send", "Vad är klockan?"]);
    let follow = Live::start(&daemon, &["chat", "follow"]);
    follow.shows("Vad är klockan?\n");
    let mut stream = Live::start(&daemon, &["chat", "stream"]);
    stream.message();
    for word in ["Klockan ", "är\n", "日本", "語 🙂 "] {
        stream.write(word);
        follow.shows(word.trim());
    }
    assert_eq!(messages(&mut daemon.peer())[1]["state"], "streaming");
    stream.write("tolv.\n");
    drop(stream.stdin.take());
    assert_eq!(stream.end(), (0, String::new()));
    ok(&daemon, &["chat", "send", "Tack"]);
    follow.shows("Tack\n");
    let shown = follow.shown();
    assert_eq!(
        lines(&shown),
        ["user", "Vad är klockan?", "", "assistant", "Klockan är", "日本語 🙂 tolv.", "", "user", "Tack"]
    );
    let message = &messages(&mut daemon.peer())[1];
    assert!(is_ended(message, false, "Klockan är\n日本語 🙂 tolv."), "{message}");
    assert!(stream.shown().lines().nth(1).unwrap().starts_with("finished m_"), "{}", stream.shown());
}

#[test]
fn a_stream_goes_on_without_a_reader_of_its_output() {
    let daemon = daemon();
    for json in [&[][..], &["--json"]] {
        let args = [&["chat", "stream"], json].concat();
        let mut child = command(&daemon, &args).stdin(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        child.stdin.take().unwrap().write_all(b"hello\n").unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(0));
        let message = messages(&mut daemon.peer()).pop().unwrap();
        assert!(is_ended(&message, false, "hello"), "{message}");
    }
}

#[test]
fn a_cancel_without_a_reader_of_its_output_cancels_all() {
    let daemon = daemon();
    let mut peer = daemon.peer();
    for _ in 0..3 {
        peer.call("chat.beginMessage", json!({"role": "assistant"}));
    }
    let mut child = command(&daemon, &["chat", "cancel", "--now"]).spawn().unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(messages(&mut peer).iter().all(|message| message["aborted"] == true));
}

#[test]
fn follow_repeats_no_text_across_crashes() {
    let mut daemon = daemon();
    ok(&daemon, &["chat", "send", "first"]);
    let follow = Live::start(&daemon, &["chat", "follow"]);
    let mut expected = "user\nfirst\n".to_owned();
    for round in 0..3 {
        let mut peer = daemon.peer();
        let begun = peer.call("chat.beginMessage", json!({"role": "assistant"}));
        let id = begun["value"]["id"].as_str().unwrap();
        let (mut text, words) = (String::new(), [format!("round{round} "), "two ".into(), "three".into()]);
        for word in words {
            peer.call("chat.appendDelta", json!({"messageId": id, "offset": text.len(), "text": word}));
            text.push_str(&word);
        }
        follow.shows(&text);
        let stored = if round == 1 {
            drop(peer);
            daemon.stop();
            daemon.restart();
            text.clone()
        } else {
            daemon.kill();
            daemon.restart();
            messages(&mut daemon.peer()).last().unwrap()["content"].as_str().unwrap().to_owned()
        };
        let lost = text.len() - stored.len();
        let mark = if lost == 0 {
            "[aborted]".to_owned()
        } else {
            format!("[aborted; the last {lost} bytes were not saved]")
        };
        ok(&daemon, &["chat", "send", &format!("after {round}")]);
        follow.shows(&format!("after {round}\n"));
        expected.push_str(&format!("\nassistant\n{text}\n{mark}\n\nuser\nafter {round}\n"));
    }
    assert_eq!(lines(&follow.shown()), expected.lines().collect::<Vec<_>>());
}

#[test]
fn a_stream_ends_when_another_client_cancels_it() {
    let daemon = daemon();
    let mut peer = daemon.peer();
    peer.call("chat.subscribe", json!({}));
    let mut stream = Live::start(&daemon, &["chat", "stream", "--role", "info"]);
    let id = stream.message();
    stream.write("so far ");
    let mut received = String::new();
    while received != "so far " {
        received.push_str(peer.event_of("delta")["text"].as_str().unwrap());
    }
    assert_eq!(ok(&daemon, &["chat", "cancel", &id]), format!("asked to end {id}"));
    let (code, error) = stream.end();
    assert!(code == 1 && error.contains("another client cancelled"), "{error}");
    let message = &messages(&mut peer)[0];
    assert!(is_ended(message, true, "so far ") && message["role"] == "info", "{message}");
}

#[test]
fn cancel_ends_all_streaming_messages_of_a_conversation() {
    let daemon = daemon();
    let mut owner = daemon.peer();
    let nothing = ctl(&daemon, &["chat", "cancel"]);
    assert!(nothing.code == 4 && nothing.err.contains("no conversation"), "{nothing:?}");
    ok(&daemon, &["chat", "new", "Other"]);
    owner.call("chat.beginMessage", json!({"role": "assistant", "id": "elsewhere"}));
    ok(&daemon, &["chat", "new", "Here"]);
    for id in ["m1", "m2"] {
        owner.call("chat.beginMessage", json!({"role": "assistant", "id": id}));
    }
    let asked = ctl(&daemon, &["chat", "cancel", "--json"]);
    assert_eq!(asked.json(), [json!({"cancelled": true}), json!({"cancelled": true})]);
    for id in ["m1", "m2"] {
        owner.call("chat.finishMessage", json!({"messageId": id}));
    }
    owner.call("chat.beginMessage", json!({"role": "assistant", "id": "m3"}));
    let aborted = ok(&daemon, &["chat", "cancel", "--now"]);
    assert!(aborted.starts_with("aborted m3 (revision ") && aborted.lines().count() == 1, "{aborted}");
    let aborted: Vec<bool> = messages(&mut owner).iter().map(|m| m["aborted"].as_bool().unwrap()).collect();
    assert_eq!(aborted, [false, false, true]);
    assert_eq!(ok(&daemon, &["chat", "cancel", "m1"]), "m1 has ended already");
    assert_eq!(ctl(&daemon, &["chat", "cancel"]).code, 4);
    assert_eq!(ctl(&daemon, &["chat", "cancel", "m0"]).code, 4);
    assert_eq!(ctl(&daemon, &["chat", "cancel", "m1", "--now"]).code, 6, "it is whole");
    assert_eq!(ctl(&daemon, &["chat", "cancel", "m1", "-c", "Other"]).code, 2);
    assert!(ok(&daemon, &["chat", "cancel", "--now", "-c", "other"]).starts_with("aborted elsewhere "));
}

#[test]
fn a_stream_that_is_interrupted_or_fails_is_aborted() {
    let mut daemon = daemon();
    let mut stream = Live::start(&daemon, &["chat", "stream"]);
    stream.message();
    kill_process(Pid::from_raw(stream.child.id().cast_signed()).unwrap(), Signal::INT).unwrap();
    let (code, error) = stream.end();
    assert!(code == 1 && error.contains("interrupted") && stream.shown().contains("aborted m_"), "{error}");
    let mut peer = daemon.peer();
    assert!(is_ended(&messages(&mut peer)[0], true, ""));

    let mut binary = Live::start(&daemon, &["chat", "stream"]);
    binary.stdin.take().unwrap().write_all(b"text \xff").unwrap();
    let (code, error) = binary.end();
    assert!(code == 1 && error.contains("not UTF-8"), "{error}");
    assert_eq!(messages(&mut peer)[1]["aborted"], true);

    let mut cut = Live::start(&daemon, &["chat", "stream"]);
    cut.message();
    daemon.kill();
    daemon.restart();
    let (code, error) = cut.end();
    assert!(code == 1 && error.contains("the connection broke"), "{error}");
    assert!(is_ended(&messages(&mut daemon.peer())[2], true, ""));
}

#[test]
fn a_long_text_is_streamed_whole() {
    let daemon = daemon();
    let text = "ord och ångor 日本 ".repeat(20_000);
    let ran = ctl_with(&daemon, &["chat", "stream", "--json"], &text);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let [begun, finished] = ran.json().try_into().unwrap();
    assert_eq!((&begun["value"]["state"], &begun["value"]["content"]), (&json!("streaming"), &json!("")));
    assert!(is_ended(&finished["value"], false, &text));
}

#[test]
fn follow_with_json_prints_events() {
    let daemon = daemon();
    ok(&daemon, &["chat", "send", "first"]);
    let mut follow = Live::start(&daemon, &["chat", "follow", "--json"]);
    follow.shows("\"first\"");
    ctl_with(&daemon, &["chat", "stream"], "a b");
    follow.shows("\"a b\"");
    ok(&daemon, &["chat", "new", "other"]);
    let conversation = followed(&follow);
    ok(&daemon, &["chat", "rm", &conversation]);
    assert_eq!(follow.end(), (0, String::new()));
    let shown = follow.shown();
    let events: Vec<Value> = shown.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let words: Vec<&str> =
        events.iter().filter(|e| e["type"] == "delta").map(|e| e["text"].as_str().unwrap()).collect();
    assert_eq!(words.concat(), "a b");
    assert!(events.iter().all(|event| event["type"] == "delta" || event["type"] == "change"), "{shown}");
}

/// The conversation that is followed.
fn followed(follow: &Live) -> String {
    let first: Value = serde_json::from_str(follow.shown().lines().next().unwrap()).unwrap();
    first["changes"][0]["id"].as_str().unwrap().to_owned()
}

#[test]
fn following_ends_with_the_conversation_or_in_time() {
    let daemon = daemon();
    assert_eq!(ctl(&daemon, &["chat", "follow"]).code, 4);
    ok(&daemon, &["chat", "new", "Short"]);
    for i in 0..3 {
        ok(&daemon, &["chat", "send", &format!("message {i}")]);
    }
    let timed = ctl(&daemon, &["chat", "follow", "-n", "1", "--timeout", "0.3"]);
    assert_eq!((timed.code, lines(&timed.out)), (0, vec!["user", "message 2"]));
    let none = ctl(&daemon, &["chat", "follow", "-n", "0", "--timeout", "0.3"]);
    assert_eq!((none.code, none.out.as_str()), (0, ""));
    let mut follow = Live::start(&daemon, &["chat", "follow", "short"]);
    follow.shows("message 2\n");
    ok(&daemon, &["chat", "rm", "short"]);
    assert_eq!(follow.end().0, 0);
    assert!(follow.shown().ends_with("[the conversation was deleted]\n"));
}

#[test]
fn follow_across_a_foreign_write_misses_nothing_and_repeats_no_text() {
    let daemon = daemon();
    let mut peer = daemon.peer();
    peer.call("chat.appendMessage", json!({"role": "user", "content": "first", "interactionId": "i"}));
    let follow = Live::start(&daemon, &["chat", "follow"]);
    follow.shows("first\n");
    peer.call("chat.beginMessage", json!({"role": "assistant", "id": "m"}));
    peer.call("chat.appendDelta", json!({"messageId": "m", "offset": 0, "text": "one "}));
    follow.shows("one ");
    let shell = rusqlite::Connection::open(daemon.database()).unwrap();
    let copy =
        "INSERT INTO chat_messages (id, conversation_id, interaction_id, role, provider, aborted, state,
                                           created_at, rev, metadata, content)
                SELECT 'shell', conversation_id, 'i', 'info', NULL, 0, 'complete', created_at, rev, 'null',
                       'of the shell' FROM chat_messages WHERE interaction_id = 'i'";
    assert_eq!(shell.execute(copy, []).unwrap(), 1);
    follow.shows("of the shell\n");
    peer.call("chat.appendDelta", json!({"messageId": "m", "offset": 4, "text": "two"}));
    peer.call("chat.finishMessage", json!({"messageId": "m"}));
    ok(&daemon, &["chat", "send", "last"]);
    follow.shows("last\n");
    let expected = "user\nfirst\n\nassistant\none \n\ninfo\nof the shell\n\nassistant\ntwo\n\nuser\nlast";
    assert_eq!(lines(&follow.shown()), expected.lines().collect::<Vec<_>>());
}

#[test]
fn follow_reports_that_the_database_was_replaced() {
    let mut daemon = daemon();
    let mut other = crate::daemon();
    for (daemon, text) in [(&daemon, "here"), (&other, "there")] {
        daemon.peer().call("chat.startConversation", json!({"id": "c"}));
        ok(daemon, &["chat", "send", text]);
    }
    let mut follow = Live::start(&daemon, &["chat", "follow", "c"]);
    follow.shows("here\n");
    assert!(other.stop().success() && daemon.stop().success());
    std::fs::copy(other.database(), daemon.database()).unwrap();
    daemon.restart();
    follow.shows("another history");
    ok(&daemon, &["chat", "send", "after"]);
    follow.shows("after\n");
    assert_eq!(
        lines(&follow.shown()),
        ["user", "here", "[the database has another history from here on]", "", "user", "after"]
    );
    ok(&daemon, &["chat", "rm", "c"]);
    assert_eq!(follow.end().0, 0);
}
