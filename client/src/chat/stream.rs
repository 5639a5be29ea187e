//! A message that is being written.

use super::Chat;
use crate::{Client, Error, Result, State};
use std::future::pending;
use stina_protocol::chat::{
    AppendDelta, BeginMessage, BeginParams, DeltaParams, FinishMessage, FinishParams, Message, MessageState,
    SubscribeParams,
};
use stina_protocol::event::{Change, Event, Op};
use stina_protocol::{EntityId, Json, Reply};
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};

/// Why a message should not be written any further.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopped {
    /// Somebody asks its writer to end it. If that does not happen within two seconds, the daemon aborts it.
    Cancelled,
    /// It has ended, and not by this writer: somebody aborted or deleted it, or the daemon did because the connection
    /// to this writer broke.
    Ended,
}

/// Writes a message, which everybody sees grow. Dropped before it is finished, it aborts the message.
///
/// A message belongs to the connection on which it was begun. Words are sent again for as long as that lasts, and
/// arrive once. When it breaks the daemon ends the message as aborted with what it had saved: [`Self::stopped`] says
/// so, and so does the next call. [`Self::finish`] is exactly once like every write.
///
/// At most two seconds' notice is given to end a message: wait for [`Self::stopped`] beside what makes the words.
#[derive(Debug)]
pub struct MessageStream {
    chat: Chat,
    id: EntityId,
    message: Message,
    /// Length in bytes of what the daemon has taken.
    taken: u64,
    /// Words that it may not have taken.
    untaken: String,
    stopped: watch::Receiver<Option<Stopped>>,
    is_over: bool,
    /// Where the abort of a dropped stream goes on.
    runtime: tokio::runtime::Handle,
    _stop_listening: DropGuard,
}

impl MessageStream {
    pub(super) async fn begin(chat: Chat, params: BeginParams) -> Result<Self> {
        let client = chat.client.clone();
        let Reply { rev, value: message } = client.call::<BeginMessage>(params).await?;
        let id = super::id("messageId", message.id.as_str())?;
        let (tell, stopped) = watch::channel(None);
        let stop = CancellationToken::new();
        let listening = listen(client, message.clone(), rev, tell);
        tokio::spawn(stop.clone().run_until_cancelled_owned(listening));
        Ok(Self {
            id,
            taken: message.content.len() as u64,
            untaken: String::new(),
            message,
            chat,
            stopped,
            is_over: false,
            runtime: tokio::runtime::Handle::current(),
            _stop_listening: stop.drop_guard(),
        })
    }

    /// The message as it was begun.
    pub fn message(&self) -> &Message {
        &self.message
    }

    /// Adds words. Dropping the future loses none: they are sent before the next ones, or before the end.
    ///
    /// # Errors
    /// As [`Client::call`]; `invalid` when the message has ended, or its connection. After an error nothing but
    /// [`Self::abort`] is of use.
    pub async fn push(&mut self, words: &str) -> Result<()> {
        self.untaken.push_str(words);
        self.send().await
    }

    /// Brings to the daemon what it has not taken yet. Sent twice, words are taken once: the offset tells.
    async fn send(&mut self) -> Result<()> {
        while !self.untaken.is_empty() {
            let delta =
                DeltaParams { message_id: self.id.clone(), offset: self.taken, text: self.untaken.clone() };
            let appended = self.chat.client.call::<AppendDelta>(delta).await?;
            let new = usize::try_from(appended.offset.saturating_sub(self.taken)).unwrap_or(usize::MAX);
            if new == 0 || !self.untaken.is_char_boundary(new) {
                return Err(Error::Protocol(format!("an answer with offset {}", appended.offset)));
            }
            self.untaken.drain(..new);
            self.taken = appended.offset;
        }
        Ok(())
    }

    /// Ends the message: it is complete.
    ///
    /// # Errors
    /// As [`Self::push`]; the message is aborted then.
    pub async fn finish(self) -> Result<Reply<Message>> {
        self.finish_with(None, None).await
    }

    /// Ends the message, with another text than the words so far, or with other metadata than it was begun with.
    ///
    /// # Errors
    /// As [`Self::push`]; the message is aborted then.
    pub async fn finish_with(
        mut self,
        text: Option<String>,
        metadata: Option<Json>,
    ) -> Result<Reply<Message>> {
        if text.is_none() {
            self.send().await?;
        }
        let params = FinishParams { message_id: self.id.clone(), content: text, metadata, if_rev: None };
        let reply = self.chat.client.call::<FinishMessage>(params).await?;
        self.is_over = true;
        Ok(reply)
    }

    /// Ends the message as aborted, with the words so far. One that was aborted already stays as it is.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn abort(mut self) -> Result<Reply<Message>> {
        let reply = self.chat.abort_message(self.id.as_str()).await?;
        self.is_over = true;
        Ok(reply)
    }

    /// Waits until the message should not be written any further; says why. It does not borrow the stream, and can be
    /// waited for as often as need be.
    pub fn stopped(&self) -> impl Future<Output = Stopped> + Send + use<> {
        let mut stopped = self.stopped.clone();
        async move {
            let why = stopped.wait_for(Option::is_some).await.ok().and_then(|why| *why);
            match why {
                Some(why) => why,
                // Nobody listens any more: the next call says what is wrong.
                None => pending().await,
            }
        }
    }
}

impl Drop for MessageStream {
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        let (chat, id) = (self.chat.clone(), self.id.clone());
        self.runtime.spawn(async move {
            if let Err(error) = chat.abort_message(id).await {
                tracing::debug!(%error, "could not abort a message that nobody writes any more");
            }
        });
    }
}

/// Listens for a request to end the message, and for its end.
async fn listen(client: Client, message: Message, begun: u64, tell: watch::Sender<Option<Stopped>>) {
    let epoch = match client.state() {
        State::Connected { epoch, .. } => Some(epoch),
        _ => None,
    };
    let params = SubscribeParams {
        conversation_id: EntityId::new(message.conversation_id.as_str()).ok(),
        deltas: false,
        since: Some(begun),
        epoch,
        ..SubscribeParams::default()
    };
    let opened = Chat::new(client).subscribe(params).await;
    let mut events = match opened {
        Ok(events) => events,
        Err(error) => return tracing::warn!(%error, "cannot hear when a message is to end"),
    };
    while let Some(Ok(event)) = events.next().await {
        match event {
            Event::Cancel { message_id } if message_id == message.id => {
                tell.send_replace(Some(Stopped::Cancelled));
            }
            Event::Change(changes) if changes.changes.iter().any(|change| ends(change, &message.id)) => {
                tell.send_replace(Some(Stopped::Ended));
                return;
            }
            _ => {}
        }
    }
}

fn ends(change: &Change, message: &str) -> bool {
    if change.entity != "message" || change.id != message {
        return false;
    }
    let now = change.value.as_ref().and_then(|value| value.to::<Message>().ok());
    change.op == Op::Delete || now.is_some_and(|now| now.state == MessageState::Complete)
}
