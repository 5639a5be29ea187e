//! Streaming messages in memory: their text and their owners.
//!
//! One mutex protects all of them. A delta is appended and sent under the lock. A subscriber reads the text so far and
//! its position in the event buffer under the same lock, so it receives exactly the deltas that follow.

use super::NAME;
use super::retry::Retry;
use crate::limits::Limits;
use crate::rpc::OpenStreams;
use crate::store::{Caller, Entity, JsonText, Position, Result, Store, Transient, WriteTx};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use stina_protocol::chat::{Appended, DeltaParams, Message};
use stina_protocol::event::{Delta, Event};
use stina_protocol::{EntityId, Error};
use tokio::sync::Notify;

/// All streaming messages.
pub(super) struct Streams {
    open: Mutex<StreamMap>,
    /// Notified when the next write is due earlier than before.
    pub(super) wake: Notify,
    pub(super) limits: Arc<Limits>,
}

#[derive(Default)]
pub(super) struct StreamMap {
    pub(super) by_message: BTreeMap<String, Stream>,
    /// Bytes of all texts.
    bytes: usize,
    /// Messages that an earlier daemon left streaming and that are not aborted yet. Their text is on disk only.
    pub(super) left_over: BTreeMap<String, Retry>,
}

/// A streaming message.
pub(super) struct Stream {
    conversation: String,
    /// Id of the connection that may append and finish.
    owner: u64,
    /// Revision that began the message. Deltas and cancels must not be sent before it.
    begun: u64,
    pub(super) text: String,
    /// Bytes of `text` that are on disk.
    pub(super) saved: usize,
    /// Time of the oldest text that is not saved.
    pub(super) unsaved_since: Option<Instant>,
    /// A write that ends it has run and is not committed: appended text would be lost.
    pub(super) ending: bool,
    /// Whether the owner was asked to end it.
    cancelled: bool,
    /// Whether to ask the owner to end it.
    pub(super) cancel_wanted: bool,
    /// Time at which the daemon aborts it.
    pub(super) abort_at: Option<Instant>,
    /// When its write is tried again, after one that failed.
    pub(super) retry: Retry,
}

impl Stream {
    pub(super) fn unsaved(&self) -> usize {
        self.text.len() - self.saved
    }

    /// Whether the daemon is to abort it.
    pub(super) fn is_overdue(&self, now: Instant) -> bool {
        self.abort_at.is_some_and(|at| at <= now)
    }

    /// The part of `text` at `offset` that is new.
    fn new_part<'t>(&self, offset: u64, text: &'t str) -> Result<&'t str> {
        let offset = usize::try_from(offset).unwrap_or(usize::MAX);
        let Some(known) = self.text.as_bytes().get(offset..) else {
            let (field, reason) = ("offset".to_owned(), "is beyond the end of the text".to_owned());
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

    pub(super) fn open(&self) -> MutexGuard<'_, StreamMap> {
        // Every update is atomic, so a poisoned lock is safe to use.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens a stream for a message that this write adds; the calling connection owns it.
    pub(super) fn begin(self: &Arc<Self>, tx: &mut WriteTx<'_>, message: &Message) -> Result<()> {
        let caller = tx.author().peer.clone();
        let mut open = self.open();
        // Checked under the lock: if the connection closes now, `abort_owned_by` runs later and finds the stream.
        let Some(owner) = caller.filter(Caller::is_open) else {
            let what = "streaming over HTTP, which has no lasting connection";
            return Err(Error::Unsupported { what: what.to_owned() }.into());
        };
        if open.by_message.contains_key(message.id.as_str()) {
            // An earlier write of this batch deleted the row of the old message.
            return Err(Error::already_exists(Message::KIND.name, &message.id).into());
        }
        // A stream that this batch ends does not count.
        if open.by_message.values().filter(|stream| !stream.ending).count() >= self.limits.open_streams {
            return Err(Error::TooLarge { limit: self.limits.open_streams as u64 }.into());
        }
        if open.bytes + message.content.len() > self.limits.stream_bytes {
            return Err(Error::Busy.into());
        }
        open.bytes += message.content.len();
        let stream = Stream {
            conversation: message.conversation_id.to_string(),
            owner: owner.id,
            begun: tx.rev(),
            text: message.content.clone(),
            saved: message.content.len(),
            unsaved_since: None,
            ending: false,
            cancelled: false,
            cancel_wanted: false,
            abort_at: None,
            retry: Retry::default(),
        };
        open.by_message.insert(message.id.to_string(), stream);
        drop(open);
        let (streams, id) = (Arc::clone(self), message.id.clone());
        tx.on_end(move |committed| {
            if !committed {
                streams.forget(&id);
            }
        });
        Ok(())
    }

    /// Appends text and sends it to subscribers. `None` when this connection has no such stream.
    pub(super) fn append(&self, store: &Store, peer: u64, delta: &DeltaParams) -> Option<Result<Appended>> {
        let mut open = self.open();
        let StreamMap { by_message, bytes, .. } = &mut *open;
        let stream = by_message.get_mut(delta.message_id.as_str())?;
        if stream.owner != peer {
            return None;
        }
        if stream.ending {
            return Some(Err(Error::invalid("messageId", "the message is ending").into()));
        }
        if store.head() < stream.begun {
            return Some(Err(Error::invalid(
                "messageId",
                "wait for the answer of `chat.beginMessage` first",
            )
            .into()));
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

    /// Whether the calling connection owns the stream.
    pub(super) fn is_owner(&self, tx: &WriteTx<'_>, message: &str) -> bool {
        let owner = self.open().by_message.get(message).map(|stream| stream.owner);
        owner.is_some() && owner == tx.author().peer.as_ref().map(|caller| caller.id)
    }

    /// Ends a stream when this write is committed; returns its text. `None` when there is no such stream.
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

    /// Asks the owner of a stream to end it, and schedules its abort. Returns whether there is such a stream.
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

    /// Cancels a stream after the notification of the write that began it. Returns whether there is such a stream.
    pub(super) fn cancel_soon(&self, message: &str) -> bool {
        let mut open = self.open();
        let Some(stream) = open.by_message.get_mut(message) else { return false };
        stream.cancel_wanted = true;
        drop(open);
        self.wake.notify_one();
        true
    }

    /// Cancels messages when this write is committed.
    pub(super) fn cancel_with(self: &Arc<Self>, tx: &mut WriteTx<'_>, messages: Vec<String>) {
        let streams = Arc::clone(self);
        tx.on_end(move |committed| {
            for message in messages.iter().filter(|_| committed) {
                streams.cancel_soon(message);
            }
        });
    }

    /// Aborts the streams of a closed connection.
    pub(super) fn abort_owned_by(&self, peer: u64) {
        let mut open = self.open();
        let mut orphans = open.by_message.values_mut().filter(|stream| stream.owner == peer).peekable();
        if orphans.peek().is_some() {
            orphans.for_each(|stream| stream.abort_at = Some(Instant::now()));
            self.wake.notify_one();
        }
    }

    /// The open streams of a conversation, or of all, for a new subscriber.
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
        // Serialize without the lock, because every delta waits for it.
        drop(open);
        let events = wanted.into_iter().flat_map(|(delta, cancel)| delta.into_iter().chain(cancel));
        OpenStreams { from, events: events.map(|event| json(&event)).collect() }
    }
}

impl Stream {
    /// A delta with the text from `offset` on.
    fn delta(&self, message: &str, offset: usize) -> Event {
        let text = self.text.get(offset..).unwrap_or_default().to_owned();
        let (message_id, conversation_id) = (EntityId::stored(message), EntityId::stored(&self.conversation));
        Event::Delta(Delta { message_id, conversation_id, offset: offset as u64, text })
    }

    /// An event for the subscribers of its conversation; an optional one only for those with deltas.
    fn transient(&self, event: &Event, optional: bool) -> Transient {
        Transient { module: NAME, scope: self.conversation.clone(), optional, json: json(event) }
    }
}

fn cancel(message: &str) -> Event {
    Event::Cancel { message_id: EntityId::stored(message) }
}

fn json(event: &Event) -> JsonText {
    // Strings and numbers always serialize.
    JsonText::of(event).unwrap_or_else(|_| JsonText::null())
}
