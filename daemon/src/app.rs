//! The daemon as a whole: what starts in which order, and what stops in which.

use crate::config::Config;
use crate::instance::{Instance, InstanceError};
use crate::rpc::{Module, Registry};
use crate::store::{Fatal, ModuleSchema, OpenError, Store, StoreConfig};
use crate::transport::{Listener, Server};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Asks the daemon to stop; cheap to clone.
#[derive(Debug, Clone)]
pub struct Stop {
    token: CancellationToken,
    started: Instant,
    socket: Arc<Path>,
    /// Why nobody new can connect, if so.
    socket_problem: Arc<Mutex<Option<String>>>,
}

impl Stop {
    fn new(token: CancellationToken, socket: &Path) -> Self {
        Self { token, started: Instant::now(), socket: socket.into(), socket_problem: Arc::default() }
    }

    /// Asks.
    pub fn request(&self) {
        self.token.cancel();
    }

    /// How long the daemon has run.
    pub fn uptime(&self) -> Duration {
        self.started.elapsed()
    }

    /// Where the daemon listens.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Why nobody new can connect there, if so.
    pub fn socket_problem(&self) -> Option<String> {
        self.socket_problem.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set_socket_problem(&self, problem: Option<String>) {
        let mut known = self.socket_problem.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(problem) = problem.as_ref().filter(|problem| known.as_ref() != Some(problem)) {
            tracing::error!("nobody new can connect: {problem}");
        }
        *known = problem;
    }
}

/// Why the daemon could not start.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// Another one is there, or the place is not usable.
    #[error(transparent)]
    Instance(#[from] InstanceError),
    /// The database can't be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The socket does not work.
    #[error("cannot listen: {0}")]
    Listen(#[from] std::io::Error),
    /// It served, and can't go on.
    #[error(transparent)]
    Fatal(#[from] Fatal),
}

/// Runs the daemon until `stop`. Calls `ready` once it serves.
///
/// # Errors
/// When it can't start, or its database is taken away. Once it runs, it ends in order.
pub async fn run(
    config: Config,
    modules: &[Module],
    stop: CancellationToken,
    ready: impl FnOnce(&Store),
) -> Result<(), RunError> {
    // Start: lock, store, methods, socket.
    let instance = Instance::claim(&config)?;
    let schemas: Vec<ModuleSchema> = modules.iter().map(Module::schema).collect();
    let limits = Arc::new(config.limits.clone());
    let store_config = StoreConfig {
        location: config.location.clone(),
        limits: Arc::clone(&limits),
        clock: config.clock.clone(),
        witness: instance.witness(),
    };
    let (store, writer) = Store::open(store_config, &schemas)?;
    let (methods, background) = Registry::with(modules, &limits).finish();
    for write in background.at_start {
        // A full disk, say, is no reason to keep from reading.
        if let Err(fault) = store.write(Box::new(move |tx| write(tx).map(|()| "null".to_owned()))).await {
            tracing::error!(%fault, "a write at the start failed");
        }
    }
    let handle = Stop::new(stop.clone(), &config.socket);
    let server = Server::new(store.clone(), methods, handle.clone());
    let mut listener = Listener::new(instance.listen()?, &limits)?;

    let tasks = TaskTracker::new();
    let background_stop = CancellationToken::new();
    let socket_touched = Arc::new(Notify::new());
    let watch =
        store.clone().watch_files(config.socket.clone(), socket_touched.clone(), background_stop.clone());
    tasks.spawn(store.clone().vital("the watch", watch));
    tasks.spawn(store.clone().vital("housekeeping", store.clone().keep_house(background_stop.clone())));
    for task in background.tasks {
        tasks.spawn(store.clone().vital("a module's task", task(store.clone(), background_stop.clone())));
    }
    ready(&store);
    let fatal = loop {
        tokio::select! {
            () = stop.cancelled() => break None,
            fatal = store.fatal() => break Some(fatal),
            () = listener.accept(&server) => break None,
            () = socket_touched.notified() => handle.set_socket_problem(bind_again(&instance, &mut listener)),
        }
    };

    // Stop: no new connections; end subscriptions and answer calls in flight; background work; then the writer
    // drains its queue, commits and checkpoints; readers, then its own connection; socket and locks last, so that no other daemon starts before.
    tracing::info!("stopping");
    drop(listener);
    server.close().await;
    store.hurry();
    background_stop.cancel();
    tasks.close();
    tasks.wait().await;
    drop(server);
    let signal = store.fatal_signal();
    writer.finish(store).await;
    instance.release();
    tracing::info!("stopped");
    fatal.or_else(|| signal.cause().cloned()).map_or(Ok(()), |fatal| Err(fatal.into()))
}

/// Binds the socket again if somebody has removed it; answers why that can't be done.
fn bind_again(instance: &Instance, listener: &mut Listener) -> Option<String> {
    if instance.is_bound() {
        return None;
    }
    let bound = instance.listen().map_err(RunError::from).and_then(|socket| Ok(listener.rebind(socket)?));
    match bound {
        Ok(()) => {
            tracing::warn!("the socket was removed; it is there again");
            None
        }
        Err(error) => Some(error.to_string()),
    }
}
