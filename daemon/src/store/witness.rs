//! Whether the database is what the daemon left: while it runs, and from one daemon to the next.
//!
//! A client's cursor is valid as long as the database continues from where it was. A copy that is put in its place, while
//! a daemon runs or while none does, begins another history. So the daemon must know that the file is the one that it wrote.
//! A copying program can set a file's inode, size and time of writing (`cp -a` does), but not the time of its last *change*
//! (ctime). So these make the [`Print`] of a file, and the lock file keeps a [`Record`] of it for the next daemon.
//!
//! In WAL mode the database itself is written by a checkpoint only, and all our checkpoints are made by
//! `housekeeping::checkpoint`: SQLite makes none by itself, neither within a commit nor when a connection is closed. So nothing
//! is noted for a commit. The record is written
//! - as `writing`, with what the database then holds (epoch and revision), before a checkpoint, a migration, and the end;
//! - as `serving` after them, once the file and its times are on disk;
//! - as `atRest` after the last connection was closed.
//!
//! How the next daemon judges it stands in [`judge`].
//!
//! While the daemon runs, it looks before and after each COMMIT ([`Witness::look`]). What changed the file lawfully is
//! known from the head of the `-shm` file, where SQLite keeps how far checkpoints have come: a checkpoint of another
//! process shows there, `cp` does not. After each checkpoint of our own, the pages that it moved are compared with what the
//! file holds: `cp` may have come in its middle.
//!
//! A descriptor of the database and one of its `-shm` are held from before SQLite's to after them, and never closed
//! between: closing any descriptor of a file drops all POSIX locks that the process has on it, SQLite's too. For that reason
//! nothing else here may open those files while a connection is open.

use super::connection::{beside, file_bytes};
use super::inode_lock::InodeLock;
use super::wal::Progress;
use serde::{Deserialize, Serialize};
use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

/// What a file is known by again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Print {
    pub(super) inode: u64,
    pub(super) bytes: u64,
    /// Time of the last change of content or inode: seconds and nanoseconds. No program can set it.
    pub(super) changed: (i64, i64),
    /// Time of the last change of content.
    pub(super) written: (i64, i64),
}

impl Print {
    fn of(found: &Metadata) -> Self {
        Self {
            inode: found.ino(),
            bytes: found.len(),
            changed: (found.ctime(), found.ctime_nsec()),
            written: (found.mtime(), found.mtime_nsec()),
        }
    }

    pub(super) fn at(path: &Path) -> Option<Self> {
        path.metadata().ok().map(|found| Self::of(&found))
    }

    /// Whether only the inode was changed (`chmod`, another link); or the same bytes were put there with their times.
    pub(super) fn has_content_of(&self, other: &Self) -> bool {
        (self.inode, self.bytes, self.written) == (other.inode, other.bytes, other.written)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum State {
    /// No daemon serves it, and the last one ended in order.
    AtRest,
    /// The file is as it was after the last checkpoint; what was committed since is in the WAL.
    Serving,
    /// The file is being written.
    Writing,
}

/// What the lock file says about the database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) state: State,
    /// When this was written, in seconds since the Unix epoch.
    pub(super) at: i64,
    pub(super) file: Print,
    pub(super) wal: Option<Print>,
    /// What the file holds once the writing is done.
    pub(super) epoch: String,
    pub(super) rev: u64,
    /// Whether the epoch was to be renewed, and was not yet.
    pub(super) renew: bool,
}

/// What the last daemon wrote into the lock file.
#[derive(Debug, Default)]
pub(super) struct Before {
    pub(super) record: Option<Record>,
    /// Whether there was a database, as far as is known.
    pub(super) had_database: bool,
}

impl Before {
    /// The first line of a lock file is for people; the second is the record, `null` while there was no database.
    /// Earlier builds wrote the first line only.
    fn parse(said: &str) -> Self {
        match said.lines().nth(1) {
            Some(line) => {
                let record: Option<Record> = serde_json::from_str(line).unwrap_or_default();
                Self { had_database: record.is_some(), record }
            }
            None => Self { record: None, had_database: !said.trim().is_empty() },
        }
    }
}

/// What is known of the files of an open database.
#[derive(Debug)]
struct Known {
    file: Print,
    /// Device and inode of the database, its WAL, and its shared memory, by path.
    places: [(PathBuf, (u64, u64)); 3],
    shm: File,
    progress: Progress,
    /// The WAL as it was right after our last commit or checkpoint.
    our_wal: Option<Print>,
    epoch: String,
    rev: u64,
    renew: bool,
    /// Somebody wrote over it during a checkpoint.
    is_overwritten: bool,
}

/// What a look at the files says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    /// They are what they were, but for what SQLite may do.
    Same,
    /// One of them is not where it was.
    Gone,
    /// The database was written past SQLite.
    Overwritten,
}

/// Vouches for a database that is a file; cheap to clone.
#[derive(Debug, Clone)]
pub struct Witness(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    lock: File,
    /// First line of the lock file.
    holder: String,
    before: Before,
    database: Mutex<Option<InodeLock>>,
    /// Once it is open.
    known: Mutex<Option<Known>>,
}

impl Witness {
    /// What the lock file said when this daemon started.
    pub(super) fn before(&self) -> &Before {
        &self.0.before
    }

    /// A witness that keeps its record in `lock`, the locked lock file, which says `said`. `database` is the open
    /// and locked file, where there is one yet.
    ///
    /// # Errors
    /// When the lock file can't be written.
    pub(crate) fn new(
        path: PathBuf,
        lock: File,
        holder: String,
        said: &str,
        database: Option<InodeLock>,
    ) -> io::Result<Self> {
        let before = Before::parse(said);
        let (database, known) = (Mutex::new(database), Mutex::new(None));
        let inner = Inner { path, lock, holder, before, database, known };
        inner.write(inner.before.record.as_ref())?;
        Ok(Self(Arc::new(inner)))
    }

    /// The database.
    pub(super) fn path(&self) -> &Path {
        &self.0.path
    }

    /// Notes that the database is about to be written, before SQLite does anything to it; with `renew`, that its history is
    /// in doubt.
    pub(super) fn opening(&self, renew: bool) {
        let Some(file) = Print::at(&self.0.path) else { return };
        let wal = Print::at(&beside(&self.0.path, "-wal"));
        let (epoch, rev) = match &self.0.before.record {
            Some(record) => (record.epoch.clone(), record.rev),
            None => (String::new(), 0),
        };
        let renew = renew || self.0.before.record.is_none();
        let record = Record { state: State::Writing, at: now(), file, wal, epoch, rev, renew };
        self.0.write_or_log(Some(&record));
    }

    /// Notes that the database is open, and will be written by checkpoints only. From now on there is something to look at.
    pub(super) fn serving(&self, epoch: &str, rev: u64) -> io::Result<()> {
        let path = &self.0.path;
        let mut database = self.0.database();
        if database.is_none() {
            let taken = InodeLock::take(File::open(path)?)?;
            *database = Some(taken.map_err(|_| io::Error::other("another program has just locked it"))?);
        }
        drop(database);
        let shm = File::open(beside(path, "-shm"))?;
        let place = |suffix| -> io::Result<_> {
            let path = beside(path, suffix);
            let found = path.metadata()?;
            Ok((path, (found.dev(), found.ino())))
        };
        let places = [place("")?, place("-wal")?, place("-shm")?];
        let known = Known {
            file: Print::of(&path.metadata()?),
            progress: Progress::read(&shm)?,
            our_wal: Print::at(&places[1].0),
            places,
            shm,
            epoch: epoch.to_owned(),
            rev,
            renew: false,
            is_overwritten: false,
        };
        self.0.note(&known, State::Serving);
        *self.0.known() = Some(known);
        Ok(())
    }

    /// The epoch that the database has from now on.
    pub(super) fn set_epoch(&self, epoch: &str) {
        if let Some(known) = self.0.known().as_mut() {
            epoch.clone_into(&mut known.epoch);
        }
    }

    /// Looks whether the files are what they were. A look that fails shows nothing.
    pub(super) fn look(&self) -> Look {
        let mut guard = self.0.known();
        let Some(known) = guard.as_mut() else { return Look::Same };
        if known.is_overwritten {
            return Look::Overwritten;
        }
        let found = known.places.each_ref().map(|(path, place)| match path.metadata() {
            Ok(there) if (there.dev(), there.ino()) == *place => Ok(Print::of(&there)),
            Ok(_) => Err(Look::Gone),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(Look::Gone),
            Err(_) => Err(Look::Same),
        });
        let (file, wal) = match found {
            [Err(look), ..] | [_, Err(look), _] | [.., Err(look)] => return look,
            [Ok(file), Ok(wal), Ok(_)] => (file, wal),
        };
        let Ok(progress) = Progress::read(&known.shm) else { return Look::Same };
        // Twice: another process may have cut it and gone on writing between the two looks.
        let is_short = || progress.is_more_than(file_bytes(&self.0.path, "-wal"));
        if progress.is_more_than(wal.bytes) && is_short() {
            return Look::Overwritten;
        }
        if file == known.file {
            known.progress = progress;
            return Look::Same;
        }
        if !file.has_content_of(&known.file) && !progress.tells_of_a_checkpoint_since(&known.progress) {
            return Look::Overwritten;
        }
        (known.file, known.progress) = (file, progress);
        let state = if progress.to_move > progress.moved { State::Writing } else { State::Serving };
        self.0.note(known, state);
        Look::Same
    }

    /// Notes that we have just written the WAL.
    pub(super) fn has_written_wal(&self) {
        if let Some(known) = self.0.known().as_mut() {
            known.our_wal = Print::at(&known.places[1].0);
        }
    }

    /// Whether nobody but us has written the WAL since our last commit or checkpoint.
    pub(super) fn is_wal_ours(&self) -> bool {
        let known = self.0.known();
        known.as_ref().is_some_and(|known| {
            known
                .our_wal
                .as_ref()
                .is_some_and(|ours| Print::at(&known.places[1].0).is_some_and(|now| now.has_content_of(ours)))
        })
    }

    /// Frames of the WAL that were not yet moved into the database when it was last looked at.
    pub(super) fn frames_to_move(&self) -> u32 {
        self.0.known().as_ref().map_or(0, |known| known.progress.frames.saturating_sub(known.progress.moved))
    }

    /// Notes that the file is about to be written up to this revision; returns whether it may be. A file that was moved
    /// away is still written, so that it is complete in its new place; then nothing is noted beside its replacement.
    pub(super) fn begin_writing(&self, rev: u64) -> bool {
        match self.look() {
            Look::Overwritten => return false,
            Look::Gone => return true,
            Look::Same => {}
        }
        if let Some(known) = self.0.known().as_mut() {
            known.rev = rev;
            self.0.note(known, State::Writing);
        }
        // Again, as the note took a while.
        self.look() != Look::Overwritten
    }

    /// Takes in what a checkpoint has written; answers whether the file holds it. It does not if somebody wrote over it
    /// meanwhile.
    pub(super) fn has_written(&self) -> bool {
        let (mut guard, database) = (self.0.known(), self.0.database());
        let (Some(database), Some(known), Ok(found)) = (&*database, guard.as_mut(), self.0.path.metadata())
        else {
            return true;
        };
        let is_there = known.places[0].1 == (found.dev(), found.ino());
        let Some(progress) = Progress::read(&known.shm).ok().filter(|_| is_there) else { return true };
        // The print is from before the comparison: what is written over it later has another.
        known.is_overwritten = !progress.is_in(database.file(), &self.0.path, &known.progress);
        (known.file, known.progress) = (Print::of(&found), progress);
        !known.is_overwritten
    }

    /// Notes that the writing is done.
    pub(super) fn end_writing(&self) {
        if self.look() == Look::Same
            && let Some(known) = self.0.known().as_mut()
        {
            self.0.note(known, State::Serving);
            known.our_wal = Print::at(&known.places[1].0);
        }
    }

    /// The content of the file is in doubt: the next daemon begins a new epoch.
    pub(super) fn disown(&self) {
        if let Some(known) = self.0.known().as_mut() {
            known.renew = true;
            self.0.note(known, State::Serving);
        }
    }

    /// Notes that it was closed in order.
    pub(super) fn at_rest(&self) {
        if let Some(known) = self.0.known().as_mut() {
            self.0.note(known, State::AtRest);
        }
    }
}

impl Inner {
    fn known(&self) -> MutexGuard<'_, Option<Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn database(&self) -> MutexGuard<'_, Option<InodeLock>> {
        self.database.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, known: &Known, state: State) {
        // The times that are noted must be those that are found after a loss of power.
        if let Some(Err(error)) = self.database().as_ref().map(|database| database.file().sync_all()) {
            tracing::warn!(%error, "the database could not be synced");
        }
        let record = Record {
            state,
            at: now(),
            file: known.file.clone(),
            wal: Print::at(&beside(&self.path, "-wal")),
            epoch: known.epoch.clone(),
            rev: known.rev,
            renew: known.renew,
        };
        self.write_or_log(Some(&record));
    }

    /// A disk that is full, say, is no reason to serve no more.
    fn write_or_log(&self, record: Option<&Record>) {
        if let Err(error) = self.write(record) {
            tracing::warn!(%error, "the lock file could not be written; the next start may begin a new epoch");
        }
    }

    /// In place, and never empty in between, which a crash would leave.
    fn write(&self, record: Option<&Record>) -> io::Result<()> {
        let text = format!("{}\n{}\n", self.holder, serde_json::to_string(&record)?);
        self.lock.write_all_at(text.as_bytes(), 0)?;
        self.lock.set_len(text.len() as u64)?;
        self.lock.sync_data()
    }
}

pub(super) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
