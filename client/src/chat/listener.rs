//! Hears when messages that are being written are to end: one subscription for all that a client writes.

use crate::{Result, Subscription};
use std::collections::BTreeMap;
use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use stina_protocol::chat::{Message, MessageState};
use stina_protocol::event::{Change, Event, Op};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Why a message should not be written any further.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopped {
    /// Somebody asks its writer to end it. If that does not happen within two seconds, the daemon aborts it.
    Cancelled,
    /// It has ended, and not by this writer: somebody aborted or deleted it, or the daemon did because the connection
    /// to this writer broke.
    Ended,
}

/// The listener of a client, as long as one of its messages is being written.
#[derive(Debug, Default)]
pub(crate) struct SharedListener(tokio::sync::Mutex<Weak<Listener>>);

#[derive(Debug)]
struct Listener {
    messages: Arc<Messages>,
    task: JoinHandle<()>,
}

/// What was heard of a message last, and at which revision; a cancel, which has none, is newer than all of them.
type Heard = Option<(u64, Stopped)>;

/// Who is to be told, by the ids of their messages.
#[derive(Debug, Default)]
struct Messages(Mutex<BTreeMap<String, watch::Sender<Heard>>>);

impl SharedListener {
    /// Listens for the end of a message from now on; so it must not have begun. `subscribe` opens the subscription that
    /// all messages share, where there is none.
    pub(super) async fn listen(
        &self,
        message: &str,
        subscribe: impl AsyncFnOnce() -> Result<Subscription>,
    ) -> Result<Hearing> {
        let mut shared = self.0.lock().await;
        // One whose subscription has ended hears nothing more.
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
        Ok(Hearing { message: message.to_owned(), stopped, is_first, listener })
    }
}

impl Listener {
    fn start(events: Subscription) -> Self {
        let messages = Arc::<Messages>::default();
        let task = tokio::spawn(hear(events, Arc::clone(&messages)));
        Self { messages, task }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn hear(mut events: Subscription, messages: Arc<Messages>) {
    while let Some(Ok(event)) = events.next().await {
        match event {
            Event::Cancel { message_id } => messages.tell(&message_id, u64::MAX, Stopped::Cancelled),
            Event::Change(changes) => {
                let ended = changes.changes.iter().filter(|change| messages.has(&change.id) && ends(change));
                ended.for_each(|change| messages.tell(&change.id, changes.rev, Stopped::Ended));
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

impl Messages {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, watch::Sender<Heard>>> {
        // Every update leaves it whole, so a panic elsewhere while it was held does no harm.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn has(&self, message: &str) -> bool {
        self.lock().contains_key(message)
    }

    fn tell(&self, message: &str, rev: u64, why: Stopped) {
        if let Some(writer) = self.lock().get(message) {
            writer.send_replace(Some((rev, why)));
        }
    }
}

/// Listens for the end of one message until it is dropped.
#[derive(Debug)]
pub(super) struct Hearing {
    message: String,
    stopped: watch::Receiver<Heard>,
    /// Whether nobody else listened for it: an id that somebody chose may be tried twice.
    is_first: bool,
    listener: Arc<Listener>,
}

impl Hearing {
    /// Waits until the message, which began at revision `begun`, should not be written any further; says why.
    pub(super) fn stopped(&self, begun: u64) -> impl Future<Output = Stopped> + Send + use<> {
        let mut stopped = self.stopped.clone();
        async move {
            // What came before is of another message, which had the same id and was deleted.
            let is_of_it = |heard: &Heard| heard.is_some_and(|(rev, _)| rev > begun);
            let heard = stopped.wait_for(is_of_it).await.ok().and_then(|heard| *heard);
            match heard {
                Some((_, why)) => why,
                // Nobody listens any more: the next call says what is wrong.
                None => pending().await,
            }
        }
    }
}

impl Drop for Hearing {
    fn drop(&mut self) {
        if self.is_first {
            self.listener.messages.lock().remove(&self.message);
        }
    }
}
