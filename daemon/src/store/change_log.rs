//! Reads the change log, which `recording.rs` writes.

use super::recording::{first_seq, rev_of};
use super::revision::{LiveChange, Revision};
use super::{JsonText, ReadTx, Result, steps};
use rusqlite::{Row, params};
use std::sync::Arc;
use stina_protocol::event::{Op, Origin, ResetReason};

/// First revision that is still in the log; 0 while there is none.
pub(crate) fn oldest_rev(tx: &ReadTx<'_>) -> Result<u64> {
    let oldest = tx.first("SELECT coalesce(min(seq), 0) FROM core_changes", [], |row| row.get(0))?;
    Ok(rev_of(oldest.unwrap_or(0)))
}

/// What the entity that the write in progress has last made `now` (JSON) was before that write; `None` when the write has
/// made none so.
pub(crate) fn before_write(tx: &ReadTx<'_>, now: &str) -> Result<Option<Option<JsonText>>> {
    tx.first(
        "SELECT first.before FROM core_changes first, (
             SELECT module, entity, id FROM core_changes WHERE seq >= ?1 AND after = ?2 ORDER BY seq DESC LIMIT 1) made
         WHERE first.seq >= ?1 AND (first.module, first.entity, first.id) = (made.module, made.entity, made.id)
         ORDER BY first.seq LIMIT 1",
        params![first_seq(tx.rev()), now],
        |row| row.get(0),
    )
}

/// What is read of the log.
pub(crate) enum View<'f> {
    /// Every change, with the entity before and after it; neither in a revision where they are more bytes than this.
    Full(usize),
    /// The changes that pass this filter, as they are sent to subscribers: only the filter sees the entity before a delete.
    Wanted(&'f dyn Fn(&LiveChange) -> bool),
}

/// Revisions after `since`, oldest first: at most `max_revisions`, and no more once `max_bytes` are reached.
pub(crate) fn read_since(
    tx: &ReadTx<'_>,
    since: u64,
    max_revisions: usize,
    max_bytes: usize,
    view: View<'_>,
) -> Result<Vec<Arc<Revision>>> {
    let mut statement = tx.statement(
        "SELECT seq, at, module, entity, id, op, iif(?2 OR op = 'delete', before, NULL), after, client, request_id, undoes
         FROM core_changes WHERE seq >= ?1 ORDER BY seq",
    )?;
    let mut rows = statement.query(params![first_seq(since + 1), matches!(view, View::Full(_))])?;
    let mut revisions: Vec<Revision> = Vec::new();
    let (mut bytes, mut in_revision) = (0, 0);
    while let Some(row) = rows.next()? {
        let rev = rev_of(row.get(0)?);
        if revisions.last().is_none_or(|r| r.rev != rev) {
            if revisions.len() == max_revisions || bytes >= max_bytes {
                break;
            }
            revisions.push(revision(rev, row, steps::continues(tx, rev)?)?);
            in_revision = 0;
        }
        let op = row.get_ref(5)?.as_str().map_err(rusqlite::Error::from)?;
        let (Some(last), "put" | "delete") = (revisions.last_mut(), op) else { continue };
        let op = if op == "put" { Op::Put } else { Op::Delete };
        let is_over = matches!(view, View::Full(most) if in_revision > most);
        let change = LiveChange::new(
            row.get::<_, String>(2)?.into(),
            row.get::<_, String>(3)?.into(),
            row.get(4)?,
            op,
            if is_over { None } else { row.get(6)? },
            if is_over { None } else { row.get(7)? },
        );
        bytes += change.bytes();
        in_revision += change.bytes();
        match view {
            View::Full(most) if in_revision > most && !is_over => {
                last.changes.push(change);
                last.changes.iter_mut().for_each(LiveChange::drop_values);
            }
            View::Full(_) => last.changes.push(change),
            // As text, because a revision may have hundreds of thousands of changes.
            View::Wanted(wants) if wants(&change) => {
                if !last.wanted.is_empty() {
                    last.wanted.push(',');
                }
                last.wanted.push_str(change.json().get());
            }
            View::Wanted(_) => {}
        }
    }
    Ok(revisions.into_iter().map(Arc::new).collect())
}

/// A revision without its changes, from its first row.
fn revision(rev: u64, row: &Row<'_>, continues: Option<u64>) -> rusqlite::Result<Revision> {
    let op: String = row.get(5)?;
    let id: String = row.get(4)?;
    let reset = match (op.as_str(), id.as_str()) {
        ("reset", "external") => Some(ResetReason::External),
        ("reset", _) => Some(ResetReason::Restored),
        _ => None,
    };
    let origin = Origin { client: row.get(8)?, request_id: row.get(9)?, undoes: row.get(10)?, continues };
    Ok(Revision {
        rev,
        at: row.get(1)?,
        origin,
        reset,
        is_in_log_only: false,
        changes: Vec::new(),
        wanted: String::new(),
    })
}
