//! `stinactl chat cancel`: asks the writer of a streaming message to end it.

use super::{InConversation, find};
use crate::context::Context;
use crate::failure::Failure;
use stina_protocol::chat::MessageState;
use stina_protocol::{EntityId, Error};

/// How many of the newest messages are searched for streaming ones.
const LOOKED_AT: u64 = 1000;

/// Ask the writer of a message to end it
///
/// If it does not end within two seconds, the daemon aborts it. Exit code 4 when no message is streaming. With --json:
/// one answer a line for each message.
#[derive(Debug, clap::Args)]
pub(crate) struct Cancel {
    /// The message, by its whole id [default: all streaming messages of the conversation]
    #[arg(conflicts_with = "conversation")]
    id: Option<String>,
    #[command(flatten)]
    within: InConversation,
    /// Abort it at once, without asking
    #[arg(long)]
    now: bool,
}

impl Cancel {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        if let Some(id) = self.id {
            return end(context, &id, self.now).await;
        }
        let open = open(context, self.within.conversation.as_deref()).await?;
        for id in &open {
            match end(context, id, self.now).await {
                // It has ended or was deleted meanwhile.
                Err(Failure::Call(error))
                    if matches!(error.kind(), Some(Error::Invalid { .. } | Error::NotFound { .. })) => {}
                // The others are cancelled all the same.
                Err(failure) if failure.is_broken_pipe() => {}
                ended => ended?,
            }
        }
        match open.is_empty() {
            true => Err(Failure::NotFound("no message is streaming in this conversation".to_owned())),
            false => Ok(()),
        }
    }
}

/// Ids of the streaming messages of a conversation.
async fn open(context: &Context, conversation: Option<&str>) -> Result<Vec<EntityId>, Failure> {
    let conversation = find::named_or_current(&context.client, conversation).await?;
    let (_, messages) = find::newest(&context.client, &conversation.id, LOOKED_AT).await?;
    let open = messages.into_iter().filter(|message| message.state == MessageState::Streaming);
    Ok(open.map(|message| message.id).collect())
}

async fn end(context: &Context, id: &str, now: bool) -> Result<(), Failure> {
    let Context { client, out, .. } = context;
    if now {
        let reply = client.chat().abort_message(id).await?;
        return if out.json { Ok(out.json(&reply)?) } else { Ok(out.did("aborted", id, reply.rev)?) };
    }
    let cancelled = client.chat().cancel_message(id).await?;
    if out.json {
        return Ok(out.json(&stina_protocol::chat::Cancelled { cancelled })?);
    }
    Ok(out.line(&if cancelled { format!("asked to end {id}") } else { format!("{id} has ended already") })?)
}
