//! `stinactl chat`: conversations and their messages.

mod cancel;
mod find;
mod follow;
mod input;
mod stream;
mod transcript;

use super::context::Context;
use super::failure::Failure;
use super::noun::{Condition, done};
use super::output::{Look, Output};
use super::stdin::text_or_stdin;
use super::table::{Cell, Column, Table};
use super::{pages, search, text};
use stina_protocol::chat::{Conversation, Hit, ListConversations, Role};
use stina_protocol::types::{Limit, Paging};
use stina_protocol::{EntityId, Reply, ValidationError};
use transcript::Transcript;

/// Conversations and their messages
///
/// You name a conversation by its id, its title in any case, or a unique prefix of its id. Exit code 4 when there is
/// none, 6 when the name is ambiguous.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Chat {
    /// List conversations, newest first; `*` marks the current one
    List {
        /// At most this many
        #[arg(short = 'n', long, value_name = "N")]
        limit: Option<u64>,
    },
    /// Start a conversation; it becomes the current one
    New {
        /// Its title
        title: Vec<String>,
    },
    /// Make a conversation the current one
    Use {
        /// The conversation
        id: String,
    },
    /// Print the last messages of a conversation, oldest first
    ///
    /// With --json: one message a line.
    Show {
        /// The conversation [default: the current one]
        id: Option<String>,
        /// How many messages
        #[arg(short = 'n', long = "messages", value_name = "N", default_value_t = 20)]
        count: u64,
    },
    /// Send a message to the current conversation, or start one if there is none
    Send {
        /// The text; `-` or none to read it from standard input
        text: Vec<String>,
        #[command(flatten)]
        within: InConversation,
        /// Author: user, assistant, instructions, info, tool, debug or error
        #[arg(long, default_value = "user", value_parser = role)]
        role: Role,
    },
    /// Find messages by words, best first
    #[command(mut_arg("conversation", |arg| arg.help("Only in this conversation [default: in all]")))]
    Search {
        /// The words
        #[arg(required = true)]
        query: Vec<String>,
        #[command(flatten)]
        within: InConversation,
        /// At most this many, up to 1000
        #[arg(short = 'n', long, value_name = "N", default_value_t = 20,
            value_parser = clap::value_parser!(u64).range(..=1000))]
        limit: u64,
    },
    /// Change the title of a conversation
    Rename {
        /// The conversation
        id: String,
        /// Its new title; an empty title removes it
        #[arg(required = true)]
        title: Vec<String>,
    },
    /// Remove a conversation with its messages
    ///
    /// If it is the current one, the newest other becomes current.
    Rm {
        /// The conversation
        id: String,
        #[command(flatten)]
        condition: Condition,
    },
    Stream(stream::Stream),
    Cancel(cancel::Cancel),
    Follow(follow::Follow),
}

/// The conversation that a command works in.
#[derive(Debug, clap::Args)]
pub(super) struct InConversation {
    /// This conversation instead of the current one
    #[arg(short, long = "conversation", value_name = "ID")]
    conversation: Option<String>,
}

fn role(text: &str) -> Result<Role, ValidationError> {
    text.parse()
}

impl Chat {
    pub(super) fn resolve(&mut self) -> Result<(), Failure> {
        if let Self::Send { text, .. } = self {
            let typed = if text.is_empty() { "-".to_owned() } else { text.join(" ") };
            *text = vec![text_or_stdin(typed)?];
        }
        Ok(())
    }

    pub(super) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let Context { client, out, .. } = &*context;
        let chat = client.chat();
        match self {
            Self::List { limit } => list(context, limit).await,
            Self::New { title } => {
                let new = chat.start_conversation().title(or_none(&title.join(" ")));
                confirm(out, "started", &new.await?)
            }
            Self::Use { id } => {
                let conversation = find::conversation(client, &id).await?;
                confirm(out, "current is", &chat.set_current(conversation.id).await?)
            }
            Self::Show { id, count } => show(context, id, count).await,
            Self::Send { text, within, role } => {
                let mut message = chat.append(role, text.concat());
                if let Some(conversation) = within.find(context).await? {
                    message = message.conversation(conversation);
                }
                let reply = message.await?;
                done(out, "sent", &reply.value.id, &reply)
            }
            Self::Search { query, within, limit } => {
                find_messages(context, query.join(" "), within, limit).await
            }
            Self::Rename { id, title } => {
                let conversation = find::conversation(client, &id).await?;
                let renamed = chat.update_conversation(conversation.id).title(or_none(&title.join(" ")));
                confirm(out, "renamed", &renamed.await?)
            }
            Self::Rm { id, condition } => {
                // Only the revision that was looked up is deleted: a conversation that changed since is a `conflict`.
                let Conversation { id, rev, .. } = find::conversation(client, &id).await?;
                let deleted = chat.delete_conversation(id).if_rev(condition.if_rev.unwrap_or(rev));
                confirm(out, "deleted", &deleted.await?)
            }
            Self::Stream(stream) => stream.run(context).await,
            Self::Cancel(cancel) => cancel.run(context).await,
            Self::Follow(follow) => follow.run(context).await,
        }
    }
}

impl InConversation {
    async fn find(&self, context: &Context) -> Result<Option<EntityId>, Failure> {
        let Some(text) = &self.conversation else { return Ok(None) };
        let conversation = find::conversation(&context.client, text).await?;
        Ok(Some(conversation.id))
    }
}

/// A title, if there is one.
fn or_none(title: &str) -> Option<&str> {
    (!title.is_empty()).then_some(title)
}

/// Confirms a write to a conversation.
fn confirm(out: &Output, what: &str, reply: &Reply<Conversation>) -> Result<(), Failure> {
    let Conversation { id, title, .. } = &reply.value;
    let name = title.as_ref().map_or(id.to_string(), |title| format!("{id} {title}"));
    done(out, what, &name, reply)
}

/// A conversation, and whether it is the current one.
type Listed = (Conversation, bool);

const COLUMNS: &[Column<Listed>] = &[
    Column::new("", |(_, is_current), _| Cell::new(Look::Strong, if *is_current { "*" } else { "" })),
    Column::id(|(conversation, _), _| Cell::new(Look::Faint, &conversation.id)),
    Column::flexible("TITLE", |(conversation, is_current), _| {
        let look = if *is_current { Look::Strong } else { Look::Plain };
        Cell::new(look, text::one_line(conversation.title.as_deref().unwrap_or_default()))
    }),
    Column::new("MODEL", |(conversation, _), _| {
        let model = conversation.ai_model.as_deref().or(conversation.provider.as_deref());
        model.unwrap_or_default().into()
    }),
    Column::new("STARTED", |(conversation, _), _| {
        text::time(conversation.created_at, "%Y-%m-%d %H:%M").into()
    }),
    Column::new("CHANGED", |(conversation, _), _| {
        text::time(conversation.updated_at, "%Y-%m-%d %H:%M").into()
    }),
];

async fn list(context: &Context, limit: Option<u64>) -> Result<(), Failure> {
    let Context { client, out, .. } = context;
    let chat = client.chat();
    let page = async |limit, cursor| client.call::<ListConversations>(Paging { limit, cursor }).await;
    if out.json {
        return pages::list(out, &[], limit, page).await;
    }
    if limit == Some(0) {
        return Ok(());
    }
    let current = chat.current().await?.map(|current| current.id);
    let mut table = Table::new(out, COLUMNS);
    let more = pages::walk(limit, page, |conversation| {
        let is_current = current.as_ref() == Some(&conversation.id);
        Ok(table.push(&(conversation, is_current))?)
    });
    let more = more.await?;
    Ok(pages::end(table, out, more)?)
}

async fn show(context: &Context, id: Option<String>, count: u64) -> Result<(), Failure> {
    let Context { client, out, .. } = context;
    let conversation = find::named_or_current(client, id.as_deref()).await?;
    let (_, messages) = find::newest(client, &conversation.id, count).await?;
    let mut transcript = Transcript::new(out);
    for message in messages {
        if out.json {
            out.json(&message)?;
        } else {
            out.part(&transcript.still(&message))?;
        }
    }
    Ok(())
}

const HITS: &[Column<Hit>] = &[
    Column::new("SENT", |hit, _| text::time(hit.created_at, "%Y-%m-%d %H:%M").into()),
    Column::new("ROLE", |hit, _| hit.role.as_str().into()),
    Column::flexible("TEXT", |hit, _| text::one_line(&hit.snippet).into()),
    Column::new("CONVERSATION", |hit, _| hit.conversation_id.as_str().into()),
];

async fn find_messages(
    context: &Context,
    query: String,
    within: InConversation,
    limit: u64,
) -> Result<(), Failure> {
    let Context { client, out, .. } = context;
    let conversation = within.find(context).await?;
    let find = async |limit: Limit| {
        let search = client.chat().search(query.as_str()).limit(limit.into());
        match &conversation {
            Some(conversation) => search.conversation(conversation).await,
            None => search.await,
        }
    };
    search::list(out, HITS, limit, find).await
}
