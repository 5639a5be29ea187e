//! One daemon per database and per socket: locks, directories, stale sockets.

use crate::config::{Config, beside};
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

/// Why this daemon can't be the one.
#[derive(Debug, thiserror::Error)]
pub enum InstanceError {
    /// Another daemon holds the lock.
    #[error(
        "{what} is in use by another stinad ({holder}). Talk to that one, or stop it with `stinactl stop`."
    )]
    Held {
        /// The database or the socket.
        what: String,
        /// What the other wrote into its lock file.
        holder: String,
    },
    /// A directory or file that can't be used.
    #[error("{path}: {reason}")]
    Unusable {
        /// Which.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
}

impl InstanceError {
    fn unusable(path: &Path, reason: impl ToString) -> Self {
        Self::Unusable { path: path.to_owned(), reason: reason.to_string() }
    }
}

/// The right to serve this database at this socket. The locks end with the process, however it ends.
#[derive(Debug)]
pub struct Instance {
    socket: PathBuf,
    database: Option<DatabaseLock>,
    _socket_lock: File,
}

/// The lock of a database that is a file. While nobody serves it, its lock file says how the last daemon left it.
#[derive(Debug)]
struct DatabaseLock {
    path: PathBuf,
    file: File,
    was_touched: bool,
}

impl Instance {
    /// Makes the directories, and takes the locks.
    ///
    /// # Errors
    /// When another daemon holds one, or the place can't be used.
    pub fn claim(config: &Config) -> Result<Self, InstanceError> {
        let db = config.location.file();
        for path in db.into_iter().chain([config.socket.as_path()]) {
            prepare_directory(path, config.home.as_deref())?;
        }
        let about = format!(
            "pid {}, database {}, socket {}",
            std::process::id(),
            config.location.display(),
            config.socket.display()
        );
        let database = db.map(|path| {
            let (file, left) = lock(path, &about)?;
            let now = at_rest(path);
            let was_touched = left.starts_with(AT_REST) && now.is_some_and(|now| now != left);
            Ok(DatabaseLock { path: path.to_owned(), file, was_touched })
        });
        // First: who serves the database is told, and no lock of the socket is left.
        let database = database.transpose()?;
        let (socket_lock, _) = lock(&config.socket, &about)?;
        Ok(Self { socket: config.socket.clone(), database, _socket_lock: socket_lock })
    }

    /// Whether another program wrote to the database, or replaced it, after the last daemon had left it in order. Of
    /// one that crashed nothing is known.
    pub fn was_touched(&self) -> bool {
        self.database.as_ref().is_some_and(|database| database.was_touched)
    }

    /// Binds the socket. What lies there is removed only if it is a socket on which nobody listens: the lock is
    /// held, so nobody else of us is about to.
    ///
    /// # Errors
    /// When something else is there, or it can't be bound.
    pub fn listen(&self) -> Result<UnixListener, InstanceError> {
        let unusable = |reason: &dyn ToString| InstanceError::unusable(&self.socket, reason.to_string());
        match std::fs::symlink_metadata(&self.socket) {
            Ok(found) if !found.file_type().is_socket() => {
                return Err(unusable(&"is in the way: it is no socket"));
            }
            Ok(_) => match UnixStream::connect(&self.socket) {
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                    std::fs::remove_file(&self.socket).map_err(|e| unusable(&e))?;
                }
                Ok(_) => return Err(unusable(&"another program listens there")),
                Err(error) => return Err(unusable(&error)),
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(unusable(&error)),
        }
        let listener = UnixListener::bind(&self.socket).map_err(|error| match error.kind() {
            io::ErrorKind::InvalidInput => unusable(&"too long for a socket (about 100 bytes): choose a shorter one with --socket or STINA_SOCKET"),
            _ => unusable(&error),
        })?;
        std::fs::set_permissions(&self.socket, std::fs::Permissions::from_mode(0o600))
            .map_err(|e| unusable(&e))?;
        Ok(listener)
    }

    /// Removes the socket, notes how the database is left, and gives up the locks. The database must be closed.
    pub fn release(self) {
        if let Some(DatabaseLock { path, file, .. }) = &self.database
            && let Err(error) = at_rest(path).map_or(Ok(()), |left| say(file, &left))
        {
            tracing::warn!(%error, "the lock file could not be written");
        }
        if let Err(error) = std::fs::remove_file(&self.socket) {
            tracing::warn!(%error, "the socket could not be removed");
        }
    }
}

/// Mode bit of a directory in which everybody may make files, and remove only their own.
const STICKY: u32 = 0o1000;

/// Makes the directory of `path`, private to its owner. An existing one is made private only if it is Stina's
/// home: others are not ours to change.
fn prepare_directory(path: &Path, home: Option<&Path>) -> Result<(), InstanceError> {
    let Some(directory) = path.parent().filter(|p| !p.as_os_str().is_empty()) else { return Ok(()) };
    let unusable = |error: io::Error| InstanceError::unusable(directory, error);
    DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(unusable)?;
    if home != Some(directory) {
        return Ok(());
    }
    let found = directory.metadata().map_err(unusable)?;
    if found.uid() != rustix::process::geteuid().as_raw() {
        return Err(InstanceError::unusable(directory, "belongs to another user"));
    }
    let mode = found.permissions().mode();
    if mode & STICKY != 0 {
        return Err(InstanceError::unusable(directory, "is for all users, as /tmp is: choose another"));
    }
    if mode & 0o077 != 0 {
        std::fs::set_permissions(directory, std::fs::Permissions::from_mode(0o700)).map_err(unusable)?;
    }
    Ok(())
}

/// How a lock file begins that says how the database was left.
const AT_REST: &str = "at rest: ";

/// What tells a database that nobody has touched from another; `None` where there is none. The WAL counts too: whoever
/// has not closed the database yet has written there only.
fn at_rest(path: &Path) -> Option<String> {
    let file = print_of(path)?;
    let wal = print_of(&beside(path, "-wal")).unwrap_or_default();
    Some(format!("{AT_REST}{file} {wal}"))
}

/// What a file that holds something is known by again.
fn print_of(path: &Path) -> Option<String> {
    let found = path.metadata().ok().filter(|found| found.len() > 0)?;
    let (device, inode, bytes) = (found.dev(), found.ino(), found.len());
    Some(format!("{device} {inode} {bytes} {}.{:09}", found.mtime(), found.mtime_nsec()))
}

fn say(mut lock: &File, text: &str) -> io::Result<()> {
    lock.set_len(0)?;
    lock.rewind()?;
    lock.write_all(text.as_bytes())
}

/// Locks `<path>.lock`, and writes `about` into it; answers what was in it before. The file stays when the lock ends:
/// removing it would let two daemons lock two files of one name.
fn lock(path: &Path, about: &str) -> Result<(File, String), InstanceError> {
    // Two paths to one file are one file.
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let name = beside(&path, ".lock");
    let unusable = |error: io::Error| InstanceError::unusable(&name, error);
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&name)
        .map_err(unusable)?;
    let locked = file.try_lock();
    let mut said = String::new();
    // Not text, or not to be read: then it says nothing.
    _ = (&file).take(4096).read_to_string(&mut said);
    match locked {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            if said.is_empty() {
                "it has not said which".clone_into(&mut said);
            }
            return Err(InstanceError::Held { what: path.display().to_string(), holder: said });
        }
        Err(TryLockError::Error(error)) => return Err(unusable(error)),
    }
    file.set_permissions(std::fs::Permissions::from_mode(0o600)).map_err(unusable)?;
    say(&file, about).map_err(unusable)?;
    Ok((file, said))
}
