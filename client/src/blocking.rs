//! A client without async: for scripts, and for toolkits with a loop of their own.
//!
//! ```no_run
//! # fn main() -> Result<(), stina_client::Error> {
//! use stina_client::blocking::Client;
//! use stina_client::mirror;
//!
//! let client = Client::connect(stina_client::Client::builder().name("script", "1.0"))?;
//! client.todos().create("Buy milk").wait()?;
//! let todos = client.mirror(mirror::Todos::open())?;
//! for todo in todos.snapshot().items {
//!     println!("{}", todo.title);
//! }
//! for patch in todos.watch().1 {
//!     println!("{} changes", patch.diffs.len());
//! }
//! # Ok(())
//! # }
//! ```
//!
//! A client owns a thread, which runs its connection. Its methods are those of the async one; [`Call::wait`] sends a call
//! and blocks, and [`Client::run`] blocks for any other future, such as a [`Transaction`]'s `commit`.
//!
//! It works in any thread without tokio, and never panics. In async code [`Call::wait`] is an error.

use crate::mirror::{Collection, Patch, Patches, Snapshot};
use crate::{Call, Chat, ClientBuilder, Error, Kv, Memories, Result, Store, Todos, Transaction};
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, Wake};
use std::thread;
use stina_protocol::Method;
use stina_protocol::event::{Event, SubscribeMethod};
use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

/// A client that blocks. It is cheap to clone; its thread ends with the last clone, subscription and mirror.
#[derive(Debug, Clone)]
pub struct Client {
    client: crate::Client,
    thread: Arc<Thread>,
}

/// The thread that runs a client's tasks.
#[derive(Debug)]
struct Thread {
    runtime: Handle,
    /// Its end stops the thread.
    _stop: oneshot::Sender<()>,
}

impl Thread {
    fn start() -> Result<Self> {
        let (ready, started) = mpsc::sync_channel(1);
        let (stop, stopped) = oneshot::channel::<()>();
        let run = move || {
            let runtime = match Builder::new_current_thread().enable_all().build() {
                Ok(runtime) => runtime,
                Err(error) => return drop(ready.send(Err(failed(&error)))),
            };
            drop(ready.send(Ok(runtime.handle().clone())));
            // It ends when the other side is dropped.
            drop(runtime.block_on(stopped));
        };
        thread::Builder::new().name("stina-client".to_owned()).spawn(run).map_err(|e| failed(&e))?;
        let runtime = started.recv().map_err(|_| Error::Closed)??;
        Ok(Self { runtime, _stop: stop })
    }
}

/// The error of a thread that could not start.
fn failed(error: &std::io::Error) -> Error {
    stina_protocol::Error::Unsupported { what: format!("a thread of its own: {error}") }.into()
}

/// Runs a future on the runtime of a client, and blocks this thread until it is ready.
pub(crate) fn wait<T: Send + 'static>(
    runtime: &Handle,
    future: impl Future<Output = T> + Send + 'static,
) -> Result<T> {
    // A runtime that has ended drops the task.
    block_on(runtime.spawn(future)).map_err(|_| Error::Closed)
}

/// Blocks this thread until a future is ready that needs no runtime. Tokio's own would panic in async code.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(thread::Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Arc::new(Unpark(thread::current())).into();
    let mut future = std::pin::pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

impl Client {
    /// Connects. The client then reconnects by itself.
    ///
    /// # Errors
    /// As [`ClientBuilder::connect`].
    pub fn connect(builder: ClientBuilder) -> Result<Self> {
        let thread = Thread::start()?;
        let client = wait(&thread.runtime, builder.connect())??;
        Ok(Self { client, thread: Arc::new(thread) })
    }

    /// Starts a client that connects in the background; calls wait for the connection until their deadlines.
    ///
    /// # Errors
    /// As [`ClientBuilder::start`].
    pub fn start(builder: ClientBuilder) -> Result<Self> {
        let thread = Thread::start()?;
        let client = wait(&thread.runtime, async move { builder.start() })??;
        Ok(Self { client, thread: Arc::new(thread) })
    }

    /// The async client, whose calls this one can [`wait`](Call::wait) for.
    pub fn client(&self) -> &crate::Client {
        &self.client
    }

    /// Blocks until a future of this client is ready, such as that of [`Transaction::commit`].
    ///
    /// # Errors
    /// [`Error::Closed`] when the client's runtime has ended.
    pub fn run<T: Send + 'static>(&self, future: impl Future<Output = T> + Send + 'static) -> Result<T> {
        wait(&self.thread.runtime, future)
    }

    /// `todo.*`: todos and their comments.
    pub fn todos(&self) -> Todos {
        self.client.todos()
    }

    /// `memory.*`: the assistant's memories.
    pub fn memories(&self) -> Memories {
        self.client.memories()
    }

    /// `kv.*`: small values by key.
    pub fn kv(&self) -> Kv {
        self.client.kv()
    }

    /// `chat.*`: conversations, interactions and messages.
    pub fn chat(&self) -> Chat {
        self.client.chat()
    }

    /// `store.*`: the store and the daemon.
    pub fn store(&self) -> Store {
        self.client.store()
    }

    /// Begins a transaction.
    pub fn transact(&self) -> Transaction {
        self.client.transact()
    }

    /// Calls a method, by its type and its params.
    pub fn call<M: Method<Kind: crate::Callable>>(&self, params: M::Params) -> Call<M> {
        self.client.call::<M>(params)
    }

    /// Opens a subscription.
    ///
    /// # Errors
    /// As [`Call`].
    pub fn subscribe<S: SubscribeMethod>(&self, params: S::Params) -> Result<Subscription> {
        let client = self.client.clone();
        let events = self.run(async move { client.subscribe::<S>(params).await })??;
        Ok(Subscription { events, _thread: Arc::clone(&self.thread) })
    }

    /// Mirrors a collection; returns when the first snapshot is complete.
    ///
    /// # Errors
    /// As [`crate::Client::mirror`].
    pub fn mirror<C: Collection>(&self, collection: C) -> Result<Mirror<C>> {
        let client = self.client.clone();
        let mirror = self.run(async move {
            let mirror = client.mirror(collection)?;
            mirror.ready().await.map(|()| mirror)
        })??;
        Ok(Mirror { mirror, thread: Arc::clone(&self.thread) })
    }

    /// Closes this client and all its clones. Calls in flight fail, subscriptions end.
    pub fn close(&self) {
        let client = self.client.clone();
        // A runtime that has ended has no connection.
        let _ = self.run(async move { client.close().await });
    }
}

impl<M: Method, T: Send + 'static> Call<M, T> {
    /// Sends the call, and blocks this thread until it is answered: for a client of [`blocking`](self).
    ///
    /// # Errors
    /// As those of the call; [`Error::Closed`] when the runtime of the client has ended. In async code the call is
    /// `unsupported`, and is not sent: its runtime could wait for itself.
    pub fn wait(self) -> Result<T> {
        if Handle::try_current().is_ok() {
            let what = "a call that blocks async code: await it".to_owned();
            return Err(stina_protocol::Error::Unsupported { what }.into());
        }
        let runtime = self.client().runtime().clone();
        wait(&runtime, self)?
    }
}

/// The events of a subscription: an iterator that blocks for the next one. It ends after an error, and when the client is
/// closed.
#[derive(Debug)]
pub struct Subscription {
    events: crate::Subscription,
    _thread: Arc<Thread>,
}

impl Iterator for Subscription {
    type Item = Result<Event>;

    fn next(&mut self) -> Option<Self::Item> {
        block_on(self.events.next())
    }
}

/// A live collection.
#[derive(Debug)]
pub struct Mirror<C: Collection> {
    mirror: crate::Mirror<C>,
    thread: Arc<Thread>,
}

impl<C: Collection> Mirror<C> {
    /// The current entities.
    pub fn snapshot(&self) -> Snapshot<C::Item> {
        self.mirror.snapshot()
    }

    /// The current entities, and every patch that follows, without a gap.
    pub fn watch(&self) -> (Snapshot<C::Item>, Changes<C::Item>) {
        let (snapshot, patches) = self.mirror.watch();
        (snapshot, Changes { patches, _thread: Arc::clone(&self.thread) })
    }

    /// Waits until the mirror has reached a revision, such as that of your own write. It has no deadline of its own.
    ///
    /// # Errors
    /// The error that ended the mirror.
    pub fn wait(&self, rev: u64) -> Result<()> {
        block_on(self.mirror.wait(rev))
    }

    /// The async mirror.
    pub fn mirror(&self) -> &crate::Mirror<C> {
        &self.mirror
    }
}

/// The changes of a mirror: an iterator that blocks for the next patch. It ends when the client is closed, or the mirror
/// is dropped.
#[derive(Debug)]
pub struct Changes<T> {
    patches: Patches<T>,
    _thread: Arc<Thread>,
}

impl<T> Iterator for Changes<T> {
    type Item = Patch<T>;

    fn next(&mut self) -> Option<Patch<T>> {
        block_on(self.patches.next())
    }
}
