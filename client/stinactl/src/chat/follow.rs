//! `stinactl chat follow`: a conversation as it happens.

use super::find;
use super::transcript::Transcript;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::Output;
use crate::watch::{closed_output, report_breaks};
use std::collections::VecDeque;
use std::time::{Duration, Instant};
use stina_client::{Client, ConnectionState, Subscription};
use stina_protocol::Error;
use stina_protocol::chat::{Conversation, Filter, InitialMessages, Message, MessageState, SubscribeParams};
use stina_protocol::event::{Change, Event, Op, ResetReason, Start};

/// Print a conversation as it happens, and streaming messages as they grow
///
/// Continues across restarts of the daemon, and prints no text twice. Ends with exit code 0 when the conversation is
/// deleted, after --timeout seconds, or when the output is closed. With --json: one event a line; after a reconnect,
/// the text so far of a streaming message comes again as a `delta` at offset 0.
#[derive(Debug, clap::Args)]
pub(crate) struct Follow {
    /// The conversation [default: the one that is current at the start]
    id: Option<String>,
    /// Begin with this many earlier messages, at most 1000
    #[arg(short = 'n', long = "messages", value_name = "N", default_value_t = 10,
        value_parser = clap::value_parser!(u64).range(..=1000))]
    count: u64,
}

/// How many of the newest messages are read at the start, even if fewer are shown: the highest `seq` and the
/// streaming messages are among them.
const RECENT: u64 = 50;
/// How many of the newest messages are searched for new ones after a reset.
const LOOKED_AT: u64 = 1000;

impl Follow {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let Context { client, out, timeout } = context;
        let conversation = find::named_or_current(client, self.id.as_deref()).await?;
        let following = async {
            if out.json {
                self.events(client, out, &conversation).await
            } else {
                Live::follow(client, out, &conversation, self.count).await
            }
        };
        tokio::select! {
            ended = following => ended,
            () = report_breaks(client) => Ok(()),
            () = closed_output() => Ok(()),
            () = tokio::time::sleep(timeout.unwrap_or(Duration::MAX)) => Ok(()),
        }
    }

    async fn events(&self, client: &Client, out: &Output, of: &Conversation) -> Result<(), Failure> {
        let initial_messages =
            InitialMessages::new(self.count).map_err(|reason| Error::invalid("messages", reason))?;
        let conversation_id = Some(of.id.clone());
        let params = SubscribeParams {
            head: Start { initial: true, ..Start::default() },
            fields: Filter { conversation_id, initial_messages, ..Filter::default() },
        };
        let mut events = client.chat().subscribe(params).await?;
        while let Some(event) = events.next().await {
            let event = event?;
            if !matches!(event, Event::Synced { .. }) {
                let json = serde_json::to_string(&event).map_err(std::io::Error::from)?;
                out.send(json + "\n").await?;
            }
            if matches!(&event, Event::Change(changes) if changes.changes.iter().any(|change| is_its_end(change, of)))
            {
                break;
            }
        }
        Ok(())
    }
}

/// A followed conversation, printed for people.
struct Live<'a> {
    client: &'a Client,
    out: &'a Output,
    conversation: &'a Conversation,
    transcript: Transcript<'a>,
}

impl<'a> Live<'a> {
    async fn follow(
        client: &'a Client,
        out: &'a Output,
        conversation: &'a Conversation,
        count: u64,
    ) -> Result<(), Failure> {
        let epoch = match client.state() {
            ConnectionState::Connected { epoch, .. } => Some(epoch),
            _ => None,
        };
        let (rev, messages) = find::newest(client, &conversation.id, count.max(RECENT)).await?;
        let mut live = Self { client, out, conversation, transcript: Transcript::new(out) };
        let hidden = messages.len().saturating_sub(usize::try_from(count).unwrap_or(usize::MAX));
        let shown = messages.iter().enumerate().filter(|(at, m)| *at >= hidden || is_open(m));
        for (_, message) in shown {
            live.out.send(live.transcript.whole(message, Instant::now())).await?;
        }
        live.transcript.skip_to(highest(&messages));
        let conversation_id = Some(conversation.id.clone());
        let params = SubscribeParams {
            head: Start { epoch, ..Start::after(rev) },
            fields: Filter { conversation_id, ..Filter::default() },
        };
        live.run(client.chat().subscribe(params).await?).await
    }

    async fn run(&mut self, mut events: Subscription) -> Result<(), Failure> {
        loop {
            let due = self.transcript.due();
            let event = tokio::select! {
                event = events.next() => event,
                () = tokio::time::sleep_until(due.unwrap_or_else(Instant::now).into()), if due.is_some() => {
                    self.out.send(self.transcript.tick(Instant::now())).await?;
                    continue;
                }
            };
            let Some(event) = event else { return Ok(()) };
            match event? {
                Event::Change(changes) => {
                    for change in &changes.changes {
                        if is_its_end(change, self.conversation) {
                            let deleted = self.transcript.remark("[the conversation was deleted]");
                            return Ok(self.out.send(deleted).await?);
                        }
                        self.change(change).await?;
                    }
                }
                Event::Delta(delta) => self.out.send(self.transcript.delta(&delta, Instant::now())).await?,
                Event::Reset { reason, .. } => self.catch_up(&reason).await?,
                _ => {}
            }
        }
    }

    async fn change(&mut self, change: &Change) -> Result<(), Failure> {
        if change.entity != MESSAGE {
            return Ok(());
        }
        let printed = match &change.value {
            Some(value) if change.op != Op::Delete => {
                let message = value.to().map_err(|e| unreadable(&e))?;
                self.transcript.put(&message, Instant::now())
            }
            _ => self.transcript.delete(&change.id),
        };
        Ok(self.out.send(printed).await?)
    }

    /// After a reset: shows what is new among the newest messages.
    async fn catch_up(&mut self, reason: &ResetReason) -> Result<(), Failure> {
        let (_, messages) = find::newest(self.client, &self.conversation.id, LOOKED_AT).await?;
        let is_other = matches!(reason, ResetReason::Epoch | ResetReason::Restored);
        if is_other {
            self.transcript.forget();
            self.transcript.skip_to(highest(&messages));
            let remark = self.transcript.remark("[the database has another history from here on]");
            self.out.send(remark).await?;
        }
        let seen = self.transcript.seen();
        if messages.len() as u64 == LOOKED_AT && messages.iter().all(|message| message.seq > seen) {
            self.out.send(self.transcript.remark("[messages are missing here]")).await?;
        }
        for message in &messages {
            let printed = if self.transcript.is_open(&message.id) {
                self.transcript.put(message, Instant::now())
            } else if message.seq > seen || (is_other && is_open(message)) {
                self.transcript.whole(message, Instant::now())
            } else {
                continue;
            };
            self.out.send(printed).await?;
        }
        self.transcript.skip_to(highest(&messages));
        Ok(())
    }
}

/// The entity name of messages.
const MESSAGE: &str = "message";

fn is_its_end(change: &Change, of: &Conversation) -> bool {
    change.entity == "conversation" && change.op == Op::Delete && change.id == of.id
}

fn is_open(message: &Message) -> bool {
    message.state == MessageState::Streaming
}

fn highest(messages: &VecDeque<Message>) -> u64 {
    messages.iter().map(|message| message.seq).max().unwrap_or(0)
}

/// The error for a message that this program can't read.
fn unreadable(error: &serde_json::Error) -> stina_client::Error {
    stina_client::Error::Protocol(format!("{MESSAGE}: {error}"))
}
