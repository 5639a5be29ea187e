//! The reset that the writer logs when another process has written to the database.

use super::epoch::{self, Epoch, Left};
use super::migrate::{self, Applied};
use super::recording;
use super::revision::Revision;
use rusqlite::Connection;
use stina_protocol::event::ResetReason;

/// A revision that says that another process wrote.
pub(super) struct Reset {
    /// `data_version` of that.
    pub(super) seen: i64,
    pub(super) revision: Revision,
    /// The new epoch, where what it wrote is another history.
    pub(super) epoch: Option<String>,
}

/// What has become of what another process wrote.
pub(super) enum Foreign {
    /// It wrote nothing.
    Nothing,
    Logged(Box<Reset>),
    /// It is a database that this daemon does not serve.
    Exchanged,
}

/// What the writer knows the database by.
pub(super) struct Served {
    /// SQLite's `data_version`: it moves when another connection commits, and no other of ours ever does.
    pub(super) seen: i64,
    /// What the database has had of migrations.
    schema: Vec<Applied>,
    pub(super) epoch: Epoch,
}

impl Served {
    pub(super) fn by(conn: &Connection, epoch: Epoch) -> rusqlite::Result<Self> {
        Ok(Self { seen: data_version(conn)?, schema: migrate::ledger(conn)?, epoch })
    }

    /// Whether another process has committed.
    pub(super) fn was_written(&self, conn: &Connection) -> rusqlite::Result<bool> {
        Ok(data_version(conn)? != self.seen)
    }

    /// Logs a reset if another process has committed: its changes are in no revision, so what subscribers hold is void.
    /// It runs within a transaction, where no further lock is needed. `head` is the newest revision.
    pub(super) fn log_foreign(&self, conn: &Connection, head: u64, now: i64) -> rusqlite::Result<Foreign> {
        let seen = data_version(conn)?;
        if seen == self.seen {
            return Ok(Foreign::Nothing);
        }
        let (reason, head, epoch) = match epoch::look(conn, &self.epoch, head, &self.schema)? {
            Left::ThisHistory => (ResetReason::External, head, None),
            // Revisions never go back, whatever was restored.
            Left::Another(theirs) => {
                (ResetReason::Restored, theirs.max(head), Some(migrate::renew_epoch(conn)?))
            }
            Left::Unknown => return Ok(Foreign::Exchanged),
        };
        tracing::warn!(?reason, "another process wrote to the database");
        let revision = recording::append_reset(conn, head + 1, now, reason)?;
        Ok(Foreign::Logged(Box::new(Reset { seen, revision, epoch })))
    }
}

fn data_version(conn: &Connection) -> rusqlite::Result<i64> {
    conn.prepare_cached("PRAGMA data_version")?.query_row([], |row| row.get(0))
}
