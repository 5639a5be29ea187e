//! Subscriptions that outlive connections. *A gap is told*: each revision is delivered once and in order, across
//! restarts of the daemon and stalls of either side, or [`Event::Reset`] is.

use crate::connection::{Connection, Failure, Feed};
use crate::inbox::End;
use crate::link::backoff;
use crate::retry::deadline;
use crate::{Client, Error, Result, State};
use futures_util::Stream;
use serde_json::value::to_raw_value;
use std::collections::VecDeque;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use stina_protocol::Error as Kind;
use stina_protocol::event::{Changes, Event, ResetReason, Start, Subscription as Subscribe};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout_at};

/// The events of a subscription.
///
/// It takes itself up again after every break. [`Event::Reset`] says that what came before is void; besides the
/// daemon, this client says it (`compacted`) when a connection broke while the present entities were being sent,
/// and they are sent anew.
///
/// It ends after an error, which a daemon that no longer takes the subscription causes, or an event that is longer than
/// [`Limits::message_bytes`](crate::Limits::message_bytes) where no present entities can make up for it; and when the
/// client is closed. Dropping it ends the subscription. Whoever does not read costs what [`Limits`](crate::Limits) say.
#[derive(Debug)]
pub struct Subscription {
    events: mpsc::Receiver<Result<Event>>,
}

impl Subscription {
    pub(crate) async fn open<S: Subscribe>(client: &Client, params: S::Params) -> Result<Self> {
        let mut cursor = Cursor::<S>::open(client, params).await?;
        let (to, events) = mpsc::channel(client.options().limits.read_ahead.max(1));
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

    /// The next event; `None` at the end. Cancel safe.
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

/// A place in the history of a store, and the subscription that goes on from there.
#[derive(Debug)]
pub(crate) struct Cursor<S: Subscribe> {
    client: Client,
    filter: S::Filter,
    /// Where to begin as long as there is no `resume`.
    start: Start,
    /// Where to go on: everything up to this revision of this epoch was delivered.
    resume: Option<(String, u64)>,
    /// What `prev` of the next change must be; none before the first event.
    told: Option<u64>,
    /// Whether part of the present entities was delivered, and not yet all.
    partial: bool,
    feed: Option<Feed>,
    epoch: String,
    /// Times in a row that the stream had to be opened again because it had a hole.
    holes: u32,
    /// Whether it begins anew because of an event that is too long for this client.
    has_passed: bool,
    /// Whether the epoch of the connection may have changed.
    is_restored: bool,
    ready: VecDeque<Event>,
    kind: PhantomData<fn() -> S>,
}

impl<S: Subscribe> Cursor<S> {
    /// Opens a subscription, and makes sure that it can be taken up again from where it begins.
    pub(crate) async fn open(client: &Client, params: S::Params) -> Result<Self> {
        let (start, filter) = S::parts(params);
        let has_place = start.since.is_some() || start.initial;
        let mut cursor = Self {
            client: client.clone(),
            filter,
            start,
            resume: None,
            told: None,
            partial: false,
            feed: None,
            epoch: String::new(),
            holes: 0,
            has_passed: false,
            is_restored: false,
            ready: VecDeque::new(),
            kind: PhantomData,
        };
        let within = deadline(client.options().deadline);
        let opened = async {
            cursor.reopen().await?;
            if !has_place {
                // "Now" is a place only once the daemon has said which revision that is.
                let first = cursor.next().await?;
                cursor.ready.push_front(first);
            }
            Ok(cursor)
        };
        match timeout_at(within, opened).await {
            Ok(opened) => opened,
            Err(_) if matches!(client.state(), State::Connected { .. }) => {
                Err(Error::TimedOut { method: S::NAME.to_owned(), after: client.options().deadline })
            }
            Err(_) => Err(client.link().not_reachable()),
        }
    }

    /// Id of the history that it is of.
    pub(crate) fn epoch(&self) -> &str {
        &self.epoch
    }

    /// The next event. Errors are final. Cancel safe.
    pub(crate) async fn next(&mut self) -> Result<Event> {
        loop {
            if self.is_restored {
                self.learn_epoch().await;
                self.is_restored = false;
            }
            if let Some(event) = self.ready.pop_front() {
                return Ok(event);
            }
            let Some(feed) = &self.feed else {
                self.reopen().await?;
                continue;
            };
            // Why else a feed ended makes no difference: its inbox had no hole, so the place is known.
            match feed.next().await {
                Ok(event) => self.take(&event)?,
                Err(End::TooLong) => self.pass_too_long()?,
                Err(End::Full | End::Lost | End::Retired) => self.feed = None,
            }
        }
    }

    /// What was too long once will be so again: begins anew with the present entities, where that may help.
    fn pass_too_long(&mut self) -> Result<()> {
        self.feed = None;
        if !self.start.initial || std::mem::replace(&mut self.has_passed, true) {
            let limit = self.client.options().limits.message_bytes;
            return Err(Error::Protocol(format!("an event of more than {limit} bytes")));
        }
        self.start = Start { initial: true, ..Start::default() };
        (self.resume, self.partial) = (None, true);
        Ok(())
    }

    /// A restored database has another epoch than the one that the connection began with.
    async fn learn_epoch(&mut self) {
        let Some(feed) = &self.feed else { return };
        // If it can't be learnt, the old epoch makes the daemon say `reset` once more.
        if let Ok(epoch) = feed.connection().hello(self.client.options()).await {
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
                Err(Failure::Fault(fault)) if !fault.error.is_transient() => return Err(Error::Rpc(fault)),
                Err(_) => sleep(backoff(&self.client.options().limits, attempt)).await,
            }
        }
        Ok(())
    }

    async fn try_open(&mut self, connection: &Arc<Connection>) -> std::result::Result<(), Failure> {
        let start = match &self.resume {
            Some((epoch, rev)) => {
                Start { since: Some(*rev), epoch: Some(epoch.clone()), initial: self.start.initial }
            }
            None => self.start.clone(),
        };
        let begins_with_present = start.initial && start.since.is_none();
        let told = start.since.or(start.initial.then_some(0));
        let params = S::params(start, self.filter.clone());
        let params = to_raw_value(&params)
            .map_err(|e| Failure::Fault(Box::new(Kind::invalid("", e.to_string()).into())))?;
        let feed = connection.subscribe(S::NAME, S::UNSUBSCRIBE, params).await?;
        self.epoch = connection.epoch();
        self.feed = Some(feed);
        self.expect_present(begins_with_present);
        self.told = told;
        if std::mem::take(&mut self.partial) {
            self.ready.push_back(Event::Reset { reason: ResetReason::Compacted, rev: told.unwrap_or(0) });
        }
        Ok(())
    }

    /// Takes in an event: delivers it, unless it proves that something before it is missing.
    fn take(&mut self, text: &str) -> Result<()> {
        let Some(event) = Event::read(text).map_err(|e| Error::unreadable("event", &e))? else {
            tracing::debug!("an event of a type that only a newer client knows");
            return Ok(());
        };
        match &event {
            Event::Change(change) if self.told.is_some_and(|told| told != change.prev) => {
                self.hole(change);
                return Ok(());
            }
            Event::Change(Changes { rev, initial: true, .. }) => {
                (self.told, self.resume, self.partial) = (Some(*rev), None, true);
            }
            Event::Change(Changes { rev, .. }) | Event::Synced { rev } => self.arrive(*rev),
            Event::Reset { rev, reason } => self.reset(*rev, *reason),
            Event::Delta(_) | Event::Cancel { .. } => {}
        }
        self.holes = 0;
        self.ready.push_back(event);
        Ok(())
    }

    /// Everything up to `rev` was delivered.
    fn arrive(&mut self, rev: u64) {
        (self.told, self.partial, self.has_passed) = (Some(rev), false, false);
        self.expect_present(false);
        self.resume = Some((self.epoch.clone(), rev));
    }

    /// What was delivered is void; the present entities follow if they were asked for.
    fn reset(&mut self, rev: u64, reason: ResetReason) {
        self.arrive(rev);
        if self.start.initial {
            self.start = Start { initial: true, ..Start::default() };
            self.resume = None;
            self.expect_present(true);
        }
        self.is_restored = reason == ResetReason::Restored;
    }

    /// The present entities come next, or not: they can't be taken up in the middle.
    fn expect_present(&self, present: bool) {
        if let Some(feed) = &self.feed {
            feed.set_can_not_resume(present);
        }
    }

    /// A change that does not follow on what was delivered: take the stream up again where that ended.
    fn hole(&mut self, change: &Changes) {
        tracing::warn!(rev = change.rev, prev = change.prev, told = ?self.told, "a hole in a subscription");
        self.holes += 1;
        self.feed = None;
    }
}
