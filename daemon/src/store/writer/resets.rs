//! The reset that the writer logs when another process has written to the database.

use super::Thread;
use crate::store::epoch::{self, Left};
use crate::store::fatal::Fatal;
use crate::store::revision::Revision;
use crate::store::{Witness, migrate, recording};
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

impl Thread {
    /// Commits a reset if another process has written, without waiting for a job.
    pub(super) fn check_for_foreign(&mut self) {
        if !self.is_in_place() {
            return;
        }
        match data_version(&self.conn) {
            Ok(version) if version == self.seen => return,
            Ok(_) => {}
            Err(error) => return tracing::warn!(%error, "can't tell whether another process wrote"),
        }
        let mut rev = self.head;
        match self.begin() {
            Ok(()) => {
                let reset = self.log_foreign(&mut rev);
                self.commit(reset, Vec::new(), rev);
            }
            // The next batch checks again.
            Err(error) => tracing::warn!(%error, "can't log that another process wrote"),
        }
    }

    /// Logs a reset if another process has committed: its changes are in no revision, so what subscribers hold is void.
    /// It runs within a transaction, where no further lock is needed.
    pub(super) fn log_foreign(&self, rev: &mut u64) -> Option<Reset> {
        let logged = data_version(&self.conn).and_then(|seen| {
            if seen == self.seen {
                return Ok(None);
            }
            let (reason, epoch) = match epoch::look(&self.conn, &self.epoch, self.head, &self.schema)? {
                Left::ThisHistory => (ResetReason::External, None),
                Left::Another(head) => {
                    // Revisions never go back, whatever was restored.
                    *rev = head.max(*rev);
                    (ResetReason::Restored, Some(migrate::renew_epoch(&self.conn)?))
                }
                Left::Unknown => {
                    self.witness.iter().for_each(Witness::disown);
                    self.end(Fatal::Exchanged);
                    return Ok(None);
                }
            };
            tracing::warn!(?reason, "another process wrote to the database");
            let revision = recording::append_reset(&self.conn, *rev + 1, self.clock.now(), reason)?;
            *rev += 1;
            Ok(Some(Reset { seen, revision, epoch }))
        });
        logged.unwrap_or_else(|error| {
            tracing::warn!(%error, "can't log whether another process wrote");
            None
        })
    }
}

pub(super) fn data_version(conn: &Connection) -> rusqlite::Result<i64> {
    conn.prepare_cached("PRAGMA data_version")?.query_row([], |row| row.get(0))
}
