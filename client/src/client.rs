//! The client: calls with types, calls without, subscriptions.

use crate::chat::SharedListener;
use crate::link::Link;
use crate::retry::{Outgoing, checked, new_request_id, stamp};
use crate::{ClientBuilder, Error, Options, Result, State};
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use stina_protocol::method::{Bare, Kind, Read, Wire, Write};
use stina_protocol::store::{Discover, StoredReply, Welcome};
use stina_protocol::types::NoParams;
use stina_protocol::{Error as Fail, Method, RequestId};

/// A client of `stinad`. Cheap to clone; all clones share one connection, which is replaced when it breaks.
///
/// It belongs to the tokio runtime in which it was made. The connection closes when the last clone and the last
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
}

/// How one call is made, where it differs from the client's ways.
#[derive(Debug, Clone, Default)]
pub struct CallOptions {
    /// The id of a write; a new one when not said. A write that was made with it before is not made again: its
    /// answer is given again.
    pub request_id: Option<RequestId>,
    /// How long the call may take, reconnecting included; the client's when not said.
    pub deadline: Option<Duration>,
    /// Never to send it a second time, whatever becomes of the connection.
    pub once: bool,
}

/// The kinds of methods that [`Client::call`] calls: all but subscriptions, which [`Client::subscribe`] opens.
pub trait Callable: Kind {}

impl Callable for Read {}
impl Callable for Write {}
impl Callable for Bare {}

impl Client {
    /// Begins to build a client.
    pub fn builder() -> ClientBuilder {
        ClientBuilder::default()
    }

    /// Connects. From then on the client reconnects by itself.
    ///
    /// # Errors
    /// [`Error::NotReachable`] when the daemon is not there now; [`Error::Rpc`] when it refuses this client.
    pub async fn connect(options: Options) -> Result<Self> {
        Ok(Self::on(Link::connect(options).await?))
    }

    /// A client that connects in the background; calls wait for the connection until their deadlines.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn start(options: Options) -> Self {
        Self::on(Link::start(options))
    }

    fn on(link: Link) -> Self {
        Self {
            inner: Arc::new(Inner { link, methods: Mutex::default(), listener: SharedListener::default() }),
        }
    }

    pub(crate) fn link(&self) -> &Link {
        &self.inner.link
    }

    /// Hears when the messages that are written through this client are to end.
    pub(crate) fn listener(&self) -> &SharedListener {
        &self.inner.listener
    }

    /// How this client connects and calls.
    pub fn options(&self) -> &Options {
        self.link().options()
    }

    /// The state of the connection.
    pub fn state(&self) -> State {
        self.link().state()
    }

    /// What the daemon said of itself when the present connection was made: its version, what it can do, the epoch,
    /// and the newest revision of that moment. None while there is no connection.
    pub fn server(&self) -> Option<Welcome> {
        self.link().server()
    }

    /// The state of the connection now, and whenever it changes; one that is over before it is read is skipped.
    /// Ends after [`State::Closed`].
    pub fn states(&self) -> impl futures_util::Stream<Item = State> + Send + use<> {
        self.link().states()
    }

    /// Closes the connection for good, for all clones. Calls in flight fail, subscriptions end.
    pub async fn close(&self) {
        self.link().close().await;
    }

    /// Calls a method. A write happens exactly once.
    ///
    /// Dropping the future gives up waiting, not the call: a write that was sent may happen.
    ///
    /// # Errors
    /// [`Error::Rpc`] when the daemon says no. Without an answer until the deadline: [`Error::OutcomeUnknown`]
    /// for a write that was sent, [`Error::TimedOut`] for another call that was sent, else
    /// [`Error::NotReachable`].
    pub async fn call<M: Method<Kind: Callable>>(&self, params: M::Params) -> Result<Wire<M>> {
        self.call_with::<M>(params, CallOptions::default()).await
    }

    /// Calls a method in a certain way.
    ///
    /// # Errors
    /// As [`Self::call`].
    pub async fn call_with<M: Method<Kind: Callable>>(
        &self,
        params: M::Params,
        how: CallOptions,
    ) -> Result<Wire<M>> {
        let text = serde_json::to_string(&params).map_err(|e| Fail::invalid("", e.to_string()))?;
        let result = self.send(M::NAME, Some(text), M::Kind::MUTATES, how).await?;
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

    /// Calls a method by its name, with params (the text of a JSON object) as they are; answers the result as it
    /// is. Whether it is a write is asked of the daemon.
    ///
    /// # Errors
    /// As [`Self::call`].
    pub async fn call_raw(
        &self,
        method: &str,
        params: Option<&str>,
        how: CallOptions,
    ) -> Result<Box<RawValue>> {
        let methods = self.methods().await?;
        let info = methods.get(method);
        if info.is_some_and(|info| info.event.is_some()) {
            return Err(Fail::invalid("", format!("`{method}` is a subscription, not a call")).into());
        }
        let writes = info.is_some_and(|info| info.writes);
        self.send(method, params.map(ToOwned::to_owned), writes, how).await
    }

    async fn send(
        &self,
        method: &str,
        params: Option<String>,
        writes: bool,
        how: CallOptions,
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
            within: how.deadline.unwrap_or(self.options().deadline),
        };
        outgoing.run(self.link()).await
    }

    /// The methods that the daemon has. Asked once for each daemon.
    ///
    /// # Errors
    /// As [`Self::call`].
    pub async fn methods(&self) -> Result<Arc<Methods>> {
        let state = self.state();
        let known = self.inner.methods.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(methods) = known.filter(|methods| methods.of == state) {
            return Ok(methods);
        }
        let document = self.call::<Discover>(NoParams {}).await?;
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
    /// Connects. From then on the client reconnects by itself.
    ///
    /// # Errors
    /// [`Error::NotReachable`] when the daemon is not there now; [`Error::Rpc`] when it refuses this client.
    pub async fn connect(self) -> Result<Client> {
        Client::connect(self.options()?).await
    }

    /// A client that connects in the background, for a program that may be started before the daemon. Calls wait
    /// for the connection until their deadlines.
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

/// The methods of a daemon, as `rpc.discover` describes them.
#[derive(Debug)]
pub struct Methods {
    /// The connection over which they were asked for.
    of: State,
    by_name: BTreeMap<String, MethodInfo>,
}

/// A method of a daemon.
#[derive(Debug, Clone)]
pub struct MethodInfo {
    /// What it does, in one sentence.
    pub summary: String,
    /// Whether it takes a `requestId`.
    pub writes: bool,
    /// Name of its notifications, if it opens a subscription.
    pub event: Option<String>,
}

impl Methods {
    /// The method of that name.
    pub fn get(&self, name: &str) -> Option<&MethodInfo> {
        self.by_name.get(name)
    }

    /// All names, in order.
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
