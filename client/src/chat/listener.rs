//! Receives the stop signals of streaming messages: one subscription for all messages of a client.

use crate::{Result, Subscription};
use std::collections::BTreeMap;
use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use stina_protocol::chat::{Message, MessageState};
use stina_protocol::event::{Change, Event, Op};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// The reason to stop writing a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopped {
    /// A cancel was requested. The daemon aborts the message unless it ends within two seconds.
    Cancelled,
    /// The message has ended: it was aborted or deleted, or the daemon aborted it because the connection broke.
    Ended,
}

/// The listener of a client. It exists while one of the client's messages is streaming.
#[derive(Debug, Default)]
pub(crate) struct SharedListener(tokio::sync::Mutex<Weak<Listener>>);

#[derive(Debug)]
struct Listener {
    messages: Arc<StopSenders>,
    task: JoinHandle<()>,
}

/// The last stop signal of a message, with its revision. A cancel has none, and counts as newer than all revisions.
type StopSignal = Option<(u64, Stopped)>;

/// Senders of stop signals, by message id.
#[derive(Debug, Default)]
struct StopSenders(Mutex<BTreeMap<String, watch::Sender<StopSignal>>>);

impl SharedListener {
    /// Listens for the stop signals of a message, which must not have begun yet. `subscribe` opens the subscription
    /// that all messages share, if there is none.
    pub(super) async fn listen(
        &self,
        message: &str,
        subscribe: impl AsyncFnOnce() -> Result<Subscription>,
    ) -> Result<StopReceiver> {
        let mut shared = self.0.lock().await;
        // A listener whose subscription has ended receives nothing more.
        let listener = match shared.upgrade().filter(|listener| !listener.task.is_finished()) {
            Some(listener) => listener,
            None => {
                let listener = Arc::new(Listener::start(subscribe().await?));
                *shared = Arc::downgrade(&listener);
                listener
            }
        };
        drop(shared);
        let mut messages = listener.messages.lock();
        let is_first = !messages.contains_key(message);
        let stopped = messages.entry(message.to_owned()).or_default().subscribe();
        drop(messages);
        Ok(StopReceiver { message: message.to_owned(), stopped, is_first, listener })
    }
}

impl Listener {
    fn start(events: Subscription) -> Self {
        let messages = Arc::<StopSenders>::default();
        let task = tokio::spawn(receive(events, Arc::clone(&messages)));
        Self { messages, task }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn receive(mut events: Subscription, messages: Arc<StopSenders>) {
    while let Some(Ok(event)) = events.next().await {
        match event {
            Event::Cancel { message_id } => messages.send(&message_id, u64::MAX, Stopped::Cancelled),
            Event::Change(changes) => {
                let ended = changes.changes.iter().filter(|change| messages.has(&change.id) && ends(change));
                ended.for_each(|change| messages.send(&change.id, changes.rev, Stopped::Ended));
            }
            _ => {}
        }
    }
}

fn ends(change: &Change) -> bool {
    if change.entity != "message" {
        return false;
    }
    let now = change.value.as_ref().and_then(|value| value.to::<Message>().ok());
    change.op == Op::Delete || now.is_some_and(|now| now.state == MessageState::Complete)
}

impl StopSenders {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, watch::Sender<StopSignal>>> {
        // Every update is atomic, so a poisoned lock is safe to use.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn has(&self, message: &str) -> bool {
        self.lock().contains_key(message)
    }

    fn send(&self, message: &str, rev: u64, reason: Stopped) {
        if let Some(sender) = self.lock().get(message) {
            sender.send_replace(Some((rev, reason)));
        }
    }
}

/// Receives the stop signals of one message.
#[derive(Debug)]
pub(super) struct StopReceiver {
    message: String,
    stopped: watch::Receiver<StopSignal>,
    /// Whether this is the first receiver for the message: a chosen id may be used twice.
    is_first: bool,
    listener: Arc<Listener>,
}

impl StopReceiver {
    /// Waits for the stop signal of the message that began at revision `begun`.
    pub(super) fn stopped(&self, begun: u64) -> impl Future<Output = Stopped> + Send + use<> {
        let mut stopped = self.stopped.clone();
        async move {
            // Earlier signals belong to a deleted message with the same id.
            let is_newer = |signal: &StopSignal| signal.is_some_and(|(rev, _)| rev > begun);
            let signal = stopped.wait_for(is_newer).await.ok().and_then(|signal| *signal);
            match signal {
                Some((_, reason)) => reason,
                // The listener has ended: the next call answers the error.
                None => pending().await,
            }
        }
    }
}

impl Drop for StopReceiver {
    fn drop(&mut self) {
        if self.is_first {
            self.listener.messages.lock().remove(&self.message);
        }
    }
}
