//! A daemon, connections that write messages, subscribers that mirror them, and what each of them knows.

use crate::daemon;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use stina_tests::{Daemon, Framing, Peer, eventually};

/// One thing that happens; numbers choose among what there is, modulo.
#[derive(Debug, Clone)]
pub(super) enum Act {
    Begin {
        owner: usize,
    },
    /// Deltas sent without waiting for their answers.
    Write {
        message: usize,
        words: Vec<String>,
    },
    /// The last words again, as a client does that is not sure.
    Repeat {
        message: usize,
        bytes: usize,
    },
    Finish {
        message: usize,
        other: bool,
    },
    Abort {
        message: usize,
    },
    Cancel {
        message: usize,
    },
    /// The owner's connection breaks.
    Leave {
        owner: usize,
    },
    Join {
        deltas: bool,
    },
    /// Waits until everything so far is saved.
    Save,
    /// The daemon is killed, with deltas under way.
    Kill {
        message: usize,
        words: Vec<String>,
    },
}

/// How a message that was begun has ended.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum End {
    Open,
    Finished(String),
    /// Aborted, and that is on disk: everything answered is kept.
    Aborted,
    /// The daemon is about to abort it: everything answered is kept, unless it is killed before.
    Ending,
    Killed(Instant),
}

/// The sent text of a message.
#[derive(Debug)]
pub(super) struct Sent {
    pub(super) id: String,
    pub(super) owner: usize,
    text: String,
    /// Lengths that were answered, and when.
    answered: Vec<(Instant, usize)>,
    cancelled: bool,
    pub(super) end: End,
}

impl Sent {
    fn answered_before(&self, at: Instant) -> usize {
        self.answered.iter().rev().find(|(when, _)| *when <= at).map_or(0, |(_, len)| *len)
    }
}

/// A subscriber, and what it holds.
pub(super) struct Mirror {
    peer: Peer,
    framing: Framing,
    deltas: bool,
    rev: u64,
    pub(super) texts: BTreeMap<String, (String, bool)>,
}

impl Mirror {
    fn join(daemon: &Daemon, framing: Framing, deltas: bool, since: u64) -> Self {
        let mut peer = daemon.connect(framing);
        peer.call("chat.subscribe", json!({"deltas": deltas, "since": since}));
        Self { peer, framing, deltas, rev: since, texts: BTreeMap::new() }
    }

    /// Connects again and goes on where it was.
    fn rejoin(&mut self, daemon: &Daemon) {
        let texts = std::mem::take(&mut self.texts);
        *self = Self { texts, ..Self::join(daemon, self.framing, self.deltas, self.rev) };
    }

    /// Takes what the daemon sent before it died.
    fn read_to_the_end(&mut self) {
        while let Some(message) = self.peer.receive() {
            self.take(&message["params"]["result"]);
        }
    }

    /// Takes all up to `rev`, which another client has seen: a commit may be read before it is sent.
    pub(super) fn catch_up(&mut self, rev: u64) {
        eventually("it is sent", || {
            self.peer.drain().iter().for_each(|event| self.take(event));
            self.rev >= rev
        });
    }

    fn take(&mut self, event: &Value) {
        match event["type"].as_str() {
            Some("change") => {
                assert_eq!(event["prev"], self.rev, "a gap");
                self.rev = event["rev"].as_u64().unwrap();
                for change in event["changes"].as_array().unwrap() {
                    let value = &change["value"];
                    if change["entity"] == "message" {
                        let content = value["content"].as_str().unwrap().to_owned();
                        let complete = value["state"] == "complete";
                        self.texts.insert(change["id"].as_str().unwrap().to_owned(), (content, complete));
                    }
                }
            }
            Some("synced") => self.rev = event["rev"].as_u64().unwrap(),
            Some("delta") => self.take_delta(event),
            Some("cancel") => {}
            other => panic!("{other:?}: {event}"),
        }
    }

    fn take_delta(&mut self, event: &Value) {
        assert!(self.deltas, "not asked for");
        let id = event["messageId"].as_str().unwrap();
        let (text, complete) = self.texts.get_mut(id).expect("sent before its deltas");
        assert!(!*complete, "words after the end");
        let offset = usize::try_from(event["offset"].as_u64().unwrap()).unwrap();
        assert!(offset == 0 || offset == text.len(), "at {} comes {offset}", text.len());
        text.truncate(offset);
        text.push_str(event["text"].as_str().unwrap());
    }
}

pub(super) struct World {
    daemon: Daemon,
    pub(super) owners: [Peer; 2],
    /// Not an owner, not a subscriber.
    other: Peer,
    pub(super) mirrors: Vec<Mirror>,
    pub(super) sent: Vec<Sent>,
}

impl World {
    pub(super) fn new() -> Self {
        let daemon = daemon();
        let owners = [daemon.connect(Framing::Ndjson), daemon.connect(Framing::WebSocket)];
        let mirrors = vec![
            Mirror::join(&daemon, Framing::Ndjson, true, 0),
            Mirror::join(&daemon, Framing::WebSocket, true, 0),
            Mirror::join(&daemon, Framing::Ndjson, false, 0),
        ];
        Self { other: daemon.peer(), daemon, owners, mirrors, sent: Vec::new() }
    }

    /// An open message out of those there are.
    fn pick(&self, number: usize) -> Option<usize> {
        let open: Vec<usize> = (0..self.sent.len()).filter(|&i| self.sent[i].end == End::Open).collect();
        (!open.is_empty()).then(|| open[number % open.len()])
    }

    pub(super) fn act(&mut self, act: Act) {
        match act {
            Act::Begin { owner } => self.begin(owner),
            Act::Write { message, words } => {
                let Some(i) = self.pick(message) else { return };
                let lengths = self.write(i, &words);
                self.take_answers(i, &lengths);
            }
            Act::Repeat { message, bytes } => self.repeat(message, bytes),
            Act::Finish { message, other } => self.finish(message, other),
            Act::Abort { message } => self.on_message("chat.abortMessage", message),
            Act::Cancel { message } => self.on_message("chat.cancelMessage", message),
            Act::Leave { owner } => {
                self.owners[owner] = self.daemon.connect([Framing::Ndjson, Framing::WebSocket][owner]);
                let left = self.sent.iter_mut().filter(|sent| sent.owner == owner && sent.end == End::Open);
                left.for_each(|sent| sent.end = End::Ending);
            }
            Act::Join { deltas } => {
                if self.mirrors.len() < 8 {
                    self.mirrors.push(Mirror::join(&self.daemon, Framing::Ndjson, deltas, 0));
                }
            }
            Act::Save => self.saved(),
            Act::Kill { message, words } => self.kill(message, &words),
        }
    }

    /// Waits until the text so far of every open message is in the database.
    fn saved(&self) {
        let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
        let database = rusqlite::Connection::open_with_flags(self.daemon.database(), flags).unwrap();
        let length = "SELECT octet_length(content)
            + (SELECT coalesce(sum(octet_length(text)), 0) FROM chat_pieces WHERE message = seq)
            FROM chat_messages WHERE id = ?";
        let mut length = database.prepare(length).unwrap();
        for sent in self.sent.iter().filter(|sent| sent.end == End::Open && !sent.cancelled) {
            eventually("the text is saved", || {
                let saved: usize = length.query_row([&sent.id], |row| row.get(0)).unwrap();
                saved == sent.text.len()
            });
        }
    }

    pub(super) fn begin(&mut self, owner: usize) {
        let id = format!("m{}", self.sent.len());
        let params = json!({"role": "assistant", "id": id, "content": "="});
        self.owners[owner].call("chat.beginMessage", params);
        let answered = vec![(Instant::now(), 1)];
        self.sent.push(Sent { id, owner, text: "=".to_owned(), answered, cancelled: false, end: End::Open });
    }

    /// Sends deltas, and answers the lengths that are to be answered.
    fn write(&mut self, i: usize, words: &[String]) -> Vec<usize> {
        let sent = &mut self.sent[i];
        let mut lengths = Vec::new();
        for text in words {
            let params = json!({"messageId": sent.id, "offset": sent.text.len(), "text": text});
            self.owners[sent.owner].send("chat.appendDelta", params);
            sent.text.push_str(text);
            lengths.push(sent.text.len());
        }
        lengths
    }

    fn take_answers(&mut self, i: usize, lengths: &[usize]) {
        let sent = &mut self.sent[i];
        for &length in lengths {
            let reply = self.owners[sent.owner].reply().expect("an answer");
            if reply["result"]["offset"] == length {
                sent.answered.push((Instant::now(), length));
            } else {
                // The daemon has ended it meanwhile.
                assert!(sent.cancelled && reply["error"]["data"]["field"] == "messageId", "{reply}");
                sent.end = End::Ending;
            }
        }
    }

    fn repeat(&mut self, message: usize, bytes: usize) {
        let Some(i) = self.pick(message) else { return };
        let sent = &mut self.sent[i];
        let offset = sent.text.floor_char_boundary(sent.text.len().saturating_sub(bytes));
        let params = json!({"messageId": sent.id, "offset": offset, "text": &sent.text[offset..]});
        match self.owners[sent.owner].try_call("chat.appendDelta", params) {
            Ok(answer) => assert_eq!(answer["offset"], sent.text.len()),
            Err(error) => {
                assert!(sent.cancelled, "{error}");
                sent.end = End::Ending;
            }
        }
    }

    fn finish(&mut self, message: usize, other: bool) {
        let Some(i) = self.pick(message) else { return };
        let sent = &mut self.sent[i];
        let mut params = json!({"messageId": sent.id});
        let mut whole = sent.text.clone();
        if other {
            whole = format!("{}: other words", sent.id);
            params["content"] = json!(whole);
        }
        match self.owners[sent.owner].try_call("chat.finishMessage", params) {
            Ok(_) => sent.end = End::Finished(whole),
            Err(error) => {
                assert!(sent.cancelled, "{error}");
                sent.end = End::Ending;
            }
        }
    }

    fn on_message(&mut self, method: &str, message: usize) {
        let Some(i) = self.pick(message) else { return };
        self.other.call(method, json!({"messageId": self.sent[i].id}));
        match method {
            "chat.abortMessage" => self.sent[i].end = End::Aborted,
            _ => self.sent[i].cancelled = true,
        }
    }

    fn kill(&mut self, message: usize, words: &[String]) {
        if let Some(i) = self.pick(message) {
            self.write(i, words);
        }
        let at = Instant::now();
        self.daemon.kill();
        self.mirrors.iter_mut().for_each(Mirror::read_to_the_end);
        self.daemon.restart();
        for sent in self.sent.iter_mut().filter(|sent| matches!(sent.end, End::Open | End::Ending)) {
            sent.end = End::Killed(at);
        }
        self.owners = [self.daemon.connect(Framing::Ndjson), self.daemon.connect(Framing::WebSocket)];
        self.other = self.daemon.peer();
        self.mirrors.iter_mut().for_each(|mirror| mirror.rejoin(&self.daemon));
    }

    /// Everything as it is stored once nothing is open any more, and the revision of that.
    pub(super) fn settle(&mut self) -> (u64, BTreeMap<String, Value>) {
        for owner in 0..2 {
            self.act(Act::Leave { owner });
        }
        let (mut rev, mut stored) = (0, BTreeMap::new());
        eventually("everything has ended", || {
            let page = self.other.call("chat.listMessages", json!({"limit": 1000}));
            rev = page["rev"].as_u64().unwrap();
            let items = page["value"]["items"].as_array().unwrap();
            stored = items.iter().map(|m| (m["id"].as_str().unwrap().to_owned(), m.clone())).collect();
            items.iter().all(|m| m["state"] == "complete")
        });
        (rev, stored)
    }
}

/// The time that a write to the disk may take on a slow machine, beside the half second.
pub(super) const DISK: Duration = Duration::from_millis(1500);
pub(super) const HALF_A_SECOND: Duration = Duration::from_millis(500);
const SAVED_AT_ONCE: usize = 4096;

/// Whether the stored text is what is promised for how the message has ended.
pub(super) fn check(sent: &Sent, stored: &Value) {
    let text = stored["content"].as_str().unwrap();
    let finished = matches!(sent.end, End::Finished(_));
    assert_eq!(stored["aborted"], !finished, "{sent:?}");
    if let End::Finished(whole) = &sent.end {
        return assert_eq!(text, whole);
    }
    assert!(sent.text.starts_with(text), "{text:?} is no prefix of {sent:?}");
    match sent.end {
        End::Killed(at) => {
            let (old, recent) =
                (sent.answered_before(at - DISK - HALF_A_SECOND), sent.answered_before(at - DISK));
            assert!(text.len() >= old, "{} of {old} bytes are left: {sent:?}", text.len());
            assert!(text.len() + SAVED_AT_ONCE > recent, "{} of {recent} bytes: {sent:?}", text.len());
        }
        _ => assert!(text.len() >= sent.answered_before(Instant::now()), "{sent:?}"),
    }
}
