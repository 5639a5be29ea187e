//! Writes the change log: one row for each change, in the transaction that makes it.

use super::json_text::JsonText;
use super::revision::{LiveChange, Revision};
use rusqlite::{Connection, params};
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

/// The origin of what the daemon itself writes.
pub(super) fn daemon() -> Origin {
    Origin { client: Some("stinad".to_owned()), ..Origin::default() }
}

/// A change on its way into the log.
#[derive(Debug)]
pub(super) struct Recorded {
    pub(super) module: &'static str,
    pub(super) entity: &'static str,
    pub(super) id: String,
    pub(super) op: Op,
    pub(super) scope: Option<String>,
    pub(super) before: Option<JsonText>,
    pub(super) after: Option<JsonText>,
    /// How many changes of the same write, right before this delete, removed parts of the entity.
    pub(super) parts: usize,
}

/// The changes of a write. They are in the log already; while they are small they are in memory too, as subscribers will get
/// them.
#[derive(Debug, Default)]
pub(super) struct Changes {
    /// How many.
    pub(super) count: usize,
    /// The changes; `None` once they are too large: subscribers then read them from the log.
    pub(super) kept: Option<Vec<LiveChange>>,
    bytes: usize,
    most_bytes: usize,
}

impl Changes {
    /// None yet; up to so many bytes are held in memory.
    pub(super) fn up_to(most_bytes: usize) -> Self {
        Self { kept: Some(Vec::new()), most_bytes, ..Self::default() }
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Takes a change that is in the log.
    pub(super) fn add(&mut self, change: Recorded) {
        self.count += 1;
        let Some(kept) = &mut self.kept else { return };
        let Recorded { module, entity, id, op, scope, after, .. } = change;
        let change = LiveChange::new(module.into(), entity.into(), id, op, scope, after.as_ref());
        self.bytes += change.bytes();
        if self.bytes > self.most_bytes {
            self.kept = None;
        } else {
            kept.push(change);
        }
    }
}

const APPEND: &str =
    "INSERT INTO core_changes (seq, at, module, entity, id, op, before, after, client, request_id, undoes, parts, scope)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";

/// Writes the `idx`th change of a revision.
pub(super) fn append(
    conn: &Connection,
    rev: u64,
    idx: usize,
    at: i64,
    origin: &Origin,
    undoes: Option<u64>,
    c: &Recorded,
) -> rusqlite::Result<()> {
    conn.prepare_cached(APPEND)?
        .execute(params![
            first_seq(rev) + idx as u64,
            at,
            c.module,
            c.entity,
            c.id,
            c.op.as_str(),
            c.before,
            c.after,
            origin.client,
            origin.request_id,
            undoes,
            c.parts,
            c.scope
        ])
        .map(drop)
}

/// The revision of those changes as subscribers will get it.
pub(super) fn revision_of(rev: u64, at: i64, origin: Origin, changes: Changes) -> Revision {
    let is_in_log_only = changes.kept.is_none();
    let changes = changes.kept.unwrap_or_default();
    Revision { rev, at, origin, reset: None, is_in_log_only, changes, wanted: String::new() }
}

/// Writes a revision that says: everything before is void.
pub(super) fn append_reset(
    conn: &Connection,
    rev: u64,
    at: i64,
    reason: ResetReason,
) -> rusqlite::Result<Revision> {
    let origin = daemon();
    let name = if reason == ResetReason::External { "external" } else { "restored" };
    conn.execute(
        "INSERT INTO core_changes (seq, at, module, entity, id, op, client) VALUES (?, ?, 'store', 'store', ?, 'reset', ?)",
        params![first_seq(rev), at, name, origin.client],
    )?;
    Ok(Revision {
        rev,
        at,
        origin,
        reset: Some(reason),
        is_in_log_only: false,
        changes: Vec::new(),
        wanted: String::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logging_a_change_writes_one_page_and_builds_nothing_beside_it() {
        let conn = Connection::open_in_memory().unwrap();
        conn.execute_batch(super::super::migrate::CORE.migrations[0].sql).unwrap();
        let mut plan = conn.prepare(&format!("EXPLAIN {APPEND}")).unwrap();
        let values = vec![0; plan.parameter_count()];
        let steps =
            plan.query_map(rusqlite::params_from_iter(values), |row| row.get::<_, String>(1)).unwrap();
        let steps: Vec<String> = steps.map(Result::unwrap).collect();
        let count = |name: &str| steps.iter().filter(|step| *step == name).count();
        assert_eq!((count("Insert"), count("IdxInsert"), count("OpenEphemeral")), (1, 0, 0), "{steps:?}");
    }
}
