//! The daemon as a whole: the order of its start, and the order of its stop.

use crate::config::Config;
use crate::instance::{Instance, InstanceError};
use crate::rpc::{self, Module, Registry};
use crate::stop::Stop;
use crate::store::{Fatal, ModuleSchema, OpenError, Store, StoreConfig};
use crate::transport::{Listener, Server};
use std::sync::Arc;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Why the daemon could not start, or had to end.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// Another daemon is running, or the directory or socket is not usable.
    #[error(transparent)]
    Instance(#[from] InstanceError),
    /// The database can't be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The socket does not work.
    #[error("cannot listen: {0}")]
    Listen(#[from] std::io::Error),
    /// It served, and can't continue.
    #[error(transparent)]
    Fatal(#[from] Fatal),
}

/// Runs the daemon until `stop` is cancelled. Calls `ready` once it serves.
///
/// # Errors
/// When it can't start, or its database is removed or replaced. Once it runs, it always stops in order.
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
    let mut registry = Registry::new(&limits);
    rpc::register_core(&mut registry, modules);
    modules.iter().for_each(|module| (module.register)(&mut registry));
    let (methods, background) = registry.finish();
    for work in background.at_start {
        store.clone().vital("a module's start", work(store.clone())).await;
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
    tasks.spawn(store.clone().vital("housekeeping", store.clone().maintain(background_stop.clone())));
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

    // Stop: accept no connections; end subscriptions and answer calls in flight; end background work; end the reads that
    // nobody waits for; let the writer drain its queue, commit and checkpoint; close the readers, then the writer's
    // connection. Socket and locks come last, so that no other daemon starts before. Whatever still runs in SQLite at the
    // deadline is interrupted.
    tracing::info!("stopping");
    let deadline = Instant::now() + limits.shutdown.saturating_sub(limits.interrupt_wait);
    drop(listener);
    server.close(deadline).await;
    store.begin_shutdown();
    background_stop.cancel();
    tasks.close();
    store.end_by(deadline, tasks.wait()).await;
    drop(server);
    let signal = store.fatal_signal();
    writer.finish(store, deadline).await;
    instance.release();
    tracing::info!("stopped");
    fatal.or_else(|| signal.cause().cloned()).map_or(Ok(()), |fatal| Err(fatal.into()))
}

/// Binds the socket again if another program has removed it; returns the reason if that fails.
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
