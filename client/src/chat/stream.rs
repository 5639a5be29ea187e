//! A message that is being written.

use super::listener::{Hearing, Stopped};
use super::methods::Chat;
use crate::{Error, Result, entities};
use stina_protocol::chat::{
    AppendDelta, BeginMessage, BeginParams, DeltaParams, Filter, FinishMessage, FinishParams, Message,
    MessageFields, SubscribeParams,
};
use stina_protocol::{EntityId, Json, Reply, With};
use uuid::Uuid;

/// Params of a subscription that hears when messages end.
fn without_deltas() -> SubscribeParams {
    let fields = Filter { deltas: false, ..Filter::default() };
    SubscribeParams { fields, ..SubscribeParams::default() }
}

impl Chat {
    /// Begins a message whose words follow. Dropping the future aborts the message, should it begin all the same;
    /// unless its id was chosen by the caller.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn stream(&self, message: BeginParams) -> Result<MessageStream> {
        MessageStream::begin(self.clone(), message).await
    }
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
    message: Message,
    /// Length in bytes of what the daemon has taken.
    taken: u64,
    /// Words that it may not have taken.
    untaken: String,
    hearing: Hearing,
    open: Open,
}

/// A message that is to be aborted unless it is ended.
#[derive(Debug)]
struct Open {
    chat: Chat,
    id: EntityId,
    is_over: bool,
    /// Where the abort goes on.
    runtime: tokio::runtime::Handle,
}

impl MessageStream {
    pub(super) async fn begin(chat: Chat, params: BeginParams) -> Result<Self> {
        // Its id is chosen here, so that its end is listened for before it has begun.
        let BeginParams { head, fields } = params;
        let is_chosen = fields.id.is_some();
        let id = match &fields.id {
            Some(id) => id.clone(),
            None => entities::id("messageId", format!("m_{}", Uuid::now_v7()))?,
        };
        let client = &chat.client;
        let hearing =
            client.listener().listen(id.as_str(), async || chat.subscribe(without_deltas()).await).await?;
        let runtime = tokio::runtime::Handle::current();
        // If this future is dropped the message may begin all the same. Only with an id of ours nobody else can have it.
        let mut open = Open { chat: chat.clone(), id: id.clone(), is_over: is_chosen, runtime };
        let Reply { value: message, .. } = client
            .call::<BeginMessage>(With { head, fields: MessageFields { id: Some(id), ..fields } })
            .await?;
        open.is_over = false;
        let taken = message.content.len() as u64;
        Ok(Self { chat, message, taken, untaken: String::new(), hearing, open })
    }

    /// The message as it was begun.
    pub fn message(&self) -> &Message {
        &self.message
    }

    /// Adds words. Dropping the future loses none: they are sent before the next ones, or before the end.
    ///
    /// # Errors
    /// As [`Client::call`](crate::Client::call); `invalid` when the message has ended, or its connection. After an error nothing but
    /// [`Self::abort`] is of use.
    pub async fn push(&mut self, words: &str) -> Result<()> {
        self.untaken.push_str(words);
        self.send().await
    }

    /// Brings to the daemon what it has not taken yet. Sent twice, words are taken once: the offset tells.
    async fn send(&mut self) -> Result<()> {
        while !self.untaken.is_empty() {
            let delta = DeltaParams {
                message_id: self.open.id.clone(),
                offset: self.taken,
                text: self.untaken.clone(),
            };
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
        let params = FinishParams { message_id: self.open.id.clone(), content: text, metadata, if_rev: None };
        let reply = self.chat.client.call::<FinishMessage>(params).await?;
        self.open.is_over = true;
        Ok(reply)
    }

    /// Ends the message as aborted, with the words so far. One that was aborted already stays as it is.
    ///
    /// # Errors
    /// As [`Client::call`](crate::Client::call).
    pub async fn abort(mut self) -> Result<Reply<Message>> {
        let reply = self.chat.abort_message(self.open.id.as_str()).await?;
        self.open.is_over = true;
        Ok(reply)
    }

    /// Waits until the message should not be written any further; says why. It does not borrow the stream, and can be
    /// waited for as often as need be.
    pub fn stopped(&self) -> impl Future<Output = Stopped> + Send + use<> {
        self.hearing.stopped(self.message.rev)
    }
}

impl Drop for Open {
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
