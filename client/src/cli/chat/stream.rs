//! `stinactl chat stream`: standard input becomes a message, word by word.

use super::input::{Decoder, read, words};
use super::{Place, role};
use crate::cli::Context;
use crate::cli::failure::Failure;
use crate::{MessageStream, Stopped};
use stina_protocol::Error;
use stina_protocol::Reply;
use stina_protocol::chat::{BeginParams, Message, Role};
use tokio::signal::unix::{SignalKind, signal};

/// Make standard input a message, which everybody sees grow word by word, as a model's
///
/// Ends with the end of the input, without its last line break. With exit code 1, and the message aborted: on
/// Ctrl-C, when another client cancels it, and when the daemon goes away. With --json: what began the message, then
/// what ended it.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Stream {
    #[command(flatten)]
    place: Place,
    /// Who speaks: user, assistant, instructions, info, tool, debug or error
    #[arg(long, default_value = "assistant", value_parser = role)]
    role: Role,
}

/// How the writing came to an end.
enum End {
    Whole,
    Interrupted,
    Stopped(Stopped),
    Failed(Failure),
}

impl Stream {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let conversation_id = self.place.find(context).await?;
        let mut message = BeginParams::new(self.role);
        message.fields.conversation_id = conversation_id;
        // From here on Ctrl-C does not end the program: the message is to be aborted first.
        let mut interrupts = signal(SignalKind::interrupt())?;
        let chat = context.client.chat();
        let mut stream = tokio::select! {
            begun = chat.stream(message) => begun?,
            _ = interrupts.recv() => return Err(interrupted()),
        };
        tell(context, "streaming", &Reply { rev: stream.message().rev, value: stream.message().clone() })?;
        let stopped = stream.stopped();
        let end = tokio::select! {
            biased;
            why = stopped => End::Stopped(why),
            _ = interrupts.recv() => End::Interrupted,
            written = write(&mut stream) => match written {
                Ok(()) => End::Whole,
                // It has ended, and the news of that is on its way.
                Err(Failure::Call(error)) if matches!(error.kind(), Some(Error::Invalid { field, .. }) if field == "messageId") => {
                    End::Stopped(Stopped::Ended)
                }
                Err(failure) => End::Failed(failure),
            },
        };
        let failure = match end {
            End::Whole => return tell(context, "finished", &stream.finish().await?),
            End::Stopped(Stopped::Ended) => {
                let text = "the message was ended by somebody else, or because the connection broke";
                return Err(Failure::Other(text.to_owned()));
            }
            End::Stopped(Stopped::Cancelled) => {
                Failure::Other("another client cancelled the message".to_owned())
            }
            End::Interrupted => interrupted(),
            End::Failed(failure) => failure,
        };
        // If this fails too, the daemon does it as soon as this program has ended.
        if let Ok(aborted) = stream.abort().await {
            tell(context, "aborted", &aborted)?;
        }
        Err(failure)
    }
}

fn interrupted() -> Failure {
    Failure::Other("interrupted".to_owned())
}

fn tell(context: &Context, what: &str, reply: &Reply<Message>) -> Result<(), Failure> {
    let Context { out, .. } = context;
    if out.json { Ok(out.json(reply)?) } else { Ok(out.did(what, &reply.value.id, reply.rev)?) }
}

async fn write(stream: &mut MessageStream) -> Result<(), Failure> {
    let mut chunks = read();
    let mut decoder = Decoder::default();
    while let Some(chunk) = chunks.recv().await {
        for word in words(&decoder.take(&chunk?)?) {
            stream.push(word).await?;
        }
    }
    Ok(decoder.end()?)
}
