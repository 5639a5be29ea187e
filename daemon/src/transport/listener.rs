//! Accepting connections: who may connect, how many, and which framing they speak.

use super::session::Session;
use super::{http, ndjson};
use crate::app::Stop;
use crate::limits::Limits;
use crate::rpc::{Call, Framing, Methods, PeerGuard, Peers};
use crate::store::Store;
use rustix::net::RecvFlags;
use std::io;
use std::mem::MaybeUninit;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use stina_protocol::{Error, envelope};
use tokio::io::{AsyncWriteExt, Interest};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// What every connection shares.
pub(crate) struct Server {
    store: Store,
    methods: Arc<Methods>,
    peers: Arc<Peers>,
    stop: Stop,
    pub(super) tasks: TaskTracker,
    /// End subscriptions, answer what is in flight, close.
    pub(super) closing: CancellationToken,
    /// Close now.
    pub(super) killing: CancellationToken,
}

impl Server {
    pub(crate) fn new(store: Store, methods: Arc<Methods>, stop: Stop) -> Arc<Self> {
        Arc::new(Self {
            store,
            methods,
            peers: Arc::default(),
            stop,
            tasks: TaskTracker::new(),
            closing: CancellationToken::new(),
            killing: CancellationToken::new(),
        })
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.store.config().limits
    }

    pub(super) fn connect(&self, framing: Framing, pid: Option<i32>) -> (Call, PeerGuard) {
        let call = Call {
            store: self.store.clone(),
            peer: self.peers.connect(framing, pid, self.store.clock().now(), self.limits()),
            peers: Arc::clone(&self.peers),
            methods: Arc::clone(&self.methods),
            stop: self.stop.clone(),
        };
        (call.clone(), PeerGuard::new(call))
    }

    /// Ends all connections: in order within the limit, then at once.
    pub(crate) async fn close(&self) {
        self.tasks.close();
        self.closing.cancel();
        if tokio::time::timeout(self.limits().shutdown, self.tasks.wait()).await.is_err() {
            tracing::warn!(connections = self.tasks.len(), "closing connections that do not read");
        }
        self.killing.cancel();
        self.tasks.wait().await;
    }
}

/// The socket that clients connect to.
pub(crate) struct Listener {
    socket: UnixListener,
    places: Arc<Semaphore>,
    refusals: Arc<Semaphore>,
    /// When it was last logged that no connection can be accepted.
    logged: Mutex<Option<Instant>>,
}

/// How long a listener that could not accept a connection waits before it tries again.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);
/// How often it is logged, at most.
const SAY_AGAIN: Duration = Duration::from_secs(60);

/// What an accepted connection has got.
enum Place {
    /// Its place among all.
    Given(OwnedSemaphorePermit),
    /// None; it is told so.
    Refused(OwnedSemaphorePermit),
}

impl Listener {
    pub(crate) fn new(socket: std::os::unix::net::UnixListener, limits: &Limits) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        Ok(Self {
            socket: UnixListener::from_std(socket)?,
            places: Arc::new(Semaphore::new(limits.connections)),
            refusals: Arc::new(Semaphore::new(limits.refusals)),
            logged: Mutex::default(),
        })
    }

    /// Takes another socket in the place of this one. Connections stay.
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
                    // Out of file descriptors, most likely: others must close theirs first. Not said ten times a
                    // second until they do.
                    self.log_seldom(&error);
                    tokio::time::sleep(ACCEPT_AGAIN).await;
                }
            }
        }
    }

    fn log_seldom(&self, error: &io::Error) {
        let mut logged = self.logged.lock().unwrap_or_else(PoisonError::into_inner);
        if logged.is_none_or(|at| at.elapsed() >= SAY_AGAIN) {
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
        let place = Arc::clone(&self.places).try_acquire_owned().map(Place::Given);
        let Ok(place) = place.or_else(|_| Arc::clone(&self.refusals).try_acquire_owned().map(Place::Refused))
        else {
            return tracing::warn!("too many connections at once to tell them so");
        };
        let serving = Arc::clone(server);
        server.tasks.spawn(async move {
            let serve = async {
                match place {
                    Place::Given(place) => {
                        serve(Arc::clone(&serving), stream, credentials.pid(), place).await
                    }
                    Place::Refused(_permit) => refuse(&serving, stream).await,
                }
            };
            if let Some(Err(error)) = serving.killing.run_until_cancelled(serve).await {
                tracing::debug!(%error, "a connection broke off");
            }
        });
    }
}

/// Says `busy` in the framing that the peer speaks.
async fn refuse(server: &Server, mut stream: UnixStream) -> io::Result<()> {
    tracing::warn!(limit = server.limits().connections, "too many connections");
    let busy = envelope::failure("null", &Error::Busy.into());
    // Who says nothing in time is taken for one that waits for a line.
    let first = tokio::time::timeout(server.limits().refusal_wait, first_byte(&stream)).await;
    let answer = match first {
        Ok(Ok(Some(byte))) if !begins_ndjson(byte) => http::unavailable(&busy),
        _ => format!("{busy}\n"),
    };
    stream.write_all(answer.as_bytes()).await
}

/// Whether a connection that begins with this byte speaks NDJSON; else it speaks HTTP.
fn begins_ndjson(byte: u8) -> bool {
    matches!(byte, b'{' | b'[' | b' ' | b'\t' | b'\r' | b'\n')
}

async fn serve(
    server: Arc<Server>,
    stream: UnixStream,
    pid: Option<i32>,
    place: OwnedSemaphorePermit,
) -> io::Result<()> {
    let first = tokio::select! {
        first = first_byte(&stream) => first?,
        () = server.closing.cancelled() => return Ok(()),
    };
    match first {
        None => Ok(()),
        Some(byte) if begins_ndjson(byte) => {
            let (read, write) = stream.into_split();
            let (call, guard) = server.connect(Framing::Ndjson, pid);
            let lines = ndjson::Lines::new(read, server.limits().frame_bytes);
            Session::new(call, guard, ndjson::LineSink::new(write), true)
                .run(lines, server.closing.clone())
                .await
        }
        Some(_) => http::serve(server, stream, pid, place).await,
    }
}

/// Looks at the first byte without taking it; `None` when the peer closes without a word.
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
