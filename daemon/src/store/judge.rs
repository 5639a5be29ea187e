//! Judging, before anything is touched, whether a database is what the last daemon left.
//!
//! | the record says | the database | its `-wal` holds nothing | its `-wal` holds something |
//! |---|---|---|---|
//! | `atRest`, `serving` | as recorded | same, if it is as recorded; else another wrote | same, if it is the recorded file: a crash |
//! | | changed | a copy, or another wrote: renew | refuse |
//! | `writing` | as recorded | same | same: the crash came before the first page |
//! | | changed | same, if it holds what was being written | same, if the checkpoint had begun: a crash in its middle |
//! | none | | renew | renew if the two fit, else refuse |
//!
//! Refused is what would be damaged by being opened: SQLite replays a `-wal` into whatever lies beside it.

use super::connection::{self, Found, beside};
use super::witness::{Print, Record, State, Witness, now};
use super::{OpenError, backup, wal};
use std::path::Path;

/// Whether the history goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) enum Verdict {
    /// There is none yet.
    New,
    /// This file, unchanged, is what the last daemon left.
    Same,
    /// It is, if it holds the newest revision that was to be written, and none after it.
    SameIfNewest,
    /// It is not known to be the file that the last daemon left.
    Renew,
}

impl Verdict {
    /// Whether the history goes on, now that the database can be read: in this epoch, with this newest revision.
    pub(in crate::store) fn goes_on(self, witness: &Witness, epoch: &str, head: u64) -> bool {
        // Another program may have restored a copy through SQLite just before the last daemon died.
        let recorded = witness.before().record.as_ref().filter(|record| record.epoch == epoch);
        match self {
            Self::New => true,
            Self::Same => recorded.is_some_and(|record| record.rev <= head),
            Self::SameIfNewest => recorded.is_some_and(|record| record.rev == head),
            Self::Renew => false,
        }
    }
}

/// Seconds that a checkpoint may have taken. What was written to the file later was written by somebody else.
const CHECKPOINT: i64 = 10;

/// Judges the database of `witness`.
pub(in crate::store) fn judge(witness: &Witness) -> Result<Verdict, OpenError> {
    let (path, before) = (witness.path(), witness.before());
    let file = Print::at(path);
    if before.had_database && file.as_ref().is_some_and(|file| file.bytes == 0) {
        return Err(OpenError::Emptied { path: path.to_owned() });
    }
    if matches!(connection::identify(path)?, Found::Nothing) {
        return Ok(Verdict::New);
    }
    let Some(file) = file else { return Ok(Verdict::New) };
    let wal = Print::at(&beside(path, "-wal"));
    let Some(record) = &before.record else {
        let is_fit = wal.is_none_or(|wal| wal.bytes == 0) || is_sound(path);
        return if is_fit { Ok(Verdict::Renew) } else { Err(stale(path)) };
    };
    let verdict = match wal {
        Some(wal) if wal.bytes > 0 => with_wal(path, record, &file, &wal).ok_or_else(|| stale(path))?,
        wal => without_wal(path, record, &file, wal.as_ref()),
    };
    Ok(if record.renew { Verdict::Renew } else { verdict })
}

/// Of a database whose WAL holds something; `None` where the two do not belong together.
fn with_wal(path: &Path, record: &Record, file: &Print, wal: &Print) -> Option<Verdict> {
    let is_same_wal = record.wal.as_ref().is_some_and(|before| before.inode == wal.inode);
    match record.state {
        State::AtRest if record.file == *file && is_recorded(record, Some(wal)) => Some(Verdict::Same),
        State::Serving if record.file == *file && is_same_wal => Some(Verdict::Same),
        // Another program has begun a WAL, or gone on with it. One that is older than the file is not the file's.
        State::AtRest | State::Serving
            if record.file == *file && (is_same_wal || wal.written >= file.changed) =>
        {
            Some(Verdict::Renew)
        }
        State::AtRest | State::Serving if file.has_content_of(&record.file) && is_same_wal => {
            Some(Verdict::Renew)
        }
        State::AtRest | State::Serving => None,
        State::Writing if record.file.inode != file.inode || (record.wal.is_some() && !is_same_wal) => None,
        State::Writing if record.file == *file || wal::is_partly_moved(path) => Some(Verdict::Same),
        // After a loss of power the pages may have come to the disk in any order.
        State::Writing if was_just_then(record, file) && is_sound(path) => Some(Verdict::Renew),
        State::Writing => None,
    }
}

/// Of a database whose WAL holds nothing, or is not there.
fn without_wal(path: &Path, record: &Record, file: &Print, wal: Option<&Print>) -> Verdict {
    let had_wal = record.wal.as_ref().is_some_and(|wal| wal.bytes > 0);
    match record.state {
        State::Serving if record.file == *file && is_recorded(record, wal) => Verdict::Same,
        State::AtRest | State::Writing if record.file == *file && !had_wal => Verdict::Same,
        // The checkpoint was done, as the WAL is cut after it, and only the note of it is missing.
        State::Writing
            if record.file.inode == file.inode && was_just_then(record, file) && is_sound(path) =>
        {
            Verdict::SameIfNewest
        }
        _ => Verdict::Renew,
    }
}

/// Whether the WAL is as recorded, but for its times of change: SQLite sets the owner of one that it opens as root.
fn is_recorded(record: &Record, wal: Option<&Print>) -> bool {
    matches!((&record.wal, wal), (Some(before), Some(now)) if now.has_content_of(before))
}

/// Whether the file was last changed when the record says that it was being written.
fn was_just_then(record: &Record, file: &Print) -> bool {
    // The clock of file times lags a little behind the one that was asked.
    (record.at - 1..=record.at + CHECKPOINT).contains(&file.changed.0)
}

/// Whether SQLite finds no fault with the database and its WAL.
fn is_sound(path: &Path) -> bool {
    let shm = beside(path, "-shm");
    let had_shm = shm.exists();
    let verdict = connection::look_at(path)
        .and_then(|conn| conn.query_row("PRAGMA integrity_check(1)", [], |row| row.get::<_, String>(0)));
    if !had_shm {
        // SQLite made it in order to look; remove it, so that the look leaves no trace.
        let _ = std::fs::remove_file(&shm);
    }
    verdict.is_ok_and(|verdict| verdict == "ok")
}

fn stale(path: &Path) -> OpenError {
    let wal = beside(path, "-wal");
    let aside = backup::copy_path(&wal, "aside", now().saturating_mul(1000));
    OpenError::StaleWal { path: path.to_owned(), wal, aside }
}
