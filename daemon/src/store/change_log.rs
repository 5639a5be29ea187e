//! Reads the change log, which `recording.rs` writes.

use super::recording::{first_seq, rev_of};
use super::revision::{LiveChange, Revision};
use super::{Failure, JsonText, ReadTx, Result, steps};
use rusqlite::{Row, params};
use std::sync::Arc;
use stina_protocol::event::{Op, Origin, ResetReason};
use stina_protocol::store::{ChangePage, ChangesParams, LogChange, LogRevision};
use stina_protocol::{Error, Json};

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

/// Revisions after `since`, oldest first, each with the changes that pass `wants`, as they are sent to subscribers: at most
/// `max_revisions`, and no more once `max_bytes` are reached.
pub(crate) fn read_since(
    tx: &ReadTx<'_>,
    since: u64,
    max_revisions: usize,
    max_bytes: usize,
    wants: &dyn Fn(&LiveChange) -> bool,
) -> Result<Vec<Arc<Revision>>> {
    let mut statement = tx.statement(
        "SELECT seq, at, id, op, client, request_id, undoes, module, entity, scope, after
         FROM core_changes WHERE seq >= ?1 ORDER BY seq",
    )?;
    let mut rows = statement.query([first_seq(since + 1)])?;
    let mut revisions: Vec<Revision> = Vec::new();
    let mut bytes = 0;
    while let Some(row) = rows.next()? {
        let rev = rev_of(row.get(0)?);
        if revisions.last().is_none_or(|r| r.rev != rev) {
            if revisions.len() == max_revisions || bytes >= max_bytes {
                break;
            }
            revisions.push(revision(rev, row, steps::continues(tx, rev)?)?);
        }
        let (Some(last), Some(op)) = (revisions.last_mut(), op(row)?) else { continue };
        let (module, entity): (String, String) = (row.get(7)?, row.get(8)?);
        let change = LiveChange::new(module.into(), entity.into(), row.get(2)?, op, row.get(9)?, None);
        if !wants(&change) {
            continue;
        }
        // Read only now: the entity may be large, and most filters want few.
        let after: Option<JsonText> = row.get(10)?;
        let change = match &after {
            Some(after) => change.with_value(after),
            None => change,
        };
        bytes += change.bytes();
        // As text, because a revision may have hundreds of thousands of changes.
        if !last.wanted.is_empty() {
            last.wanted.push(',');
        }
        last.wanted.push_str(change.json().get());
    }
    Ok(revisions.into_iter().map(Arc::new).collect())
}

/// Most bytes of values in one page of `store.changes`, one revision over.
const PAGE: usize = 4 << 20;

/// `store.changes`. A revision with more bytes of values than `frame_bytes` is shown without them.
pub(crate) fn changes(tx: &ReadTx<'_>, frame_bytes: usize, params: &ChangesParams) -> Result<ChangePage> {
    let oldest = oldest_rev(tx)?;
    if params.since > tx.rev() {
        return Err(Error::invalid("since", format!("the newest revision is {}", tx.rev())).into());
    }
    if oldest > params.since + 1 {
        return Err(Error::Compacted { oldest_rev: oldest }.into());
    }
    let is_wanted =
        |module: &str| params.modules.as_ref().is_none_or(|names| names.iter().any(|n| n == module));
    let mut statement = tx.statement(
        "SELECT seq, at, id, op, client, request_id, undoes, module, entity, before, after,
             coalesce(octet_length(before), 0) + coalesce(octet_length(after), 0)
         FROM core_changes WHERE seq >= ?1 ORDER BY seq",
    )?;
    let mut rows = statement.query([first_seq(params.since + 1)])?;
    let mut items: Vec<LogRevision> = Vec::new();
    let (mut bytes, mut in_revision) = (0, 0);
    while let Some(row) = rows.next()? {
        let rev = rev_of(row.get(0)?);
        if items.last().is_none_or(|last| last.rev != rev) {
            if items.len() == params.limit.get() || bytes >= PAGE {
                break;
            }
            let Revision { rev, at, origin, reset, .. } = revision(rev, row, steps::continues(tx, rev)?)?;
            items.push(LogRevision { rev, at, origin, reset, omitted: false, changes: Vec::new() });
            in_revision = 0;
        }
        let (Some(last), Some(op)) = (items.last_mut(), op(row)?) else { continue };
        let module: String = row.get(7)?;
        if !is_wanted(&module) {
            continue;
        }
        let id: String = row.get(2)?;
        let held = size_of::<LogChange>() + id.len() + row.get::<_, usize>(11)?;
        (bytes, in_revision) = (bytes + held, in_revision + held);
        if in_revision > frame_bytes {
            last.changes.iter_mut().for_each(|change| (change.before, change.after) = (None, None));
        }
        let value = |column| {
            let text = if in_revision > frame_bytes { None } else { row.get::<_, Option<String>>(column)? };
            Ok::<_, Failure>(text.map(Json::stored).transpose()?)
        };
        let (before, after) = (value(9)?, value(10)?);
        last.changes.push(LogChange { module, entity: row.get(8)?, op, id, before, after });
    }
    let next = items.last().map(|last| last.rev).filter(|rev| *rev < tx.rev());
    items.retain(|item| !item.changes.is_empty() || item.reset.is_some());
    for item in &mut items {
        // Every change has a value before or after it: one with neither had its values left out, or blanked.
        item.omitted = item.changes.iter().any(|change| change.before.is_none() && change.after.is_none());
    }
    Ok(ChangePage { items, next })
}

/// What a row did to its entity; `None` for a reset.
fn op(row: &Row<'_>) -> Result<Option<Op>> {
    Ok(match row.get_ref(3)?.as_str().map_err(rusqlite::Error::from)? {
        "put" => Some(Op::Put),
        "delete" => Some(Op::Delete),
        _ => None,
    })
}

/// A revision without its changes, from its first row.
fn revision(rev: u64, row: &Row<'_>, continues: Option<u64>) -> rusqlite::Result<Revision> {
    let id: String = row.get(2)?;
    let op: String = row.get(3)?;
    let reset = match (op.as_str(), id.as_str()) {
        ("reset", "external") => Some(ResetReason::External),
        ("reset", _) => Some(ResetReason::Restored),
        _ => None,
    };
    let origin = Origin { client: row.get(4)?, request_id: row.get(5)?, undoes: row.get(6)?, continues };
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
