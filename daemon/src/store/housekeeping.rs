//! Maintenance: checkpoints when the store is quiet, and prunes old rows in small steps.

use super::connection::LOCK_LOOK;
use super::recording::{self, first_seq, rev_of};
use super::witness::Witness;
use super::{Result, Store, idempotency, purge};
use crate::limits::Limits;
use rusqlite::{Connection, TransactionBehavior, params};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Time after which a store that is never quiet is pruned; its commits checkpoint by themselves.
const BUSY_FOR: Duration = Duration::from_secs(60);

/// Longest time between two looks at what has become too old.
const DAY: Duration = Duration::from_secs(24 * 3600);

/// Time after which a scrub that failed is tried again.
const RETRY: Duration = Duration::from_secs(60);

impl Store {
    /// Keeps the WAL and the log small, and scrubs what was purged, until `stop`.
    pub(crate) async fn maintain(self, stop: CancellationToken) {
        _ = stop.run_until_cancelled(self.maintain_forever()).await;
    }

    async fn maintain_forever(self) {
        let mut changed = self.events.watch();
        let limits = self.config.limits.clone();
        let wake = Arc::clone(&self.scrubs.wake);
        let mut pruned = (tokio::time::Instant::now(), 0);
        let mut is_quiet = true;
        loop {
            let mut longest = DAY;
            if self.is_scrub_due(is_quiet).await && !self.scrub().await {
                longest = RETRY;
            }
            // This store keeps the event buffer, so its sender is not dropped.
            tokio::select! {
                _ = changed.changed() => {}
                () = tokio::time::sleep(longest) => {}
                () = wake.notified() => continue,
            }
            // Looks now and then rather than at each change: to be woken costs more than a write of a few bytes.
            let quiet = async {
                loop {
                    tokio::time::sleep(limits.checkpoint_after / 2).await;
                    if !changed.borrow_and_update().has_changed() {
                        break;
                    }
                }
            };
            is_quiet = tokio::select! {
                quiet = tokio::time::timeout(BUSY_FOR, quiet) => quiet.is_ok(),
                () = wake.notified() => continue,
            };
            let head = self.head();
            if pruned.0.elapsed() >= limits.prune_after || head - pruned.1 >= limits.prune_revisions {
                self.prune(&limits).await;
                pruned = (tokio::time::Instant::now(), head);
            }
            while is_quiet && self.shrink().await && changed.has_changed().is_ok_and(|changed| !changed) {}
            let mut pause = limits.checkpoint_after;
            while is_quiet && self.checkpoint().await == Some(false) {
                // A reader was in the way. Without a further write nothing else would try again.
                let is_woken = tokio::select! {
                    _ = changed.changed() => true,
                    // A scrub truncates the WAL itself.
                    () = wake.notified() => { wake.notify_one(); true }
                    () = tokio::time::sleep(pause) => false,
                };
                if is_woken {
                    changed.mark_changed();
                    break;
                }
                pause = BUSY_FOR.min(pause * 2);
            }
        }
    }

    /// Moves the WAL into the database and cuts it; answers as [`checkpoint`] does, or `None` once the store is closed.
    pub(super) async fn checkpoint(&self) -> Option<bool> {
        let witness = self.config.witness.clone();
        self.queue.whole_chore(move |conn| checkpoint(conn, witness.as_ref(), Checkpoint::Cut)).await
    }

    /// Prunes in steps, with other work between them.
    async fn prune(&self, limits: &Arc<Limits>) {
        // One that fails keeps none of the others from its work.
        let outcomes = [
            self.prune_log(limits).await,
            self.blank_outdated(limits).await,
            self.forget_answers(limits).await,
        ];
        for failure in outcomes.into_iter().filter_map(Result::err) {
            tracing::warn!(%failure, "pruning failed");
        }
    }

    async fn prune_log(&self, limits: &Arc<Limits>) -> Result<()> {
        // On a reader, because it walks the whole log, though not its values.
        let size = "SELECT coalesce(sum(coalesce(octet_length(before), 0) + coalesce(octet_length(after), 0)), 0) FROM core_changes";
        let size = self.scan(move |tx| tx.first(size, [], |row| row.get::<_, u64>(0))).await?;
        let mut over = size.unwrap_or(0).saturating_sub(limits.log_bytes);
        loop {
            let (now, limits) = (self.clock().now(), Arc::clone(limits));
            match self.queue.chore(move |conn| prune_step(conn, &limits, now, over > 0)).await.transpose()? {
                Some(Pruned { rows: 0, .. }) | None => return Ok(()),
                Some(Pruned { bytes, .. }) => over = over.saturating_sub(bytes),
            }
        }
    }

    /// Blanks what was deleted long ago in those revisions that are kept whatever their age.
    async fn blank_outdated(&self, limits: &Arc<Limits>) -> Result<()> {
        loop {
            let (now, most) = (self.clock().now(), limits.prune_rows);
            let oldest = before(now, limits.log_age);
            let seqs = self.scan(move |tx| purge::outdated(tx, oldest, most)).await?;
            if seqs.is_empty() {
                return Ok(());
            }
            let due = after(now, limits.scrub_after);
            let blanked = self.queue.chore(move |conn| {
                let tx = conn.transaction_with_behavior(TransactionBehavior::Exclusive)?;
                purge::blank_changes(&tx, &seqs)?;
                purge::mark(&tx, due)?;
                tx.commit()
            });
            match blanked.await.transpose()? {
                Some(()) => self.events.clear(),
                None => return Ok(()),
            }
        }
    }

    /// Forgets the oldest answers while they take too much room.
    async fn forget_answers(&self, limits: &Arc<Limits>) -> Result<()> {
        let stored = self.scan(idempotency::stored_bytes).await?;
        let mut over = stored.saturating_sub(limits.result_bytes);
        while over > 0 {
            let most = limits.prune_rows;
            let forgotten = self.queue.chore(move |conn| {
                let tx = conn.transaction_with_behavior(TransactionBehavior::Exclusive)?;
                let bytes = idempotency::forget_oldest(&tx, over, most)?;
                tx.commit().map(|()| bytes)
            });
            match forgotten.await.transpose()? {
                Some(0) | None => break,
                Some(bytes) => over = over.saturating_sub(bytes),
            }
        }
        Ok(())
    }
}

/// The time that much before `now`.
fn before(now: i64, age: Duration) -> i64 {
    now.saturating_sub(i64::try_from(age.as_millis()).unwrap_or(i64::MAX))
}

/// The time that much after `now`.
fn after(now: i64, wait: Duration) -> i64 {
    now.saturating_add(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX))
}

/// What one step of pruning deleted.
struct Pruned {
    rows: usize,
    bytes: u64,
}

/// What becomes of the WAL once it is moved into the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Checkpoint {
    /// It is cut to nothing.
    Cut,
    /// The file stays, and is written from its beginning again.
    Reuse,
}

/// Moves the WAL into the database, as far as that goes at once: to wait for a reader or for another process
/// would hold up every write. Returns whether nothing is left to do later.
///
/// Nothing is moved into a file that another process has overwritten.
pub(super) fn checkpoint(conn: &Connection, witness: Option<&Witness>, how: Checkpoint) -> bool {
    let may_write = witness.is_none_or(|witness| {
        // A head that can't be read is noted as 0: the record must not claim a revision that the file may lack.
        witness.begin_writing(recording::head(conn).unwrap_or(0))
    });
    if !may_write {
        return true;
    }
    let run = |sql| {
        conn.busy_timeout(Duration::ZERO).and_then(|()| conn.query_row(sql, [], |row| row.get::<_, bool>(0)))
    };
    let mut is_busy = run("PRAGMA wal_checkpoint(PASSIVE)");
    // As long as the WAL is there it can be compared with what the file holds now.
    if !witness.is_none_or(Witness::has_written) {
        return true;
    }
    if how == Checkpoint::Cut {
        is_busy = run("PRAGMA wal_checkpoint(TRUNCATE)");
    }
    if let Some(witness) = witness {
        witness.end_writing();
    }
    match conn.busy_timeout(LOCK_LOOK).and(is_busy) {
        Ok(is_busy) => !is_busy,
        Err(error) => {
            tracing::warn!(%error, "checkpoint failed");
            true
        }
    }
}

/// Deletes a few old rows. When the log is `too_large`, their age does not count. The newest revisions always stay.
fn prune_step(conn: &mut Connection, limits: &Limits, now: i64, too_large: bool) -> rusqlite::Result<Pruned> {
    let tx = conn.transaction_with_behavior(TransactionBehavior::Exclusive)?;
    let results = idempotency::prune(&tx, before(now, limits.result_age), limits.prune_rows)?;
    let (oldest, head): (u64, u64) =
        tx.query_row("SELECT coalesce(min(seq), 0), coalesce(max(seq), 0) FROM core_changes", [], |row| {
            Ok((rev_of(row.get(0)?), rev_of(row.get(1)?)))
        })?;
    // A revision must be far back, and old unless the log is too large. The newest one always stays. Pruning goes on from
    // the oldest one only: after the clock has jumped, an earlier revision may have the later time, and a hole would be
    // a gap without a reset.
    let step_end = oldest.saturating_add(limits.prune_rows).min(head);
    let keep_from = head.saturating_sub(limits.log_revisions);
    let kept: Option<u64> = tx.query_row(
        "SELECT min(seq) FROM core_changes WHERE seq < ?1 AND NOT (seq < ?3 AND (?2 OR at < ?4))",
        params![first_seq(step_end), too_large, first_seq(keep_from + 1), before(now, limits.log_age)],
        |row| row.get(0),
    )?;
    // The whole of the revision that stays.
    let kept = kept.map_or(step_end, rev_of);
    let deleted: Vec<u64> = tx
        .prepare_cached(
            "DELETE FROM core_changes WHERE seq < ?
             RETURNING coalesce(octet_length(before), 0) + coalesce(octet_length(after), 0)",
        )?
        .query_map([first_seq(kept)], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    tx.execute("DELETE FROM core_steps WHERE rev < ?", [kept])?;
    if !deleted.is_empty() {
        purge::mark(&tx, after(now, limits.scrub_after))?;
    }
    tx.commit()?;
    Ok(Pruned { rows: results + deleted.len(), bytes: deleted.iter().sum() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pruning_leaves_no_hole_where_the_clock_has_jumped() {
        let mut conn = Connection::open_in_memory().unwrap();
        for migration in super::super::migrate::CORE.migrations {
            conn.execute_batch(migration.sql).unwrap();
        }
        // A clock far ahead was set right after revision 5.
        for rev in 1..=20_u64 {
            let at = if (3..=5).contains(&rev) { 9_000_000 } else { rev };
            let sql = "INSERT INTO core_changes (seq, at, module, entity, id, op) VALUES (?, ?, 'kv', 'kv', 'k', 'put')";
            conn.execute(sql, params![first_seq(rev), at]).unwrap();
        }
        let limits = Limits {
            log_age: Duration::from_secs(1),
            log_revisions: 5,
            prune_rows: 100,
            ..Limits::default()
        };
        let mut left = |now, too_large| -> Vec<u64> {
            prune_step(&mut conn, &limits, now, too_large).unwrap();
            let mut revs = conn.prepare("SELECT seq FROM core_changes ORDER BY seq").unwrap();
            revs.query_map([], |row| row.get(0).map(rev_of)).unwrap().map(Result::unwrap).collect()
        };
        assert_eq!(left(5_000, false), (3..=20).collect::<Vec<_>>());
        assert_eq!(left(10_000_000, false), (16..=20).collect::<Vec<_>>());
        assert_eq!(left(0, true), (16..=20).collect::<Vec<_>>(), "the newest stay whatever their size");
    }
}
