//! Opens connections: identifies the file, and applies the settings.

use super::failure::OpenError;
use crate::limits::Limits;
use rusqlite::{Connection, OpenFlags};
use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;
use uuid::Uuid;

/// `application_id` of our databases: "Stin" in ASCII.
pub const APPLICATION_ID: i32 = i32::from_be_bytes(*b"Stin");

/// SQLite's number of `auto_vacuum=INCREMENTAL`.
pub(super) const INCREMENTAL: i64 = 2;

/// How often a writer that waits for a lock of another process checks whether the daemon is to stop.
pub(super) const LOCK_LOOK: Duration = Duration::from_millis(100);

/// Where a database is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// A file.
    File(PathBuf),
    /// Memory, under a unique name; it ends with the process.
    Memory(String),
}

impl Location {
    /// The location that `path` names: `:memory:`, or a file.
    pub fn new(path: &Path) -> Self {
        if path.as_os_str() == ":memory:" {
            Self::Memory(format!("file:/stinad-{}?vfs=memdb", Uuid::new_v4()))
        } else {
            Self::File(path.to_owned())
        }
    }

    /// Its name for people.
    pub fn display(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Memory(_) => ":memory:".to_owned(),
        }
    }

    /// The file, if it is one.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Memory(_) => None,
        }
    }

    /// The directory for temporary files: the one of the database file, else the system's.
    pub fn directory(&self) -> PathBuf {
        let beside = self.file().and_then(Path::parent).filter(|path| !path.as_os_str().is_empty());
        beside.map_or_else(std::env::temp_dir, Path::to_owned)
    }

    /// The name that SQLite opens.
    pub(super) fn name(&self) -> &Path {
        match self {
            Self::File(path) => path,
            Self::Memory(uri) => Path::new(uri),
        }
    }
}

/// Path of a file beside the database, such as its WAL.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Size of the database (`""`) or of a file beside it; 0 when it is missing.
pub(crate) fn file_bytes(path: &Path, suffix: &str) -> u64 {
    beside(path, suffix).metadata().map_or(0, |m| m.len())
}

/// What [`identify`] found at the path of the database.
pub(super) enum Found {
    Nothing,
    Ours,
}

/// Looks at the file's first bytes, without SQLite, so that a foreign file and its WAL stay as they are.
///
/// Source of the offsets: <https://www.sqlite.org/fileformat.html#the_database_header>.
pub(super) fn identify(path: &Path) -> Result<Found, OpenError> {
    let not_ours = |found: &str| OpenError::NotOurs { path: path.to_owned(), found: found.to_owned() };
    let mut header = Vec::with_capacity(100);
    // Opening a pipe would wait for a writer.
    match path.metadata() {
        Ok(found) if found.is_file() => _ = File::open(path)?.take(100).read_to_end(&mut header)?,
        Ok(_) => return Err(not_ours("it is no regular file")),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(error.into()),
    }
    if header.is_empty() {
        // SQLite would replay an orphaned WAL over a new database of that name.
        return match beside(path, "-wal").metadata() {
            Ok(wal) if wal.len() > 0 => Err(not_ours("it is empty or missing, but its -wal file holds data")),
            _ => Ok(Found::Nothing),
        };
    }
    if !header.starts_with(b"SQLite format 3\0") || header.len() < 100 {
        return Err(not_ours("it is no SQLite database"));
    }
    match header[68..72] == APPLICATION_ID.to_be_bytes() {
        true => Ok(Found::Ours),
        false if has_our_tables(path) => Err(OpenError::Unmarked { path: path.to_owned() }),
        false => Err(not_ours("it is an SQLite database of another program")),
    }
}

/// Whether a database without our application id has our tables: `.dump` loses the id.
fn has_our_tables(path: &Path) -> bool {
    let sql = "SELECT count(*) = 2 FROM sqlite_schema WHERE name IN ('core_migrations', 'core_changes')";
    let found = open_unchanged(path).and_then(|conn| conn.query_row(sql, [], |row| row.get(0)));
    found.unwrap_or(false)
}

/// Creates an empty file that only its owner can read, or makes an existing one private.
pub(super) fn private_file(path: &Path) -> std::io::Result<()> {
    let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(path)?;
    let mode = file.metadata()?.permissions().mode();
    if mode & 0o077 != 0 {
        file.set_permissions(std::fs::Permissions::from_mode(0o600))?;
    }
    Ok(())
}

/// Opens the one writable connection.
pub(super) fn writable(location: &Location, limits: &Limits) -> rusqlite::Result<Connection> {
    let conn = Connection::open_with_flags(
        location.name(),
        OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_URI
            | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    settings(&conn, limits)?;
    // Before anything is written: an existing file takes it over with its next VACUUM. One that has it would be written to.
    if conn.pragma_query_value(None, "auto_vacuum", |row| row.get::<_, i64>(0))? != INCREMENTAL {
        conn.pragma_update(None, "auto_vacuum", INCREMENTAL)?;
    }
    // *Deleted is deleted*: what is deleted is overwritten with zeros.
    conn.pragma_update(None, "secure_delete", true)?;
    if location.file().is_some() {
        conn.pragma_update(None, "journal_mode", "WAL")?;
    }
    conn.pragma_update(None, "synchronous", "FULL")?;
    #[cfg(target_os = "macos")]
    conn.pragma_update(None, "fullfsync", true)?;
    // Only `housekeeping::checkpoint` writes the database: see `witness`.
    conn.pragma_update(None, "wal_autocheckpoint", 0)?;
    keep_wal_when_closed(&conn, true)?;
    conn.pragma_update(None, "journal_size_limit", limits.wal_bytes)?;
    Ok(conn)
}

/// Whether closing the last connection leaves the WAL as it is, rather than checkpointing and removing it.
pub(super) fn keep_wal_when_closed(conn: &Connection, keep: bool) -> rusqlite::Result<()> {
    conn.set_db_config(rusqlite::config::DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, keep).map(drop)
}

/// Flags of every read-only connection.
pub(super) fn read_flags() -> OpenFlags {
    OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX
}

/// Opens a database that no daemon serves, to inspect it. Where it has no WAL and no journal, this does not even create the
/// files that SQLite creates beside a database in WAL mode.
pub(super) fn look_at(path: &Path) -> rusqlite::Result<Connection> {
    if file_bytes(path, "-wal") > 0 || file_bytes(path, "-journal") > 0 {
        return Connection::open_with_flags(path, read_flags());
    }
    open_unchanged(path)
}

/// Opens a database without its WAL and without locks, so that no file is created or changed.
fn open_unchanged(path: &Path) -> rusqlite::Result<Connection> {
    let mut uri = b"file:".to_vec();
    for byte in path.as_os_str().as_bytes() {
        match byte {
            // Source: <https://www.sqlite.org/uri.html>, section 3.1.
            b'?' | b'#' | b'%' => uri.extend(format!("%{byte:02X}").bytes()),
            byte => uri.push(*byte),
        }
    }
    uri.extend(b"?immutable=1");
    Connection::open_with_flags(Path::new(OsStr::from_bytes(&uri)), read_flags())
}

/// Settings that every connection has.
///
/// `temp_store` stays at its default: in memory, the journal of a savepoint is a list that SQLite walks from its start at
/// every statement with a trigger or a foreign key, and deleting 300,000 messages takes minutes instead of seconds.
pub(super) fn settings(conn: &Connection, limits: &Limits) -> rusqlite::Result<()> {
    conn.busy_timeout(limits.lock_wait)?;
    conn.pragma_update(None, "foreign_keys", true)?;
    conn.pragma_update(None, "trusted_schema", false)?;
    conn.set_prepared_statement_cache_capacity(256);
    Ok(())
}

/// Settings that every read-only connection has.
pub(super) fn read_settings(conn: &Connection, limits: &Limits) -> rusqlite::Result<()> {
    settings(conn, limits)?;
    conn.pragma_update(None, "query_only", true)
}

/// Reads the schema, and that of virtual tables, which SQLite would do in the first statement.
pub(super) fn warm_up(conn: &Connection) -> rusqlite::Result<()> {
    let mut tables = conn.prepare("PRAGMA table_list")?;
    let mut rows = tables.query([])?;
    while rows.next()?.is_some() {}
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_journal_of_a_savepoint_is_not_kept_in_memory() {
        let dir = tempfile::tempdir().unwrap();
        let conn = writable(&Location::new(&dir.path().join("x.db")), &Limits::default()).unwrap();
        let temp_store: i64 = conn.pragma_query_value(None, "temp_store", |row| row.get(0)).unwrap();
        // 2 is memory: see `settings`.
        assert_ne!(temp_store, 2);
    }
}
