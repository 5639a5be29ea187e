//! Where things are, resolved from arguments and environment.

use crate::clock::Clock;
use crate::limits::Limits;
use crate::store::Location;
pub(crate) use crate::store::beside;
use std::path::{Path, PathBuf};
use stina_protocol::paths;

/// What the daemon runs with.
#[derive(Debug, Clone)]
pub struct Config {
    /// Stina's home directory, made private; only used when something is in it.
    pub home: Option<PathBuf>,
    /// The database.
    pub location: Location,
    /// The socket.
    pub socket: PathBuf,
    /// Bounds.
    pub limits: Limits,
    /// Source of time.
    pub clock: Clock,
}

/// There is no place for the database or the socket.
#[derive(Debug, thiserror::Error)]
#[error("neither HOME nor STINA_HOME is set: say where with --home, or with --db and --socket")]
pub struct NoHome;

impl Config {
    /// Resolves the paths: an argument, else its variable, else a name in the home directory.
    ///
    /// # Errors
    /// When neither argument nor variable gives a place.
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

/// A path that means the same to everybody who is told of it, wherever they are.
fn absolute(path: PathBuf) -> PathBuf {
    std::path::absolute(&path).unwrap_or(path)
}

/// Links that are followed before it is a loop, as on Linux.
const MAX_LINKS: usize = 40;

/// The file that a path leads to, which need not be there yet. SQLite keeps the WAL beside the file and not
/// beside a link to it; and a new database must not take the place of a link.
fn follow(path: &Path) -> PathBuf {
    let next = |path: &PathBuf| {
        let target = std::fs::read_link(path).ok()?;
        Some(path.parent().unwrap_or(Path::new("/")).join(target))
    };
    let ways = std::iter::successors(Some(path.to_owned()), next);
    ways.take(MAX_LINKS).last().unwrap_or_else(|| path.to_owned())
}
