//! Why a command failed: the text on standard error, and the exit code.

use rustix::io::{Errno, ioctl_fionbio};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketType, connect};
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use stina_client::Unreachable;
use stina_protocol::{Error, RequestId};

/// Why a command failed.
#[derive(Debug)]
pub(super) enum Failure {
    /// The call failed.
    Call(stina_client::Error),
    /// The arguments are wrong in a way that clap does not check.
    Usage(String),
    /// Something does not exist.
    NotFound(String),
    /// Anything else.
    Other(String),
    /// The input or output failed.
    Io(io::Error),
    /// One of the others, with a hint at what to do.
    Hinted(Box<Failure>, String),
}

impl Failure {
    /// The same, with a hint at what to do.
    pub(super) fn hint(self, hint: impl Into<String>) -> Self {
        Self::Hinted(Box::new(self), hint.into())
    }

    /// The daemon's error, if it is one.
    pub(super) fn kind(&self) -> Option<&Error> {
        self.fault().map(|fault| &fault.error)
    }

    /// Whether the reader of the output is gone.
    pub(super) fn is_broken_pipe(&self) -> bool {
        matches!(self, Self::Io(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }

    /// What an error of this program is called in JSON.
    fn name(&self) -> &'static str {
        match self {
            Self::Hinted(failure, _) => failure.name(),
            Self::Usage(_) => "usage",
            Self::NotFound(_) => "not_found",
            Self::Io(_) => "io",
            Self::Call(error) => match error {
                stina_client::Error::NotReachable { .. } => "not_reachable",
                stina_client::Error::OutcomeUnknown { .. } => "outcome_unknown",
                stina_client::Error::Forgotten { .. } => "forgotten",
                stina_client::Error::TimedOut { .. } => "timed_out",
                stina_client::Error::Disconnected { .. } => "disconnected",
                stina_client::Error::Protocol(_) => "unreadable",
                _ => "other",
            },
            Self::Other(_) => "other",
        }
    }

    /// It as JSON, if it is an error of this program rather than the daemon's.
    fn own(&self) -> Option<OwnError<'_>> {
        let call = match self {
            Self::Hinted(failure, _) => {
                return failure.own().map(|own| OwnError { hints: self.hints(), ..own });
            }
            Self::Call(stina_client::Error::Rpc(_)) => return None,
            Self::Call(error) => Some(error),
            _ => None,
        };
        let mut own = OwnError {
            kind: self.name(),
            message: self.text(),
            request_id: None,
            socket: None,
            why: None,
            rev: None,
            hints: self.hints(),
        };
        match call {
            Some(stina_client::Error::OutcomeUnknown { request_id }) => own.request_id = Some(request_id),
            Some(stina_client::Error::NotReachable { socket, why, .. }) => {
                (own.socket, own.why) = (Some(socket.as_path()), Some(*why));
            }
            Some(stina_client::Error::Forgotten { rev }) => own.rev = Some(*rev),
            _ => {}
        }
        Some(own)
    }

    fn code(&self) -> u8 {
        match self {
            Self::Hinted(failure, _) => failure.code(),
            Self::Usage(_) => 2,
            Self::NotFound(_) => 4,
            Self::Other(_) | Self::Io(_) => 1,
            Self::Call(
                stina_client::Error::NotReachable { .. }
                | stina_client::Error::TimedOut { .. }
                | stina_client::Error::Disconnected { .. },
            ) => 3,
            Self::Call(stina_client::Error::OutcomeUnknown { .. }) => 7,
            Self::Call(stina_client::Error::Rpc(fault)) => match fault.error {
                Error::NotFound { .. } => 4,
                Error::Conflict { .. } | Error::AlreadyExists { .. } | Error::RequestMismatch => 5,
                Error::Invalid { .. } | Error::TooLarge { .. } => 6,
                _ => 1,
            },
            Self::Call(_) => 1,
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Hinted(failure, _) => failure.text(),
            Self::Usage(text) | Self::NotFound(text) | Self::Other(text) => text.clone(),
            Self::Io(error) => error.to_string(),
            Self::Call(error) => error.to_string(),
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::Hinted(failure, hint) => {
                let mut hints = failure.hints();
                hints.push(hint.clone());
                hints
            }
            Self::Call(stina_client::Error::NotReachable { socket, .. }) => vec![match listener(socket) {
                Some(listener) => {
                    format!("{listener} listens there: it may be suspended, or have too many connections")
                }
                None => "start it with `stinad`, or with `cargo run --release` in the checkout".to_owned(),
            }],
            Self::Call(stina_client::Error::OutcomeUnknown { request_id }) => {
                vec![format!("`stinactl result {request_id}` shows whether it happened")]
            }
            Self::Call(stina_client::Error::Rpc(fault)) => match &fault.error {
                Error::Conflict { current: Some(current) } if current.is_object() => {
                    vec![format!("it is now {}", current.get())]
                }
                _ => vec![],
            },
            _ => vec![],
        }
    }

    /// Prints it, and returns the exit code. With `json` the daemon's error object goes to standard output, and an error
    /// of this program to standard error as one JSON object.
    pub(super) fn report(&self, json: bool) -> ExitCode {
        if self.is_broken_pipe() {
            return ExitCode::SUCCESS;
        }
        // If standard error is closed too, there is still the exit code.
        let mut stderr = io::stderr().lock();
        if let (true, Some(own)) = (json, self.own()) {
            let error = serde_json::to_string(&ErrorLine { error: own }).unwrap_or_default();
            let _ = writeln!(stderr, "{error}");
            return ExitCode::from(self.code());
        }
        let _ = writeln!(stderr, "stinactl: {}", super::text::clean(&self.text()));
        for hint in self.hints() {
            let _ = writeln!(stderr, "  {}", super::text::clean(&hint));
        }
        if let (true, Some(fault)) = (json, self.fault()) {
            let error = serde_json::to_string(&ErrorLine { error: fault }).unwrap_or_default();
            let _ = writeln!(io::stdout(), "{error}");
        }
        ExitCode::from(self.code())
    }

    fn fault(&self) -> Option<&stina_protocol::Fault> {
        match self {
            Self::Hinted(failure, _) => failure.fault(),
            Self::Call(stina_client::Error::Rpc(fault)) => Some(fault),
            _ => None,
        }
    }
}

/// An error as `--json` prints it.
#[derive(serde::Serialize)]
struct ErrorLine<T> {
    error: T,
}

/// An error of this program.
#[derive(serde::Serialize)]
#[serde(rename_all = "camelCase")]
struct OwnError<'a> {
    kind: &'static str,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a RequestId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    socket: Option<&'a Path>,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<Unreachable>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rev: Option<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    hints: Vec<String>,
}

/// The program that listens at a socket that gave no answer, if there is one. Never waits: a suspended program accepts
/// no connection, and its backlog may be full.
fn listener(socket: &Path) -> Option<String> {
    let address = SocketAddrUnix::new(socket).ok()?;
    let probe = rustix::net::socket(AddressFamily::UNIX, SocketType::STREAM, None).ok()?;
    ioctl_fionbio(&probe, true).ok()?;
    match connect(&probe, &address) {
        Ok(()) | Err(Errno::AGAIN) => {}
        Err(_) => return None,
    }
    // stinad writes its version and pid there.
    let mut lock = socket.as_os_str().to_owned();
    lock.push(".lock");
    let about = std::fs::read_to_string(lock).unwrap_or_default();
    Some(if about.is_empty() { "a program".to_owned() } else { format!("stinad ({about})") })
}

impl From<stina_client::Error> for Failure {
    fn from(error: stina_client::Error) -> Self {
        Self::Call(error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// An argument that this program refuses is reported as if the daemon had refused it.
impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Call(error.into())
    }
}
