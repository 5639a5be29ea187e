//! Maintenance: checkpoints when the store is quiet, and prunes old rows in small steps.

use super::Store;
use super::change_log::{self, first_seq, rev_of};
use super::connection::LOCK_LOOK;
use super::witness::Witness;
use crate::limits::Limits;
use rusqlite::{Connection, params};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Time after which a store that is never quiet is pruned; its commits checkpoint by themselves.
const BUSY_FOR: Duration = Duration::from_secs(60);

impl Store {
    /// Keeps the WAL and the log small until `stop`.
    pub(crate) async fn maintain(self, stop: CancellationToken) {
        _ = stop.run_until_cancelled(self.maintain_forever()).await;
    }

    async fn maintain_forever(self) {
        let mut changed = self.events.watch();
        let limits = self.config.limits.clone();
        let mut pruned = (tokio::time::Instant::now(), 0);
        loop {
            // This store keeps the event buffer, so its sender is not dropped.
            _ = changed.changed().await;
            let quiet = async {
                while tokio::time::timeout(limits.checkpoint_after, changed.changed())
                    .await
                    .is_ok_and(|r| r.is_ok())
                {}
            };
            let is_quiet = tokio::time::timeout(BUSY_FOR, quiet).await.is_ok();
            let head = self.head();
            if pruned.0.elapsed() >= limits.prune_after || head - pruned.1 >= limits.prune_revisions {
                self.prune(&limits).await;
                pruned = (tokio::time::Instant::now(), head);
            }
            let mut pause = limits.checkpoint_after;
            let cut = async || {
                let witness = self.config.witness.clone();
                self.queue.chore(move |conn| checkpoint(conn, witness.as_ref(), Checkpoint::Cut)).await
            };
            while is_quiet && cut().await == Some(false) {
                // A reader was in the way. Without a further write nothing else would lead back here.
                if tokio::time::timeout(pause, changed.changed()).await.is_ok() {
                    changed.mark_changed();
                    break;
                }
                pause = BUSY_FOR.min(pause * 2);
            }
        }
    }

    /// Prunes in steps, with other work between them.
    async fn prune(&self, limits: &Limits) {
        // On a reader, because it walks the whole log, though not its values.
        let size = "SELECT coalesce(sum(coalesce(octet_length(before), 0) + coalesce(octet_length(after), 0)), 0) FROM core_changes";
        let size = self.scan(move |tx| tx.first(size, [], |row| row.get::<_, u64>(0))).await;
        let mut over = match size {
            Ok(bytes) => bytes.unwrap_or(0).saturating_sub(limits.log_bytes),
            Err(error) => return tracing::warn!(%error, "the size of the change log is unknown"),
        };
        loop {
            let (now, limits) = (self.clock().now(), limits.clone());
            match self.queue.chore(move |conn| prune_step(conn, &limits, now, over > 0)).await {
                Some(Ok(Pruned { rows: 0, .. })) | None => return,
                Some(Ok(Pruned { bytes, .. })) => over = over.saturating_sub(bytes),
                Some(Err(error)) => return tracing::warn!(%error, "pruning failed"),
            }
        }
    }
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
/// would hold up every write. Answers whether nothing is left over that could be done later.
///
/// Nothing is moved into a file that somebody else has overwritten.
pub(super) fn checkpoint(conn: &Connection, witness: Option<&Witness>, how: Checkpoint) -> bool {
    let may_write = witness.is_none_or(|witness| {
        // Of a revision that can't be read it is not told that the file holds it.
        witness.begin_writing(change_log::head(conn).unwrap_or(0))
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

/// Deletes a few old rows. When the log is `too_large`, their age does not count.
fn prune_step(conn: &mut Connection, limits: &Limits, now: i64, too_large: bool) -> rusqlite::Result<Pruned> {
    let before = |age: Duration| now.saturating_sub(i64::try_from(age.as_millis()).unwrap_or(i64::MAX));
    let tx = conn.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let results = tx.execute(
        "DELETE FROM core_results WHERE request_id IN (SELECT request_id FROM core_results WHERE at < ? LIMIT ?)",
        params![before(limits.result_age), limits.prune_rows],
    )?;
    let (oldest, head): (u64, u64) =
        tx.query_row("SELECT coalesce(min(seq), 0), coalesce(max(seq), 0) FROM core_changes", [], |row| {
            Ok((rev_of(row.get(0)?), rev_of(row.get(1)?)))
        })?;
    // A revision must be old and far back, unless the log is too large. The newest one always stays. Pruning goes on from
    // the oldest one only: after the clock has jumped, an earlier revision may have the later time, and a hole would be
    // a gap without a reset.
    let step_end = oldest.saturating_add(limits.prune_rows).min(head);
    let keep_from = head.saturating_sub(limits.log_revisions);
    let kept: Option<u64> = tx.query_row(
        "SELECT min(seq) FROM core_changes WHERE seq < ?1 AND NOT (?2 OR (seq < ?3 AND at < ?4))",
        params![first_seq(step_end), too_large, first_seq(keep_from + 1), before(limits.log_age)],
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
    tx.commit()?;
    Ok(Pruned { rows: results + deleted.len(), bytes: deleted.iter().sum() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pruning_leaves_no_hole_where_the_clock_has_jumped() {
        let mut conn = Connection::open_in_memory().unwrap();
        conn.execute_batch(super::super::migrate::CORE.migrations[0].sql).unwrap();
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
        assert_eq!(left(0, true), [20]);
    }
}
