//! [`MessageStream`]: writes a streaming message.

use super::listener::{IsStreaming, StopReceiver, Stopped};
use super::methods::Chat;
use crate::field::generated;
use crate::timer::sleep_until;
use crate::{CallOptions, Client, Error, Result};
use stina_protocol::chat::{
    AppendDelta, BeginMessage, BeginParams, DeltaParams, Filter, FinishMessage, FinishParams, Message,
    MessageFields, SubscribeParams,
};
use stina_protocol::{EntityId, Json, Method, Reply, With};

/// Params of the subscription for stop signals.
fn without_deltas() -> SubscribeParams {
    let fields = Filter { deltas: false, ..Filter::default() };
    SubscribeParams { fields, ..SubscribeParams::default() }
}

/// Whether a message is streaming and belongs to this connection: only then the daemon accepts text, here none.
async fn is_streaming(client: Client, message_id: EntityId) -> bool {
    client.call::<AppendDelta>(DeltaParams { message_id, offset: 0, text: String::new() }).await.is_ok()
}

/// Writes a streaming message. Dropping it before it is finished aborts the message.
///
/// The message belongs to the connection that began it. While the connection lasts, text is sent again until it
/// arrives, and is appended once. When the connection breaks, the daemon aborts the message and keeps the text so far;
/// [`Self::stopped`] and the next call report it. [`Self::finish`] happens exactly once, like every write.
///
/// Wait for [`Self::stopped`] while you produce the text: a cancelled message has two seconds to end.
#[derive(Debug)]
pub struct MessageStream {
    chat: Chat,
    message: Message,
    /// Length in bytes of the text that the daemon has confirmed.
    confirmed: u64,
    /// Text that the daemon has not confirmed.
    unconfirmed: String,
    stop: StopReceiver,
    abort: AbortOnDrop,
}

/// Aborts the message on drop, unless it has ended.
#[derive(Debug)]
struct AbortOnDrop {
    chat: Chat,
    id: EntityId,
    is_disarmed: bool,
}

impl MessageStream {
    pub(super) async fn begin(chat: Chat, params: BeginParams, options: CallOptions) -> Result<Self> {
        // The id is generated here, so that the listener is ready before the message begins.
        let BeginParams { head, fields } = params;
        let is_chosen = fields.id.is_some();
        let id = fields.id.clone().unwrap_or_else(|| generated("m_"));
        let client = &chat.client;
        let deadline = client.deadline(&options);
        let subscribe = async || chat.subscribe(without_deltas()).await;
        let is_streaming: IsStreaming = {
            let client = client.clone();
            Box::new(move |message| {
                let (client, id) = (client.clone(), EntityId::new(message));
                Box::pin(async move {
                    match id {
                        Ok(id) => is_streaming(client, id).await,
                        Err(_) => false,
                    }
                })
            })
        };
        let listening = client.listener().listen(id.as_str(), client.runtime(), subscribe, is_streaming);
        let stop = tokio::select! {
            biased;
            stop = listening => stop?,
            // On the client's runtime: the caller's thread may have no timers.
            _ = client.run(sleep_until(deadline.at)) => {
                return Err(client.link().expired(BeginMessage::NAME, deadline.within));
            }
        };
        // If this future is dropped, the message may begin nevertheless. Only a generated id is certain to be this
        // message's.
        let mut abort = AbortOnDrop { chat: chat.clone(), id: id.clone(), is_disarmed: is_chosen };
        let Reply { value: message, .. } = client
            .call_until::<BeginMessage>(
                With { head, fields: MessageFields { id: Some(id), ..fields } },
                options,
                deadline,
            )
            .await?;
        abort.is_disarmed = false;
        if stop.begin() && !self::is_streaming(client.clone(), message.id.clone()).await {
            stop.end();
        }
        let confirmed = message.content.len() as u64;
        Ok(Self { chat, message, confirmed, unconfirmed: String::new(), stop, abort })
    }

    /// The message as it was begun.
    pub fn message(&self) -> &Message {
        &self.message
    }

    /// Appends text. Dropping the future loses none of it: it is sent with the next text, or before the end.
    ///
    /// # Errors
    /// As [`Client::call`](crate::Client::call); `invalid` when the message or its connection has ended.
    /// After an error, only [`Self::abort`] is useful.
    pub async fn push(&mut self, text: &str) -> Result<()> {
        self.unconfirmed.push_str(text);
        self.send().await
    }

    /// Sends the unconfirmed text. The offset makes the daemon append it once, even if it is sent twice.
    async fn send(&mut self) -> Result<()> {
        while !self.unconfirmed.is_empty() {
            let delta = DeltaParams {
                message_id: self.abort.id.clone(),
                offset: self.confirmed,
                text: self.unconfirmed.clone(),
            };
            let appended = self.chat.client.call::<AppendDelta>(delta).await?;
            let new = usize::try_from(appended.offset.saturating_sub(self.confirmed)).unwrap_or(usize::MAX);
            if new == 0 || !self.unconfirmed.is_char_boundary(new) {
                return Err(Error::Protocol(format!("an answer with offset {}", appended.offset)));
            }
            self.unconfirmed.drain(..new);
            self.confirmed = appended.offset;
        }
        Ok(())
    }

    /// Completes the message.
    ///
    /// # Errors
    /// As [`Self::push`]; the message is then aborted.
    pub async fn finish(self) -> Result<Reply<Message>> {
        self.finish_with(None, None).await
    }

    /// Completes the message with another text or other metadata.
    ///
    /// # Errors
    /// As [`Self::push`]; the message is then aborted.
    pub async fn finish_with(
        mut self,
        text: Option<String>,
        metadata: Option<Json>,
    ) -> Result<Reply<Message>> {
        if text.is_none() {
            self.send().await?;
        }
        let params =
            FinishParams { message_id: self.abort.id.clone(), content: text, metadata, if_rev: None };
        let reply = self.chat.client.call::<FinishMessage>(params).await?;
        self.abort.is_disarmed = true;
        Ok(reply)
    }

    /// Aborts the message, and keeps the text so far. An aborted message stays unchanged.
    ///
    /// # Errors
    /// As [`Client::call`](crate::Client::call).
    pub async fn abort(mut self) -> Result<Reply<Message>> {
        let reply = self.chat.abort_message(&self.abort.id).await?;
        self.abort.is_disarmed = true;
        Ok(reply)
    }

    /// Waits until the message should stop or has ended, and returns the reason. The future does not borrow the stream,
    /// and can be created any number of times.
    pub fn stopped(&self) -> impl Future<Output = Stopped> + Send + use<> {
        self.stop.stopped(self.message.rev)
    }
}

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        if self.is_disarmed {
            return;
        }
        let (chat, id) = (self.chat.clone(), self.id.clone());
        self.chat.client.runtime().clone().spawn(async move {
            if let Err(error) = chat.abort_message(id).await {
                tracing::debug!(%error, "could not abort a dropped message");
            }
        });
    }
}
