//! `stinactl memory`: what the assistant remembers.

mod edit;
mod view;

use super::failure::Failure;
use super::identify::{Named, identify};
use super::metadata::Metadata;
use super::output::Output;
use super::{Context, or_none, read_stdin, text, when};
use crate::Client;
use stina_protocol::memory::{Fields, Filter, Memory as Entity, New, Tag, Tags};
use stina_protocol::text::{Content, Line};
use stina_protocol::types::Paging;
use stina_protocol::{EntityId, Error as Kind, Reply, With};
use when::When;

/// What the assistant remembers
#[derive(Debug, clap::Subcommand)]
pub(super) enum Memory {
    Add(Add),
    List(view::List),
    /// Show one memory
    Show(Which),
    Edit(edit::Edit),
    /// Remove a memory
    Rm {
        #[command(flatten)]
        which: Which,
        /// Only if the memory's revision is this. Else exit code 5
        #[arg(long, value_name = "REV")]
        if_rev: Option<u64>,
    },
    Search(view::Search),
}

/// Names one memory.
#[derive(Debug, clap::Args)]
pub(super) struct Which {
    /// Its id, its title in any case, or a beginning of its id that no other has
    memory: String,
}

/// Add a memory: `stinactl memory add "Anna's birthday" "May 4th, likes tea"`
#[derive(Debug, clap::Args)]
#[command(after_help = when::FORMS)]
pub(super) struct Add {
    /// What it is about; may be empty
    title: String,
    /// What is to be remembered, or `-` to read it from standard input
    content: String,
    /// A tag; may be given several times
    #[arg(short, long = "tag", value_name = "TAG", value_parser = tag)]
    tags: Vec<Tag>,
    #[command(flatten)]
    details: Details,
    /// Its id, instead of a new one
    #[arg(long)]
    id: Option<String>,
}

/// What can be said of a memory when it is added and when it is changed.
#[derive(Debug, clap::Args)]
pub(super) struct Details {
    /// Expiry: see below; `none` removes it. The daemon deletes the memory 7 days later
    #[arg(long, value_name = "WHEN", allow_hyphen_values = true, value_parser = When::read)]
    until: Option<When>,
    /// Any JSON object; `none` removes it
    #[arg(long, value_name = "JSON", value_parser = Metadata::read)]
    metadata: Option<Metadata>,
    /// Where it came from; an empty text removes it
    #[arg(long, value_name = "TEXT")]
    source: Option<String>,
}

impl Details {
    /// Whether nothing is said.
    fn is_empty(&self) -> bool {
        let Self { until, metadata, source } = self;
        until.is_none() && metadata.is_none() && source.is_none()
    }

    fn fields(self) -> Result<Fields, Kind> {
        Ok(Fields {
            metadata: self.metadata.map(|metadata| metadata.0),
            source: or_none("source", self.source, Line::new)?,
            tags: None,
            valid_until: self.until.map(|until| until.0),
        })
    }
}

fn tag(text: &str) -> Result<Tag, String> {
    Tag::new(text)
}

fn tags(tags: Vec<Tag>) -> Result<Tags, Kind> {
    Tags::new(tags).ok_or_else(|| Kind::invalid("tags", format!("more than {} tags", Tags::MAX)))
}

impl Named for Entity {
    const ENTITY: &'static str = "memory";
    const LIST: &'static str = "memory list --all";

    fn id(&self) -> &str {
        &self.id
    }

    fn title(&self) -> &str {
        &self.title
    }

    fn remark(&self) -> String {
        text::shorten(&text::one_line(&self.content), 40).into_owned()
    }
}

/// What people call it: its title, else the beginning of its content.
fn name(memory: &Entity) -> String {
    if memory.title.trim().is_empty() { memory.remark() } else { text::one_line(&memory.title) }
}

impl Which {
    async fn find(&self, client: &Client) -> Result<Entity, Failure> {
        let memories = client.memories();
        let list = async |limit, cursor| {
            let fields = Filter { include_expired: true, tag: None };
            memories.list(With { head: Paging { limit, cursor }, fields }).await
        };
        identify(&self.memory, async |id| memories.get(id).await, list, |_| true).await
    }
}

impl Memory {
    pub(super) fn resolve(&mut self) -> Result<(), Failure> {
        match self {
            Self::Add(Add { title, content, .. }) => read_stdin([title, content]),
            Self::Edit(edit) => edit.resolve(),
            Self::List(_) | Self::Show(_) | Self::Rm { .. } | Self::Search(_) => Ok(()),
        }
    }

    pub(super) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let Context { client, out, .. } = context;
        match self {
            Self::Add(add) => add.run(client, out).await,
            Self::List(list) => list.run(client, out).await,
            Self::Show(which) => view::show(client, out, &which.find(client).await?.id).await,
            Self::Edit(edit) => edit.run(client, out).await,
            Self::Rm { which, if_rev } => {
                // What has changed since it was found stays.
                let memory = which.find(client).await?;
                let reply = client.memories().delete_if(&memory.id, if_rev.unwrap_or(memory.rev)).await?;
                if out.json {
                    return Ok(out.json(&reply)?);
                }
                Ok(out.did("deleted", &name(&reply.value), reply.rev)?)
            }
            Self::Search(search) => search.run(client, out).await,
        }
    }
}

impl Add {
    async fn run(self, client: &Client, out: &Output) -> Result<(), Failure> {
        let field = |name: &'static str| move |reason: String| Kind::invalid(name, reason);
        let head = New {
            id: self.id.map(EntityId::new).transpose().map_err(field("id"))?,
            title: Line::new(self.title).map_err(field("title"))?,
            content: Content::new(self.content).map_err(field("content"))?,
        };
        let given = (!self.tags.is_empty()).then(|| tags(self.tags)).transpose()?;
        let fields = Fields { tags: given.map(Some), ..self.details.fields()? };
        let reply = client.memories().create(With { head, fields }).await?;
        if out.json { Ok(out.json(&reply)?) } else { Ok(said(out, "added", &reply)?) }
    }
}

/// Says what was done to a memory, with what one wants to know about it then.
fn said(out: &Output, what: &str, Reply { rev, value: memory }: &Reply<Entity>) -> std::io::Result<()> {
    let until = memory.valid_until.map(|at| format!(", until {}", when::due(at).text)).unwrap_or_default();
    out.did(what, &format!("{}  {}{until}", memory.id, name(memory)), *rev)
}
