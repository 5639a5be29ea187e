//! The errors of the store, and the one table that maps them to the kinds that clients get.

use rusqlite::ErrorCode;
use std::path::PathBuf;
use stina_protocol::{Error, Fault};
use uuid::Uuid;

/// Result of an operation that fails with a [`Failure`].
pub type Result<T, E = Failure> = std::result::Result<T, E>;

/// Why an operation on the store failed.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// An error that the client gets as it is.
    #[error(transparent)]
    Protocol(#[from] Error),
    /// SQLite failed.
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    /// No read connection was free in time.
    #[error("no read connection: {0}")]
    Pool(#[from] r2d2::Error),
    /// A value could not be written as JSON.
    #[error("cannot serialize: {0}")]
    Serialize(#[from] serde_json::Error),
    /// A temporary file failed.
    #[error("temporary file: {0}")]
    File(#[from] std::io::Error),
    /// The database holds an impossible value. The text is for people, without user data.
    #[error("damaged: {0}")]
    Corrupt(String),
    /// A read tried to run a statement that writes.
    #[error("a read would have run a statement that writes")]
    Writes,
    /// A panic in a method.
    #[error("a method panicked: {0}")]
    Panic(String),
    /// A step of a transaction failed.
    #[error("step {index}: {failure}")]
    Step {
        /// Which, from 0.
        index: usize,
        /// Why.
        failure: Box<Failure>,
    },
}

/// A call, as the log names it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Called {
    /// Its method.
    pub(crate) method: &'static str,
    /// Id of its peer.
    pub(crate) peer: u64,
}

impl Called {
    /// What the daemon writes itself.
    pub(crate) const BY_DAEMON: Self = Self { method: "", peer: 0 };

    /// The fault that the client gets, as [`Failure::into_fault`]. A span for each call would cost as much as reading a
    /// small value, so there is one for the failed ones only.
    pub(crate) fn fault(self, failure: Failure) -> Fault {
        match failure {
            Failure::Protocol(error) => error.into(),
            failure => {
                let Self { method, peer } = self;
                tracing::error_span!("call", method, peer).in_scope(|| failure.into_fault())
            }
        }
    }
}

impl Failure {
    /// The fault that the client gets. The details go to the log, under the id that the fault carries.
    pub fn into_fault(self) -> Fault {
        match self {
            Self::Protocol(error) => error.into(),
            Self::Step { index, failure } => Fault { index: Some(index), ..failure.into_fault() },
            // Only a shutdown interrupts.
            Self::Sqlite(error) if error.sqlite_error_code() == Some(ErrorCode::OperationInterrupted) => {
                Error::ShuttingDown.into()
            }
            Self::Sqlite(_)
            | Self::Pool(_)
            | Self::Serialize(_)
            | Self::File(_)
            | Self::Corrupt(_)
            | Self::Writes
            | Self::Panic(_) => {
                let error_id = Uuid::new_v4().simple().to_string();
                let error = self.on_the_wire();
                tracing::error!(error_id, kind = %error, "{}", self.for_log());
                Fault { error_id: Some(error_id), ..error.into() }
            }
        }
    }

    /// The kind of error that stands for this one on the wire.
    fn on_the_wire(&self) -> Error {
        match self {
            Self::Protocol(error) => error.clone(),
            Self::Step { failure, .. } => failure.on_the_wire(),
            Self::Pool(_) => Error::Busy,
            Self::Serialize(_) | Self::Writes | Self::Panic(_) => Error::Internal,
            Self::Corrupt(_) => Error::Corrupt,
            Self::File(error) => match error.kind() {
                std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => Error::StorageFull,
                _ => Error::Io,
            },
            Self::Sqlite(error) => match error.sqlite_error_code() {
                Some(ErrorCode::DiskFull) => Error::StorageFull,
                Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => Error::ReadOnly,
                Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Error::Corrupt,
                Some(ErrorCode::SystemIoFailure | ErrorCode::CannotOpen) => Error::Io,
                Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Error::Busy,
                Some(ErrorCode::TooBig) => Error::TooLarge { limit: 1_000_000_000 },
                _ => Error::Internal,
            },
        }
    }

    /// Text for the log: SQLite's message without the SQL, which may hold user data.
    fn for_log(&self) -> String {
        match self {
            Self::Sqlite(rusqlite::Error::SqlInputError { error, msg, .. }) => format!("{error}: {msg}"),
            other => other.to_string(),
        }
    }
}

/// Why the store could not be opened. Its text is for the person who started the daemon.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file is not a database of stinad.
    #[error(
        "{path} is not a database of stinad ({found}); it was left untouched. Name another file with --db or STINA_DB_PATH."
    )]
    NotOurs {
        /// The file.
        path: PathBuf,
        /// What it is instead.
        found: String,
    },
    /// The file is empty, and was a database.
    #[error(
        "{path} is empty, and was a database: it is damaged. It was left untouched. Put a copy in its place, or remove it to begin with an empty database."
    )]
    Emptied {
        /// The file.
        path: PathBuf,
    },
    /// The `-wal` file belongs to another database.
    #[error("{wal} is not the WAL of {path}, which was put there or written by another program since: to open them together would damage the database. Both were left untouched. To serve {path} as it is, put the other aside and start again: mv {from} {to}", path = path.display(), wal = wal.display(), from = quoted(wal), to = quoted(aside))]
    StaleWal {
        /// The database.
        path: PathBuf,
        /// The foreign `-wal` file.
        wal: PathBuf,
        /// A free name to move it to.
        aside: PathBuf,
    },
    /// The file has our tables, but not our application id.
    #[error("{path} has the tables of stinad but not its mark, as when it was created from a dump. It was left untouched. If it is yours, mark it and start again: sqlite3 {file} 'PRAGMA application_id = {id}'", path = path.display(), file = quoted(path), id = super::APPLICATION_ID)]
    Unmarked {
        /// The file.
        path: PathBuf,
    },
    /// The database has migrations that this binary does not know.
    #[error("{path} needs stinad {needed} or newer: it has migration {migration}, which stinad {this} does not know. It was left untouched.", this = env!("CARGO_PKG_VERSION"))]
    Newer {
        /// The file.
        path: PathBuf,
        /// Version of the daemon that applied the migration.
        needed: String,
        /// `module/version name`.
        migration: String,
    },
    /// An applied migration has another text in this binary.
    #[error("{path} was created with another text of migration {migration} (applied by stinad {applied_by}); this stinad {this} does not match it. It was left untouched.", this = env!("CARGO_PKG_VERSION"))]
    Changed {
        /// The file.
        path: PathBuf,
        /// `module/version name`.
        migration: String,
        /// Version of the daemon that applied it.
        applied_by: String,
    },
    /// The copy before migrating failed or does not verify.
    #[error("the safety copy {path} before migrating failed, so nothing was migrated: {reason}")]
    Copy {
        /// The copy.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A migration failed; it was rolled back.
    #[error("migration {migration} failed and was rolled back: {source}")]
    Migration {
        /// `module/version name`.
        migration: String,
        /// Why.
        source: rusqlite::Error,
    },
    /// A migration left rows that refer to missing ones; it was rolled back.
    #[error(
        "migration {migration} failed and was rolled back: a row of {table} refers to a missing row of {parent}"
    )]
    ForeignKeys {
        /// `module/version name`.
        migration: String,
        /// Table of the row.
        table: String,
        /// Table that it refers to.
        parent: String,
    },
    /// SQLite or the file system failed.
    #[error("cannot open the database {path}: {reason}")]
    Unusable {
        /// The database.
        path: String,
        /// Why.
        reason: String,
    },
    /// SQLite failed.
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    /// The file system failed.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// The readers could not be opened.
    #[error(transparent)]
    Readers(#[from] r2d2::Error),
}

/// A path, quoted for a shell.
fn quoted(path: &std::path::Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', r"'\''"))
}

impl OpenError {
    /// The same, with the database that it is about.
    pub(super) fn of(self, path: String) -> Self {
        let unusable = |reason: String| Self::Unusable { path, reason };
        match self {
            Self::Sqlite(error) => unusable(error.to_string()),
            Self::Io(error) => unusable(error.to_string()),
            Self::Readers(error) => unusable(error.to_string()),
            named => named,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rusqlite::ffi;

    #[test]
    fn sqlite_codes_become_the_kinds_of_the_table() {
        for (code, kind) in [
            (ffi::SQLITE_FULL, Error::StorageFull),
            (ffi::SQLITE_READONLY, Error::ReadOnly),
            (ffi::SQLITE_CORRUPT, Error::Corrupt),
            (ffi::SQLITE_NOTADB, Error::Corrupt),
            (ffi::SQLITE_IOERR_FSYNC, Error::Io),
            (ffi::SQLITE_BUSY_SNAPSHOT, Error::Busy),
            (ffi::SQLITE_CONSTRAINT_CHECK, Error::Internal),
        ] {
            let failure = Failure::Sqlite(rusqlite::Error::SqliteFailure(ffi::Error::new(code), None));
            let fault = failure.into_fault();
            assert_eq!(fault.error, kind);
            assert!(fault.error_id.is_some(), "the log has more");
        }
    }

    #[test]
    fn a_read_that_would_write_is_internal_and_logged() {
        let fault = Failure::Writes.into_fault();
        assert_eq!(fault.error, Error::Internal);
        assert!(fault.error_id.is_some(), "the log has more");
    }
}
