//! `stinactl chat`: conversations and what is said in them.

mod cancel;
mod find;
mod follow;
mod input;
mod stream;
mod transcript;

use super::failure::Failure;
use super::output::{Look, Output};
use super::short_id::short_ids;
use super::table::{Cell, Table};
use super::{Context, pages, text, text_or_stdin};
use stina_protocol::chat::{
    AppendParams, Conversation, ConversationFields as Fields, Role, SearchParams, StartParams, UpdateParams,
};
use stina_protocol::text::Line;
use stina_protocol::types::{Limit, Paging, Target};
use stina_protocol::{EntityId, Error as Kind, Reply};
use transcript::Transcript;

/// Conversations and what is said in them
///
/// A conversation is named by its id, its title in any case, or a beginning of its id that no other has. Exit code
/// 4 when there is none, 6 when it could be several.
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
        /// The conversation; the current one when not given
        id: Option<String>,
        /// How many messages
        #[arg(short = 'n', long = "messages", value_name = "N", default_value_t = 20)]
        count: u64,
    },
    /// Say something in the current conversation, which is started if there is none
    Send {
        /// The text; `-`, or nothing, to read it from standard input
        text: Vec<String>,
        #[command(flatten)]
        place: Place,
        /// Who speaks: user, assistant, instructions, info, tool, debug or error
        #[arg(long, default_value = "user", value_parser = role)]
        role: Role,
    },
    /// Find messages by their words, best first
    #[command(mut_arg("conversation", |arg| arg.help("Only in this conversation; in all when not given")))]
    Search {
        /// The words
        #[arg(required = true)]
        query: Vec<String>,
        #[command(flatten)]
        place: Place,
        /// At most this many
        #[arg(short = 'n', long, value_name = "N", default_value_t = 20)]
        limit: u64,
    },
    /// Give a conversation another title
    Rename {
        /// The conversation
        id: String,
        /// Its new title; an empty one takes it away
        #[arg(required = true)]
        title: Vec<String>,
    },
    /// Delete a conversation with all that is in it
    ///
    /// If it is the current one, the newest other becomes so.
    Rm {
        /// The conversation
        id: String,
    },
    Stream(stream::Stream),
    Cancel(cancel::Cancel),
    Follow(follow::Follow),
}

/// In which conversation.
#[derive(Debug, clap::Args)]
pub(super) struct Place {
    /// Not in the current conversation but in this one
    #[arg(short, long = "conversation", value_name = "ID")]
    conversation: Option<String>,
}

fn role(text: &str) -> Result<Role, String> {
    text.parse().map_err(|_| {
        let names: Vec<&str> = Role::ALL.iter().map(|role| role.as_str()).collect();
        format!("one of {}", names.join(", "))
    })
}

impl Chat {
    pub(super) fn resolve(&mut self) -> Result<(), Failure> {
        if let Self::Send { text, .. } = self {
            let said = if text.is_empty() { "-".to_owned() } else { text.join(" ") };
            *text = vec![text_or_stdin(said)?];
        }
        Ok(())
    }

    pub(super) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let Context { client, out, .. } = &*context;
        let chat = client.chat();
        match self {
            Self::List { limit } => list(context, limit).await,
            Self::New { title } => {
                let title = line(&title)?;
                let fields = Fields { title: Some(title), ..Fields::default() };
                let reply = chat.start_conversation(StartParams { fields, ..StartParams::default() }).await?;
                said(out, "started", &reply)
            }
            Self::Use { id } => {
                let conversation = find::conversation(client, &id).await?;
                said(out, "current is", &chat.set_current(conversation.id).await?)
            }
            Self::Show { id, count } => show(context, id, count).await,
            Self::Send { text, place, role } => {
                let conversation_id = place.find(context).await?;
                let mut message = AppendParams::new(role, text.concat());
                message.fields.conversation_id = conversation_id;
                let reply = chat.append(message).await?;
                if out.json {
                    return Ok(out.json(&reply)?);
                }
                Ok(out.did("sent", &reply.value.id, reply.rev)?)
            }
            Self::Search { query, place, limit } => search(context, query.join(" "), place, limit).await,
            Self::Rename { id, title } => {
                let conversation = find::conversation(client, &id).await?;
                let title = line(&title)?;
                let fields = Fields { title: Some(title), ..Fields::default() };
                let params = UpdateParams { head: Target::any(find::id(conversation.id)?), fields };
                said(out, "renamed", &chat.update_conversation(params).await?)
            }
            Self::Rm { id } => {
                let conversation = find::conversation(client, &id).await?;
                said(out, "deleted", &chat.delete_conversation(conversation.id).await?)
            }
            Self::Stream(stream) => stream.run(context).await,
            Self::Cancel(cancel) => cancel.run(context).await,
            Self::Follow(follow) => follow.run(context).await,
        }
    }
}

impl Place {
    async fn find(&self, context: &Context) -> Result<Option<EntityId>, Failure> {
        let Some(text) = &self.conversation else { return Ok(None) };
        let conversation = find::conversation(&context.client, text).await?;
        Ok(Some(find::id(conversation.id)?))
    }
}

/// A title, if there is one.
fn line(words: &[String]) -> Result<Option<Line>, Failure> {
    let title = words.join(" ");
    let title = (!title.is_empty()).then(|| Line::new(title)).transpose();
    Ok(title.map_err(|reason| Kind::invalid("title", reason))?)
}

/// Says what was done to a conversation.
fn said(out: &Output, what: &str, reply: &Reply<Conversation>) -> Result<(), Failure> {
    if out.json {
        return Ok(out.json(reply)?);
    }
    let Conversation { id, title, .. } = &reply.value;
    let named = match title {
        Some(title) => format!("{id} {title}"),
        None => id.clone(),
    };
    Ok(out.did(what, &named, reply.rev)?)
}

async fn list(context: &Context, limit: Option<u64>) -> Result<(), Failure> {
    let Context { client, out, .. } = context;
    let chat = client.chat();
    let page = async |limit, cursor| chat.list_conversations(Paging { limit, cursor }).await;
    if out.json {
        let goes_on = pages::walk(limit, page, |conversation| Ok(out.json(&conversation)?)).await?;
        return if goes_on { Ok(pages::more(out)?) } else { Ok(()) };
    }
    let current = chat.current().await?.map(|current| current.id);
    let mut conversations = Vec::new();
    let goes_on = pages::walk(limit, page, |conversation| {
        conversations.push(conversation);
        Ok(())
    });
    let goes_on = goes_on.await?;
    let mut table = Table::new(&["", "ID", "TITLE", "MODEL", "STARTED", "CHANGED"], &[2]);
    let ids = short_ids(conversations.iter().map(|conversation| conversation.id.as_str()));
    for (conversation, id) in conversations.into_iter().zip(ids) {
        let is_current = current.as_ref() == Some(&conversation.id);
        let (mark, look) = if is_current { ("*", Look::Strong) } else { ("", Look::Plain) };
        table.row([
            Cell::new(look, mark),
            Cell::new(Look::Faint, id),
            Cell::new(look, text::one_line(&conversation.title.unwrap_or_default())),
            conversation.ai_model.or(conversation.provider).unwrap_or_default().into(),
            text::moment(conversation.created_at, "%Y-%m-%d %H:%M").into(),
            text::moment(conversation.updated_at, "%Y-%m-%d %H:%M").into(),
        ]);
    }
    table.write(out)?;
    if goes_on { Ok(pages::more(out)?) } else { Ok(()) }
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

async fn search(context: &Context, query: String, place: Place, limit: u64) -> Result<(), Failure> {
    let Context { client, out, .. } = context;
    let limit =
        Limit::new(limit).ok_or_else(|| Kind::invalid("limit", format!("from 1 to {}", Limit::MAX)))?;
    let conversation_id = place.find(context).await?;
    let hits = client.chat().search(SearchParams { query, conversation_id, limit }).await?.value.items;
    let mut table = Table::new(&["SAID", "ROLE", "TEXT", "CONVERSATION"], &[2]);
    for hit in hits {
        if out.json {
            out.json(&hit)?;
            continue;
        }
        let said = text::moment(hit.created_at, "%Y-%m-%d %H:%M");
        table.row([said, hit.role.as_str().to_owned(), text::one_line(&hit.snippet), hit.conversation_id]);
    }
    if out.json { Ok(()) } else { Ok(table.write(out)?) }
}
