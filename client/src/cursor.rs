//! Cursors of subscriptions, which survive reconnects. *A gap is told*: each revision is delivered once and in order,
//! across restarts of the daemon and stalls of either side, or [`Event::Reset`] is delivered.

use crate::connection::{CallError, Connection, OpenSubscription};
use crate::inbox::CloseReason;
use crate::link::backoff;
use crate::timer::{sleep, timeout};
use crate::{Client, Error, Result};
use serde_json::value::{RawValue, to_raw_value};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use stina_protocol::event::{Changes, Event, ResetReason, Start, SubscribeMethod};

/// A call of a `subscribe` method, to be made again after each disconnect.
#[derive(Debug)]
pub(crate) struct Request {
    method: Box<str>,
    unsubscribe: Box<str>,
    start: Start,
    /// The other params.
    filter: Params,
}

type Params = BTreeMap<String, Box<RawValue>>;

impl Request {
    pub(crate) fn of<S: SubscribeMethod>(params: &S::Params) -> Result<Self> {
        Self::new(S::NAME, &serde_json::to_string(params).map_err(unreadable)?)
    }

    /// `params` is the text of a JSON object.
    pub(crate) fn new(method: &str, params: &str) -> Result<Self> {
        let mut filter: Params = serde_json::from_str(params).map_err(unreadable)?;
        let of_start = ["since", "epoch", "initial", "credit"].into_iter();
        let start: Params = of_start.filter_map(|name| filter.remove_entry(name)).collect();
        let start = serde_json::to_string(&start).and_then(|text| serde_json::from_str::<Start>(&text));
        // The client gives credit by itself.
        let start = Start { credit: None, ..start.map_err(unreadable)? };
        let module = method.split_once('.').map_or(method, |(module, _)| module);
        Ok(Self { method: method.into(), unsubscribe: format!("{module}.unsubscribe").into(), start, filter })
    }

    fn params(&self, start: &Start) -> serde_json::Result<Box<RawValue>> {
        let mut params: Params = serde_json::from_str(&serde_json::to_string(start)?)?;
        params.extend(self.filter.clone());
        to_raw_value(&params)
    }
}

fn unreadable(error: serde_json::Error) -> stina_protocol::Error {
    stina_protocol::Error::invalid("", error.to_string())
}

/// The next thing that a cursor meets.
#[derive(Debug)]
pub(crate) enum Next {
    /// An event and its text.
    Event { text: Box<str>, event: Event },
    /// The subscription has lost its connection, and will continue at its position.
    Lost,
}

/// A position in the revisions of a store, and the subscription that continues from it.
#[derive(Debug)]
pub(crate) struct Cursor {
    client: Client,
    request: Request,
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
    ready: VecDeque<Next>,
}

impl Cursor {
    /// A cursor whose subscription is opened by the first [`Self::next`].
    pub(crate) fn new(client: Client, request: Request) -> Self {
        Self {
            client,
            request,
            resume: None,
            sent_rev: None,
            partial: false,
            open: None,
            epoch: String::new(),
            holes: 0,
            has_skipped: false,
            is_restored: false,
            ready: VecDeque::new(),
        }
    }

    /// Opens a subscription that can resume from its start.
    pub(crate) async fn open(client: Client, request: Request) -> Result<Self> {
        let (within, has_position) =
            (client.options().deadline, request.start.since.is_some() || request.start.initial);
        let mut cursor = Self::new(client.clone(), request);
        let opening = async {
            cursor.reopen().await?;
            if !has_position {
                // "Now" becomes a position when the daemon has sent its revision.
                let first = loop {
                    match cursor.next().await? {
                        Next::Lost => {}
                        first @ Next::Event { .. } => break first,
                    }
                };
                cursor.ready.push_front(first);
            }
            Ok(())
        };
        match timeout(within, opening).await {
            Ok(opened) => opened.map(|()| cursor),
            Err(_) => Err(client.link().expired(&cursor.request.method, within)),
        }
    }

    /// Its epoch.
    pub(crate) fn epoch(&self) -> &str {
        &self.epoch
    }

    /// Starts again with a snapshot. Whoever calls it knows that earlier events are void.
    pub(crate) fn restart(&mut self) {
        self.request.start = Start::initial();
        (self.open, self.resume, self.partial) = (None, None, false);
        self.ready.clear();
    }

    /// Waits for the next event. Errors are final. Cancel safe.
    pub(crate) async fn next(&mut self) -> Result<Next> {
        loop {
            if self.is_restored {
                self.refresh_epoch().await;
                self.is_restored = false;
            }
            if let Some(next) = self.ready.pop_front() {
                return Ok(next);
            }
            let Some(open) = &self.open else {
                self.reopen().await?;
                continue;
            };
            // After any other reason the position is valid, because the inbox had no hole.
            match open.next().await {
                Ok(text) => self.take(text)?,
                Err(CloseReason::TooLong) => self.skip_too_long()?,
                Err(CloseReason::Full | CloseReason::Disconnected | CloseReason::Unsubscribed) => {
                    self.open = None;
                    return Ok(Next::Lost);
                }
            }
        }
    }

    /// Restarts with a snapshot instead of an event that was too long, if the subscription has one.
    fn skip_too_long(&mut self) -> Result<()> {
        self.open = None;
        if !self.request.start.initial || std::mem::replace(&mut self.has_skipped, true) {
            let limit = self.client.options().limits.message_bytes;
            return Err(Error::Protocol(format!("an event of more than {limit} bytes")));
        }
        self.request.start = Start::initial();
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
        let mut start = self.request.start.clone();
        if let Some((epoch, rev)) = &self.resume {
            (start.since, start.epoch) = (Some(*rev), Some(epoch.clone()));
        }
        start.credit = connection.credit();
        let sent_rev = start.since.or(start.initial.then_some(0));
        let params = self.request.params(&start);
        let params = params.map_err(|e| CallError::Refused(Box::new(unreadable(e).into())))?;
        let Request { method, unsubscribe, .. } = &self.request;
        let open = connection.subscribe(method, unsubscribe, params).await?;
        self.epoch = connection.epoch();
        self.open = Some(open);
        self.sent_rev = sent_rev;
        if std::mem::take(&mut self.partial) {
            let reset = Event::Reset { reason: ResetReason::Compacted, rev: sent_rev.unwrap_or(0) };
            // A reset is a name and a number: it always serializes.
            let text = serde_json::to_string(&reset).unwrap_or_default().into();
            self.ready.push_back(Next::Event { text, event: reset });
        }
        Ok(())
    }

    /// Delivers an event, unless it shows that an earlier one is missing.
    fn take(&mut self, text: Box<str>) -> Result<()> {
        let event = Event::read(&text).map_err(|e| Error::unreadable("event", &e))?;
        match &event {
            Event::Change(change) if self.sent_rev.is_some_and(|rev| rev != change.prev) => {
                self.hole(change.rev, change.prev);
                return Ok(());
            }
            Event::Change(Changes { rev, initial: true, .. }) => {
                (self.sent_rev, self.resume, self.partial) = (Some(*rev), None, true);
            }
            Event::Change(Changes { rev, .. }) | Event::Synced { rev } => self.arrive(*rev),
            Event::Reset { rev, reason } => {
                self.is_restored = *reason == ResetReason::Restored;
                self.reset(*rev);
            }
            // Those that are in no log.
            _ => {}
        }
        self.holes = 0;
        self.ready.push_back(Next::Event { text, event });
        Ok(())
    }

    /// Records that everything up to `rev` was delivered.
    fn arrive(&mut self, rev: u64) {
        (self.sent_rev, self.partial, self.has_skipped) = (Some(rev), false, false);
        self.resume = Some((self.epoch.clone(), rev));
    }

    /// Handles a reset: earlier events are void, and a snapshot follows if it was requested.
    fn reset(&mut self, rev: u64) {
        self.arrive(rev);
        if self.request.start.initial {
            self.request.start = Start::initial();
            self.resume = None;
        }
    }

    /// Reopens the subscription at its position, because a change does not follow the last one delivered.
    fn hole(&mut self, rev: u64, prev: u64) {
        tracing::warn!(rev, prev, sent_rev = ?self.sent_rev, "a hole in a subscription");
        self.holes += 1;
        self.open = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_start_is_taken_from_params_and_put_back_with_the_position() {
        let request = Request::new("kv.subscribe", r#"{"initial":true,"prefix":"a","credit":1}"#).unwrap();
        assert_eq!((&*request.unsubscribe, &request.start), ("kv.unsubscribe", &Start::initial()));
        let params = request.params(&Start::after(7)).unwrap();
        assert_eq!(params.get(), r#"{"initial":false,"prefix":"a","since":7}"#);
        for params in ["[]", "1", r#"{"since":"x"}"#, "{"] {
            assert!(Request::new("kv.subscribe", params).is_err(), "{params}");
        }
    }
}
