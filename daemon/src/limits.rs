//! *Bounded*: every queue, buffer, batch and frame has its limit here.

use std::collections::BTreeMap;
use std::time::Duration;

macro_rules! limits {
    ($($(#[doc = $doc:literal])+ $name:ident / $wire:literal : $ty:ty = $value:expr,)+) => {
        /// Every bound of the daemon. `store.info` shows them.
        #[derive(Debug, Clone)]
        pub struct Limits {
            $($(#[doc = $doc])+ pub $name: $ty,)+
        }

        impl Default for Limits {
            fn default() -> Self {
                Self { $($name: $value,)+ }
            }
        }

        impl Limits {
            /// All of them by their names on the wire; durations in milliseconds.
            pub fn by_name(&self) -> BTreeMap<String, u64> {
                [$(($wire.to_owned(), self.$name.number()),)+].into()
            }
        }
    };
}

limits! {
    /// Connections at once. One more is answered `busy` and closed.
    connections / "connections": usize = 256,
    /// Connections that are being answered so. One more is closed without a word.
    refusals / "refusals": usize = 32,
    /// How long a connection that is refused may take to show which framing it speaks, so that it is answered in that.
    refusal_wait / "refusalWaitMs": Duration = Duration::from_millis(500),
    /// Bytes of one message. A longer one is answered `too_large`, and so are the calls of a batch that have not
    /// begun when its replies are that long.
    frame_bytes / "frameBytes": usize = 32 << 20,
    /// Calls of one JSON-RPC batch.
    batch_calls / "batchCalls": usize = 1000,
    /// Calls that one connection has in flight; then it is not read from until one is answered.
    calls_per_connection / "callsPerConnection": usize = 64,
    /// Subscriptions of one connection. One more is answered `too_large`.
    subscriptions_per_connection / "subscriptionsPerConnection": usize = 64,
    /// Bytes waiting to be sent to one connection, one message over; then it is not served until they are sent.
    output_bytes / "outputBytes": usize = 128 << 10,
    /// Writes waiting for the writer; a connection that has one more waits.
    queued_writes / "queuedWrites": usize = 1024,
    /// Bytes of params of the writes that wait.
    queued_write_bytes / "queuedWriteBytes": usize = 64 << 20,
    /// How long a write waits for a place in the queue before it is answered `busy`.
    queue_wait / "queueWaitMs": Duration = Duration::from_secs(5),
    /// Writes of one group commit.
    batch_writes / "batchWrites": usize = 512,
    /// Bytes of params of the writes of one group commit, one write over.
    batch_bytes / "batchBytes": usize = 16 << 20,
    /// Steps of one `store.transact`.
    transact_steps / "transactSteps": usize = 1000,
    /// Read connections.
    readers / "readers": u32 = 4,
    /// How long a read waits for a read connection before it is answered `busy`.
    reader_wait / "readerWaitMs": Duration = Duration::from_secs(10),
    /// Long reads at once; more wait, each holding its connection's place for calls.
    scans / "scans": usize = 3,
    /// Long reads of one connection, from their begin until their answers are on the way out; more wait.
    scans_per_connection / "scansPerConnection": usize = 2,
    /// How long SQLite waits for a lock that a foreign process holds.
    lock_wait / "lockWaitMs": Duration = Duration::from_secs(5),
    /// Revisions kept in memory for live subscribers; who is further behind reads the log.
    ring_items / "ringItems": usize = 1024,
    /// Bytes of those revisions.
    ring_bytes / "ringBytes": usize = 1 << 20,
    /// Bytes that a subscription takes from the ring or the log in one step, one revision over.
    cursor_bytes / "cursorBytes": usize = 64 << 10,
    /// Bytes of the present entities that a subscription with `initial` holds in memory; more goes to a temporary file.
    snapshot_bytes / "snapshotBytes": usize = 256 << 10,
    /// How long a subscription whose filter lets revisions pass stays silent before it is told `synced`.
    synced_after / "syncedAfterMs": Duration = Duration::from_millis(250),
    /// Revisions that a filter lets pass before `synced` is told at once.
    synced_every / "syncedEvery": u64 = 1000,
    /// Bytes of a chat message.
    message_bytes / "messageBytes": usize = 8 << 20,
    /// Messages that are being written at once. One more is answered `too_large`.
    open_streams / "openStreams": usize = 64,
    /// Bytes of text of those messages, which the daemon holds in memory; a delta over it is answered `busy`.
    stream_bytes / "streamBytes": usize = 64 << 20,
    /// How long words of a message that is being written wait to be saved.
    save_after / "saveAfterMs": Duration = Duration::from_millis(500),
    /// Bytes of such words that are saved at once.
    save_bytes / "saveBytes": usize = 4 << 10,
    /// How long the owner of a message that is being written may take to end it when asked to.
    cancel_wait / "cancelWaitMs": Duration = Duration::from_secs(2),
    /// How long a shutdown waits for calls in flight and for peers to read; with the rest of it under 3 s.
    shutdown / "shutdownMs": Duration = Duration::from_secs(2),
    /// Pages in the WAL at which a commit also checkpoints.
    wal_pages / "walPages": u32 = 2000,
    /// Size that the WAL is cut to after a checkpoint.
    wal_bytes / "walBytes": u64 = 8 << 20,
    /// Quiet time after which the WAL is checkpointed and truncated.
    checkpoint_after / "checkpointAfterMs": Duration = Duration::from_secs(2),
    /// Age to which the change log is kept, as far as `log_bytes` allows; then values of deleted entities are gone.
    log_age / "logAgeMs": Duration = Duration::from_secs(30 * 24 * 3600),
    /// Newest revisions that the change log keeps, whatever their age and size.
    log_revisions / "logRevisions": u64 = 1000,
    /// Bytes of values in the change log over which it is pruned whatever its age.
    log_bytes / "logBytes": u64 = 1 << 30,
    /// Age to which the ids of writes with a `requestId` are known.
    result_age / "resultAgeMs": Duration = Duration::from_secs(7 * 24 * 3600),
    /// Bytes of their answers that the log does not hold, over which the oldest are forgotten.
    result_bytes / "resultBytes": u64 = 64 << 20,
    /// How long after values were pruned everything left of them is scrubbed.
    scrub_after / "scrubAfterMs": Duration = Duration::from_secs(24 * 3600),
    /// How long a purge waits until no file holds what it purged.
    purge_wait / "purgeWaitMs": Duration = Duration::from_secs(5),
    /// Pages of the search index that one step of scrubbing merges.
    scrub_pages / "scrubPages": u64 = 500,
    /// Free pages that one step gives back to the system.
    vacuum_pages / "vacuumPages": u64 = 500,
    /// Time after which the log is looked at for what can be pruned, once there are new revisions.
    prune_after / "pruneAfterMs": Duration = Duration::from_secs(600),
    /// New revisions after which it is looked at sooner.
    prune_revisions / "pruneRevisions": u64 = 10_000,
    /// Revisions, and stored results, that one step of pruning deletes.
    prune_rows / "pruneRows": u64 = 500,
}

/// A limit as a number.
trait Number {
    fn number(&self) -> u64;
}

impl Number for Duration {
    fn number(&self) -> u64 {
        u64::try_from(self.as_millis()).unwrap_or(u64::MAX)
    }
}

impl Number for usize {
    fn number(&self) -> u64 {
        *self as u64
    }
}

impl Number for u32 {
    fn number(&self) -> u64 {
        (*self).into()
    }
}

impl Number for u64 {
    fn number(&self) -> u64 {
        *self
    }
}
