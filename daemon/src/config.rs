//! The daemon's configuration, from arguments and environment.

use crate::clock::Clock;
use crate::limits::Limits;
use crate::store::Location;
pub(crate) use crate::store::beside;
use std::path::{Path, PathBuf};
use stina_protocol::paths;

/// The configuration of the daemon.
#[derive(Debug, Clone)]
pub struct Config {
    /// Stina's home directory, which the daemon makes private if it holds the database or the socket.
    pub home: Option<PathBuf>,
    /// The database.
    pub location: Location,
    /// The socket.
    pub socket: PathBuf,
    /// The limits.
    pub limits: Limits,
    /// Source of time.
    pub clock: Clock,
}

/// The path of the database or the socket is unknown.
#[derive(Debug, thiserror::Error)]
#[error("neither HOME nor STINA_HOME is set: use --home, or --db and --socket")]
pub struct NoHome;

impl Config {
    /// Resolves the paths: from the argument, else from its environment variable, else in the home directory.
    ///
    /// # Errors
    /// When neither an argument nor a variable gives a path.
    pub fn resolve(
        home: Option<PathBuf>,
        db: Option<PathBuf>,
        socket: Option<PathBuf>,
    ) -> Result<Self, NoHome> {
        let env = |name: &str| match (name, &home) {
            ("STINA_HOME", Some(home)) => Some(home.clone().into_os_string()),
            _ => std::env::var_os(name),
        };
        let database = db.or_else(|| paths::database(&env)).ok_or(NoHome)?;
        let location = match Location::new(&database) {
            Location::File(path) => Location::File(follow(&absolute(path))),
            memory @ Location::Memory(_) => memory,
        };
        Ok(Self {
            home: paths::home(&env).map(absolute),
            location,
            socket: absolute(socket.or_else(|| paths::socket(&env)).ok_or(NoHome)?),
            limits: Limits::default(),
            clock: Clock::system(),
        })
    }
}

/// An absolute path, so that it is valid in every working directory.
fn absolute(path: PathBuf) -> PathBuf {
    std::path::absolute(&path).unwrap_or(path)
}

/// Maximum number of links to follow, as on Linux.
const MAX_LINKS: usize = 40;

/// Follows symbolic links to a file, which need not exist. SQLite keeps the WAL beside the file, not beside a link to
/// it, and a new database must not replace a link.
fn follow(path: &Path) -> PathBuf {
    let next = |path: &PathBuf| {
        let target = std::fs::read_link(path).ok()?;
        Some(path.parent().unwrap_or(Path::new("/")).join(target))
    };
    let targets = std::iter::successors(Some(path.to_owned()), next);
    targets.take(MAX_LINKS).last().unwrap_or_else(|| path.to_owned())
}
