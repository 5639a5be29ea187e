//! Where things are, resolved from arguments and environment.

use crate::clock::Clock;
use crate::limits::Limits;
use crate::store::Location;
use std::path::PathBuf;
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
        let location = db.or_else(|| paths::database(&env)).ok_or(NoHome)?;
        Ok(Self {
            home: paths::home(&env),
            location: Location::new(&location),
            socket: socket.or_else(|| paths::socket(&env)).ok_or(NoHome)?,
            limits: Limits::default(),
            clock: Clock::system(),
        })
    }
}
