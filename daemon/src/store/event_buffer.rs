//! The event buffer: a ring of live events, each held once, serialized once, bounded by count and by bytes.
//!
//! A subscription is a cursor: it takes events from here while it keeps up, and from the change log when it does not.

use super::revision::{Revision, Transient};
use crate::limits::Limits;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// An item of the buffer.
#[derive(Debug, Clone)]
pub(crate) enum Item {
    Revision(Arc<Revision>),
    Transient(Arc<Transient>),
}

impl Item {
    fn bytes(&self) -> usize {
        match self {
            Self::Revision(revision) => revision.bytes(),
            Self::Transient(transient) => transient.bytes(),
        }
    }
}

/// A position in the sequence of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
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

/// The event buffer, and a watch that changes with it.
#[derive(Debug)]
pub(crate) struct EventBuffer {
    ring: Mutex<Ring>,
    changed: watch::Sender<u64>,
    max_items: usize,
    max_bytes: usize,
}

/// What a cursor finds that has read everything up to some revision.
pub(crate) enum CatchUp {
    /// It is at the head.
    AtHead,
    /// The revisions that follow.
    Revisions(Vec<Arc<Revision>>),
    /// The buffer no longer has the next revision: it must read the log.
    ReadLog,
}

impl EventBuffer {
    pub(crate) fn new(limits: &Limits, head: u64) -> Self {
        let ring = Ring { items: VecDeque::new(), bytes: 0, next: 0, head };
        Self {
            ring: Mutex::new(ring),
            changed: watch::Sender::new(0),
            max_items: limits.ring_items,
            max_bytes: limits.ring_bytes,
        }
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        // Every update leaves the ring consistent, so a poisoned lock does no harm.
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
    }

    /// Wakes who waits for what was published.
    pub(super) fn announce(&self) {
        let next = self.ring().next;
        self.changed.send_replace(next);
    }

    /// Publishes committed revisions; [`Self::announce`] is to follow.
    pub(super) fn publish_revisions(&self, revisions: Vec<Arc<Revision>>) {
        self.publish(revisions.into_iter().map(Item::Revision));
    }

    /// Publishes an event that is not in the log.
    pub(super) fn publish_transient(&self, transient: Transient) {
        self.publish([Item::Transient(Arc::new(transient))]);
        self.announce();
    }

    /// Drops everything, as values in it were purged: cursors go on from the log.
    pub(super) fn clear(&self) {
        let mut ring = self.ring();
        ring.items.clear();
        ring.bytes = 0;
    }

    /// Newest revision published.
    pub(crate) fn head(&self) -> u64 {
        self.ring().head
    }

    /// The position after the newest event.
    pub(crate) fn position(&self) -> Position {
        let ring = self.ring();
        Position { head: ring.head, next: ring.next }
    }

    /// Changes with every publication; its value is the sequence number of the next item.
    pub(crate) fn watch(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// What follows for a cursor that has read every revision up to `rev`.
    pub(crate) fn catch_up(&self, rev: u64, max_bytes: usize) -> CatchUp {
        let ring = self.ring();
        if rev >= ring.head {
            return CatchUp::AtHead;
        }
        let revisions = ring.items.iter().filter_map(|item| match item {
            Item::Revision(revision) if revision.rev > rev => Some(revision),
            _ => None,
        });
        let mut bytes = 0;
        let more: Vec<_> = revisions
            .enumerate()
            // Whichever is first decides where to read; a later one that is in the log only waits for its turn.
            .take_while(|(at, revision)| *at == 0 || !revision.is_in_log_only)
            .map(|(_, revision)| revision)
            .take_while(|revision| {
                let room = bytes < max_bytes;
                bytes += revision.bytes();
                room
            })
            .map(Arc::clone)
            .collect();
        match more.first() {
            Some(first) if first.rev == rev + 1 && !first.is_in_log_only => CatchUp::Revisions(more),
            _ => CatchUp::ReadLog,
        }
    }

    /// Items from `seq` on, and the sequence number after them; `None` when the buffer no longer has all of them.
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
    use super::super::json_text::JsonText;
    use super::super::revision::LiveChange;
    use super::*;
    use stina_protocol::event::{Op, Origin};

    fn revision(rev: u64) -> Arc<Revision> {
        let change = LiveChange::new(
            "kv".into(),
            "kv".into(),
            "k".into(),
            Op::Put,
            None,
            JsonText::of(&"x".repeat(98)).ok().as_ref(),
        );
        Arc::new(Revision {
            rev,
            at: 0,
            origin: Origin::default(),
            reset: None,
            is_in_log_only: false,
            changes: vec![change],
            wanted: String::new(),
        })
    }

    fn buffer(ring_items: usize, ring_bytes: usize) -> EventBuffer {
        let buffer = EventBuffer::new(&Limits { ring_items, ring_bytes, ..Limits::default() }, 0);
        buffer.publish_revisions((1..=10).map(revision).collect());
        buffer
    }

    #[test]
    fn the_buffer_is_bounded_by_items_and_by_bytes() {
        assert_eq!(buffer(4, 1 << 20).ring().items.len(), 4);
        let small = buffer(100, 1500);
        assert!(small.ring().bytes <= 1500 && !small.ring().items.is_empty());
        // An item over the bound is not kept at all: a subscriber reads it from the log.
        let none = buffer(100, 10);
        assert!(none.ring().items.is_empty());
        assert!(matches!(none.catch_up(9, 1000), CatchUp::ReadLog));
        assert!(matches!(none.catch_up(10, 1000), CatchUp::AtHead));
    }

    #[test]
    fn a_cursor_that_fell_out_must_read_the_log() {
        let buffer = buffer(4, 1 << 20);
        assert!(matches!(buffer.catch_up(5, 1 << 20), CatchUp::ReadLog));
        assert!(
            matches!(buffer.catch_up(6, 1 << 20), CatchUp::Revisions(r) if r.len() == 4 && r[0].rev == 7)
        );
        assert!(matches!(buffer.catch_up(6, 1), CatchUp::Revisions(r) if r.len() == 1));
        assert!(buffer.take(5, 1 << 20).is_none());
        assert!(matches!(buffer.take(6, 1 << 20), Some((items, 10)) if items.len() == 4));
        assert!(matches!(buffer.take(10, 1), Some((items, 10)) if items.is_empty()));
    }
}
