//! `stinactl chat stream`: standard input becomes a streaming message.

use super::input::{Decoder, read, words};
use super::{InConversation, role};
use crate::context::Context;
use crate::failure::Failure;
use crate::noun::done;
use stina_client::{MessageStream, Stopped};
use stina_protocol::Error;
use stina_protocol::Reply;
use stina_protocol::chat::Role;
use tokio::signal::unix::{SignalKind, signal};

/// Stream standard input into a message that every client sees grow
///
/// The message is complete at the end of the input, without its last line break. Ctrl-C, a cancel by another client and
/// the end of the daemon abort it, with exit code 1. With --json: the reply that began the message, then the one that
/// ended it.
#[derive(Debug, clap::Args)]
pub(crate) struct Stream {
    #[command(flatten)]
    within: InConversation,
    /// Author: user, assistant, instructions, info, tool, debug or error
    #[arg(long, default_value = "assistant", value_parser = role)]
    role: Role,
}

/// How the stream ended.
enum Outcome {
    Whole,
    Interrupted,
    Stopped(Stopped),
    Failed(Failure),
}

impl Stream {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let mut message = context.client.chat().stream(self.role);
        if let Some(conversation) = self.within.find(context).await? {
            message = message.conversation(conversation);
        }
        // From here on Ctrl-C does not end the program: the message is aborted first.
        let mut interrupts = signal(SignalKind::interrupt())?;
        let out = &context.out;
        let mut stream = tokio::select! {
            begun = message => begun?,
            _ = interrupts.recv() => return Err(interrupted()),
        };
        let begun = stream.message().clone();
        let begins = done(out, "streaming", &begun.id, &Reply { rev: begun.rev, value: &begun });
        unless_closed(begins)?;
        let stopped = stream.stopped();
        let outcome = tokio::select! {
            biased;
            why = stopped => Outcome::Stopped(why),
            _ = interrupts.recv() => Outcome::Interrupted,
            written = write(&mut stream) => match written {
                Ok(()) => Outcome::Whole,
                // It has ended, and `stopped` is about to report it.
                Err(Failure::Call(error)) if matches!(error.kind(), Some(Error::Invalid { field, .. }) if field == "messageId") => {
                    Outcome::Stopped(Stopped::Ended)
                }
                Err(failure) => Outcome::Failed(failure),
            },
        };
        let failure = match outcome {
            Outcome::Whole => {
                let finished = stream.finish().await?;
                return done(out, "finished", &finished.value.id, &finished);
            }
            Outcome::Stopped(Stopped::Ended) => {
                let text = "another client ended the message, or the connection broke";
                return Err(Failure::Other(text.to_owned()));
            }
            Outcome::Stopped(Stopped::Cancelled) => {
                Failure::Other("another client cancelled the message".to_owned())
            }
            Outcome::Interrupted => interrupted(),
            Outcome::Failed(failure) => failure,
        };
        // If this fails too, the daemon aborts it once this program has disconnected.
        if let Ok(aborted) = stream.abort().await {
            unless_closed(done(out, "aborted", &aborted.value.id, &aborted))?;
        }
        Err(failure)
    }
}

/// The message goes on without a reader of the output: others see it.
fn unless_closed(printed: Result<(), Failure>) -> Result<(), Failure> {
    printed.or_else(|failure| if failure.is_broken_pipe() { Ok(()) } else { Err(failure) })
}

fn interrupted() -> Failure {
    Failure::Other("interrupted".to_owned())
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
