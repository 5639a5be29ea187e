//! [`Client`]: typed calls, raw calls, subscriptions.

use crate::chat::SharedListener;
use crate::link::Link;
use crate::options::countable;
use crate::retry::{Deadline, Outgoing, checked, new_request_id, stamp};
use crate::{ClientBuilder, ConnectionState, Error, Options, Result, States};
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use stina_protocol::method::{Bare, MethodKind, Read, Wire, Write};
use stina_protocol::store::{Discover, StoredReply, Welcome};
use stina_protocol::types::NoParams;
use stina_protocol::{Method, RequestId};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::task::AbortOnDropHandle;

/// A client of `stinad`. It is cheap to clone; all clones share one connection, which is replaced when it breaks.
///
/// Its tasks run on the tokio runtime that created it, and end with that. Its methods work on any thread, with a runtime or
/// without. The connection closes when the last clone and the last
/// [`Subscription`](crate::Subscription) are dropped.
#[derive(Debug, Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    link: Link,
    methods: Mutex<Option<Arc<Methods>>>,
    listener: SharedListener,
    /// Permits for its subscriptions and mirrors.
    subscriptions: Arc<Semaphore>,
    /// Runs its tasks, whichever thread opens a subscription or a mirror.
    runtime: Handle,
}

/// Options of one [`Client::call_raw`], which override those of the client.
#[derive(Debug, Clone, Default)]
pub struct CallOptions {
    /// The id of a write; generated when omitted. A write that happened with this id is not repeated: the daemon
    /// answers as before.
    pub request_id: Option<RequestId>,
    /// Maximum duration of the call, reconnects included; the client's when omitted.
    pub deadline: Option<Duration>,
    /// Whether to send the call at most once, even if the connection breaks.
    pub once: bool,
}

/// The kinds of methods for [`Client::call`]: all except subscriptions, which [`Client::subscribe`] opens.
pub trait Callable: MethodKind {}

impl Callable for Read {}
impl Callable for Write {}
impl Callable for Bare {}

impl Client {
    /// Returns a builder.
    pub fn builder() -> ClientBuilder {
        ClientBuilder::default()
    }

    /// Connects. The client then reconnects by itself.
    ///
    /// # Errors
    /// [`Error::NotReachable`] when no daemon is running; [`Error::Rpc`] when it refuses this client, and outside of a
    /// tokio runtime.
    pub async fn connect(options: Options) -> Result<Self> {
        check_runtime()?;
        Ok(Self::on(Link::connect(options).await?))
    }

    /// Starts a client that connects in the background; calls wait for the connection until their deadlines.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn start(options: Options) -> Self {
        Self::on(Link::start(options))
    }

    fn on(link: Link) -> Self {
        let subscriptions = countable(link.options().limits.subscriptions);
        let inner = Inner {
            link,
            methods: Mutex::default(),
            listener: SharedListener::default(),
            subscriptions: Arc::new(Semaphore::new(subscriptions)),
            runtime: Handle::current(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// The runtime that runs its tasks.
    pub(crate) fn runtime(&self) -> &Handle {
        &self.inner.runtime
    }

    /// Runs a future on the client's runtime, for callers on any thread. Dropping the future stops it.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        future: impl Future<Output = T> + Send + 'static,
    ) -> Result<T> {
        // An error means that the runtime has ended.
        AbortOnDropHandle::new(self.runtime().spawn(future)).await.map_err(|_| Error::Closed)
    }

    /// A permit for one more subscription or mirror.
    pub(crate) fn subscription_permit(&self) -> Result<OwnedSemaphorePermit> {
        Arc::clone(&self.inner.subscriptions).try_acquire_owned().map_err(|_| {
            let most = self.options().limits.subscriptions.max(1);
            let reason = format!("a client has at most {most} subscriptions and mirrors at a time");
            stina_protocol::Error::invalid("", reason).into()
        })
    }

    pub(crate) fn link(&self) -> &Link {
        &self.inner.link
    }

    /// The listener for the stop signals of this client's streaming messages.
    pub(crate) fn listener(&self) -> &SharedListener {
        &self.inner.listener
    }

    /// The options of this client.
    pub fn options(&self) -> &Options {
        self.link().options()
    }

    /// The state of the connection.
    pub fn state(&self) -> ConnectionState {
        self.link().state()
    }

    /// The daemon's answer to `store.hello` on the current connection: its version, features, epoch, and the newest
    /// revision at that time. `None` while there is no connection.
    pub fn server(&self) -> Option<Welcome> {
        self.link().server()
    }

    /// A stream of the connection's state. It ends after [`ConnectionState::Closed`].
    pub fn states(&self) -> States<ConnectionState> {
        self.link().states()
    }

    /// Closes this client and all its clones. Calls in flight fail, subscriptions end.
    pub async fn close(&self) {
        self.link().close().await;
    }

    /// Sends a call, and reads its answer.
    pub(crate) async fn execute<M: Method<Kind: Callable>>(
        &self,
        params: M::Params,
        how: CallOptions,
    ) -> Result<Wire<M>> {
        let deadline = self.deadline(&how);
        self.call_until::<M>(params, how, deadline).await
    }

    /// When a call with these options that begins now must be answered.
    pub(crate) fn deadline(&self, how: &CallOptions) -> Deadline {
        Deadline::after(how.deadline.unwrap_or(self.options().deadline))
    }

    /// As [`Self::execute`], with a deadline that began before the call.
    pub(crate) async fn call_until<M: Method<Kind: Callable>>(
        &self,
        params: M::Params,
        how: CallOptions,
        deadline: Deadline,
    ) -> Result<Wire<M>> {
        let text =
            serde_json::to_string(&params).map_err(|e| stina_protocol::Error::invalid("", e.to_string()))?;
        let result = self.send(M::NAME, Some(text), M::Kind::MUTATES, how, deadline).await?;
        let unreadable = |e| Error::unreadable(M::NAME, &e);
        // The null of a forgotten answer must not be taken for a result.
        if M::Kind::MUTATES && result.get().contains("\"forgotten\"") {
            let answer: StoredReply = serde_json::from_str(result.get()).map_err(unreadable)?;
            if answer.forgotten {
                return Err(Error::Forgotten { rev: answer.rev });
            }
        }
        serde_json::from_str(result.get()).map_err(unreadable)
    }

    /// Calls a method by its name. `params` is the text of a JSON object; the result is raw JSON.
    ///
    /// The daemon's `rpc.discover` decides whether the method is a write.
    ///
    /// # Errors
    /// As [`Self::call`].
    pub async fn call_raw(
        &self,
        method: &str,
        params: Option<&str>,
        how: CallOptions,
    ) -> Result<Box<RawValue>> {
        let deadline = self.deadline(&how);
        let methods = self.methods_until(deadline).await?;
        let info = methods.get(method);
        if info.is_some_and(|info| info.event.is_some()) {
            return Err(stina_protocol::Error::invalid(
                "",
                format!("`{method}` is a subscription, not a call"),
            )
            .into());
        }
        let writes = info.is_some_and(|info| info.writes);
        self.send(method, params.map(ToOwned::to_owned), writes, how, deadline).await
    }

    async fn send(
        &self,
        method: &str,
        params: Option<String>,
        writes: bool,
        how: CallOptions,
        deadline: Deadline,
    ) -> Result<Box<RawValue>> {
        let mut params = params;
        let mut request_id = None;
        if writes {
            let text = params.as_deref().unwrap_or("{}");
            let own = serde_json::from_str::<OwnId>(text).ok().and_then(|own| own.request_id);
            if let Some(own) = own {
                request_id = Some(own);
            } else if text.trim_ascii_start().starts_with('{') {
                let id = how.request_id.map_or_else(new_request_id, Ok)?;
                params = Some(stamp(text, &id));
                request_id = Some(id);
            }
        }
        let limit = self.options().limits.request_bytes;
        let params = params.map(|text| checked(text, limit)).transpose()?;
        let (client, method) = (self.clone(), method.to_owned());
        let call = async move {
            let outgoing = Outgoing { method: &method, params, request_id, retry: !how.once, deadline };
            outgoing.run(client.link()).await
        };
        match Handle::try_current() {
            Ok(_) => call.await,
            // The caller's thread has no timers.
            Err(_) => self.run(call).await?,
        }
    }

    /// The methods of the daemon, read once for each connection.
    ///
    /// # Errors
    /// As [`Self::call`].
    pub async fn methods(&self) -> Result<Arc<Methods>> {
        self.methods_until(self.deadline(&CallOptions::default())).await
    }

    async fn methods_until(&self, deadline: Deadline) -> Result<Arc<Methods>> {
        let state = self.state();
        let known = self.inner.methods.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(methods) = known.filter(|methods| methods.of == state) {
            return Ok(methods);
        }
        let document = self.call_until::<Discover>(NoParams {}, CallOptions::default(), deadline).await?;
        let document: Document =
            serde_json::from_str(document.get()).map_err(|e| Error::unreadable("rpc.discover", &e))?;
        let by_name = document.methods.into_iter().map(|method| {
            let writes = method.params.iter().any(|param| param.name == "requestId");
            let event = method.notification.map(|notification| notification.method);
            (method.name, MethodInfo { summary: method.summary, writes, event })
        });
        let methods = Arc::new(Methods { of: self.state(), by_name: by_name.collect() });
        *self.inner.methods.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&methods));
        Ok(methods)
    }
}

/// Checks that there is a runtime for the tasks of a new client.
fn check_runtime() -> Result<()> {
    let missing = |_| stina_protocol::Error::invalid("", "a client needs a tokio runtime to start on");
    Ok(Handle::try_current().map(drop).map_err(missing)?)
}

impl ClientBuilder {
    /// Connects. The client then reconnects by itself.
    ///
    /// # Errors
    /// [`Error::NotReachable`] when no daemon is running; [`Error::Rpc`] when it refuses this client, and outside of a
    /// tokio runtime.
    pub async fn connect(self) -> Result<Client> {
        Client::connect(self.options()?).await
    }

    /// Starts a client that connects in the background, for a program that may start before the daemon. Calls wait for
    /// the connection until their deadlines.
    ///
    /// # Errors
    /// As [`Self::options`]; [`Error::Rpc`] outside of a tokio runtime.
    pub fn start(self) -> Result<Client> {
        check_runtime()?;
        Ok(Client::start(self.options()?))
    }
}

/// The methods of a daemon, from `rpc.discover`.
#[derive(Debug)]
pub struct Methods {
    /// The connection that they were read from.
    of: ConnectionState,
    by_name: BTreeMap<String, MethodInfo>,
}

/// A method of a daemon.
#[derive(Debug, Clone)]
pub struct MethodInfo {
    /// Its description, one sentence.
    pub summary: String,
    /// Whether it takes a `requestId`.
    pub writes: bool,
    /// Name of its notifications, if it opens a subscription.
    pub event: Option<String>,
}

impl Methods {
    /// The method with that name.
    pub fn get(&self, name: &str) -> Option<&MethodInfo> {
        self.by_name.get(name)
    }

    /// All names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.by_name.keys().map(String::as_str)
    }
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct OwnId {
    request_id: Option<RequestId>,
}

#[derive(serde::Deserialize)]
struct Document {
    methods: Vec<Described>,
}

#[derive(serde::Deserialize)]
struct Described {
    name: String,
    #[serde(default)]
    summary: String,
    #[serde(default)]
    params: Vec<Param>,
    #[serde(default, rename = "x-notification")]
    notification: Option<Notification>,
}

#[derive(serde::Deserialize)]
struct Param {
    name: String,
}

#[derive(serde::Deserialize)]
struct Notification {
    method: String,
}
