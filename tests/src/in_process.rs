//! A daemon in this process: for other modules, other limits and another clock than the program has.

use crate::{DEADLINE, Framing, Peer};
use std::path::PathBuf;
use std::sync::mpsc;
use stinad::app;
use stinad::clock::Clock;
use stinad::config::Config;
use stinad::limits::Limits;
use stinad::rpc::Module;
use stinad::store::Location;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

/// A running daemon, stopped in order when dropped.
#[derive(Debug)]
pub struct InProcess {
    home: Option<TempDir>,
    socket: PathBuf,
    stop: CancellationToken,
    thread: Option<std::thread::JoinHandle<Result<(), app::RunError>>>,
}

/// Its configuration.
#[derive(Debug)]
pub struct Setup {
    /// The modules.
    pub modules: &'static [Module],
    /// The bounds.
    pub limits: Limits,
    /// The clock.
    pub clock: Clock,
    /// The directory; by default a new one.
    pub home: Option<TempDir>,
    /// Whether the database is in memory.
    pub memory: bool,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            modules: stinad::modules::ALL,
            limits: Limits::default(),
            clock: Clock::system(),
            home: None,
            memory: false,
        }
    }
}

impl InProcess {
    /// Starts it, and waits until it serves.
    ///
    /// # Panics
    /// When it does not.
    pub fn start(setup: Setup) -> Self {
        Self::try_start(setup).expect("the daemon serves")
    }

    /// Starts it, and waits until it serves or fails to.
    ///
    /// # Errors
    /// Why it could not start, and its directory.
    pub fn try_start(setup: Setup) -> Result<Self, (app::RunError, TempDir)> {
        let Setup { modules, limits, clock, home, memory } = setup;
        let home =
            home.unwrap_or_else(|| tempfile::Builder::new().prefix("stina").tempdir().expect("a directory"));
        let socket = home.path().join("stinad.sock");
        let db = if memory { ":memory:".into() } else { home.path().join("stina.db") };
        let config = Config {
            home: Some(home.path().to_owned()),
            location: Location::new(&db),
            socket: socket.clone(),
            limits,
            clock,
        };
        let stop = CancellationToken::new();
        let (serves, served) = mpsc::sync_channel(1);
        let stopping = stop.clone();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
            runtime.expect("a runtime").block_on(app::run(config, modules, stopping, |_| {
                let _ = serves.send(());
            }))
        });
        if served.recv_timeout(DEADLINE).is_err() {
            let error = thread.join().expect("no panic").expect_err("it said nothing, so it failed");
            return Err((error, home));
        }
        Ok(Self { home: Some(home), socket, stop, thread: Some(thread) })
    }

    /// A new connection.
    pub fn connect(&self, framing: Framing) -> Peer {
        Peer::connect(&self.socket, framing)
    }

    /// A new NDJSON connection.
    pub fn peer(&self) -> Peer {
        self.connect(Framing::Ndjson)
    }

    /// The socket.
    pub fn socket(&self) -> &std::path::Path {
        &self.socket
    }

    /// Stops it in order; answers its directory.
    pub fn stop(mut self) -> TempDir {
        self.end();
        self.home.take().expect("not taken before")
    }

    /// Waits for an end that nobody asked for.
    ///
    /// # Errors
    /// Why it ended.
    pub fn wait(mut self) -> Result<(), app::RunError> {
        let thread = self.thread.take().expect("it runs");
        crate::eventually("it ends", || thread.is_finished());
        thread.join().expect("no panic")
    }

    fn end(&mut self) {
        self.stop.cancel();
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            if !std::thread::panicking() {
                ended.expect("no panic").expect("ends in order");
            }
        }
    }
}

impl Drop for InProcess {
    fn drop(&mut self) {
        self.end();
    }
}
