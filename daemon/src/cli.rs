//! The command line of `stinad`.

use crate::app::{self, RunError};
use crate::config::{Config, NoHome};
use crate::rpc::Module;
use crate::store::{OpenError, Store};
use clap::Parser;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

/// Owns Stina's database and serves it to all of Stina's programs.
///
/// Runs in the foreground until SIGTERM, SIGINT or `stinactl stop`; SIGHUP does nothing. Exit codes: 0 stopped in order, 1 failed,
/// 2 wrong arguments, 3 another stinad is there, 4 the database was refused and left untouched.
#[derive(Debug, Parser)]
#[command(name = "stinad", version)]
pub struct Args {
    /// Stina's directory [env: STINA_HOME] [default: ~/.stina]
    #[arg(long, value_name = "DIR")]
    home: Option<PathBuf>,
    /// Database, or `:memory:` [env: STINA_DB_PATH] [default: stina.db in the home]
    #[arg(long, value_name = "FILE")]
    db: Option<PathBuf>,
    /// Socket [env: STINA_SOCKET] [default: stinad.sock in the home]
    #[arg(long, value_name = "PATH")]
    socket: Option<PathBuf>,
    /// Log level on standard error: error, warn, info, debug, trace, or a filter such as `stinad::store=debug`
    #[arg(long, env = "STINA_LOG", value_name = "FILTER", default_value = "info")]
    log: String,
    /// Days for which the change log keeps what was changed and deleted; the newest 1000 revisions stay longer, without what
    /// was deleted
    #[arg(long, value_name = "DAYS", default_value_t = 30)]
    keep_history: u32,
    /// Print nothing on standard output
    #[arg(short, long)]
    quiet: bool,
}

/// Exit code: another daemon holds the database or the socket.
const HELD: u8 = 3;
/// Exit code: the database is not ours, or of a schema that this binary does not know.
const REFUSED: u8 = 4;

/// Runs the program with these modules.
#[must_use]
pub fn main(modules: &[Module]) -> ExitCode {
    let args = Args::parse();
    // Only the owner can read the files created from here on, the socket included.
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    if let Err(error) = start_log(&args.log) {
        return fail(2, &error);
    }
    raise_file_limit();
    let Args { home, db, socket, quiet, keep_history, .. } = args;
    let mut config = match Config::resolve(home, db, socket) {
        Ok(config) => config,
        Err(error @ NoHome) => return fail(2, &error),
    };
    config.limits.log_age = Duration::from_secs(u64::from(keep_history) * 24 * 3600);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().thread_name("stinad").build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return fail(1, &error),
    };
    let outcome = runtime.block_on(serve(config, modules, quiet));
    // A thread that does not end must not keep the process.
    runtime.shutdown_background();
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(exit_code(&error), &error),
    }
}

fn exit_code(error: &RunError) -> u8 {
    use crate::instance::InstanceError;
    match error {
        RunError::Instance(InstanceError::Held { .. }) => HELD,
        RunError::Open(
            OpenError::NotOurs { .. }
            | OpenError::Newer { .. }
            | OpenError::Changed { .. }
            | OpenError::Unmarked { .. }
            | OpenError::Emptied { .. }
            | OpenError::StaleWal { .. },
        ) => REFUSED,
        RunError::Instance(InstanceError::Unusable { .. })
        | RunError::Open(_)
        | RunError::Listen(_)
        | RunError::Fatal(_) => 1,
    }
}

/// Files that the daemon may have open: more than all its connections; macOS's default of 256 is too few.
const OPEN_FILES: u64 = 1024;

/// Raises the soft limit of open files, as far as the hard limit allows.
fn raise_file_limit() {
    let limit = getrlimit(Resource::Nofile);
    let wanted = limit.maximum.map_or(OPEN_FILES, |hard| hard.min(OPEN_FILES));
    if limit.current.is_some_and(|soft| soft < wanted) {
        let raised = setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), ..limit });
        if let Err(error) = raised {
            tracing::warn!(%error, "can't raise the limit of open files");
        }
    }
}

#[expect(clippy::print_stderr, reason = "the reason of the exit is for the person who started it")]
fn fail(code: u8, error: &dyn std::error::Error) -> ExitCode {
    eprintln!("stinad: {error}");
    ExitCode::from(code)
}

/// Journal friendly: one line an event, colours only on a terminal.
fn start_log(filter: &str) -> Result<(), tracing_subscriber::filter::ParseError> {
    use std::io::IsTerminal;
    let filter = EnvFilter::builder().parse(filter)?;
    let is_terminal = std::io::stderr().is_terminal();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(is_terminal)
        .with_writer(std::io::stderr)
        // Otherwise it would report a closed standard error on standard error, and panic.
        .log_internal_errors(false)
        .init();
    Ok(())
}

async fn serve(config: Config, modules: &[Module], quiet: bool) -> Result<(), RunError> {
    let stop = CancellationToken::new();
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    // With a handler, a write beyond a file size limit is an error that the client gets, and does not end the daemon.
    let _file_size = signal(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw()))?;
    // With a handler, the daemon outlives the terminal that it was started from.
    let _hangup = signal(SignalKind::hangup())?;
    let on_signal = stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => tracing::info!("SIGTERM"),
            _ = interrupt.recv() => tracing::info!("SIGINT"),
        }
        on_signal.cancel();
    });
    let socket = config.socket.clone();
    let names: Vec<&str> = modules.iter().map(|m| m.name).collect();
    app::run(config, modules, stop, move |store| {
        tracing::info!(rev = store.head(), epoch = &*store.epoch(), "serving");
        if !quiet {
            welcome(store, &socket, &names);
        }
    })
    .await
}

/// Prints what it serves, where, and what to type next.
fn welcome(store: &Store, socket: &Path, modules: &[&str]) {
    let shown = shell(&socket.display().to_string());
    let found = stina_protocol::paths::socket(&|name| std::env::var_os(name));
    let ctl = match found.is_some_and(|found| found == socket) {
        true => stinactl(),
        false => format!("{} --socket {shown}", stinactl()),
    };
    let text = format!(
        "stinad {version} serves {modules} from {db} (revision {rev})\n\
         socket  {socket}\n\
         next    {ctl} watch\n\
         \x20       {ctl} kv set greeting hej\n\
         \x20       echo '{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"kv.get\",\"params\":{{\"key\":\"greeting\"}}}}' | nc -N -U {socket}\n\
         stop    Ctrl-C, or {ctl} stop\n",
        version = env!("CARGO_PKG_VERSION"),
        modules = modules.join(", "),
        db = store.config().location.display(),
        rev = store.head(),
        socket = shown,
    );
    // A closed standard output is no reason not to serve.
    let _ = std::io::Write::write_all(&mut std::io::stdout(), text.as_bytes());
}

/// A word, quoted for a shell where needed.
fn shell(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "/._-+:@%,".contains(c);
    if word.chars().all(plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', "'\\''")) }
}

/// How `stinactl` can be called from here: beside this program, or by cargo out of its workspace.
fn stinactl() -> String {
    let exe = std::env::current_exe().unwrap_or_default();
    let sibling = exe.with_file_name("stinactl");
    let on_path = std::env::var_os("PATH").is_some_and(|path| {
        std::env::split_paths(&path).any(|directory| directory.join("stinactl").is_file())
    });
    if on_path {
        "stinactl".to_owned()
    } else if sibling.is_file() {
        shell(&sibling.display().to_string())
    } else {
        "cargo run --release -q --bin stinactl --".to_owned()
    }
}
