//! [`Client`]: typed calls, raw calls, subscriptions.

use crate::chat::SharedListener;
use crate::link::Link;
use crate::retry::{Deadline, Outgoing, checked, new_request_id, stamp};
use crate::{ClientBuilder, ConnectionState, Error, Options, Result};
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use stina_protocol::method::{Bare, MethodKind, Read, Wire, Write};
use stina_protocol::store::{Discover, StoredReply, Welcome};
use stina_protocol::types::NoParams;
use stina_protocol::{Method, RequestId};

/// A client of `stinad`. It is cheap to clone; all clones share one connection, which is replaced when it breaks.
///
/// It belongs to the tokio runtime that created it. The connection closes when the last clone and the last
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
    /// The runtime that created it.
    #[cfg(feature = "blocking")]
    runtime: Option<tokio::runtime::Handle>,
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
    /// [`Error::NotReachable`] when no daemon is running; [`Error::Rpc`] when it refuses this client.
    pub async fn connect(options: Options) -> Result<Self> {
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
        Self {
            inner: Arc::new(Inner {
                link,
                methods: Mutex::default(),
                listener: SharedListener::default(),
                #[cfg(feature = "blocking")]
                runtime: tokio::runtime::Handle::try_current().ok(),
            }),
        }
    }

    /// The runtime that created it.
    #[cfg(feature = "blocking")]
    pub(crate) fn runtime(&self) -> Option<&tokio::runtime::Handle> {
        self.inner.runtime.as_ref()
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

    /// A stream of the connection's state: the current one, then each new one. A state that changes before it is read
    /// is skipped. The stream ends after [`ConnectionState::Closed`].
    pub fn states(&self) -> impl futures_util::Stream<Item = ConnectionState> + Send + use<> {
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
        let outgoing = Outgoing {
            method,
            params: params.map(|text| checked(text, limit)).transpose()?,
            request_id,
            retry: !how.once,
            deadline,
        };
        outgoing.run(self.link()).await
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

impl ClientBuilder {
    /// Connects. The client then reconnects by itself.
    ///
    /// # Errors
    /// [`Error::NotReachable`] when no daemon is running; [`Error::Rpc`] when it refuses this client.
    pub async fn connect(self) -> Result<Client> {
        Client::connect(self.options()?).await
    }

    /// Starts a client that connects in the background, for a program that may start before the daemon. Calls wait for
    /// the connection until their deadlines.
    ///
    /// # Errors
    /// As [`Self::options`].
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn start(self) -> Result<Client> {
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
