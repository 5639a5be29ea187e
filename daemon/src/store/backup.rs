//! Copies of the database: complete, verified, synced to disk, private.

use super::OpenError;
use super::connection::{self, beside};
use rusqlite::Connection;
use std::fs::File;
use std::path::{Path, PathBuf};

/// A name for a copy beside the database: `<db>.<why>-<UTC time>`.
pub(super) fn copy_path(db: &Path, why: &str, now: i64) -> PathBuf {
    let time = jiff::Timestamp::from_millisecond(now).unwrap_or_default();
    beside(db, &format!(".{why}-{}", time.strftime("%Y%m%dT%H%M%S%.3fZ")))
}

/// Copies the database at `from`, its WAL included, to the new file `to`, and checks the copy.
///
/// `from` is not written to. A failed copy is removed.
pub(super) fn verified_copy(from: &Path, to: &Path) -> Result<(), OpenError> {
    copy(from, to).map_err(|reason| {
        // A partial copy must not look like a complete one.
        let _ = std::fs::remove_file(to);
        OpenError::Copy { path: to.to_owned(), reason }
    })
}

fn copy(from: &Path, to: &Path) -> Result<(), String> {
    let text = |error: &dyn std::error::Error| error.to_string();
    let source = Connection::open_with_flags(from, connection::read_flags()).map_err(|e| text(&e))?;
    connection::private_file(to).map_err(|e| text(&e))?;
    let target = to.to_str().ok_or("its path is not UTF-8")?;
    source.execute("VACUUM INTO ?", [target]).map_err(|e| text(&e))?;
    let copied = Connection::open_with_flags(to, connection::read_flags()).map_err(|e| text(&e))?;
    let verdict: String =
        copied.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0)).map_err(|e| text(&e))?;
    if verdict != "ok" {
        return Err(format!("it does not verify: {verdict}"));
    }
    File::open(to).and_then(|file| file.sync_all()).map_err(|e| text(&e))?;
    sync_directory(to).map_err(|e| text(&e))
}

/// Removes all but the newest copies with that reason.
pub(super) fn remove_old_copies(db: &Path, why: &str, kept: usize) {
    let prefix = beside(db, &format!(".{why}-"));
    let (Some(directory), Some(prefix)) = (prefix.parent(), prefix.file_name()) else { return };
    let entries = std::fs::read_dir(directory).into_iter().flatten().filter_map(Result::ok);
    let is_copy = |name: &std::ffi::OsString| name.as_encoded_bytes().starts_with(prefix.as_encoded_bytes());
    let mut copies: Vec<_> = entries.map(|entry| entry.file_name()).filter(is_copy).collect();
    // Their names end with the time, which sorts.
    copies.sort_unstable();
    copies.truncate(copies.len().saturating_sub(kept));
    for copy in copies {
        if let Err(error) = std::fs::remove_file(directory.join(&copy)) {
            tracing::warn!(%error, ?copy, "an old copy could not be removed");
        }
    }
}

/// Syncs the directory of a new or renamed file, so that its entry is durable.
pub(super) fn sync_directory(file: &Path) -> std::io::Result<()> {
    match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => File::open(parent)?.sync_all(),
        _ => File::open(".")?.sync_all(),
    }
}
