//! One daemon per database and per socket: locks, directories, stale sockets.

use crate::config::{Config, beside};
use crate::store::{InodeLock, Witness, holder};
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

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
    /// Device and inode of the socket that was bound.
    bound: Mutex<Option<(u64, u64)>>,
    witness: Option<Witness>,
    _socket_lock: File,
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
        // First, so that the error names the daemon that serves the database, and no lock of the socket is left.
        let witness = db.map(|path| claim_database(path, &about)).transpose()?;
        let (socket_lock, _) = lock(&config.socket)?;
        say(&socket_lock, &about).map_err(|error| InstanceError::unusable(&config.socket, error))?;
        Ok(Self {
            socket: config.socket.clone(),
            bound: Mutex::default(),
            witness,
            _socket_lock: socket_lock,
        })
    }

    /// Who vouches for the database, if it is a file.
    pub fn witness(&self) -> Option<Witness> {
        self.witness.clone()
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
        *self.bound.lock().unwrap_or_else(PoisonError::into_inner) = self.found();
        Ok(listener)
    }

    /// Whether the socket's name still stands for the one that was bound.
    pub fn is_bound(&self) -> bool {
        // The number of an inode is not used again while a socket is bound to it.
        let found = self.found();
        found.is_some() && found == *self.bound.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn found(&self) -> Option<(u64, u64)> {
        std::fs::symlink_metadata(&self.socket).ok().map(|found| (found.dev(), found.ino()))
    }

    /// Removes the socket, and gives up the locks. The database must be closed.
    pub fn release(self) {
        // What another program has put there is not ours to remove.
        if self.is_bound()
            && let Err(error) = std::fs::remove_file(&self.socket)
        {
            tracing::warn!(%error, "the socket could not be removed");
        }
    }
}

/// Locks a database by its name, so that it is one daemon's from before it is made, and by its inode.
fn claim_database(path: &Path, about: &str) -> Result<Witness, InstanceError> {
    let unusable = |error: io::Error| InstanceError::unusable(path, error);
    let (lock, said) = lock(path)?;
    // To open a pipe would wait for somebody to write into it; what is no regular file is refused later.
    let database = match path.metadata().is_ok_and(|found| found.is_file()) {
        true => {
            let taken = File::open(path).and_then(InodeLock::take).map_err(unusable)?;
            Some(taken.map_err(|file| {
                let holder =
                    holder(&file).unwrap_or_else(|| "it has the same file by another path".to_owned());
                InstanceError::Held { what: path.display().to_string(), holder }
            })?)
        }
        false => None,
    };
    Witness::new(path.to_owned(), lock, about.to_owned(), &said, database).map_err(unusable)
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

fn say(mut lock: &File, text: &str) -> io::Result<()> {
    lock.set_len(0)?;
    lock.rewind()?;
    lock.write_all(text.as_bytes())
}

/// Locks `<path>.lock`; answers what is in it. The file stays when the lock ends: removing it would let two daemons
/// lock two files of one name.
fn lock(path: &Path) -> Result<(File, String), InstanceError> {
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
            let holder = said.lines().next().unwrap_or("it has not said which").to_owned();
            return Err(InstanceError::Held { what: path.display().to_string(), holder });
        }
        Err(TryLockError::Error(error)) => return Err(unusable(error)),
    }
    file.set_permissions(std::fs::Permissions::from_mode(0o600)).map_err(unusable)?;
    Ok((file, said))
}
