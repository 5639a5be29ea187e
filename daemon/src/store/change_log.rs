//! The change log: one row a change, written in the transaction that it tells of.

use super::revision::{LiveChange, Revision};
use super::tx::{Author, Recorded};
use super::{ReadTx, Result};
use rusqlite::{Connection, Row, params};
use std::sync::Arc;
use stina_protocol::event::{Op, Origin, ResetReason};

/// Bits of a row's key (`seq`) that number the changes of one revision; the revision is above them.
const CHANGE_BITS: u32 = 22;

/// Most changes of one revision.
pub(super) const MAX_CHANGES: usize = 1 << CHANGE_BITS;

/// The key of a revision's first change; one more than that of every change before it.
pub(super) fn first_seq(rev: u64) -> u64 {
    // SQLite's integers have 63 bits without the sign; no revision comes near.
    rev.min(i64::MAX.cast_unsigned() >> CHANGE_BITS) << CHANGE_BITS
}

/// The revision of the change with that key.
pub(super) fn rev_of(seq: u64) -> u64 {
    seq >> CHANGE_BITS
}

/// Newest revision in the log. Pruning always leaves it one.
pub(super) fn head(conn: &Connection) -> rusqlite::Result<u64> {
    conn.prepare_cached("SELECT coalesce(max(seq), 0) FROM core_changes")?
        .query_row([], |row| row.get(0).map(rev_of))
}

/// First revision that is still in the log; 0 while there is none.
pub(crate) fn oldest_rev(tx: &ReadTx<'_>) -> Result<u64> {
    let oldest = tx.first("SELECT coalesce(min(seq), 0) FROM core_changes", [], |row| row.get(0))?;
    Ok(rev_of(oldest.unwrap_or(0)))
}

/// Writes what a job changed; answers the revision as subscribers will get it.
pub(super) fn append(
    conn: &Connection,
    rev: u64,
    at: i64,
    origin: Origin,
    changes: Vec<Recorded>,
) -> rusqlite::Result<Revision> {
    let mut insert = conn.prepare_cached(
        "INSERT INTO core_changes (seq, at, module, entity, id, op, before, after, client, request_id, undoes)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )?;
    for (idx, c) in changes.iter().enumerate() {
        insert.execute(params![
            first_seq(rev) + idx as u64,
            at,
            c.module,
            c.entity,
            c.id,
            op_name(c.op),
            c.before,
            c.after,
            origin.client,
            origin.request_id,
            origin.undoes
        ])?;
    }
    let changes = changes
        .into_iter()
        .map(|c| LiveChange::new(c.module.into(), c.entity.into(), c.id, c.op, c.before, c.after));
    Ok(Revision { rev, at, origin, reset: None, changes: changes.collect() })
}

/// Writes a revision that says: everything before is void.
pub(super) fn append_reset(
    conn: &Connection,
    rev: u64,
    at: i64,
    reason: ResetReason,
) -> rusqlite::Result<Revision> {
    let origin = Author::daemon().origin;
    let name = if reason == ResetReason::External { "external" } else { "restored" };
    conn.execute(
        "INSERT INTO core_changes (seq, at, module, entity, id, op, client) VALUES (?, ?, 'store', 'store', ?, 'reset', ?)",
        params![first_seq(rev), at, name, origin.client],
    )?;
    Ok(Revision { rev, at, origin, reset: Some(reason), changes: Vec::new() })
}

fn op_name(op: Op) -> &'static str {
    match op {
        Op::Put => "put",
        Op::Delete => "delete",
    }
}

/// What is read of the log.
pub(crate) enum View<'f> {
    /// Every change, with the entity before and after it; neither in a revision where they are more bytes than this.
    Full(usize),
    /// The changes that this lets pass, as subscribers are told them: the entity before a delete is for the filter only.
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
            revisions.push(revision(rev, row)?);
            in_revision = 0;
        }
        let op = row.get_ref(5)?.as_str().map_err(rusqlite::Error::from)?;
        let (Some(last), "put" | "delete") = (revisions.last_mut(), op) else { continue };
        let op = if op == "put" { Op::Put } else { Op::Delete };
        let is_over = matches!(view, View::Full(most) if in_revision > most);
        let mut change = LiveChange::new(
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
            View::Wanted(wants) if wants(&change) => {
                change.before = None;
                last.changes.push(change);
            }
            View::Wanted(_) => {}
        }
    }
    Ok(revisions.into_iter().map(Arc::new).collect())
}

/// A revision without its changes, from its first row.
fn revision(rev: u64, row: &Row<'_>) -> rusqlite::Result<Revision> {
    let op: String = row.get(5)?;
    let id: String = row.get(4)?;
    let reset = match (op.as_str(), id.as_str()) {
        ("reset", "external") => Some(ResetReason::External),
        ("reset", _) => Some(ResetReason::Restored),
        _ => None,
    };
    let origin = Origin { client: row.get(8)?, request_id: row.get(9)?, undoes: row.get(10)? };
    Ok(Revision { rev, at: row.get(1)?, origin, reset, changes: Vec::new() })
}
