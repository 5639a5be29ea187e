//! Saves the text of streaming messages, and aborts those whose owners do not end them.
//!
//! That is one write for all of them. If it fails, each of them is a write of its own; one that fails then is tried again
//! later, alone, and keeps no other from being saved.

use super::methods::streaming;
use super::repository::{messages, pieces};
use super::retry::Retry;
use super::streams::Streams;
use crate::store::{Result, Store, WriteTx, entity};
use futures_util::future::join_all;
use std::sync::Arc;
use std::time::Instant;
use stina_protocol::Fault;
use stina_protocol::chat::{Message, MessageState};
use tokio_util::sync::CancellationToken;

impl Streams {
    /// Aborts the streaming messages of an earlier daemon: they have lost their owners. Those that fail are tried again by
    /// [`Self::run`].
    pub(super) async fn abort_left_over(self: Arc<Self>, store: Store) {
        match store.scan(|tx| messages::streaming(tx, None)).await {
            Ok(ids) => self.open().left_over = ids.into_iter().map(|id| (id, Retry::default())).collect(),
            Err(failure) => {
                tracing::error!(%failure, "could not look for streaming messages of an earlier daemon")
            }
        }
        self.write(&store).await;
    }

    /// Runs until `stop`; then aborts all streaming messages, because their owners are disconnected.
    pub(super) async fn run(self: Arc<Self>, store: Store, stop: CancellationToken) {
        _ = stop.run_until_cancelled(self.run_forever(&store)).await;
        for stream in self.open().by_message.values_mut() {
            (stream.abort_at, stream.retry) = (Some(Instant::now()), Retry::default());
        }
        self.write(&store).await;
    }

    async fn run_forever(self: &Arc<Self>, store: &Store) {
        loop {
            self.send_cancels(store);
            match self.due() {
                None => self.wake.notified().await,
                Some(due) if due > Instant::now() => {
                    // Whichever comes first.
                    _ = tokio::time::timeout_at(due.into(), self.wake.notified()).await;
                }
                Some(_) => self.write(store).await,
            }
        }
    }

    fn send_cancels(&self, store: &Store) {
        let open = self.open();
        let wanted = open.by_message.iter().filter(|(_, stream)| stream.cancel_wanted);
        let wanted: Vec<String> = wanted.map(|(message, _)| message.clone()).collect();
        drop(open);
        for message in wanted {
            self.cancel(store, &message);
        }
    }

    /// The time of the next write.
    fn due(&self) -> Option<Instant> {
        let open = self.open();
        let streams = open.by_message.values().filter(|stream| !stream.ending);
        let dues = streams.flat_map(|stream| {
            let save = stream.unsaved_since.map(|since| match stream.unsaved() {
                bytes if bytes >= self.limits.save_bytes => since,
                _ => since + self.limits.save_after,
            });
            // A cancel that is still wanted waits for the notification of the write that began the message, which is
            // sent when a later write is answered.
            let cancel = stream.cancel_wanted.then(Instant::now);
            let dues = save.into_iter().chain(stream.abort_at).chain(cancel);
            dues.map(|due| stream.retry.put_off(due))
        });
        dues.chain(open.left_over.values().filter_map(|retry| retry.at)).min()
    }

    /// The messages with new text or an abort, each with its retry; not those that are not tried again yet.
    fn to_write(&self, now: Instant) -> Vec<(String, Retry)> {
        let open = self.open();
        let streams = open.by_message.iter().filter(|(_, stream)| {
            !stream.ending && (stream.unsaved() > 0 || stream.cancel_wanted || stream.is_overdue(now))
        });
        let streams = streams.map(|(message, stream)| (message, stream.retry));
        let left_over = open.left_over.iter().map(|(message, retry)| (message, *retry));
        let may = streams.chain(left_over).filter(|(_, retry)| retry.put_off(now) == now);
        may.map(|(message, retry)| (message.clone(), retry)).collect()
    }

    /// Writes all that is to be written, and waits for it.
    async fn write(self: &Arc<Self>, store: &Store) {
        let now = Instant::now();
        let (together, alone): (Vec<_>, Vec<_>) =
            self.to_write(now).into_iter().partition(|(_, retry)| retry.at.is_none());
        let ids = |messages: Vec<(String, Retry)>| messages.into_iter().map(|(id, _)| id).collect::<Vec<_>>();
        let (together, mut alone) = (ids(together), ids(alone));
        if !together.is_empty() {
            match self.write_these(store, together.clone(), now).await {
                Ok(()) => together.iter().for_each(|message| self.written(message, true)),
                Err(_) => alone.extend(together),
            }
        }
        let writes = alone.into_iter().map(|message| async move {
            let written = self.write_these(store, vec![message.clone()], now).await;
            if let Err(fault) = &written {
                tracing::error!(%fault, message, "a streaming message could not be saved or aborted");
            }
            self.written(&message, written.is_ok());
        });
        join_all(writes).await;
    }

    /// Writes messages in one transaction.
    async fn write_these(
        self: &Arc<Self>,
        store: &Store,
        messages: Vec<String>,
        now: Instant,
    ) -> std::result::Result<(), Fault> {
        let streams = Arc::clone(self);
        let write = move |tx: &mut WriteTx<'_>| {
            messages.iter().try_for_each(|message| streams.write_one(tx, message, now))
        };
        store.write(write).await
    }

    /// Aborts one message if that is due, else saves its new text.
    fn write_one(self: &Arc<Self>, tx: &mut WriteTx<'_>, message: &str, now: Instant) -> Result<()> {
        let is_open =
            self.open().by_message.get(message).map(|stream| (stream.ending, stream.is_overdue(now)));
        match is_open {
            // An earlier write of this batch ends it.
            Some((true, _)) => Ok(()),
            Some((false, false)) => self.save(tx, message),
            Some((false, true)) | None => match entity::find::<Message>(tx, message)? {
                Some(found) if found.state == MessageState::Streaming => {
                    streaming::abort(tx, self, found).map(drop)
                }
                _ => {
                    self.forget(message);
                    Ok(())
                }
            },
        }
    }

    /// Saves the new text of a message. No event depends on it, so it makes no revision.
    fn save(self: &Arc<Self>, tx: &mut WriteTx<'_>, message: &str) -> Result<()> {
        let mut open = self.open();
        let Some(stream) = open.by_message.get_mut(message).filter(|stream| stream.unsaved() > 0) else {
            return Ok(());
        };
        stream.unsaved_since = None;
        let (start, end) = (stream.saved, stream.text.len());
        let text = stream.text[start..].to_owned();
        drop(open);
        let (streams, id) = (Arc::clone(self), message.to_owned());
        tx.on_end(move |committed| match streams.open().by_message.get_mut(&id) {
            Some(stream) if committed => stream.saved = end,
            Some(stream) => _ = stream.unsaved_since.get_or_insert_with(Instant::now),
            None => {}
        });
        if !pieces::save(tx, message, start, &text)? {
            self.forget(message);
        }
        Ok(())
    }

    /// Plans what follows after a write of one message.
    fn written(&self, message: &str, is_ok: bool) {
        let mut open = self.open();
        let next = |retry: Retry| if is_ok { Retry::default() } else { retry.again(Instant::now()) };
        if let Some(stream) = open.by_message.get_mut(message) {
            stream.retry = next(stream.retry);
        }
        if is_ok {
            open.left_over.remove(message);
        } else if let Some(retry) = open.left_over.get_mut(message) {
            *retry = next(*retry);
        }
    }
}
