//! Deletes memories 7 days after their expiry, by ordinary writes of the daemon.
//!
//! The task sleeps until the next memory is due, and writes of expiring memories wake it. A write of another process or
//! a changed clock does not wake it, so it sleeps at most a day.

use crate::modules::page::{PAGE_BYTES, json_bytes};
use crate::store::{Failure, ReadTx, Result, Store, WriteTx, entity};
use rusqlite::params;
use std::sync::Arc;
use std::time::Duration;
use stina_protocol::Fault;
use stina_protocol::memory::Memory;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// How long an expired memory is kept, in milliseconds.
const KEPT: i64 = 7 * 24 * 3600 * 1000;
/// Maximum number of memories that one revision deletes.
const AT_ONCE: usize = 100;
/// Wait after a failure.
const RETRY: Duration = Duration::from_secs(60);
/// Maximum sleep: a suspended machine stops the clock of a sleep, and writes of another process do not end it.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// Wakes the purge when `tx` is committed, because `memory` may be due first.
pub(super) fn wake(tx: &mut WriteTx<'_>, memory: &Memory, waker: &Arc<Notify>) {
    if memory.valid_until.is_some() {
        wake_after(tx, waker);
    }
}

/// Wakes the purge once `tx` is committed.
pub(super) fn wake_after(tx: &mut WriteTx<'_>, waker: &Arc<Notify>) {
    let waker = Arc::clone(waker);
    tx.on_end(move |committed| {
        if committed {
            waker.notify_one();
        }
    });
}

/// Whether a memory that is valid until then is due at `now`.
pub(super) fn is_due(valid_until: i64, now: i64) -> bool {
    valid_until <= now.saturating_sub(KEPT)
}

/// Purges until `stop`.
pub(super) async fn run(store: Store, stop: CancellationToken, waker: Arc<Notify>) {
    _ = stop.run_until_cancelled(forever(store, waker)).await;
}

async fn forever(store: Store, waker: Arc<Notify>) {
    loop {
        let sleep = match purge(&store).await {
            Ok(next) => next.unwrap_or(LONGEST).min(LONGEST),
            Err(fault) => {
                tracing::warn!(%fault, "expired memories could not be deleted, trying again");
                RETRY
            }
        };
        // Check again in either case.
        let _ = tokio::time::timeout(sleep, waker.notified()).await;
    }
}

/// Deletes the memories that are due; returns the time until the next one is due, if any.
async fn purge(store: &Store) -> std::result::Result<Option<Duration>, Fault> {
    loop {
        let now = store.clock().now();
        let first = store.read(first_to_expire).await.map_err(Failure::into_fault)?;
        let Some(due) = first.map(|valid_until| valid_until.saturating_add(KEPT)) else { return Ok(None) };
        match u64::try_from(due.saturating_sub(now)) {
            Ok(wait @ 1..) => return Ok(Some(Duration::from_millis(wait))),
            _ => store.write(move |tx| delete_due(tx, now)).await?,
        };
    }
}

fn first_to_expire(tx: &ReadTx<'_>) -> Result<Option<i64>> {
    let sql = "SELECT min(valid_until) FROM memories WHERE valid_until IS NOT NULL";
    Ok(tx.first(sql, [], |row| row.get(0))?.flatten())
}

/// Deletes some of the memories that are due at `now`, so that the size of a revision stays bounded.
fn delete_due(tx: &mut WriteTx<'_>, now: i64) -> Result<()> {
    let ids: Vec<String> = tx.all(
        "SELECT id FROM memories WHERE valid_until <= ? ORDER BY valid_until LIMIT ?",
        params![now.saturating_sub(KEPT), AT_ONCE],
        |row| row.get(0),
    )?;
    let (mut deleted, mut bytes) = (0, 0);
    for id in ids {
        let memory: Memory = entity::get(tx, &id)?;
        bytes += json_bytes(&memory)?;
        entity::remove(tx, &memory)?;
        deleted += 1;
        if bytes >= PAGE_BYTES {
            break;
        }
    }
    tracing::info!(deleted, "deleted expired memories");
    Ok(())
}
