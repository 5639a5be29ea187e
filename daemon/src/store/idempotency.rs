//! Exactly once: what a write with a `requestId` answered is kept, in the same transaction as the write.

use super::recording::first_seq;
use super::{JsonText, ReadTx, Result};
use rusqlite::{Connection, OptionalExtension, params};
use sha2::{Digest, Sha256};
use stina_protocol::{Error, RequestId};

/// Tells one request from another: SHA-256 over the method and its params.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// Over the parts of a request; where one part ends and the next begins counts.
    pub(crate) fn of<'a>(parts: impl IntoIterator<Item = &'a str>) -> Self {
        let mut hash = Sha256::new();
        for part in parts {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part.as_bytes());
        }
        Self(hash.finalize().into())
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// A write that is to happen once.
#[derive(Debug, Clone)]
pub(crate) struct Once {
    pub(crate) id: RequestId,
    pub(crate) fingerprint: Fingerprint,
}

/// A stored answer.
pub(crate) struct Stored {
    pub(crate) rev: u64,
    /// Its value; `None` once that is forgotten.
    pub(crate) value: Option<JsonText>,
    fingerprint: Vec<u8>,
}

/// What the write `id` answered, if it happened.
pub(crate) fn find(tx: &ReadTx<'_>, id: &RequestId) -> Result<Option<Stored>> {
    tx.first(
        "SELECT rev, coalesce(value, (SELECT coalesce(after, before) FROM core_changes c WHERE c.seq = r.seq)), fingerprint
         FROM core_results r WHERE request_id = ?",
        [id.as_str()],
        |row| Ok(Stored { rev: row.get(0)?, value: row.get(1)?, fingerprint: row.get(2)? }),
    )
}

/// The answer to give instead of writing again.
pub(super) fn repeat(tx: &ReadTx<'_>, once: &Once) -> Result<Option<Stored>> {
    match find(tx, &once.id)? {
        Some(stored) if stored.fingerprint != once.fingerprint.0 => Err(Error::RequestMismatch.into()),
        stored => Ok(stored),
    }
}

/// An answer that is not longer than this is stored even where the log holds it.
const SHORT: usize = 16;

/// Keeps the answer of a write; `is_logged` says whether the write has made its revision. An answer that is an entity as
/// the log has it, as nearly every one is, is not stored again.
pub(super) fn keep(
    conn: &Connection,
    once: &Once,
    at: i64,
    rev: u64,
    value: &JsonText,
    is_logged: bool,
) -> rusqlite::Result<()> {
    let seq: Option<u64> = match is_logged && value.bytes() > SHORT {
        true => conn
            .prepare_cached(
                "SELECT seq FROM core_changes WHERE seq >= ? AND coalesce(after, before) = ? ORDER BY seq DESC LIMIT 1",
            )?
            .query_row(params![first_seq(rev), value], |row| row.get(0))
            .optional()?,
        false => None,
    };
    let value = seq.is_none().then_some(value);
    conn.prepare_cached(
        "INSERT INTO core_results (request_id, at, fingerprint, rev, value, seq) VALUES (?, ?, ?, ?, ?, ?)",
    )?
    .execute(params![once.id.as_str(), at, once.fingerprint.0, rev, value, seq])?;
    Ok(())
}

/// Bytes of the answers that are stored themselves.
pub(super) fn stored_bytes(tx: &ReadTx<'_>) -> Result<u64> {
    let bytes =
        tx.first("SELECT coalesce(sum(octet_length(value)), 0) FROM core_results", [], |row| row.get(0))?;
    Ok(bytes.unwrap_or(0))
}

/// Deletes a few answers from before `oldest`, whose ids are forgotten with them; answers how many.
pub(super) fn prune(conn: &Connection, oldest: i64, most: u64) -> rusqlite::Result<usize> {
    conn.execute("DELETE FROM core_unfinished WHERE at < ?", [oldest])?;
    conn.execute(
        "DELETE FROM core_results WHERE request_id IN (SELECT request_id FROM core_results WHERE at < ? LIMIT ?)",
        params![oldest, most],
    )
}

/// Forgets the values of a few answers, the oldest first, until that is `over` bytes; their ids stay known. Answers how
/// many bytes it was.
pub(super) fn forget_oldest(conn: &Connection, over: u64, most: u64) -> rusqlite::Result<u64> {
    let mut oldest = conn.prepare_cached(
        "SELECT request_id, octet_length(value) FROM core_results WHERE value IS NOT NULL ORDER BY at LIMIT ?",
    )?;
    let mut rows = oldest.query([most])?;
    let (mut ids, mut bytes) = (Vec::new(), 0);
    while let (true, Some(row)) = (bytes < over, rows.next()?) {
        ids.push(row.get::<_, String>(0)?);
        bytes += row.get::<_, u64>(1)?;
    }
    drop(rows);
    let mut forget = conn.prepare_cached("UPDATE core_results SET value = NULL WHERE request_id = ?")?;
    ids.iter().try_for_each(|id| forget.execute([id]).map(drop))?;
    Ok(bytes)
}
