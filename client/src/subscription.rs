//! [`Subscription`]: the events of a subscription, for one reader.

use crate::cursor::{Cursor, Next, Request};
use crate::{Client, Error, Result};
use futures_util::Stream;
use serde_json::value::RawValue;
use std::pin::Pin;
use std::task::{Context, Poll};
use stina_protocol::event::{Event, SubscribeMethod};
use tokio::sync::{mpsc, oneshot};

/// A stream of the events of a subscription.
///
/// It resumes by itself when a connection ends. [`Event::Reset`] means that earlier events are void; the daemon sends
/// it, and this client (`compacted`) when a connection ended within a snapshot, which is then sent anew.
///
/// It ends after an error, and when the client is closed. An error means that the daemon refuses the subscription, or
/// that an event is longer than [`Limits::message_bytes`](crate::Limits::message_bytes) and no snapshot can replace it.
/// Dropping it ends the subscription.
///
/// A slow reader holds up its own subscription and nothing else: the daemon sends no more than
/// [`Limits::subscription_bytes`](crate::Limits::subscription_bytes) that are unread.
#[derive(Debug)]
pub struct Subscription<T = Event> {
    events: mpsc::Receiver<Result<T>>,
}

impl Client {
    /// Opens a subscription. The stream begins where `params` say, by default now, and misses nothing from then on.
    ///
    /// # Errors
    /// As [`Self::call`]; `invalid` when this client has as many subscriptions and mirrors as
    /// [`Limits::subscriptions`](crate::Limits::subscriptions) allow.
    pub async fn subscribe<S: SubscribeMethod>(&self, params: S::Params) -> Result<Subscription> {
        let request = Request::of::<S>(&params)?;
        // Events of an unknown type come from a newer daemon, and are to be ignored.
        Subscription::open(self, request, |_, event| Some(event)).await
    }

    /// Opens a subscription by the name of its method. `params` is the text of a JSON object; the events are raw JSON.
    ///
    /// They are those of [`Self::subscribe`], and also events of types that this client does not know.
    ///
    /// # Errors
    /// As [`Self::subscribe`]; `invalid` when `method` opens no subscription.
    pub async fn subscribe_raw(
        &self,
        method: &str,
        params: Option<&str>,
    ) -> Result<Subscription<Box<RawValue>>> {
        if self.methods().await?.get(method).is_none_or(|info| info.event.is_none()) {
            let reason = format!("`{method}` opens no subscription");
            return Err(stina_protocol::Error::invalid("", reason).into());
        }
        let request = Request::new(method, params.unwrap_or("{}"))?;
        // The text is JSON: it was read before.
        Subscription::open(self, request, |text, _| RawValue::from_string(text.into()).ok()).await
    }
}

impl<T: Send + 'static> Subscription<T> {
    async fn open(
        client: &Client,
        request: Request,
        item: impl Fn(Box<str>, Event) -> Option<T> + Send + 'static,
    ) -> Result<Self> {
        let permit = client.subscription_permit()?;
        let (opened, is_open) = oneshot::channel();
        // With room for one event: the bytes of all others are counted in the inbox.
        let (to, events) = mpsc::channel(1);
        let client_of_task = client.clone();
        client.runtime().spawn(async move {
            let _permit = permit;
            let opening = Cursor::open(client_of_task, request);
            let cursor = tokio::select! {
                cursor = opening => cursor,
                () = to.closed() => return,
            };
            match cursor {
                Ok(cursor) => {
                    // If nobody waits, `to` is closed.
                    let _ = opened.send(Ok(()));
                    deliver(cursor, &to, item).await;
                }
                Err(error) => drop(opened.send(Err(error))),
            }
        });
        // The runtime of the client may have ended.
        is_open.await.unwrap_or(Err(Error::Closed))?;
        Ok(Self { events })
    }

    /// Waits for the next event; `None` at the end. Cancel safe.
    pub async fn next(&mut self) -> Option<Result<T>> {
        self.events.recv().await
    }
}

/// Delivers events until the cursor ends or nobody receives them.
async fn deliver<T>(
    mut cursor: Cursor,
    to: &mpsc::Sender<Result<T>>,
    item: impl Fn(Box<str>, Event) -> Option<T>,
) {
    // An event is read only once the one before was taken: until then that one counts as unread.
    while let Ok(slot) = to.reserve().await {
        let next = tokio::select! {
            next = cursor.next() => next,
            () = to.closed() => return,
        };
        match next {
            Ok(Next::Event { text, event }) => {
                if let Some(item) = item(text, event) {
                    slot.send(Ok(item));
                }
            }
            Ok(Next::Lost) => {}
            Err(Error::Closed) => return,
            Err(error) => return slot.send(Err(error)),
        }
    }
}

impl<T> Stream for Subscription<T> {
    type Item = Result<T>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.events.poll_recv(cx)
    }
}
