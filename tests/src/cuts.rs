//! Writes over a connection that is cut after every byte of the request and of the reply, and sent again.

use crate::mirror::{Mirror, assert_same, database, revisions_by_request};
use crate::mutations::{mutating_methods, prepare};
use crate::{Daemon, Framing, Peer, Proxy, Way};
use serde_json::{Value, json};

/// The counts of cuts and their results. A broken promise is a panic.
#[derive(Debug, Default)]
pub struct Figures {
    /// Mutating methods.
    pub methods: usize,
    /// Connections cut.
    pub cuts: u64,
    /// Replies that did not come whole: their writes were done, or may have been.
    pub unanswered: u64,
}

/// Cuts at every `step(method)`th byte, for every method that `rpc.discover` says mutates.
///
/// # Panics
/// When a write is lost or done twice.
pub fn run(program: &str, framing: Framing, step: impl Fn(&str) -> usize) -> Figures {
    let daemon = Daemon::start(program);
    let proxy = Proxy::start(&daemon.home().join("proxy.sock"), &daemon.socket());
    let mut direct = daemon.peer();
    let mut mirror = Mirror::default();
    let mut watcher = daemon.peer();
    watcher.call("store.subscribe", json!({"initial": true}));
    let mut figures = Figures::default();
    let mut acknowledged: Vec<(String, u64)> = Vec::new();
    for method in mutating_methods(&mut direct) {
        figures.methods += 1;
        let mut rig =
            Rig { framing, proxy: &proxy, direct: &mut direct, method: &method, n: acknowledged.len() };
        // Uncut: how many bytes there are.
        acknowledged.push(rig.write_once(None).0);
        let lengths = [proxy.carried(Way::Up), proxy.carried(Way::Down)];
        for (way, length) in [(Way::Up, lengths[0]), (Way::Down, lengths[1])] {
            // With whatever the first had shorter numbers.
            for after in (0..length + 4).step_by(step(&method)) {
                let (written, unanswered) = rig.write_once(Some((way, after)));
                acknowledged.push(written);
                figures.unanswered += u64::from(unanswered);
                figures.cuts += 1;
            }
        }
    }
    let log = revisions_by_request(&mut direct);
    for (id, rev) in &acknowledged {
        assert_eq!(log.get(id), Some(&vec![*rev]), "{id} was acknowledged, and is in the log once");
    }
    assert_eq!(log.len(), acknowledged.len(), "no write but those");
    watcher.drain().iter().for_each(|event| mirror.take(event));
    assert_same(&mirror.entities, &database(&mut direct, 1000));
    figures
}

struct Rig<'a> {
    framing: Framing,
    proxy: &'a Proxy,
    direct: &'a mut Peer,
    method: &'a str,
    n: usize,
}

impl Rig<'_> {
    /// One write, sent over a connection that is cut, then again as it is: its `requestId` and revision, and whether
    /// the cut kept the first reply from coming whole.
    fn write_once(&mut self, cut: Option<(Way, usize)>) -> ((String, u64), bool) {
        self.n += 1;
        let id = format!("{}-{:06}", self.method, self.n);
        let mut params = prepare(self.direct, self.method, self.n as u64);
        params["requestId"] = json!(id);
        if let Some((way, after)) = cut {
            self.proxy.cut_next(way, after);
        }
        let first = self.attempt(&params);
        if cut.is_none() {
            let reply = first.unwrap_or_else(|| panic!("{} is answered", self.method));
            return ((id, rev(&reply)), false);
        }
        // At once, as a client does: the first may still be on its way to the disk.
        let second = self.attempt(&params).unwrap_or_else(|| panic!("{} is answered", self.method));
        if let Some(first) = &first {
            assert_eq!(first, &second, "{id}: the same answer");
        }
        let head = self.direct.call("store.ping", json!({}))["rev"].as_u64().expect("a revision");
        assert_eq!(head, rev(&second), "{id}: nothing was done after it");
        ((id, rev(&second)), first.is_none() && matches!(cut, Some((Way::Down, _))))
    }

    /// The result of the call, if its answer came whole.
    fn attempt(&self, params: &Value) -> Option<Value> {
        let mut peer = Peer::try_connect(self.proxy.socket(), self.framing).ok()?;
        peer.try_send(self.method, params.clone()).ok()?;
        let mut reply = peer.reply()?;
        assert!(reply.get("error").is_none(), "{}: {reply}", self.method);
        Some(reply["result"].take())
    }
}

fn rev(reply: &Value) -> u64 {
    reply["rev"].as_u64().expect("a revision")
}
