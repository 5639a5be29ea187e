//! One connection to the daemon: requests, subscriptions, and its end. It never comes back; a [link](crate::link)
//! makes the next one.

use crate::Options;
use crate::calls::Calls;
use crate::inbox::{End, Inbox, Inboxes};
use crate::transport::{Broken, Pulse, Receiver, Sender};
use jsonrpsee::core::client::Error as RpcError;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use stina_protocol::store::{ClientInfo, Hello, HelloParams, Ping, Versions, Welcome};
use stina_protocol::{EntityId, Fault, Method, VERSION};
use tokio::net::UnixStream;
use tokio::sync::{Semaphore, SemaphorePermit, mpsc};

/// Why a request on one connection has no result.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The daemon said no.
    Fault(Box<Fault>),
    /// The connection broke; what was sent may have been done.
    Lost(Broken),
}

/// An open connection.
#[derive(Debug)]
pub(crate) struct Connection {
    calls: Calls,
    inboxes: Arc<Inboxes>,
    pulse: Arc<Pulse>,
    places: Semaphore,
    all_places: usize,
    welcome: Mutex<Option<Welcome>>,
    /// Where what outlives a dropped future goes on.
    runtime: tokio::runtime::Handle,
}

impl Connection {
    /// Connects and says hello. With it come the ids of subscriptions that are given up.
    ///
    /// # Errors
    /// The daemon's refusal, or why there is no daemon.
    pub(crate) async fn open(options: &Options) -> Result<(Arc<Self>, mpsc::Receiver<u64>), Failure> {
        let limits = &options.limits;
        let permits = limits.calls.max(1);
        let socket =
            UnixStream::connect(&options.socket).await.map_err(|e| Failure::Lost(Broken::Io(e.into())))?;
        let (read, write) = socket.into_split();
        let (inboxes, given_up) = Inboxes::new(limits.subscription_bytes, limits.subscription_wait);
        let pulse = Pulse::new();
        let sender = Sender::new(write, Arc::clone(&pulse));
        let receiver = Receiver::new(read, limits.message_bytes, Arc::clone(&inboxes), Arc::clone(&pulse));
        let calls = Calls::new(permits, sender, receiver).map_err(|_| Failure::Lost(Broken::Closed))?;
        let connection = Arc::new(Self {
            calls,
            inboxes,
            pulse,
            places: Semaphore::new(permits),
            all_places: permits,
            welcome: Mutex::default(),
            runtime: tokio::runtime::Handle::current(),
        });
        connection.hello(options).await?;
        Ok((connection, given_up))
    }

    /// Says who is calling; answers the epoch.
    pub(crate) async fn hello(&self, options: &Options) -> Result<String, Failure> {
        let name = EntityId::new(options.name.as_str()).map_err(|reason| invalid("name", reason))?;
        let client = ClientInfo { name, version: options.version.clone() };
        let protocol = Some(Versions { min: VERSION, max: VERSION });
        let welcome = self.ask::<Hello>(&HelloParams { client, protocol }).await?;
        let epoch = welcome.epoch.clone();
        *self.welcome() = Some(welcome);
        Ok(epoch)
    }

    fn welcome(&self) -> MutexGuard<'_, Option<Welcome>> {
        self.welcome.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the daemon last said of itself.
    pub(crate) fn server(&self) -> Option<Welcome> {
        self.welcome().clone()
    }

    /// A call that speaks of this connection.
    pub(crate) async fn ask<M: Method<Output: DeserializeOwned>>(
        &self,
        params: &M::Params,
    ) -> Result<M::Output, Failure> {
        let unreadable = |error: serde_json::Error| Failure::Lost(Broken::Unreadable(error.into()));
        let params = serde_json::value::to_raw_value(params).map_err(unreadable)?;
        let result = self.send(M::NAME, Some(&params)).await?;
        serde_json::from_str(result.get()).map_err(unreadable)
    }

    /// Calls a method, once a place is free.
    pub(crate) async fn request(
        &self,
        method: &str,
        params: Option<&RawValue>,
    ) -> Result<Box<RawValue>, Failure> {
        let _place = self.place().await;
        self.send(method, params).await
    }

    /// Waits for a place among the calls in flight; it is held as long as what this answers.
    pub(crate) async fn place(&self) -> Option<SemaphorePermit<'_>> {
        // The semaphore is never closed.
        self.places.acquire().await.ok()
    }

    /// Calls a method at once.
    pub(crate) async fn send(
        &self,
        method: &str,
        params: Option<&RawValue>,
    ) -> Result<Box<RawValue>, Failure> {
        self.calls.request(method, params).await.map_err(|error| match error {
            RpcError::Call(error) => Failure::Fault(Box::new(Fault::from(&error))),
            // jsonrpsee's tasks have ended. Where the transport ended first, that is why.
            error => {
                tracing::debug!(%error, "jsonrpsee ended the connection");
                self.pulse.end(Broken::Nonsense);
                Failure::Lost(self.pulse.why())
            }
        })
    }

    /// Opens a subscription. Cancel safe: one that nobody waits for any more is ended.
    pub(crate) async fn subscribe(
        self: &Arc<Self>,
        method: &'static str,
        unsubscribe: &'static str,
        params: Box<RawValue>,
    ) -> Result<Feed, Failure> {
        let this = Arc::clone(self);
        let opening = self.runtime.spawn(async move {
            let id = this.request(method, Some(&params)).await?;
            let id =
                serde_json::from_str(id.get()).map_err(|e| Failure::Lost(Broken::Unreadable(e.into())))?;
            let inbox = this.inboxes.claim(id, unsubscribe);
            Ok(Feed { id, inbox, connection: this })
        });
        // It does not panic, and is not aborted.
        opening.await.unwrap_or(Err(Failure::Lost(Broken::Closed)))
    }

    /// Ends a subscription, unless somebody does so already.
    pub(crate) fn unsubscribe(self: &Arc<Self>, id: u64) {
        let Some(method) = self.inboxes.retire(id).filter(|_| !self.pulse.has_ended()) else { return };
        let this = Arc::clone(self);
        self.runtime.spawn(async move {
            let Ok(params) = serde_json::value::to_raw_value(&[id]) else { return };
            if let Err(failure) = this.request(method, Some(&params)).await {
                tracing::debug!(?failure, "could not unsubscribe");
            }
            this.inboxes.forget(id);
        });
    }

    /// Id of the history that the daemon serves.
    pub(crate) fn epoch(&self) -> String {
        self.welcome().as_ref().map(|w| w.epoch.clone()).unwrap_or_default()
    }

    /// Process id of the daemon.
    pub(crate) fn pid(&self) -> u32 {
        self.welcome().as_ref().map_or(0, |w| w.server.pid)
    }

    /// Whether anybody waits for anything on this connection.
    pub(crate) fn is_in_use(&self) -> bool {
        self.places.available_permits() < self.all_places || !self.inboxes.is_empty()
    }

    /// What is known of its health.
    pub(crate) fn pulse(&self) -> &Pulse {
        &self.pulse
    }

    /// Asks for a sign of life.
    pub(crate) async fn ping(&self) -> Result<(), Failure> {
        self.ask::<Ping>(&stina_protocol::types::NoParams {}).await.map(drop)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.pulse.end(Broken::Closed);
    }
}

fn invalid(field: &str, reason: String) -> Failure {
    Failure::Fault(Box::new(stina_protocol::Error::invalid(field, reason).into()))
}

/// An open subscription on one connection; it ends when it is dropped.
#[derive(Debug)]
pub(crate) struct Feed {
    id: u64,
    inbox: Arc<Inbox>,
    connection: Arc<Connection>,
}

impl Feed {
    /// The next event, as JSON. Cancel safe.
    pub(crate) async fn next(&self) -> Result<Box<str>, End> {
        self.inbox.next().await
    }

    /// Says whether the events that come from now on can't be taken up in the middle.
    pub(crate) fn set_can_not_resume(&self, can_not_resume: bool) {
        self.inbox.set_can_not_resume(can_not_resume);
    }

    /// The connection that it is on.
    pub(crate) fn connection(&self) -> &Arc<Connection> {
        &self.connection
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.connection.unsubscribe(self.id);
    }
}
