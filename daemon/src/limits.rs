//! *Bounded*: the limits of every queue, buffer, batch and frame.

use std::collections::BTreeMap;
use std::time::Duration;

macro_rules! limits {
    ($($(#[doc = $doc:literal])+ $name:ident / $wire:literal : $ty:ty = $value:expr,)+) => {
        /// The limits of the daemon. `store.info` shows them.
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
            /// All limits by their names on the wire; durations in milliseconds.
            pub fn by_name(&self) -> BTreeMap<String, u64> {
                [$(($wire.to_owned(), self.$name.number()),)+].into()
            }
        }
    };
}

limits! {
    /// Open connections. A further one is answered `busy` and closed.
    connections / "connections": usize = 256,
    /// Connections that are being answered `busy`. A further one is closed without an answer.
    refusals / "refusals": usize = 32,
    /// How long a refused connection may take to show its framing, which the answer uses.
    refusal_wait / "refusalWaitMs": Duration = Duration::from_millis(500),
    /// Bytes of one message. A longer one is answered `too_large`. When the replies of a batch reach this size, its
    /// remaining calls are answered `too_large` too.
    frame_bytes / "frameBytes": usize = 32 << 20,
    /// Calls in one JSON-RPC batch.
    batch_calls / "batchCalls": usize = 1000,
    /// Calls in flight on one connection; the daemon stops reading from it until one is answered.
    calls_per_connection / "callsPerConnection": usize = 64,
    /// Subscriptions of one connection. A further one is answered `too_large`.
    subscriptions_per_connection / "subscriptionsPerConnection": usize = 64,
    /// Unsent bytes of one connection, exceeded by at most one message; the daemon stops serving it until they are
    /// sent.
    output_bytes / "outputBytes": usize = 128 << 10,
    /// Writes in the queue of the writer; a connection with a further one waits.
    queued_writes / "queuedWrites": usize = 1024,
    /// Bytes of params of the writes in the queue.
    queued_write_bytes / "queuedWriteBytes": usize = 64 << 20,
    /// How long a write waits for room in the queue before it is answered `busy`.
    queue_wait / "queueWaitMs": Duration = Duration::from_secs(5),
    /// Writes in one group commit.
    batch_writes / "batchWrites": usize = 512,
    /// Bytes of params of the writes in one group commit, exceeded by at most one write.
    batch_bytes / "batchBytes": usize = 16 << 20,
    /// Group commits that wait to be announced; the writer waits beyond that.
    announced_batches / "announcedBatches": usize = 64,
    /// Changes of one step of a large write, exceeded by a few; after each step other writes have their turn.
    step_changes / "stepChanges": usize = 250,
    /// Bytes of the changes of such a step, exceeded by a few changes.
    step_bytes / "stepBytes": usize = 1 << 20,
    /// Steps in one `store.transact`.
    transact_steps / "transactSteps": usize = 1000,
    /// Read connections for short reads; long ones never take one.
    readers / "readers": usize = 4,
    /// How long a short read waits for a read connection before it is answered `busy`.
    reader_wait / "readerWaitMs": Duration = Duration::from_secs(10),
    /// Read connections for long reads. Further long reads wait, and count as calls in flight.
    scans / "scans": usize = 3,
    /// Long reads of one connection, from their start until their answers are queued. Further ones wait.
    scans_per_connection / "scansPerConnection": usize = 2,
    /// Matches of a search that are ranked, the newest. A word with more matches is too common to rank by.
    ranked_matches / "rankedMatches": usize = 10_000,
    /// How long SQLite waits for a lock of another process.
    lock_wait / "lockWaitMs": Duration = Duration::from_secs(5),
    /// Revisions in the event buffer. A subscriber that falls out of the buffer reads the change log.
    ring_items / "ringItems": usize = 1024,
    /// Bytes of the revisions in the event buffer.
    ring_bytes / "ringBytes": usize = 1 << 20,
    /// Bytes that a subscription reads from the event buffer or the change log in one step, exceeded by at most one
    /// revision.
    cursor_bytes / "cursorBytes": usize = 64 << 10,
    /// Bytes of a snapshot that a subscription with `initial` holds in memory; the rest goes to a temporary file.
    snapshot_bytes / "snapshotBytes": usize = 256 << 10,
    /// How long a subscription whose filter drops revisions stays silent before `synced` is sent.
    synced_after / "syncedAfterMs": Duration = Duration::from_millis(250),
    /// Revisions that a filter drops before `synced` is sent immediately.
    synced_every / "syncedEvery": u64 = 1000,
    /// Bytes of a chat message.
    message_bytes / "messageBytes": usize = 8 << 20,
    /// Streaming messages. A further one is answered `too_large`.
    open_streams / "openStreams": usize = 64,
    /// Bytes of text of all streaming messages, held in memory. A delta beyond it is answered `busy`.
    stream_bytes / "streamBytes": usize = 64 << 20,
    /// How long new text of a streaming message waits to be saved.
    save_after / "saveAfterMs": Duration = Duration::from_millis(500),
    /// Bytes of such text that are saved without waiting.
    save_bytes / "saveBytes": usize = 4 << 10,
    /// How long the owner of a cancelled message may take to end it.
    cancel_wait / "cancelWaitMs": Duration = Duration::from_secs(2),
    /// How long a shutdown waits for calls in flight and for clients to read; the whole shutdown takes less than 3 s.
    shutdown / "shutdownMs": Duration = Duration::from_secs(2),
    /// How long before the end of that time what still runs is interrupted, so that its answer can be sent; and how long
    /// reads that no call waits for may take to end.
    interrupt_wait / "interruptWaitMs": Duration = Duration::from_millis(300),
    /// Pages in the WAL from which on a commit also checkpoints.
    wal_pages / "walPages": u32 = 2000,
    /// Size of the WAL after a checkpoint truncates it.
    wal_bytes / "walBytes": u64 = 8 << 20,
    /// Time after the last write within which the WAL is checkpointed and truncated.
    checkpoint_after / "checkpointAfterMs": Duration = Duration::from_secs(2),
    /// Time between two looks at the files where they can't be watched.
    watch_poll / "watchPollMs": Duration = Duration::from_secs(2),
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
    /// Time between two prunings of the change log, while there are new revisions.
    prune_after / "pruneAfterMs": Duration = Duration::from_secs(600),
    /// New revisions after which the change log is pruned sooner.
    prune_revisions / "pruneRevisions": u64 = 10_000,
    /// Revisions, and stored results, that one pruning step deletes.
    prune_rows / "pruneRows": u64 = 500,
}

/// Converts a limit to a number.
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
