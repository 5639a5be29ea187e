//! A plain blocking client over each framing: what a program in any language would do.

use crate::DEADLINE;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tokio_tungstenite::tungstenite::{self, Message, WebSocket};

/// How messages travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// One message a line.
    Ndjson,
    /// One `POST` a message.
    Http,
    /// One message a text frame.
    WebSocket,
}

impl Framing {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Ndjson, Self::Http, Self::WebSocket];
    /// Those that carry notifications.
    pub const LIVE: [Self; 2] = [Self::Ndjson, Self::WebSocket];
}

enum Io {
    Lines(BufReader<UnixStream>),
    Socket(Box<WebSocket<UnixStream>>),
    Post(PathBuf),
}

/// A connection. Events that arrive while a reply is awaited are kept.
pub struct Peer {
    io: Io,
    next_id: u64,
    arrived: VecDeque<Value>,
}

impl std::fmt::Debug for Peer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Peer").field("arrived", &self.arrived.len()).finish_non_exhaustive()
    }
}

impl Peer {
    /// Connects.
    pub fn connect(socket: &Path, framing: Framing) -> Self {
        Self::try_connect(socket, framing).expect("the daemon listens")
    }

    /// Connects, if somebody listens.
    ///
    /// # Errors
    /// Those of the socket, and a WebSocket handshake that broke off.
    pub fn try_connect(socket: &Path, framing: Framing) -> io::Result<Self> {
        let io = match framing {
            Framing::Ndjson => Io::Lines(BufReader::new(stream(socket)?)),
            Framing::Http => Io::Post(socket.to_owned()),
            Framing::WebSocket => {
                let (socket, _) =
                    tungstenite::client("ws://stina/", stream(socket)?).map_err(io::Error::other)?;
                Io::Socket(Box::new(socket))
            }
        };
        Ok(Self { io, next_id: 0, arrived: VecDeque::new() })
    }

    /// The stream of an NDJSON or WebSocket connection.
    pub fn stream(&self) -> &UnixStream {
        match &self.io {
            Io::Lines(lines) => lines.get_ref(),
            Io::Socket(socket) => socket.get_ref(),
            Io::Post(_) => panic!("HTTP has no lasting connection here"),
        }
    }

    /// Sends one message as it is.
    pub fn send_raw(&mut self, message: &[u8]) {
        match self.try_send_raw(message) {
            // The daemon may end a WebSocket at a message that is too large: its answer has the reason.
            Err(e) if matches!(self.io, Io::Socket(_)) && e.kind() == io::ErrorKind::BrokenPipe => {}
            sent => sent.expect("sent"),
        }
    }

    /// Sends one message as it is, if the connection lasts.
    ///
    /// # Errors
    /// Those of the socket; over HTTP also that the answer broke off.
    pub fn try_send_raw(&mut self, message: &[u8]) -> io::Result<()> {
        match &mut self.io {
            Io::Lines(lines) => {
                let mut line = message.to_vec();
                line.push(b'\n');
                lines.get_mut().write_all(&line)
            }
            Io::Socket(socket) => {
                // Binary where it is not text: the daemon takes both.
                let message = match std::str::from_utf8(message) {
                    Ok(text) => Message::text(text),
                    Err(_) => Message::binary(message.to_vec()),
                };
                socket.send(message).map_err(|e| match e {
                    tungstenite::Error::Io(e) => e,
                    other => io::Error::other(other),
                })
            }
            Io::Post(path) => {
                let answer = try_post(path, message)?;
                if !answer.is_empty() {
                    self.arrived.push_back(serde_json::from_slice(&answer).expect("JSON"));
                }
                Ok(())
            }
        }
    }

    /// The next message from the daemon; `None` when it closed the connection.
    pub fn receive(&mut self) -> Option<Value> {
        if let Some(first) = self.arrived.pop_front() {
            return Some(first);
        }
        match &mut self.io {
            Io::Lines(lines) => {
                let mut line = Vec::new();
                match lines.read_until(b'\n', &mut line) {
                    // Nothing more, or the connection was cut in the middle of a line.
                    Ok(_) if !line.ends_with(b"\n") => None,
                    Ok(_) => Some(serde_json::from_slice(&line).expect("JSON")),
                    Err(e) if e.kind() == io::ErrorKind::ConnectionReset => None,
                    Err(e) => panic!("no message: {e}"),
                }
            }
            Io::Socket(socket) => loop {
                match socket.read() {
                    Ok(Message::Text(text)) => return Some(serde_json::from_str(&text).expect("JSON")),
                    Ok(Message::Close(_)) => return None,
                    Ok(_) => {}
                    Err(tungstenite::Error::Io(e)) if e.kind() == io::ErrorKind::WouldBlock => {
                        panic!("no message: {e}")
                    }
                    Err(_) => return None,
                }
            },
            Io::Post(_) => None,
        }
    }

    /// The next message, if it comes in that time. Only before anything of it arrived.
    pub fn receive_within(&mut self, time: Duration) -> Option<Value> {
        self.stream().set_read_timeout(Some(time)).unwrap();
        let mut byte = [0];
        let (arrived, _) =
            rustix::net::recv(self.stream(), &mut byte[..], rustix::net::RecvFlags::PEEK).unwrap_or((0, 0));
        self.stream().set_read_timeout(Some(DEADLINE)).unwrap();
        (arrived > 0).then(|| self.receive()).flatten()
    }

    /// Sends one message and awaits the one that is no notification.
    pub fn exchange(&mut self, message: &[u8]) -> Option<Value> {
        self.send_raw(message);
        self.reply()
    }

    /// Awaits a message that is no notification.
    pub fn reply(&mut self) -> Option<Value> {
        let mut kept = VecDeque::new();
        let found = loop {
            match self.receive() {
                Some(message) if message.get("method").is_some() => kept.push_back(message),
                other => break other,
            }
        };
        kept.append(&mut self.arrived);
        self.arrived = kept;
        found
    }

    /// Sends a request without awaiting its reply; answers its id.
    pub fn send(&mut self, method: &str, params: Value) -> u64 {
        let (id, request) = self.request(method, params);
        self.send_raw(request.as_bytes());
        id
    }

    /// As [`Peer::send`], if the connection lasts.
    ///
    /// # Errors
    /// As [`Peer::try_send_raw`].
    pub fn try_send(&mut self, method: &str, params: Value) -> io::Result<u64> {
        let (id, request) = self.request(method, params);
        self.try_send_raw(request.as_bytes()).map(|()| id)
    }

    fn request(&mut self, method: &str, params: Value) -> (u64, String) {
        self.next_id += 1;
        let id = self.next_id;
        (id, json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}).to_string())
    }

    /// Calls a method: its result, or its error object.
    ///
    /// # Errors
    /// The error object of the reply.
    pub fn try_call(&mut self, method: &str, params: Value) -> Result<Value, Value> {
        let id = self.send(method, params);
        let mut reply = self.reply().expect("a reply");
        assert_eq!(reply["id"], id, "{reply}");
        match reply.get_mut("result") {
            Some(result) => Ok(result.take()),
            None => Err(reply["error"].take()),
        }
    }

    /// Calls a method that must succeed.
    pub fn call(&mut self, method: &str, params: Value) -> Value {
        self.try_call(method, params).unwrap_or_else(|e| panic!("{method}: {e}"))
    }

    /// Calls a method that must fail; answers `data` of the error.
    pub fn fail(&mut self, method: &str, params: Value) -> Value {
        match self.try_call(method, params) {
            Ok(result) => panic!("{method} succeeded: {result}"),
            Err(mut error) => error["data"].take(),
        }
    }

    /// The next event of any subscription.
    pub fn event(&mut self) -> Value {
        let mut skipped = VecDeque::new();
        let event = loop {
            let mut message = self.receive().expect("an event");
            if message.get("method").is_some() {
                break message["params"]["result"].take();
            }
            skipped.push_back(message);
        };
        skipped.append(&mut self.arrived);
        self.arrived = skipped;
        event
    }

    /// The next event of that type; others are passed over.
    pub fn event_of(&mut self, kind: &str) -> Value {
        loop {
            let event = self.event();
            if event["type"] == kind {
                return event;
            }
        }
    }

    /// Events up to and with the first that `last` accepts.
    pub fn events_until(&mut self, mut last: impl FnMut(&Value) -> bool) -> Vec<Value> {
        let mut events = Vec::new();
        loop {
            events.push(self.event());
            if last(&events[events.len() - 1]) {
                return events;
            }
        }
    }

    /// All events that were sent before this call.
    pub fn drain(&mut self) -> Vec<Value> {
        self.call("store.sync", json!({}));
        let mut events = Vec::new();
        for mut message in std::mem::take(&mut self.arrived) {
            events.push(message["params"]["result"].take());
        }
        events
    }
}

fn stream(socket: &Path) -> io::Result<UnixStream> {
    let stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(DEADLINE))?;
    stream.set_write_timeout(Some(DEADLINE))?;
    Ok(stream)
}

/// One HTTP request over a connection of its own; answers the body.
pub fn post(socket: &Path, body: &[u8]) -> Vec<u8> {
    try_post(socket, body).expect("a whole answer")
}

/// One HTTP request over a connection of its own; answers the body if all of it came.
///
/// # Errors
/// Those of the socket; `UnexpectedEof` for an answer that broke off.
pub fn try_post(socket: &Path, body: &[u8]) -> io::Result<Vec<u8>> {
    let mut stream = stream(socket)?;
    // As curl's `-d` does, content type included.
    let head = format!(
        "POST / HTTP/1.1\r\nHost: stina\r\nContent-Type: application/x-www-form-urlencoded\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes())?;
    // A refused body is not read to its end.
    let _ = stream.write_all(body);
    let mut answer = Vec::new();
    let started = Instant::now();
    let _ = stream.read_to_end(&mut answer);
    assert!(started.elapsed() < DEADLINE + Duration::from_secs(1));
    let split = answer.windows(4).position(|w| w == b"\r\n\r\n").ok_or(io::ErrorKind::UnexpectedEof)?;
    let body = answer.split_off(split + 4);
    let head = String::from_utf8_lossy(&answer).to_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
    if length.is_some_and(|length: usize| length != body.len()) {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(body)
}
