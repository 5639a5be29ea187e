//! Subscriptions that survive reconnects. *A gap is told*: each revision is delivered once and in order, across
//! restarts of the daemon and stalls of either side, or [`Event::Reset`] is delivered.

use crate::connection::{CallError, Connection, OpenSubscription};
use crate::inbox::CloseReason;
use crate::link::backoff;
use crate::options::countable;
use crate::retry::deadline;
use crate::{Client, Error, Result};
use futures_util::Stream;
use serde_json::value::to_raw_value;
use std::collections::VecDeque;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use stina_protocol::event::{Changes, Event, ResetReason, Start, SubscribeMethod};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout_at};

/// A stream of the events of a subscription.
///
/// It resumes by itself when a connection ends. [`Event::Reset`] means that earlier events are void; the daemon sends
/// it, and this client (`compacted`) when a connection ended within a snapshot, which is then sent anew.
///
/// It ends after an error, and when the client is closed. An error means that the daemon refuses the subscription, or
/// that an event is longer than [`Limits::message_bytes`](crate::Limits::message_bytes) and no snapshot can replace it.
/// Dropping it ends the subscription. An unread subscription uses at most the memory that [`Limits`](crate::Limits)
/// allow.
#[derive(Debug)]
pub struct Subscription {
    events: mpsc::Receiver<Result<Event>>,
}

impl Client {
    /// Opens a subscription. The stream begins where `params` say, by default now, and misses nothing from then on.
    ///
    /// # Errors
    /// As [`Self::call`].
    pub async fn subscribe<S: SubscribeMethod>(&self, params: S::Params) -> Result<Subscription> {
        Subscription::open::<S>(self, params).await
    }
}

impl Subscription {
    pub(crate) async fn open<S: SubscribeMethod>(client: &Client, params: S::Params) -> Result<Self> {
        let mut cursor = Cursor::<S>::open(client, params).await?;
        let (to, events) = mpsc::channel(countable(client.options().limits.read_ahead));
        tokio::spawn(async move {
            loop {
                let event = tokio::select! {
                    event = cursor.next() => event,
                    () = to.closed() => return,
                };
                match event {
                    Err(Error::Closed) => return,
                    event => {
                        let ends = event.is_err();
                        if to.send(event).await.is_err() || ends {
                            return;
                        }
                    }
                }
            }
        });
        Ok(Self { events })
    }

    /// Waits for the next event; `None` at the end. Cancel safe.
    pub async fn next(&mut self) -> Option<Result<Event>> {
        self.events.recv().await
    }
}

impl Stream for Subscription {
    type Item = Result<Event>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.events.poll_recv(cx)
    }
}

/// A position in the revisions of a store, and the subscription that continues from it.
#[derive(Debug)]
pub(crate) struct Cursor<S: SubscribeMethod> {
    client: Client,
    filter: S::Filter,
    /// The start, while there is no `resume`.
    start: Start,
    /// The epoch and the revision to resume after: everything up to it was delivered.
    resume: Option<(String, u64)>,
    /// The last revision that the daemon sent, which the next change must have as `prev`; none before the first event.
    sent_rev: Option<u64>,
    /// Whether a snapshot was delivered in part.
    partial: bool,
    open: Option<OpenSubscription>,
    epoch: String,
    /// How often in a row the subscription was reopened because of a hole.
    holes: u32,
    /// Whether it restarted because an event was too long for this client.
    has_skipped: bool,
    /// Whether the epoch of the connection may have changed.
    is_restored: bool,
    ready: VecDeque<Event>,
    kind: PhantomData<fn() -> S>,
}

impl<S: SubscribeMethod> Cursor<S> {
    /// Opens a subscription that can resume from its start.
    pub(crate) async fn open(client: &Client, params: S::Params) -> Result<Self> {
        let (start, filter) = S::parts(params);
        let has_position = start.since.is_some() || start.initial;
        let mut cursor = Self {
            client: client.clone(),
            filter,
            start,
            resume: None,
            sent_rev: None,
            partial: false,
            open: None,
            epoch: String::new(),
            holes: 0,
            has_skipped: false,
            is_restored: false,
            ready: VecDeque::new(),
            kind: PhantomData,
        };
        let within = deadline(client.options().deadline);
        let opened = async {
            cursor.reopen().await?;
            if !has_position {
                // "Now" becomes a position when the daemon has sent its revision.
                let first = cursor.next().await?;
                cursor.ready.push_front(first);
            }
            Ok(cursor)
        };
        let expired = |_| client.link().expired(S::NAME, client.options().deadline);
        timeout_at(within, opened).await.map_err(expired)?
    }

    /// Its epoch.
    pub(crate) fn epoch(&self) -> &str {
        &self.epoch
    }

    /// Waits for the next event. Errors are final. Cancel safe.
    pub(crate) async fn next(&mut self) -> Result<Event> {
        loop {
            if self.is_restored {
                self.refresh_epoch().await;
                self.is_restored = false;
            }
            if let Some(event) = self.ready.pop_front() {
                return Ok(event);
            }
            let Some(open) = &self.open else {
                self.reopen().await?;
                continue;
            };
            // After any other reason the position is valid, because the inbox had no hole.
            match open.next().await {
                Ok(event) => self.take(&event)?,
                Err(CloseReason::TooLong) => self.skip_too_long()?,
                Err(CloseReason::Full | CloseReason::Disconnected | CloseReason::Unsubscribed) => {
                    self.open = None;
                }
            }
        }
    }

    /// Restarts with a snapshot instead of an event that was too long, if the subscription has one.
    fn skip_too_long(&mut self) -> Result<()> {
        self.open = None;
        if !self.start.initial || std::mem::replace(&mut self.has_skipped, true) {
            let limit = self.client.options().limits.message_bytes;
            return Err(Error::Protocol(format!("an event of more than {limit} bytes")));
        }
        self.start = Start { initial: true, ..Start::default() };
        (self.resume, self.partial) = (None, true);
        Ok(())
    }

    /// Reads the epoch again, because a restored database has another one.
    async fn refresh_epoch(&mut self) {
        let Some(open) = &self.open else { return };
        // If this fails, the old epoch makes the daemon send `reset` again.
        if let Ok(epoch) = open.connection().hello(self.client.options()).await {
            self.resume = self.resume.take().map(|(_, rev)| (epoch.clone(), rev));
            self.epoch = epoch;
        }
    }

    async fn reopen(&mut self) -> Result<()> {
        if self.holes > 1 {
            sleep(backoff(&self.client.options().limits, self.holes)).await;
        }
        for attempt in 1_u32.. {
            let connection = self.client.link().connection().await?;
            match self.try_open(&connection).await {
                Ok(()) => return Ok(()),
                Err(CallError::Refused(fault)) if !fault.error.is_transient() => {
                    return Err(Error::Rpc(fault));
                }
                Err(_) => sleep(backoff(&self.client.options().limits, attempt)).await,
            }
        }
        Ok(())
    }

    async fn try_open(&mut self, connection: &Arc<Connection>) -> std::result::Result<(), CallError> {
        let start = match &self.resume {
            Some((epoch, rev)) => {
                Start { since: Some(*rev), epoch: Some(epoch.clone()), initial: self.start.initial }
            }
            None => self.start.clone(),
        };
        let begins_with_snapshot = start.initial && start.since.is_none();
        let sent_rev = start.since.or(start.initial.then_some(0));
        let params = S::params(start, self.filter.clone());
        let params = to_raw_value(&params).map_err(|e| {
            CallError::Refused(Box::new(stina_protocol::Error::invalid("", e.to_string()).into()))
        })?;
        let open = connection.subscribe(S::NAME, S::UNSUBSCRIBE, params).await?;
        self.epoch = connection.epoch();
        self.open = Some(open);
        self.expect_snapshot(begins_with_snapshot);
        self.sent_rev = sent_rev;
        if std::mem::take(&mut self.partial) {
            self.ready.push_back(Event::Reset { reason: ResetReason::Compacted, rev: sent_rev.unwrap_or(0) });
        }
        Ok(())
    }

    /// Delivers an event, unless it shows that an earlier one is missing.
    fn take(&mut self, text: &str) -> Result<()> {
        let event = Event::read(text).map_err(|e| Error::unreadable("event", &e))?;
        match &event {
            Event::Change(change) if self.sent_rev.is_some_and(|rev| rev != change.prev) => {
                self.hole(change);
                return Ok(());
            }
            Event::Change(Changes { rev, initial: true, .. }) => {
                (self.sent_rev, self.resume, self.partial) = (Some(*rev), None, true);
            }
            Event::Change(Changes { rev, .. }) | Event::Synced { rev } => self.arrive(*rev),
            Event::Reset { rev, reason } => self.reset(*rev, reason),
            // Those that are in no log.
            _ => {}
        }
        self.holes = 0;
        self.ready.push_back(event);
        Ok(())
    }

    /// Records that everything up to `rev` was delivered.
    fn arrive(&mut self, rev: u64) {
        (self.sent_rev, self.partial, self.has_skipped) = (Some(rev), false, false);
        self.expect_snapshot(false);
        self.resume = Some((self.epoch.clone(), rev));
    }

    /// Handles a reset: earlier events are void, and a snapshot follows if it was requested.
    fn reset(&mut self, rev: u64, reason: &ResetReason) {
        self.arrive(rev);
        if self.start.initial {
            self.start = Start { initial: true, ..Start::default() };
            self.resume = None;
            self.expect_snapshot(true);
        }
        self.is_restored = *reason == ResetReason::Restored;
    }

    /// Sets whether the next events belong to a snapshot, which can't be resumed halfway.
    fn expect_snapshot(&self, is_snapshot: bool) {
        if let Some(open) = &self.open {
            open.set_snapshot(is_snapshot);
        }
    }

    /// Reopens the subscription at its position, because a change does not follow the last one delivered.
    fn hole(&mut self, change: &Changes) {
        tracing::warn!(rev = change.rev, prev = change.prev, sent_rev = ?self.sent_rev, "a hole in a subscription");
        self.holes += 1;
        self.open = None;
    }
}
