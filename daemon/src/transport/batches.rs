//! Batches: calls that came as one message, and whose replies leave as one.

use std::collections::BTreeMap;

/// The batches of a connection whose replies are being collected.
#[derive(Debug, Default)]
pub(super) struct Batches {
    open: BTreeMap<u64, Batch>,
    next: u64,
}

#[derive(Debug)]
struct Batch {
    replies: Vec<Option<String>>,
    missing: usize,
    /// Bytes of the replies.
    bytes: usize,
}

impl Batches {
    /// Begins a batch of so many calls; returns its number.
    pub(super) fn begin(&mut self, calls: usize) -> u64 {
        let number = self.next;
        self.next += 1;
        self.open.insert(number, Batch { replies: vec![None; calls], missing: calls, bytes: 0 });
        number
    }

    /// Bytes of the replies of a batch until now.
    pub(super) fn bytes(&self, number: u64) -> usize {
        self.open.get(&number).map_or(0, |batch| batch.bytes)
    }

    /// Takes the reply of one call, `None` for a notification. Returns, with the last one, the message that answers the
    /// batch, unless it had notifications only.
    pub(super) fn put(&mut self, number: u64, position: usize, reply: Option<String>) -> Option<String> {
        let batch = self.open.get_mut(&number)?;
        batch.missing -= 1;
        batch.bytes += reply.as_ref().map_or(0, String::len);
        batch.replies[position] = reply;
        if batch.missing > 0 {
            return None;
        }
        let replies: Vec<String> = self.open.remove(&number)?.replies.into_iter().flatten().collect();
        (!replies.is_empty()).then(|| format!("[{}]", replies.join(",")))
    }
}
