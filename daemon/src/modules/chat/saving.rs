//! Saves the text of streaming messages, and aborts those whose owners do not end them.

use super::methods::streaming;
use super::repository::pieces;
use super::streams::Streams;
use crate::store::{Result, Store, WriteTx, entity};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// Wait after a failed write.
const RETRY: Duration = Duration::from_secs(1);

impl Streams {
    /// Runs until `stop`; then aborts all streaming messages, because their owners are disconnected.
    pub(super) async fn run(self: Arc<Self>, store: Store, stop: CancellationToken) {
        _ = stop.run_until_cancelled(self.run_forever(&store)).await;
        self.open().by_message.values_mut().for_each(|stream| stream.abort_at = Some(Instant::now()));
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
                Some(_) => {
                    if !self.write(store).await {
                        tokio::time::sleep(RETRY).await;
                    }
                }
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
            save.into_iter().chain(stream.abort_at).chain(stream.cancel_wanted.then(Instant::now))
        });
        dues.min()
    }

    /// Makes one write for all streams; returns whether it was committed.
    async fn write(self: &Arc<Self>, store: &Store) -> bool {
        let streams = Arc::clone(self);
        let write = store.write(move |tx| {
            streams.abort_overdue(tx)?;
            streams.save(tx)
        });
        match write.await {
            Ok(()) => true,
            Err(fault) => {
                tracing::error!(%fault, "could not save streaming messages");
                false
            }
        }
    }

    fn abort_overdue(self: &Arc<Self>, tx: &mut WriteTx<'_>) -> Result<()> {
        let now = Instant::now();
        let open = self.open();
        let overdue = open
            .by_message
            .iter()
            .filter(|(_, stream)| !stream.ending && stream.abort_at.is_some_and(|at| at <= now));
        let overdue: Vec<String> = overdue.map(|(message, _)| message.clone()).collect();
        drop(open);
        for id in overdue {
            match entity::find(tx, &id)? {
                Some(message) => _ = streaming::abort(tx, self, message)?,
                None => self.forget(&id),
            }
        }
        Ok(())
    }

    /// Saves the new text of every stream. No event depends on it, so it makes no revision.
    fn save(self: &Arc<Self>, tx: &mut WriteTx<'_>) -> Result<()> {
        let mut taken = Vec::new();
        for (message, stream) in &mut self.open().by_message {
            if stream.unsaved() > 0 && !stream.ending {
                stream.unsaved_since = None;
                taken.push((message.clone(), stream.saved, stream.text[stream.saved..].to_owned()));
            }
        }
        let mut saved = Vec::with_capacity(taken.len());
        let mut outcome = Ok(());
        for (message, start, text) in taken {
            match pieces::save(tx, &message, start, &text) {
                Ok(true) => {}
                Ok(false) => self.forget(&message),
                Err(failure) => outcome = Err(failure),
            }
            saved.push((message, start + text.len()));
        }
        let streams = Arc::clone(self);
        tx.on_end(move |committed| streams.saved(&saved, committed));
        outcome
    }

    fn saved(&self, taken: &[(String, usize)], committed: bool) {
        let mut open = self.open();
        for (message, end) in taken {
            match open.by_message.get_mut(message) {
                Some(stream) if committed => stream.saved = *end,
                Some(stream) => _ = stream.unsaved_since.get_or_insert_with(Instant::now),
                None => {}
            }
        }
    }
}
