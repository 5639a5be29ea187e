//! A daemon as users have it: the program, in a process of its own.

use crate::{DEADLINE, Framing, Peer, eventually};
use rustix::process::{Pid, Signal, kill_process};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use tempfile::TempDir;

/// A running daemon, killed when dropped. It can be stopped and started again on the same directory.
#[derive(Debug)]
pub struct Daemon {
    program: PathBuf,
    home: TempDir,
    args: Vec<String>,
    env: Vec<(String, String)>,
    child: Option<Child>,
}

impl Daemon {
    /// Starts `program` (a `stinad`) in an empty home.
    pub fn start(program: &str) -> Self {
        Self::start_with(program, &[], &[])
    }

    /// Starts it with arguments and variables.
    pub fn start_with(program: &str, args: &[&str], env: &[(&str, &str)]) -> Self {
        let mut daemon = Self::prepare(program, args, env);
        daemon.restart();
        daemon
    }

    /// An empty home, and no daemon yet.
    pub fn prepare(program: &str, args: &[&str], env: &[(&str, &str)]) -> Self {
        Self {
            program: program.into(),
            home: tempfile::Builder::new().prefix("stina").tempdir().expect("a temporary directory"),
            args: args.iter().map(|&a| a.to_owned()).collect(),
            env: env.iter().map(|&(k, v)| (k.to_owned(), v.to_owned())).collect(),
            child: None,
        }
    }

    /// A command in the daemon's home, with nothing of the real environment.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env_clear().env("HOME", self.home.path()).current_dir(self.home.path());
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.envs(self.env.iter().map(|(k, v)| (k, v)));
        command
    }

    /// Starts the daemon, and waits until it serves.
    ///
    /// # Panics
    /// When it does not.
    pub fn restart(&mut self) {
        assert!(self.child.is_none(), "it runs");
        let log = File::options().create(true).append(true).open(self.log_path()).unwrap();
        let mut child = self
            .command(&self.program.display().to_string())
            .args(&self.args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .expect("the daemon starts");
        let stdout = child.stdout.take().expect("piped");
        self.child = Some(child);
        let (serves, served) = mpsc::sync_channel(1);
        std::thread::spawn(move || {
            let mut lines = BufReader::new(stdout).lines();
            if let Some(Ok(first)) = lines.next() {
                let _ = serves.send(first);
            }
            // Keeps reading, so that the daemon never finds a closed or full pipe.
            lines.for_each(drop);
        });
        if served.recv_timeout(DEADLINE).is_err() {
            panic!("the daemon does not serve:\n{}", self.log());
        }
    }

    /// Stina's directory.
    pub fn directory(&self) -> PathBuf {
        self.home.path().join(".stina")
    }

    /// The home directory.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// The database.
    pub fn database(&self) -> PathBuf {
        self.directory().join("stina.db")
    }

    /// The socket.
    pub fn socket(&self) -> PathBuf {
        self.directory().join("stinad.sock")
    }

    fn log_path(&self) -> PathBuf {
        self.home.path().join("stinad.log")
    }

    /// The log of the daemon.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    /// A new connection.
    pub fn connect(&self, framing: Framing) -> Peer {
        Peer::connect(&self.socket(), framing)
    }

    /// A new NDJSON connection.
    pub fn peer(&self) -> Peer {
        self.connect(Framing::Ndjson)
    }

    /// Process id of the daemon.
    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("it runs").id()
    }

    /// Resident memory of the daemon in KiB: all of it, and the part that no file backs. `None` where there is no
    /// Linux `/proc`.
    pub fn memory(&self) -> Option<(u64, u64)> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).ok()?;
        let field = |name: &str| {
            status.lines().find_map(|line| line.strip_prefix(name)?.split_whitespace().next()?.parse().ok())
        };
        Some((field("VmRSS:")?, field("RssAnon:")?))
    }

    /// Sends a signal to the daemon.
    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_raw(self.pid().cast_signed()).expect("a pid"), signal).expect("it runs");
    }

    /// Waits for the daemon's end.
    pub fn wait(&mut self) -> ExitStatus {
        let mut child = self.child.take().expect("it runs");
        let mut status = None;
        eventually("the daemon ends", || {
            status = child.try_wait().expect("a child");
            status.is_some()
        });
        status.expect("just seen")
    }

    /// Ends the daemon as a crash would.
    pub fn kill(&mut self) {
        self.signal(Signal::KILL);
        self.wait();
    }

    /// Asks the daemon to stop, and waits until it has.
    pub fn stop(&mut self) -> ExitStatus {
        self.signal(Signal::TERM);
        self.wait()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
        if std::thread::panicking() {
            eprintln!("--- log of the daemon ---\n{}", self.log());
        }
    }
}
