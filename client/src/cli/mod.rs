//! `stinactl`: the store from the command line. One file for each noun: its arguments, then one `run`. `noun` has the
//! commands that todos and memories share.

mod failure;
mod identify;
mod metadata;
mod noun;
mod output;
mod pages;
mod search;
mod short_id;
mod similar;
mod table;
mod text;
mod when;

mod call;
mod chat;
mod history;
mod kv;
mod memory;
mod purge;
mod result;
mod status;
mod stop;
mod todo;
mod trash;
mod undo;
mod undo_plan;
mod watch;

use crate::{Client, Limits};
use clap::{Parser, Subcommand};
use failure::Failure;
use output::Output;
use std::io::Read;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;
use stina_protocol::Error;

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

/// How long a call may take by default.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The context of a command.
struct Context {
    client: Client,
    out: Output,
    /// `--timeout`, if given.
    timeout: Option<Duration>,
}

/// Runs the program.
#[must_use]
pub fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => {
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
    match runtime.block_on(run(args)) {
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

/// A field that an empty text removes; none when the argument is not given.
fn or_none<T>(
    field: &'static str,
    argument: Option<&String>,
    read: impl Fn(String) -> Result<T, String>,
) -> Result<Option<Option<T>>, Error> {
    let value = argument.map(|text| (!text.is_empty()).then(|| read(text.clone())).transpose());
    value.transpose().map_err(refused(field))
}

/// The error about an argument that is no value of its field.
fn refused(field: &'static str) -> impl Fn(String) -> Error {
    move |reason| Error::invalid(field, reason)
}

/// Most bytes that are read from standard input: a longer text fits into no message.
const MAX_STDIN: u64 = 32 << 20;

/// `argument`, or standard input when it is `-`.
fn or_stdin(argument: String) -> Result<String, Failure> {
    if argument != "-" {
        return Ok(argument);
    }
    let mut text = String::new();
    std::io::stdin().take(MAX_STDIN + 1).read_to_string(&mut text)?;
    if text.len() as u64 > MAX_STDIN {
        return Err(Error::TooLarge { limit: MAX_STDIN }.into());
    }
    Ok(text)
}

/// `argument`, or the text on standard input when it is `-`: without the line break that `echo` and editors add.
fn text_or_stdin(argument: String) -> Result<String, Failure> {
    let is_stdin = argument == "-";
    let mut text = or_stdin(argument)?;
    if is_stdin && text.ends_with('\n') {
        text.pop();
    }
    Ok(text)
}

/// Reads the argument that is `-` from standard input; only one can be. An empty standard input is refused: a program
/// that failed and wrote nothing must not clear a text.
fn read_stdin<'a>(arguments: impl IntoIterator<Item = &'a mut String>) -> Result<(), Failure> {
    let mut arguments = arguments.into_iter().filter(|argument| *argument == "-");
    if let Some(argument) = arguments.next() {
        if arguments.next().is_some() {
            return Err(Failure::Usage("standard input can be read for one argument only".to_owned()));
        }
        *argument = text_or_stdin(std::mem::take(argument))?;
        if argument.is_empty() {
            let reason = "standard input is empty (an argument '' means no text)";
            return Err(Error::invalid("", reason).into());
        }
    }
    Ok(())
}
