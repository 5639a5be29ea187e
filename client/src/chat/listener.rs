//! Receives the stop signals of streaming messages: one subscription for all messages of a client.

use crate::{Error, Result, Subscription};
use futures_util::future::BoxFuture;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use stina_protocol::chat::{Message, MessageState};
use stina_protocol::event::{Change, Event, Op};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// The reason to stop writing a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopped {
    /// A cancel was requested. The daemon aborts the message unless it ends within two seconds.
    Cancelled,
    /// The message has ended: it was finished, aborted or deleted, or the daemon aborted it because the connection broke.
    Ended,
}

/// The listener of a client. It exists while one of the client's messages is streaming.
#[derive(Debug, Default)]
pub(crate) struct SharedListener(tokio::sync::Mutex<Weak<Listener>>);

/// Asks the daemon whether a message is streaming and belongs to this connection.
pub(super) type IsStreaming = Box<dyn Fn(&str) -> BoxFuture<'static, bool> + Send + Sync>;

#[derive(Debug)]
struct Listener {
    messages: Arc<StopSenders>,
    task: JoinHandle<()>,
}

/// The last stop signal of a message, with its revision. A cancel has none, and counts as newer than all revisions.
type StopSignal = Option<(u64, Stopped)>;

/// Senders of stop signals, by message id.
#[derive(Debug, Default)]
struct StopSenders(Mutex<Messages>);

#[derive(Debug, Default)]
struct Messages {
    by_id: BTreeMap<String, Listened>,
    /// How often the subscription was reset.
    resets: u64,
    /// Whether the subscription has ended.
    is_closed: bool,
}

/// A message that is listened for.
#[derive(Debug, Default)]
struct Listened {
    stopped: watch::Sender<StopSignal>,
    /// The number of its receivers: a chosen id may be used twice.
    receivers: usize,
    has_begun: bool,
}

impl SharedListener {
    /// Listens for the stop signals of a message, which must not have begun yet. `subscribe` opens the subscription
    /// that all messages share, if there is none, and `is_streaming` serves it.
    pub(super) async fn listen(
        &self,
        message: &str,
        runtime: &Handle,
        subscribe: impl AsyncFnOnce() -> Result<Subscription>,
        is_streaming: IsStreaming,
    ) -> Result<StopReceiver> {
        let mut shared = self.0.lock().await;
        if let Some(receiver) = shared.upgrade().and_then(|listener| listener.listen(message)) {
            return Ok(receiver);
        }
        let listener = Arc::new(Listener::start(runtime, subscribe().await?, is_streaming));
        *shared = Arc::downgrade(&listener);
        listener.listen(message).ok_or(Error::Closed)
    }
}

impl Listener {
    fn start(runtime: &Handle, events: Subscription, is_streaming: IsStreaming) -> Self {
        let messages = CloseOnDrop(Arc::default());
        let senders = Arc::clone(&messages.0);
        let task = runtime.spawn(receive(events, messages, is_streaming));
        Self { messages: senders, task }
    }

    /// `None` when the subscription has ended.
    fn listen(self: Arc<Self>, message: &str) -> Option<StopReceiver> {
        let mut messages = self.messages.lock();
        if messages.is_closed {
            return None;
        }
        let resets = messages.resets;
        let listened = messages.by_id.entry(message.to_owned()).or_default();
        listened.receivers += 1;
        let stopped = listened.stopped.subscribe();
        drop(messages);
        Some(StopReceiver { message: message.to_owned(), stopped, resets, listener: self })
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Drops the senders when the listener's task ends, for whatever reason: then every message counts as ended.
struct CloseOnDrop(Arc<StopSenders>);

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        let mut messages = self.0.lock();
        messages.is_closed = true;
        messages.by_id.clear();
    }
}

async fn receive(mut events: Subscription, messages: CloseOnDrop, is_streaming: IsStreaming) {
    let messages = &messages.0;
    while let Some(Ok(event)) = events.next().await {
        match event {
            Event::Cancel { message_id } => messages.send(&message_id, u64::MAX, Stopped::Cancelled),
            Event::Change(changes) => {
                let ended = changes.changes.iter().filter(|change| messages.has(&change.id) && ends(change));
                ended.for_each(|change| messages.send(&change.id, changes.rev, Stopped::Ended));
            }
            // The end of a message may be among the changes that were not sent.
            Event::Reset { .. } => {
                for message in messages.reset() {
                    if !is_streaming(&message).await {
                        messages.send(&message, u64::MAX, Stopped::Ended);
                    }
                }
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
    fn lock(&self) -> MutexGuard<'_, Messages> {
        // Every update is atomic, so a poisoned lock is safe to use.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn has(&self, message: &str) -> bool {
        self.lock().by_id.contains_key(message)
    }

    fn send(&self, message: &str, rev: u64, reason: Stopped) {
        if let Some(listened) = self.lock().by_id.get(message) {
            listened.stopped.send_replace(Some((rev, reason)));
        }
    }

    /// Records a reset; returns the messages that have begun.
    fn reset(&self) -> Vec<String> {
        let mut messages = self.lock();
        messages.resets += 1;
        let begun = messages.by_id.iter().filter(|(_, listened)| listened.has_begun);
        begun.map(|(id, _)| id.clone()).collect()
    }
}

/// Receives the stop signals of one message.
#[derive(Debug)]
pub(super) struct StopReceiver {
    message: String,
    stopped: watch::Receiver<StopSignal>,
    /// The number of resets before the message began.
    resets: u64,
    listener: Arc<Listener>,
}

impl StopReceiver {
    /// Records that the message has begun; returns whether it may have ended among changes that were not sent.
    pub(super) fn begin(&self) -> bool {
        let mut messages = self.listener.messages.lock();
        if let Some(listened) = messages.by_id.get_mut(&self.message) {
            listened.has_begun = true;
        }
        messages.resets != self.resets
    }

    /// Sends the stop signal.
    pub(super) fn end(&self) {
        self.listener.messages.send(&self.message, u64::MAX, Stopped::Ended);
    }

    /// Waits for the stop signal of the message that began at revision `begun`.
    pub(super) fn stopped(&self, begun: u64) -> impl Future<Output = Stopped> + Send + use<> {
        let mut stopped = self.stopped.clone();
        async move {
            // Earlier signals belong to a deleted message with the same id.
            let is_newer = |signal: &StopSignal| signal.is_some_and(|(rev, _)| rev > begun);
            let signal = stopped.wait_for(is_newer).await.ok().and_then(|signal| *signal);
            // Without a sender nobody writes the message any more, or the client is closed.
            signal.map_or(Stopped::Ended, |(_, reason)| reason)
        }
    }
}

impl Drop for StopReceiver {
    fn drop(&mut self) {
        let mut messages = self.listener.messages.lock();
        let Some(listened) = messages.by_id.get_mut(&self.message) else { return };
        listened.receivers -= 1;
        if listened.receivers == 0 {
            messages.by_id.remove(&self.message);
        }
    }
}
