//! The history that a database is in, by its epoch; and whether what another program put in its place is to be served.

use super::migrate::{self, Applied};
use super::{APPLICATION_ID, recording};
use rusqlite::Connection;
use std::sync::{Arc, PoisonError, RwLock};

/// The history that cursors belong to.
#[derive(Debug, Clone, PartialEq, Eq)]
struct History {
    epoch: Arc<str>,
    /// Revisions before this one are of another history.
    first: u64,
}

/// The present history; cheap to clone, and the same in all clones.
#[derive(Debug, Clone)]
pub(crate) struct Epoch(Arc<RwLock<History>>);

impl Epoch {
    pub(super) fn new(epoch: &str) -> Self {
        Self(Arc::new(RwLock::new(History { epoch: epoch.into(), first: 0 })))
    }

    /// Its id.
    pub(crate) fn id(&self) -> Arc<str> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner).epoch)
    }

    /// Whether a cursor that has read up to `rev` has read it in another history.
    pub(crate) fn begins_after(&self, rev: u64) -> bool {
        rev < self.0.read().unwrap_or_else(PoisonError::into_inner).first
    }

    /// Another history begins, with this revision.
    pub(super) fn renew(&self, epoch: &str, first: u64) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = History { epoch: epoch.into(), first };
    }
}

/// What another program's write has left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Left {
    /// This history, with changes that no revision has.
    ThisHistory,
    /// Another one, such as a restored copy, of this schema; its newest revision.
    Another(u64),
    /// A database that this daemon does not serve.
    Unknown,
}

/// Looks at what another program has left; within a transaction.
pub(super) fn look(
    conn: &Connection,
    epoch: &Epoch,
    head: u64,
    schema: &[Applied],
) -> rusqlite::Result<Left> {
    let id: i32 = conn.pragma_query_value(None, "application_id", |row| row.get(0))?;
    if id != APPLICATION_ID {
        return Ok(Left::Unknown);
    }
    let there = match (migrate::ledger(conn), recording::head(conn), migrate::epoch(conn)) {
        (Ok(ledger), Ok(head), Ok(epoch)) if ledger == schema => (head, epoch),
        // Tables of ours are missing, or are others.
        (Ok(_), Ok(_), Ok(_)) => return Ok(Left::Unknown),
        (Err(error), _, _) | (_, Err(error), _) | (_, _, Err(error)) => {
            return match error.sqlite_error_code() {
                Some(rusqlite::ErrorCode::Unknown) => Ok(Left::Unknown),
                _ => Err(error),
            };
        }
    };
    Ok(if there == (head, epoch.id().to_string()) { Left::ThisHistory } else { Left::Another(there.0) })
}
