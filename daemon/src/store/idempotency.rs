//! Exactly once: what a write with a `requestId` answered is kept, in the same transaction as the write.

use super::{JsonText, ReadTx, Result};
use rusqlite::{Connection, params};
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
}

/// A write that is to happen once.
#[derive(Debug, Clone)]
pub(crate) struct Once {
    pub(crate) id: RequestId,
    pub(crate) fingerprint: Fingerprint,
}

/// A stored answer.
pub(super) struct Stored {
    pub(super) rev: u64,
    pub(super) value: JsonText,
    fingerprint: Vec<u8>,
}

/// What the write `id` answered, if it happened: revision and value (JSON).
pub(crate) fn find(tx: &ReadTx<'_>, id: &RequestId) -> Result<Option<(u64, JsonText)>> {
    Ok(stored(tx, id)?.map(|stored| (stored.rev, stored.value)))
}

fn stored(tx: &ReadTx<'_>, id: &RequestId) -> Result<Option<Stored>> {
    tx.first("SELECT rev, value, fingerprint FROM core_results WHERE request_id = ?", [id.as_str()], |row| {
        Ok(Stored { rev: row.get(0)?, value: row.get(1)?, fingerprint: row.get(2)? })
    })
}

/// The answer to give instead of writing again.
pub(super) fn repeat(tx: &ReadTx<'_>, once: &Once) -> Result<Option<Stored>> {
    match stored(tx, &once.id)? {
        Some(stored) if stored.fingerprint != once.fingerprint.0 => Err(Error::RequestMismatch.into()),
        stored => Ok(stored),
    }
}

/// Keeps the answer of a write.
pub(super) fn keep(
    conn: &Connection,
    once: &Once,
    at: i64,
    rev: u64,
    value: &JsonText,
) -> rusqlite::Result<()> {
    conn.prepare_cached(
        "INSERT INTO core_results (request_id, at, fingerprint, rev, value) VALUES (?, ?, ?, ?, ?)",
    )?
    .execute(params![once.id.as_str(), at, once.fingerprint.0, rev, value])?;
    Ok(())
}
