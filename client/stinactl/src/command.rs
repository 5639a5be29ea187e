//! The command line: its arguments, and the program.

use super::context::{Context, TIMEOUT};
use super::failure::Failure;
use super::output::Output;
use super::{call, chat, history, kv, memory, purge, result, status, stop, todo, trash, undo, watch};
use clap::{Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;
use stina_client::{Client, Limits};

/// Talks to stinad, which owns Stina's database.
///
/// Exit codes: 0 ok, 1 error, 2 wrong arguments, 3 daemon not reachable, 4 not found, 5 conflict, 6 invalid,
/// 7 outcome unknown (a write was sent and not answered; `stinactl result ID` shows its answer, if it happened).
#[derive(Debug, Parser)]
#[command(name = "stinactl", version)]
struct Args {
    /// The daemon's socket [env: STINA_SOCKET] [default: stinad.sock in $STINA_HOME or ~/.stina]
    #[arg(long, global = true, value_name = "PATH", display_order = 900)]
    socket: Option<PathBuf>,
    /// Print JSON Lines
    #[arg(long, global = true, display_order = 900)]
    json: bool,
    /// Longest wait for an answer, with reconnecting [default: 10]. `watch` and `chat follow` end after this time
    #[arg(long, global = true, value_name = "SECONDS", value_parser = seconds, display_order = 900)]
    timeout: Option<Duration>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Call(call::CallMethod),
    #[command(subcommand)]
    Chat(chat::Chat),
    #[command(subcommand)]
    Kv(kv::Kv),
    #[command(subcommand)]
    Todo(todo::Todo),
    #[command(subcommand)]
    Memory(memory::Memory),
    Purge(purge::Purge),
    Undo(undo::Undo),
    Redo(undo::Redo),
    History(history::History),
    Trash(trash::Trash),
    Watch(watch::Watch),
    Status(status::Status),
    Stop(stop::Stop),
    Result(result::GetResult),
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "a number of seconds".to_owned())?;
    Duration::try_from_secs_f64(seconds).map_err(|e| e.to_string())
}

/// Runs the program.
#[must_use]
pub fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => {
            if error.use_stderr() && std::env::args_os().any(|arg| arg == "--json") {
                return Failure::Usage(error.to_string()).report(true);
            }
            // A closed output is no reason for another exit code.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return Failure::from(error).report(false),
    };
    let json = args.json;
    let outcome = runtime.block_on(run(args));
    // Output that nobody reads must not keep the program from ending.
    runtime.shutdown_background();
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(json),
    }
}

async fn run(args: Args) -> Result<(), Failure> {
    let Args { socket, json, timeout, command } = args;
    let deadline = if command.lasts() { TIMEOUT } else { timeout.unwrap_or(TIMEOUT) };
    let mut limits = Limits::default();
    limits.connect = limits.connect.min(deadline);
    let mut builder = Client::builder().name("stinactl", env!("CARGO_PKG_VERSION"));
    builder = builder.deadline(deadline).limits(limits);
    if let Some(socket) = socket {
        builder = builder.socket(socket);
    }
    // Wrong arguments are reported whether there is a daemon or not.
    let command = command.resolve()?;
    let context = &mut Context { client: builder.connect().await?, out: Output::new(json), timeout };
    match command {
        Command::Call(call) => call.run(context).await,
        Command::Chat(chat) => chat.run(context).await,
        Command::Kv(kv) => kv.run(context).await,
        Command::Todo(todo) => todo.run(context).await,
        Command::Memory(memory) => memory.run(context).await,
        Command::Purge(purge) => purge.run(context).await,
        Command::Undo(undo) => undo.run(context).await,
        Command::Redo(redo) => redo.run(context).await,
        Command::History(history) => history.run(context).await,
        Command::Trash(trash) => trash.run(context).await,
        Command::Watch(watch) => watch.run(context).await,
        Command::Status(status) => status.run(context).await,
        Command::Stop(stop) => stop.run(context).await,
        Command::Result(result) => result.run(context).await,
    }
}

impl Command {
    /// Whether `--timeout` limits the command as a whole, rather than each call.
    fn lasts(&self) -> bool {
        matches!(self, Self::Watch(_) | Self::Chat(chat::Chat::Follow(_)))
    }

    /// Reads standard input for arguments that are `-`.
    fn resolve(mut self) -> Result<Self, Failure> {
        match &mut self {
            Self::Call(call) => call.resolve()?,
            Self::Chat(chat) => chat.resolve()?,
            Self::Kv(kv) => kv.resolve()?,
            Self::Todo(todo) => todo.resolve()?,
            Self::Memory(memory) => memory.resolve()?,
            Self::Purge(purge) => purge.resolve()?,
            Self::Undo(_) | Self::Redo(_) | Self::History(_) | Self::Trash(_) => {}
            Self::Watch(_) | Self::Status(_) | Self::Stop(_) | Self::Result(_) => {}
        }
        Ok(self)
    }
}
