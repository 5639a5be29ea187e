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
/// Wait after a failure. It doubles with each further one.
const RETRY: Duration = Duration::from_secs(60);
/// Longest wait after a failure.
const LONGEST_RETRY: Duration = Duration::from_secs(3600);
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
    let mut retry = RETRY;
    loop {
        let sleep = match purge(&store).await {
            Ok(next) => {
                retry = RETRY;
                next.unwrap_or(LONGEST).min(LONGEST)
            }
            Err(fault) => {
                tracing::warn!(%fault, "expired memories could not be deleted, trying again");
                let sleep = retry;
                retry = LONGEST_RETRY.min(retry * 2);
                sleep
            }
        };
        // Check again in either case.
        let _ = tokio::time::timeout(sleep, waker.notified()).await;
    }
}

/// Deletes the memories that are due; returns the time until the next one is due, if any.
///
/// When a write fails, each of its memories is tried alone, so that one keeps no other from being deleted.
async fn purge(store: &Store) -> std::result::Result<Option<Duration>, Fault> {
    let now = store.clock().now();
    let (mut after, mut failed) = ((i64::MIN, i64::MIN), None);
    loop {
        let due = store.read(move |tx| due(tx, now, after)).await.map_err(Failure::into_fault)?;
        let Some(last) = due.last() else { break };
        let end = last.sort_key;
        let ids: Vec<String> = due.into_iter().map(|due| due.id).collect();
        let all = ids.clone();
        if store.write(move |tx| delete(tx, &all, now)).await.is_ok() {
            continue;
        }
        let mut has_deleted = false;
        for id in ids {
            let (one, memory) = ([id.clone()], id);
            match store.write(move |tx| delete(tx, &one, now)).await {
                Ok(()) => has_deleted = true,
                Err(fault) => {
                    tracing::warn!(%fault, memory, "an expired memory could not be deleted");
                    failed = Some(fault);
                }
            }
        }
        if !has_deleted {
            // Not the fault of one of them.
            break;
        }
        after = end;
    }
    if let Some(fault) = failed {
        return Err(fault);
    }
    let next = store.read(move |tx| next_to_expire(tx, now)).await.map_err(Failure::into_fault)?;
    let wait = next.map(|valid_until| valid_until.saturating_add(KEPT).saturating_sub(store.clock().now()));
    Ok(wait.map(|wait| Duration::from_millis(u64::try_from(wait).unwrap_or(0))))
}

/// A memory that is due.
struct Due {
    id: String,
    /// Its expiry and its `seq`.
    sort_key: (i64, i64),
}

/// Some of the memories that are due at `now`, the first to expire first.
fn due(tx: &ReadTx<'_>, now: i64, after: (i64, i64)) -> Result<Vec<Due>> {
    tx.all(
        "SELECT id, valid_until, seq FROM memories
         WHERE valid_until <= ? AND (valid_until, seq) > (?, ?) ORDER BY valid_until, seq LIMIT ?",
        params![now.saturating_sub(KEPT), after.0, after.1, AT_ONCE],
        |row| Ok(Due { id: row.get(0)?, sort_key: (row.get(1)?, row.get(2)?) }),
    )
}

fn next_to_expire(tx: &ReadTx<'_>, now: i64) -> Result<Option<i64>> {
    let sql = "SELECT min(valid_until) FROM memories WHERE valid_until > ?";
    Ok(tx.first(sql, [now.saturating_sub(KEPT)], |row| row.get(0))?.flatten())
}

/// Deletes those of the memories that are still due at `now`, up to a bounded size of the revision.
fn delete(tx: &mut WriteTx<'_>, ids: &[String], now: i64) -> Result<()> {
    let (mut deleted, mut bytes) = (0, 0);
    for id in ids {
        let Some(memory) = entity::find::<Memory>(tx, id)? else { continue };
        if !memory.valid_until.is_some_and(|until| is_due(until, now)) {
            continue;
        }
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
