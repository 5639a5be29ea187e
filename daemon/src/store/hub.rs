//! The ring of live events: each held once, serialized once, bounded by count and by bytes.
//!
//! A subscription is a cursor: it takes from here while it keeps up, and from the change log when it does not.

use super::json_text::JsonText;
use crate::limits::Limits;
use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use stina_protocol::event::{Op, Origin, ResetReason};
use tokio::sync::watch;

/// A committed revision, as subscribers get it.
#[derive(Debug)]
pub struct Revision {
    /// Its number.
    pub rev: u64,
    /// Time of the commit, in milliseconds since the Unix epoch.
    pub at: i64,
    /// Who made it.
    pub origin: Origin,
    /// Set when it says that everything before is void.
    pub reset: Option<ResetReason>,
    /// What changed, in order.
    pub changes: Vec<LiveChange>,
}

impl Revision {
    fn bytes(&self) -> usize {
        size_of::<Self>() + self.changes.iter().map(LiveChange::bytes).sum::<usize>()
    }
}

/// One changed entity.
#[derive(Debug)]
pub struct LiveChange {
    /// Module that owns it.
    pub module: Cow<'static, str>,
    /// Sort of entity.
    pub entity: Cow<'static, str>,
    /// Its id.
    pub id: String,
    /// What happened to it.
    pub op: Op,
    /// The entity before, as JSON; only of deletes unless it was asked for.
    pub(super) before: Option<JsonText>,
    /// The change as a notification shows it.
    json: JsonText,
    /// Where in `json` the entity after the change is.
    after: std::ops::Range<usize>,
}

impl LiveChange {
    pub(crate) fn new(
        module: Cow<'static, str>,
        entity: Cow<'static, str>,
        id: String,
        op: Op,
        before: Option<JsonText>,
        after: Option<JsonText>,
    ) -> Self {
        let op_name = if op == Op::Put { "put" } else { "delete" };
        // A string always serializes.
        let quoted = serde_json::to_string(&id).unwrap_or_default();
        let mut json = ["{\"entity\":\"", &entity, "\",\"op\":\"", op_name, "\",\"id\":", &quoted].concat();
        let mut range = 0..0;
        if let Some(after) = after {
            json.push_str(",\"value\":");
            range = json.len()..json.len() + after.bytes();
            json.push_str(after.get());
        }
        json.push('}');
        Self { module, entity, id, op, before, json: JsonText::assembled(json), after: range }
    }

    /// The entity after the change, as JSON.
    pub fn after(&self) -> Option<&str> {
        (!self.after.is_empty()).then(|| &self.json.get()[self.after.clone()])
    }

    /// The entity before the change, as JSON; only of deletes unless it was asked for.
    pub fn before(&self) -> Option<&str> {
        self.before.as_ref().map(JsonText::get)
    }

    /// The entity after a put, or before a delete, as JSON.
    pub fn entity_json(&self) -> Option<&str> {
        self.after().or(self.before())
    }

    /// Forgets the entity before and after the change.
    pub(super) fn drop_values(&mut self) {
        let (module, entity, id) = (self.module.clone(), self.entity.clone(), std::mem::take(&mut self.id));
        *self = Self::new(module, entity, id, self.op, None, None);
    }

    /// The change as a notification shows it.
    pub fn json(&self) -> &JsonText {
        &self.json
    }

    pub(super) fn bytes(&self) -> usize {
        size_of::<Self>()
            + self.id.len()
            + self.json.bytes()
            + self.before.as_ref().map_or(0, JsonText::bytes)
    }
}

/// Something for the subscribers of a module that is not in the log.
#[derive(Debug, Clone)]
pub struct Transient {
    /// The module.
    pub module: &'static str,
    /// What the module's own filter looks at, such as the id of a conversation.
    pub scope: String,
    /// Whether only subscribers get it who asked for such things.
    pub optional: bool,
    /// The event, as JSON.
    pub json: JsonText,
}

/// An item of the ring.
#[derive(Debug, Clone)]
pub(crate) enum Item {
    Revision(Arc<Revision>),
    Transient(Arc<Transient>),
}

impl Item {
    fn bytes(&self) -> usize {
        match self {
            Self::Revision(revision) => revision.bytes(),
            Self::Transient(transient) => transient.scope.len() + transient.json.bytes(),
        }
    }
}

/// A place in the ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Newest revision before it.
    pub head: u64,
    /// Sequence number of the item after it.
    pub(crate) next: u64,
}

#[derive(Debug)]
struct Ring {
    items: VecDeque<Item>,
    bytes: usize,
    /// Sequence number of the next item.
    next: u64,
    /// Newest revision published.
    head: u64,
}

impl Ring {
    fn first(&self) -> u64 {
        self.next - self.items.len() as u64
    }
}

/// The ring, and the bell that says there is more in it.
#[derive(Debug)]
pub(crate) struct Hub {
    ring: Mutex<Ring>,
    bell: watch::Sender<u64>,
    max_items: usize,
    max_bytes: usize,
}

/// What a cursor that has seen all up to some revision finds.
pub(crate) enum Joined {
    /// It is at the head.
    Live,
    /// More revisions, out of the ring.
    More(Vec<Arc<Revision>>),
    /// The ring no longer has the next revision: read the log.
    Behind,
}

impl Hub {
    pub(crate) fn new(limits: &Limits, head: u64) -> Self {
        let ring = Ring { items: VecDeque::new(), bytes: 0, next: 0, head };
        Self {
            ring: Mutex::new(ring),
            bell: watch::Sender::new(0),
            max_items: limits.ring_items,
            max_bytes: limits.ring_bytes,
        }
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        // Every update below leaves the ring whole, so a panic elsewhere while it was held does no harm.
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn publish(&self, items: impl IntoIterator<Item = Item>) {
        let mut ring = self.ring();
        for item in items {
            if let Item::Revision(revision) = &item {
                ring.head = revision.rev;
            }
            ring.bytes += item.bytes();
            ring.items.push_back(item);
            ring.next += 1;
        }
        while ring.items.len() > self.max_items || ring.bytes > self.max_bytes {
            let Some(old) = ring.items.pop_front() else { break };
            ring.bytes -= old.bytes();
        }
        let next = ring.next;
        drop(ring);
        self.bell.send_replace(next);
    }

    /// Tells committed revisions.
    pub(super) fn publish_revisions(&self, revisions: Vec<Arc<Revision>>) {
        self.publish(revisions.into_iter().map(Item::Revision));
    }

    pub(super) fn publish_transient(&self, transient: Transient) {
        self.publish([Item::Transient(Arc::new(transient))]);
    }

    /// Newest revision published.
    pub(crate) fn head(&self) -> u64 {
        self.ring().head
    }

    /// The end of the ring.
    pub(crate) fn place(&self) -> Place {
        let ring = self.ring();
        Place { head: ring.head, next: ring.next }
    }

    /// Rings on every publication; its value is the sequence number of the next item.
    pub(crate) fn bell(&self) -> watch::Receiver<u64> {
        self.bell.subscribe()
    }

    /// What follows for a cursor that has seen every revision up to `rev`.
    pub(crate) fn join(&self, rev: u64, max_bytes: usize) -> Joined {
        let ring = self.ring();
        if rev >= ring.head {
            return Joined::Live;
        }
        let revisions = ring.items.iter().filter_map(|item| match item {
            Item::Revision(revision) if revision.rev > rev => Some(revision),
            _ => None,
        });
        let mut bytes = 0;
        let more: Vec<_> = revisions
            .take_while(|revision| {
                let room = bytes < max_bytes;
                bytes += revision.bytes();
                room
            })
            .map(Arc::clone)
            .collect();
        match more.first() {
            Some(first) if first.rev == rev + 1 => Joined::More(more),
            _ => Joined::Behind,
        }
    }

    /// Items from `seq` on, and the sequence number after them; `None` when the ring has lost some of them.
    pub(crate) fn take(&self, seq: u64, max_bytes: usize) -> Option<(Vec<Item>, u64)> {
        let ring = self.ring();
        let skip = usize::try_from(seq.checked_sub(ring.first())?).ok()?;
        let mut bytes = 0;
        let items: Vec<Item> = ring
            .items
            .iter()
            .skip(skip)
            .take_while(|item| {
                let room = bytes < max_bytes;
                bytes += item.bytes();
                room
            })
            .cloned()
            .collect();
        let next = seq + items.len() as u64;
        Some((items, next))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn revision(rev: u64) -> Arc<Revision> {
        let change = LiveChange::new(
            "kv".into(),
            "kv".into(),
            "k".into(),
            Op::Put,
            None,
            JsonText::of(&"x".repeat(98)).ok(),
        );
        Arc::new(Revision { rev, at: 0, origin: Origin::default(), reset: None, changes: vec![change] })
    }

    fn hub(ring_items: usize, ring_bytes: usize) -> Hub {
        let hub = Hub::new(&Limits { ring_items, ring_bytes, ..Limits::default() }, 0);
        hub.publish_revisions((1..=10).map(revision).collect());
        hub
    }

    #[test]
    fn the_ring_is_bounded_by_items_and_by_bytes() {
        assert_eq!(hub(4, 1 << 20).ring().items.len(), 4);
        let small = hub(100, 1500);
        assert!(small.ring().bytes <= 1500 && !small.ring().items.is_empty());
        // An item over the bound is not kept at all; whoever wants it reads the log.
        let none = hub(100, 10);
        assert!(none.ring().items.is_empty());
        assert!(matches!(none.join(9, 1000), Joined::Behind));
        assert!(matches!(none.join(10, 1000), Joined::Live));
    }

    #[test]
    fn a_cursor_that_fell_out_is_told_so() {
        let hub = hub(4, 1 << 20);
        assert!(matches!(hub.join(5, 1 << 20), Joined::Behind));
        assert!(matches!(hub.join(6, 1 << 20), Joined::More(r) if r.len() == 4 && r[0].rev == 7));
        assert!(matches!(hub.join(6, 1), Joined::More(r) if r.len() == 1));
        assert!(hub.take(5, 1 << 20).is_none());
        assert!(matches!(hub.take(6, 1 << 20), Some((items, 10)) if items.len() == 4));
        assert!(matches!(hub.take(10, 1), Some((items, 10)) if items.is_empty()));
    }
}
