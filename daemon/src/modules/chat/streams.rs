//! Messages that are being written: the text so far, who owns it, and who is told of it.
//!
//! One mutex holds them all. A delta is added and told while it is held, and a subscriber takes the text so far
//! and its place in the ring while it is held: so it gets exactly the deltas that follow.

use super::NAME;
use crate::limits::Limits;
use crate::rpc::OpenStreams;
use crate::store::{Caller, Entity, JsonText, Position, Result, Store, Transient, WriteTx};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use stina_protocol::Error;
use stina_protocol::chat::{Appended, DeltaParams, Message};
use stina_protocol::event::{Delta, Event};
use tokio::sync::Notify;

/// All messages that are being written.
pub(super) struct Streams {
    open: Mutex<Open>,
    /// Rings when there is something to do sooner than before.
    pub(super) wake: Notify,
    pub(super) limits: Arc<Limits>,
}

#[derive(Default)]
pub(super) struct Open {
    pub(super) by_message: BTreeMap<String, Stream>,
    /// Bytes of all their texts.
    bytes: usize,
}

/// One of them.
pub(super) struct Stream {
    conversation: String,
    /// Number of the connection that may append and finish.
    owner: u64,
    /// Revision that tells the message. Until that is out, nothing may be told of what follows.
    begun: u64,
    pub(super) text: String,
    /// Bytes of `text` that are on disk.
    pub(super) saved: usize,
    /// When the oldest words came that no save has taken yet.
    pub(super) unsaved_since: Option<Instant>,
    /// A write that ends it has run and is not committed yet: nothing may be added that it would miss.
    pub(super) ending: bool,
    /// The owner was asked to end it.
    cancelled: bool,
    /// The owner is to be asked to end it.
    pub(super) cancel_wanted: bool,
    /// When the daemon ends it.
    pub(super) abort_at: Option<Instant>,
}

impl Stream {
    pub(super) fn unsaved(&self) -> usize {
        self.text.len() - self.saved
    }

    /// Where `text` goes on when it is put at `offset`: what of it is new.
    fn new_part<'t>(&self, offset: u64, text: &'t str) -> Result<&'t str> {
        let offset = usize::try_from(offset).unwrap_or(usize::MAX);
        let Some(known) = self.text.as_bytes().get(offset..) else {
            let (field, reason) = ("offset".to_owned(), "leaves a gap after the text so far".to_owned());
            return Err(Error::Invalid { field, reason, expected: Some(self.text.len().into()) }.into());
        };
        let old = known.len().min(text.len());
        match text.get(old..) {
            Some(new) if known[..old] == text.as_bytes()[..old] => Ok(new),
            _ => Err(Error::invalid("text", "differs from what was sent before").into()),
        }
    }
}

impl Streams {
    pub(super) fn new(limits: Arc<Limits>) -> Arc<Self> {
        Arc::new(Self { open: Mutex::default(), wake: Notify::new(), limits })
    }

    pub(super) fn open(&self) -> MutexGuard<'_, Open> {
        // Whoever holds it leaves it whole at every step.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens a stream for a message that this write adds, owned by the connection that asked for it.
    pub(super) fn begin(self: &Arc<Self>, tx: &mut WriteTx<'_>, message: &Message) -> Result<()> {
        let caller = tx.author().peer.clone();
        let mut open = self.open();
        // Looked at while the lock is held: if it goes now, `forsake` comes after this and finds the stream.
        let Some(owner) = caller.filter(Caller::is_open) else {
            let what = "streaming without a connection that lasts, such as HTTP";
            return Err(Error::Unsupported { what: what.to_owned() }.into());
        };
        if open.by_message.contains_key(&message.id) {
            // Its row is gone in this very batch.
            return Err(Error::already_exists(Message::KIND.name, &message.id).into());
        }
        // One that this batch ends makes room.
        if open.by_message.values().filter(|stream| !stream.ending).count() >= self.limits.open_streams {
            return Err(Error::TooLarge { limit: self.limits.open_streams as u64 }.into());
        }
        if open.bytes + message.content.len() > self.limits.stream_bytes {
            return Err(Error::Busy.into());
        }
        open.bytes += message.content.len();
        let stream = Stream {
            conversation: message.conversation_id.clone(),
            owner: owner.id,
            begun: tx.rev(),
            text: message.content.clone(),
            saved: message.content.len(),
            unsaved_since: None,
            ending: false,
            cancelled: false,
            cancel_wanted: false,
            abort_at: None,
        };
        open.by_message.insert(message.id.clone(), stream);
        drop(open);
        let (streams, id) = (Arc::clone(self), message.id.clone());
        tx.on_end(move |committed| {
            if !committed {
                streams.forget(&id);
            }
        });
        Ok(())
    }

    /// Adds words and tells them. `None` when this connection has no such stream.
    pub(super) fn append(&self, store: &Store, peer: u64, delta: &DeltaParams) -> Option<Result<Appended>> {
        let mut open = self.open();
        let Open { by_message, bytes } = &mut *open;
        let stream = by_message.get_mut(delta.message_id.as_str())?;
        if stream.owner != peer {
            return None;
        }
        if stream.ending {
            return Some(Err(Error::invalid("messageId", "it is being ended").into()));
        }
        if store.head() < stream.begun {
            return Some(Err(Error::invalid("messageId", "await the answer to its beginning first").into()));
        }
        let offset = stream.text.len();
        let new = match stream.new_part(delta.offset, &delta.text) {
            Ok("") => return Some(Ok(Appended { offset: offset as u64 })),
            Ok(new) => new,
            Err(failure) => return Some(Err(failure)),
        };
        if offset + new.len() > self.limits.message_bytes {
            return Some(Err(Error::TooLarge { limit: self.limits.message_bytes as u64 }.into()));
        }
        if *bytes + new.len() > self.limits.stream_bytes {
            return Some(Err(Error::Busy.into()));
        }
        let unsaved = stream.unsaved();
        stream.text.push_str(new);
        *bytes += new.len();
        store.notify(stream.transient(&stream.delta(delta.message_id.as_str(), offset), true));
        let now_full = unsaved < self.limits.save_bytes && stream.unsaved() >= self.limits.save_bytes;
        if stream.unsaved_since.is_none() || now_full {
            stream.unsaved_since.get_or_insert_with(Instant::now);
            self.wake.notify_one();
        }
        Some(Ok(Appended { offset: stream.text.len() as u64 }))
    }

    /// Whether the connection that asked for this write owns the stream.
    pub(super) fn is_owner(&self, tx: &WriteTx<'_>, message: &str) -> bool {
        let owner = self.open().by_message.get(message).map(|stream| stream.owner);
        owner.is_some() && owner == tx.author().peer.as_ref().map(|caller| caller.id)
    }

    /// Ends a stream with this write; answers its text. `None` when there is none.
    pub(super) fn end(self: &Arc<Self>, tx: &mut WriteTx<'_>, message: &str) -> Option<String> {
        let mut open = self.open();
        let stream = open.by_message.get_mut(message)?;
        stream.ending = true;
        let text = stream.text.clone();
        drop(open);
        let (streams, id) = (Arc::clone(self), message.to_owned());
        tx.on_end(move |committed| {
            if committed {
                streams.forget(&id);
            } else if let Some(stream) = streams.open().by_message.get_mut(&id) {
                stream.ending = false;
                streams.wake.notify_one();
            }
        });
        Some(text)
    }

    /// Drops a stream.
    pub(super) fn forget(&self, message: &str) {
        let mut open = self.open();
        if let Some(stream) = open.by_message.remove(message) {
            open.bytes -= stream.text.len();
        }
    }

    /// Asks the owner of a stream to end it, and sees to it that it ends. Answers whether there is such a stream.
    pub(super) fn cancel(&self, store: &Store, message: &str) -> bool {
        let mut open = self.open();
        let Some(stream) = open.by_message.get_mut(message).filter(|s| store.head() >= s.begun) else {
            return false;
        };
        stream.cancelled = true;
        stream.cancel_wanted = false;
        stream.abort_at.get_or_insert(Instant::now() + self.limits.cancel_wait);
        store.notify(stream.transient(&cancel(message), false));
        self.wake.notify_one();
        true
    }

    /// Has a stream cancelled as soon as what began it was told. Answers whether there is such a stream.
    pub(super) fn cancel_soon(&self, message: &str) -> bool {
        let mut open = self.open();
        let Some(stream) = open.by_message.get_mut(message) else { return false };
        stream.cancel_wanted = true;
        drop(open);
        self.wake.notify_one();
        true
    }

    /// Cancels these messages once this write is committed.
    pub(super) fn cancel_with(self: &Arc<Self>, tx: &mut WriteTx<'_>, messages: Vec<String>) {
        let streams = Arc::clone(self);
        tx.on_end(move |committed| {
            for message in messages.iter().filter(|_| committed) {
                streams.cancel_soon(message);
            }
        });
    }

    /// A connection is gone: the daemon ends its streams.
    pub(super) fn forsake(&self, peer: u64) {
        let mut open = self.open();
        let mut orphans = open.by_message.values_mut().filter(|stream| stream.owner == peer).peekable();
        if orphans.peek().is_some() {
            orphans.for_each(|stream| stream.abort_at = Some(Instant::now()));
            self.wake.notify_one();
        }
    }

    /// What a subscriber needs to know of the open streams of a conversation, or of all.
    pub(super) fn open_streams(
        &self,
        conversation: Option<&str>,
        deltas: bool,
        position: &dyn Fn() -> Position,
    ) -> OpenStreams {
        let open = self.open();
        let from = position();
        let wanted = open
            .by_message
            .iter()
            .filter(|(_, stream)| stream.begun <= from.head)
            .filter(|(_, stream)| conversation.is_none_or(|wanted| wanted == stream.conversation));
        let wanted: Vec<(Option<Event>, Option<Event>)> = wanted
            .map(|(message, stream)| {
                (deltas.then(|| stream.delta(message, 0)), stream.cancelled.then(|| cancel(message)))
            })
            .collect();
        // Writing them as JSON is work, and every delta waits for the lock.
        drop(open);
        let events = wanted.into_iter().flat_map(|(delta, cancel)| delta.into_iter().chain(cancel));
        OpenStreams { from, events: events.map(|event| json(&event)).collect() }
    }
}

impl Stream {
    /// The text from `offset` on.
    fn delta(&self, message: &str, offset: usize) -> Event {
        let text = self.text.get(offset..).unwrap_or_default().to_owned();
        let (message_id, conversation_id) = (message.to_owned(), self.conversation.clone());
        Event::Delta(Delta { message_id, conversation_id, offset: offset as u64, text })
    }

    /// What is told to the subscribers of its conversation; if it is optional, only to those who asked for words.
    fn transient(&self, event: &Event, optional: bool) -> Transient {
        Transient { module: NAME, scope: self.conversation.clone(), optional, json: json(event) }
    }
}

fn cancel(message: &str) -> Event {
    Event::Cancel { message_id: message.to_owned() }
}

fn json(event: &Event) -> JsonText {
    // Strings and numbers always serialize.
    JsonText::of(event).unwrap_or_else(|_| JsonText::null())
}
