//! A client that keeps a mirror across everything, and may write.

use super::Control;
use super::writes::{Write, Writer, assert_whole};
use crate::mirror::Mirror;
use crate::random::Random;
use crate::{DEADLINE, Framing, Peer};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::thread::park_timeout;
use std::time::{Duration, Instant};

/// The subscription of a client.
#[derive(Debug, Clone, Copy)]
pub(super) enum View {
    All,
    Pairs,
    Todos,
}

impl View {
    fn subscribe(self) -> (&'static str, Value) {
        match self {
            Self::All => ("store.subscribe", json!({"initial": true})),
            Self::Pairs => ("kv.subscribe", json!({"initial": true, "prefix": "pair/"})),
            Self::Todos => ("todo.subscribe", json!({"initial": true})),
        }
    }

    pub(super) fn wants(self, (entity, id): &(String, String)) -> bool {
        match self {
            Self::All => true,
            Self::Pairs => entity == "kv" && id.starts_with("pair/"),
            Self::Todos => entity == "todo" || entity == "comment",
        }
    }
}

/// The result of a client.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) view: View,
    pub(super) mirror: Mirror,
    /// Writes by `requestId`, with the revision that each was answered.
    pub(super) acknowledged: Vec<(String, u64)>,
    pub(super) retries: u64,
    pub(super) connections: u64,
    pub(super) events: u64,
}

pub(super) struct Client {
    socket: PathBuf,
    framing: Framing,
    control: Arc<Control>,
    /// How many clients write.
    writers: usize,
    writer: Option<Writer>,
    pending: Option<Write>,
    /// Newest revision seen, wherever.
    seen: u64,
    /// Newest revision when the connection was made.
    floor: u64,
    epoch: Value,
    outcome: Outcome,
}

/// The connection is gone.
struct Lost;

impl Client {
    pub(super) fn new(
        n: usize,
        writers: usize,
        socket: PathBuf,
        control: Arc<Control>,
        random: Random,
    ) -> Self {
        let view = match n % 8 {
            6 => View::Pairs,
            7 => View::Todos,
            _ => View::All,
        };
        let outcome = Outcome {
            view,
            mirror: Mirror::default(),
            acknowledged: Vec::new(),
            retries: 0,
            connections: 0,
            events: 0,
        };
        Self {
            socket,
            framing: Framing::LIVE[n % 2],
            control,
            writers,
            writer: (n < writers).then(|| Writer::new(n, random)),
            pending: None,
            seen: 0,
            floor: 0,
            epoch: Value::Null,
            outcome,
        }
    }

    pub(super) fn run(mut self) -> Outcome {
        loop {
            let mut peer = self.connect();
            if self.live(&mut peer).is_ok() {
                return self.outcome;
            }
        }
    }

    fn connect(&mut self) -> Peer {
        let start = Instant::now();
        loop {
            if let Ok(peer) = Peer::try_connect(&self.socket, self.framing) {
                let stream = peer.stream().try_clone().expect("file descriptors");
                *self.control.stream.lock().unwrap_or_else(PoisonError::into_inner) = Some(stream);
                self.outcome.connections += 1;
                return peer;
            }
            assert!(start.elapsed() < DEADLINE, "the daemon comes back");
            park_timeout(Duration::from_millis(1));
        }
    }

    /// One connection, until it is lost or everything is done.
    fn live(&mut self, peer: &mut Peer) -> Result<(), Lost> {
        self.greet(peer)?;
        self.subscribe(peer)?;
        loop {
            let end = self.control.end.load(Ordering::Acquire);
            if end > 0 {
                return self.follow(peer, end);
            }
            let pause = self.control.pause.swap(0, Ordering::AcqRel);
            park_timeout(Duration::from_millis(pause));
            if self.write(peer)? {
                continue;
            }
            self.control.quiet.store(true, Ordering::Release);
            self.receive(peer)?;
        }
    }

    fn greet(&mut self, peer: &mut Peer) -> Result<(), Lost> {
        let welcome =
            self.call(peer, "store.hello", &json!({"client": {"name": "chaos", "version": "1"}}))?;
        let welcome = welcome.map_err(|_| Lost)?;
        self.floor = welcome["rev"].as_u64().expect("a revision");
        assert!(self.floor >= self.seen, "back from {} to {}", self.seen, self.floor);
        if !self.epoch.is_null() {
            assert_eq!(self.epoch, welcome["epoch"], "the same history");
        }
        self.epoch = welcome["epoch"].clone();
        Ok(())
    }

    fn subscribe(&mut self, peer: &mut Peer) -> Result<(), Lost> {
        let (method, mut params) = self.outcome.view.subscribe();
        let mirror = &mut self.outcome.mirror;
        if mirror.whole {
            params["since"] = json!(mirror.rev);
            params["epoch"] = self.epoch.clone();
        } else {
            *mirror = Mirror::default();
        }
        self.call(peer, method, &params)?.map(drop).map_err(|_| Lost)
    }

    /// Does the write that is under way, or the next; `false` when there is none to do.
    fn write(&mut self, peer: &mut Peer) -> Result<bool, Lost> {
        let Some(writer) = &mut self.writer else { return Ok(false) };
        if self.pending.is_some() {
            self.outcome.retries += 1;
        } else if self.control.finish.load(Ordering::Acquire) {
            return Ok(false);
        } else {
            self.pending = Some(writer.next());
        }
        let Some(pending) = &self.pending else { return Ok(false) };
        let (method, params) = (pending.method, pending.params.clone());
        let reply = match self.call(peer, method, &params)? {
            Ok(reply) => reply,
            // It is stopping: the connection ends by itself.
            Err(error) if error["data"]["kind"] == "shutting_down" => return Err(Lost),
            Err(error) => panic!("{method}: {error}"),
        };
        let rev = reply["rev"].as_u64().expect("a revision");
        let last = self.outcome.acknowledged.last().map_or(0, |(_, rev)| *rev);
        assert!(rev > last, "a later write has a later revision: {rev} after {last}");
        self.seen = self.seen.max(rev);
        if let (Some(writer), Some(write)) = (&mut self.writer, self.pending.take()) {
            self.outcome.acknowledged.push((write.request_id.clone(), rev));
            writer.done(write, &reply["value"]);
        }
        self.control.acknowledged.fetch_add(1, Ordering::AcqRel);
        Ok(true)
    }

    /// The end: everything up to the newest revision.
    fn follow(&mut self, peer: &mut Peer, end: u64) -> Result<(), Lost> {
        while self.outcome.mirror.rev < end || !self.outcome.mirror.whole {
            self.receive(peer)?;
        }
        Ok(())
    }

    /// Calls a method: its result, or its error.
    fn call(&mut self, peer: &mut Peer, method: &str, params: &Value) -> Result<Result<Value, Value>, Lost> {
        let id = peer.try_send(method, params.clone()).map_err(|_| Lost)?;
        loop {
            if let Some(mut reply) = self.receive(peer)? {
                assert_eq!(reply["id"], id, "{reply}");
                return Ok(match reply.get_mut("result") {
                    Some(result) => Ok(result.take()),
                    None => Err(reply["error"].take()),
                });
            }
        }
    }

    /// The next message: an event is taken, a reply is answered.
    fn receive(&mut self, peer: &mut Peer) -> Result<Option<Value>, Lost> {
        let message = peer.receive().ok_or(Lost)?;
        if message.get("method").is_none() {
            return Ok(Some(message));
        }
        self.take(&message["params"]["result"]);
        Ok(None)
    }

    fn take(&mut self, event: &Value) {
        self.outcome.events += 1;
        self.outcome.mirror.take(event);
        let rev = event["rev"].as_u64().expect("a revision");
        assert!(event["initial"] != true || rev >= self.floor, "back from {} to {event}", self.floor);
        self.seen = self.seen.max(rev);
        if self.outcome.mirror.whole {
            (0..self.writers).for_each(|writer| assert_whole(&self.outcome.mirror.entities, writer));
        }
    }
}
