//! Accepting connections: which user may connect, how many at once, and which framing they speak.

use super::server::Server;
use super::session::Session;
use super::{http, ndjson};
use crate::limits::Limits;
use crate::rpc::Framing;
use rustix::net::RecvFlags;
use std::io;
use std::mem::MaybeUninit;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use stina_protocol::{Error, envelope};
use tokio::io::{AsyncWriteExt, Interest};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The socket that clients connect to.
pub(crate) struct Listener {
    socket: UnixListener,
    permits: Arc<Semaphore>,
    refusals: Arc<Semaphore>,
    /// When it was last logged that no connection can be accepted.
    logged: Mutex<Option<Instant>>,
}

/// How long a listener that could not accept a connection waits before it tries again.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);
/// Shortest time between two log lines about that.
const LOG_AGAIN: Duration = Duration::from_secs(60);

/// The permit of an accepted connection.
enum Permit {
    /// The connection is served.
    Serve(OwnedSemaphorePermit),
    /// The connection is answered `busy`, because too many are served.
    Refuse(OwnedSemaphorePermit),
}

impl Listener {
    pub(crate) fn new(socket: std::os::unix::net::UnixListener, limits: &Limits) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        Ok(Self {
            socket: UnixListener::from_std(socket)?,
            permits: Arc::new(Semaphore::new(limits.connections)),
            refusals: Arc::new(Semaphore::new(limits.refusals)),
            logged: Mutex::default(),
        })
    }

    /// Replaces the socket. Connections stay.
    pub(crate) fn rebind(&mut self, socket: std::os::unix::net::UnixListener) -> io::Result<()> {
        socket.set_nonblocking(true)?;
        self.socket = UnixListener::from_std(socket)?;
        Ok(())
    }

    /// Accepts connections for ever. Cancel safe.
    pub(crate) async fn accept(&self, server: &Arc<Server>) {
        loop {
            match self.socket.accept().await {
                Ok((stream, _)) => self.admit(server, stream),
                Err(error) => {
                    // Usually out of file descriptors: other connections must close first. The log must not get ten
                    // lines a second until then.
                    self.log_seldom(&error);
                    tokio::time::sleep(ACCEPT_AGAIN).await;
                }
            }
        }
    }

    fn log_seldom(&self, error: &io::Error) {
        let mut logged = self.logged.lock().unwrap_or_else(PoisonError::into_inner);
        if logged.is_none_or(|at| at.elapsed() >= LOG_AGAIN) {
            tracing::error!(%error, "can't accept connections");
            *logged = Some(Instant::now());
        }
    }

    fn admit(&self, server: &Arc<Server>, stream: UnixStream) {
        let credentials = match stream.peer_cred() {
            Ok(credentials) if credentials.uid() == rustix::process::geteuid().as_raw() => credentials,
            Ok(other) => return tracing::warn!(uid = other.uid(), "refused another user"),
            Err(error) => return tracing::warn!(%error, "refused a peer of unknown user"),
        };
        let permit = Arc::clone(&self.permits).try_acquire_owned().map(Permit::Serve);
        let Ok(permit) =
            permit.or_else(|_| Arc::clone(&self.refusals).try_acquire_owned().map(Permit::Refuse))
        else {
            return tracing::warn!("too many connections at once to answer them");
        };
        let serving = Arc::clone(server);
        server.tasks.spawn(async move {
            let serve = async {
                match permit {
                    Permit::Serve(permit) => {
                        serve(Arc::clone(&serving), stream, credentials.pid(), permit).await
                    }
                    Permit::Refuse(_permit) => refuse(&serving, stream).await,
                }
            };
            if let Some(Err(error)) = serving.killing.run_until_cancelled(serve).await {
                tracing::debug!(%error, "a connection broke off");
            }
        });
    }
}

/// Answers `busy` in the framing that the peer speaks.
async fn refuse(server: &Server, mut stream: UnixStream) -> io::Result<()> {
    tracing::warn!(limit = server.limits().connections, "too many connections");
    let busy = envelope::failure("null", &Error::Busy.into());
    // A peer that sends nothing in time is taken for an NDJSON client that waits.
    let first = tokio::time::timeout(server.limits().refusal_wait, first_byte(&stream)).await;
    let answer = match first {
        Ok(Ok(Some(byte))) if !begins_ndjson(byte) => http::unavailable(&busy),
        _ => format!("{busy}\n"),
    };
    stream.write_all(answer.as_bytes()).await
}

/// Whether a connection that begins with this byte speaks NDJSON. Otherwise it speaks HTTP.
fn begins_ndjson(byte: u8) -> bool {
    matches!(byte, b'{' | b'[' | b' ' | b'\t' | b'\r' | b'\n')
}

async fn serve(
    server: Arc<Server>,
    stream: UnixStream,
    pid: Option<i32>,
    permit: OwnedSemaphorePermit,
) -> io::Result<()> {
    let first = tokio::select! {
        first = first_byte(&stream) => first?,
        () = server.closing.cancelled() => return Ok(()),
    };
    match first {
        None => Ok(()),
        Some(byte) if begins_ndjson(byte) => {
            let (read, write) = stream.into_split();
            let guard = server.connect(Framing::Ndjson, pid);
            let lines = ndjson::LineSource::new(read, server.limits().frame_bytes);
            Session::new(guard, ndjson::LineSink::new(write), true).run(lines, server.closing.clone()).await
        }
        Some(_) => http::serve(server, stream, pid, permit).await,
    }
}

/// Peeks at the first byte; `None` when the peer closes without sending any.
async fn first_byte(stream: &UnixStream) -> io::Result<Option<u8>> {
    loop {
        stream.readable().await?;
        let peeked = stream.try_io(Interest::READABLE, || {
            let mut byte = [MaybeUninit::<u8>::uninit()];
            let (init, _) = rustix::net::recv(stream, &mut byte[..], RecvFlags::PEEK)?;
            Ok(init.0.first().copied())
        });
        match peeked {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            peeked => return peeked,
        }
    }
}
