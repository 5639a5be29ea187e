//! One connection to the daemon: its calls and subscriptions. A [link](crate::link) replaces it when it ends.

use crate::calls::Calls;
use crate::inbox::{CloseReason, Inbox, Inboxes};
use crate::options::{Options, countable};
use crate::transport::{Disconnect, Pulse, Receiver, Sender, TOO_LONG};
use jsonrpsee_core::client::Error as RpcError;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use std::num::NonZeroU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use stina_protocol::store::{ClientInfo, Credit, CreditParams, Hello, HelloParams, Ping, Versions, Welcome};
use stina_protocol::{EntityId, Fault, Method, VERSION};
use tokio::net::UnixStream;
use tokio::sync::{Semaphore, SemaphorePermit, mpsc};

/// The error of a call on one connection.
#[derive(Debug)]
pub(crate) enum CallError {
    /// The daemon refused the call.
    Refused(Box<Fault>),
    /// This client can't use the daemon's answer. The connection lasts.
    Unusable(String),
    /// The connection ended; the daemon may have executed the call.
    Disconnected(Disconnect),
}

/// An open connection.
#[derive(Debug)]
pub(crate) struct Connection {
    calls: Calls,
    inboxes: Arc<Inboxes>,
    pulse: Arc<Pulse>,
    permits: Arc<Semaphore>,
    max_calls: usize,
    /// Permits for subscriptions that the daemon has not ended. Without them it would refuse one that follows too soon.
    subscriptions: Arc<Semaphore>,
    welcome: Mutex<Option<Welcome>>,
    /// Runs tasks that must outlive a dropped future.
    runtime: tokio::runtime::Handle,
}

impl Connection {
    /// Connects and calls `store.hello`. The receiver yields the ids of dropped subscriptions.
    ///
    /// # Errors
    /// The daemon's refusal, or the reason why the daemon is not reachable.
    pub(crate) async fn open(options: &Options) -> Result<(Arc<Self>, mpsc::Receiver<u64>), CallError> {
        let limits = &options.limits;
        let max_calls = limits.calls();
        let socket = UnixStream::connect(&options.socket)
            .await
            .map_err(|e| CallError::Disconnected(Disconnect::Io(e.into())))?;
        let (read, write) = socket.into_split();
        let (inboxes, dropped) = Inboxes::new(limits.subscription_bytes);
        let pulse = Pulse::new();
        let sender = Sender::new(write, Arc::clone(&pulse));
        let receiver = Receiver::new(read, limits.message_bytes, Arc::clone(&inboxes), Arc::clone(&pulse));
        let calls = Calls::new(max_calls, sender, receiver);
        let connection = Arc::new(Self {
            calls,
            inboxes,
            pulse,
            permits: Arc::new(Semaphore::new(max_calls)),
            subscriptions: Arc::new(Semaphore::new(countable(limits.subscriptions))),
            max_calls,
            welcome: Mutex::default(),
            runtime: tokio::runtime::Handle::current(),
        });
        connection.hello(options).await?;
        Ok((connection, dropped))
    }

    /// Calls `store.hello`; returns the epoch.
    pub(crate) async fn hello(&self, options: &Options) -> Result<String, CallError> {
        let name = EntityId::new(options.name.as_str()).map_err(|reason| invalid("name", reason.into()))?;
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

    /// The daemon's last welcome.
    pub(crate) fn server(&self) -> Option<Welcome> {
        self.welcome().clone()
    }

    /// Makes a typed call without waiting for a permit.
    pub(crate) async fn ask<M: Method<Output: DeserializeOwned>>(
        &self,
        params: &M::Params,
    ) -> Result<M::Output, CallError> {
        let unreadable = |error: serde_json::Error| CallError::Unusable(format!("{}: {error}", M::NAME));
        let params = serde_json::value::to_raw_value(params).map_err(unreadable)?;
        let result = self.send(M::NAME, Some(&params)).await?;
        serde_json::from_str(result.get()).map_err(unreadable)
    }

    /// Calls a method when a permit is free.
    pub(crate) async fn request(
        &self,
        method: &str,
        params: Option<&RawValue>,
    ) -> Result<Box<RawValue>, CallError> {
        let _permit = self.permit().await;
        self.send(method, params).await
    }

    /// Waits for one of the permits for calls in flight.
    pub(crate) async fn permit(&self) -> Option<SemaphorePermit<'_>> {
        // The semaphore is never closed.
        self.permits.acquire().await.ok()
    }

    /// Calls a method without waiting for a permit.
    pub(crate) async fn send(
        &self,
        method: &str,
        params: Option<&RawValue>,
    ) -> Result<Box<RawValue>, CallError> {
        self.calls.request(method, params).await.map_err(|error| match error {
            RpcError::Call(error) if error.code() == TOO_LONG => {
                CallError::Unusable(format!("{method}: {}", error.message()))
            }
            RpcError::Call(error) => CallError::Refused(Box::new(Fault::from(&error))),
            // jsonrpsee's tasks have ended. If the transport ended before, `end` keeps its reason.
            error => {
                tracing::debug!(%error, "jsonrpsee ended the connection");
                self.pulse.end(Disconnect::BadReply);
                CallError::Disconnected(self.pulse.why())
            }
        })
    }

    /// The credit of a new subscription in bytes, if the daemon knows credit.
    pub(crate) fn credit(&self) -> Option<NonZeroU64> {
        let knows = |welcome: &Welcome| welcome.capabilities.iter().any(|name| name == "credit");
        let bytes = self.welcome().as_ref().is_some_and(knows).then(|| self.inboxes.bytes());
        bytes.and_then(|bytes| NonZeroU64::new(bytes as u64))
    }

    /// Opens a subscription. Cancel safe: dropping the future ends the subscription.
    pub(crate) async fn subscribe(
        self: &Arc<Self>,
        method: &str,
        unsubscribe: &str,
        params: Box<RawValue>,
    ) -> Result<OpenSubscription, CallError> {
        // Waits here, so that a call whose caller has stopped waiting is not sent. The semaphores are never closed.
        let subscription = Arc::clone(&self.subscriptions).acquire_owned().await.ok();
        let permit = Arc::clone(&self.permits).acquire_owned().await;
        let this = Arc::clone(self);
        let (method, unsubscribe): (Box<str>, Box<str>) = (method.into(), unsubscribe.into());
        let opening = self.runtime.spawn(async move {
            let id = this.send(&method, Some(&params)).await?;
            drop(permit);
            let id =
                serde_json::from_str(id.get()).map_err(|e| CallError::Unusable(format!("{method}: {e}")))?;
            let inbox = this.inboxes.claim(id, &unsubscribe, subscription);
            Ok(OpenSubscription { id, inbox, connection: this })
        });
        // The task does not panic and is not aborted.
        opening.await.unwrap_or(Err(CallError::Disconnected(Disconnect::Closed)))
    }

    /// Ends a subscription, unless `unsubscribe` was already called.
    pub(crate) fn unsubscribe(self: &Arc<Self>, id: u64) {
        let Some(method) = self.inboxes.close(id).filter(|_| !self.pulse.has_ended()) else { return };
        let this = Arc::clone(self);
        self.runtime.spawn(async move {
            let Ok(params) = serde_json::value::to_raw_value(&[id]) else { return };
            if let Err(error) = this.request(&method, Some(&params)).await {
                tracing::debug!(?error, "could not unsubscribe");
            }
            this.inboxes.forget(id);
        });
    }

    /// Allows a subscription to send more.
    async fn grant(&self, subscription: u64, bytes: usize) {
        let params = CreditParams { subscription, bytes: bytes as u64 };
        let Ok(params) = serde_json::value::to_raw_value(&params) else { return };
        // After an error the connection has ended, and so has the subscription.
        let _ = self.calls.notify(Credit::NAME, &params).await;
    }

    /// Epoch of the daemon's database.
    pub(crate) fn epoch(&self) -> String {
        self.welcome().as_ref().map(|w| w.epoch.clone()).unwrap_or_default()
    }

    /// Process id of the daemon.
    pub(crate) fn pid(&self) -> u32 {
        self.welcome().as_ref().map_or(0, |w| w.server.pid)
    }

    /// Whether there are calls in flight or subscriptions.
    pub(crate) fn is_in_use(&self) -> bool {
        self.permits.available_permits() < self.max_calls || !self.inboxes.is_empty()
    }

    /// Its [`Pulse`].
    pub(crate) fn pulse(&self) -> &Pulse {
        &self.pulse
    }

    /// Calls `store.ping`.
    pub(crate) async fn ping(&self) -> Result<(), CallError> {
        self.ask::<Ping>(&stina_protocol::types::NoParams {}).await.map(drop)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.pulse.end(Disconnect::Closed);
    }
}

fn invalid(field: &str, reason: String) -> CallError {
    CallError::Refused(Box::new(stina_protocol::Error::invalid(field, reason).into()))
}

/// An open subscription on one connection. Dropping it ends the subscription.
#[derive(Debug)]
pub(crate) struct OpenSubscription {
    id: u64,
    inbox: Arc<Inbox>,
    connection: Arc<Connection>,
}

impl OpenSubscription {
    /// Waits for the next event, as JSON; the caller is done with the one before. Cancel safe.
    pub(crate) async fn next(&self) -> Result<Box<str>, CloseReason> {
        let owed = self.inbox.release();
        // Half of the credit at a time: few calls, and the daemon never runs out before the inbox is empty.
        if owed > self.connection.inboxes.bytes() / 2 && self.connection.credit().is_some() {
            self.connection.grant(self.id, owed).await;
            self.inbox.paid(owed);
        }
        self.inbox.next().await
    }

    /// Its connection.
    pub(crate) fn connection(&self) -> &Arc<Connection> {
        &self.connection
    }
}

impl Drop for OpenSubscription {
    fn drop(&mut self) {
        self.connection.unsubscribe(self.id);
    }
}
