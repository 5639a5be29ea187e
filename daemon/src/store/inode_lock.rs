//! One file, one daemon: the lock is on the database itself, by whatever path it is reached.
//!
//! On Linux it is a `flock`, which SQLite's POSIX locks know nothing of, and which links, bind mounts and containers can't
//! lead around. Where the two are one kind of lock (the BSDs, macOS, and network file systems under Linux), it would keep SQLite itself out:
//! there it is a file in the directory for temporary files that is named by device and inode.

use std::fs::{File, TryLockError};
use std::io;

/// The locked database.
#[derive(Debug)]
pub(crate) struct InodeLock {
    file: File,
    _key: Option<File>,
}

impl InodeLock {
    /// Locks the file; `Err` gives it back when somebody else has.
    pub(crate) fn take(file: File) -> io::Result<Result<Self, File>> {
        if !has_locks_of_its_own(&file) {
            let key = keyed::lock(&file)?;
            return Ok(if key.is_some() { Ok(Self { file, _key: key }) } else { Err(file) });
        }
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(Err(file)),
            Err(TryLockError::Error(error)) => {
                tracing::warn!(%error, "this file system can't keep a second daemon away that comes by another path");
            }
        }
        Ok(Ok(Self { file, _key: None }))
    }

    /// The database.
    pub(super) fn file(&self) -> &File {
        &self.file
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn has_locks_of_its_own(_file: &File) -> bool {
    false
}

#[cfg(any(target_os = "linux", target_os = "android"))]
#[allow(clippy::useless_conversion, reason = "the type is narrower on some processors")]
fn has_locks_of_its_own(file: &File) -> bool {
    /// NFS, SMB and CIFS: Linux sends `flock` to the server as a lock of the whole file.
    const REMOTE: [i64; 4] = [0x6969, 0x517b, 0xfe53_4d42, 0xff53_4d42];
    rustix::fs::fstatfs(file).is_ok_and(|found| !REMOTE.contains(&i64::from(found.f_type)))
}

mod keyed {
    use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
    use std::io;
    use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};

    /// The locked file; none when another process has it.
    pub(super) fn lock(file: &File) -> io::Result<Option<File>> {
        let user = rustix::process::geteuid().as_raw();
        let directory = std::env::temp_dir().join(format!("stinad-{user}"));
        DirBuilder::new().recursive(true).mode(0o700).create(&directory)?;
        if directory.symlink_metadata()?.uid() != user {
            return Err(io::Error::other(format!("{} belongs to another user", directory.display())));
        }
        let found = file.metadata()?;
        let key = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(directory.join(format!("{}-{}.lock", found.dev(), found.ino())))?;
        match key.try_lock() {
            Ok(()) => Ok(Some(key)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

/// What the daemon that holds the lock has said of itself, found by way of `/proc`; by that name of the file which it was started with.
pub(crate) fn holder(file: &File) -> Option<String> {
    use std::os::unix::fs::MetadataExt;
    let found = file.metadata().ok()?;
    let locks = std::fs::read_to_string("/proc/locks").ok()?;
    // `1: FLOCK  ADVISORY  WRITE 1234 fe:00:5678 0 EOF`
    let inode = format!(":{}", found.ino());
    let fields = locks.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let mut owners =
        fields.filter(|f| f.get(1) == Some(&"FLOCK") && f.get(5).is_some_and(|id| id.ends_with(&inode)));
    let pid: u32 = owners.find_map(|f| f.get(4)?.parse().ok())?;
    let names = std::fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().filter_map(Result::ok);
    let is_it = |path: &std::path::PathBuf| {
        path.metadata().is_ok_and(|other| (other.dev(), other.ino()) == (found.dev(), found.ino()))
    };
    let mut open = names.map(|entry| entry.path()).filter(is_it);
    let said = open.find_map(|link| {
        let lock = super::beside(&std::fs::read_link(link).ok()?, ".lock");
        std::fs::read_to_string(lock).ok()?.lines().next().map(ToOwned::to_owned)
    });
    Some(said.filter(|said| said.contains("pid ")).unwrap_or_else(|| format!("pid {pid}, by another path")))
}
