//! Finds a conversation by its name, and its newest messages.

use crate::failure::Failure;
use crate::identify::{Named, identify};
use crate::text::time;
use std::collections::VecDeque;
use stina_client::Client;
use stina_protocol::EntityId;
use stina_protocol::chat::{Conversation, ListConversations, ListMessages, Message, WindowParams};
use stina_protocol::types::{Limit, Paging};

/// The conversation with that name; without a name, the current one.
pub(super) async fn named_or_current(client: &Client, text: Option<&str>) -> Result<Conversation, Failure> {
    match text {
        Some(text) => conversation(client, text).await,
        None => client.chat().current().await?.ok_or_else(|| {
            let failure = Failure::NotFound("there is no conversation yet".to_owned());
            failure.hint("start one with `stinactl chat new`, or send a message with `stinactl chat send`")
        }),
    }
}

impl Named for Conversation {
    const ENTITY: &'static str = "conversation";
    const LIST: &'static str = "chat list";

    fn id(&self) -> &str {
        &self.id
    }

    fn title(&self) -> &str {
        self.title.as_deref().unwrap_or_default()
    }

    fn remark(&self) -> String {
        format!("started {}", time(self.created_at, "%Y-%m-%d %H:%M"))
    }
}

/// The conversation with that name.
pub(super) async fn conversation(client: &Client, typed: &str) -> Result<Conversation, Failure> {
    let chat = client.chat();
    let list = async |limit, cursor| client.call::<ListConversations>(Paging { limit, cursor }).await;
    identify(typed, async |id| chat.get_conversation(id).await, list, |_| true).await
}

/// The newest messages of a conversation, oldest first, and the revision after which they may have changed.
pub(super) async fn newest(
    client: &Client,
    conversation: &EntityId,
    count: u64,
) -> Result<(u64, VecDeque<Message>), Failure> {
    let mut messages = VecDeque::new();
    let (mut rev, mut before) = (None, None);
    loop {
        let left = count.saturating_sub(messages.len() as u64);
        // At least one is read, because its page has the revision.
        let limit = Limit::new(left.clamp(1, Limit::MAX.into())).unwrap_or_default();
        let conversation_id = Some(conversation.clone());
        let params = WindowParams { conversation_id, before, after: None, limit };
        let page = client.call::<ListMessages>(params).await?;
        let rev = *rev.get_or_insert(page.rev);
        if left > 0 {
            page.value.items.into_iter().rev().for_each(|message| messages.push_front(message));
        }
        before = page.value.next;
        if before.is_none() || messages.len() as u64 >= count {
            return Ok((rev, messages));
        }
    }
}
