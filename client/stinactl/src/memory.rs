//! `stinactl memory`: what the assistant remembers.

use super::context::Context;
use super::failure::Failure;
use super::field::{or_none, refused};
use super::metadata::Metadata;
use super::noun::{Arguments, Noun, Verb, say_what_removes};
use super::output::Look;
use super::search;
use super::table::{Cell, Column};
use super::{text, when};
use stina_protocol::memory::{
    Changes, CreateParams, Edit as Head, Fields, Filter, Hit, Memory as Entity, New,
    Search as SearchMemories, SearchParams, Tag, Tags,
};
use stina_protocol::text::{Content, Line};
use stina_protocol::{EntityId, Error, ValidationError, With};
use when::When;

/// What the assistant remembers
#[derive(Debug, clap::Subcommand)]
pub(super) enum Memory {
    #[command(flatten)]
    Verb(Verb<Entity>),
    /// Find memories by words in title, content or tags, best first
    ///
    /// A memory must have all of the words, or words that begin with them; any text is a valid query. With --json: one
    /// memory a line, with its `snippet`.
    #[group(skip)]
    Search {
        #[command(flatten)]
        search: search::Search,
        /// Also expired ones, until they are deleted 7 days later
        #[arg(short, long)]
        all: bool,
    },
}

const HITS: &[Column<Hit>] = &[
    Column::id(|hit, _| Cell::new(Look::Faint, &hit.memory.id)),
    Column::flexible("TITLE", |hit, _| text::or_dash(&text::one_line(&hit.memory.title)).into()),
    Column::flexible("MATCH", |hit, _| text::one_line(&hit.snippet).into()),
];

/// Add a memory: `stinactl memory add "Anna's birthday" "May 4th, likes tea"`
#[derive(Debug, clap::Args)]
#[command(after_help = when::FORMS)]
pub(super) struct Add {
    /// What it is about; may be empty
    title: String,
    /// What to remember, or `-` to read it from standard input
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

/// Change one or more fields of a memory; other fields stay unchanged
#[derive(Debug, clap::Args)]
#[command(after_help = when::FORMS, mut_args(say_what_removes))]
pub(super) struct Edit {
    /// What it is about, or `-` to read it from standard input; may be empty
    #[arg(long, value_name = "TEXT")]
    title: Option<String>,
    /// What to remember, or `-` to read it from standard input
    #[arg(short, long, value_name = "TEXT")]
    content: Option<String>,
    /// Add a tag; may be given several times
    #[arg(short, long = "tag", value_name = "TAG", value_parser = tag)]
    tags: Vec<Tag>,
    /// Remove a tag; may be given several times
    #[arg(long = "untag", value_name = "TAG", value_parser = tag)]
    untags: Vec<Tag>,
    #[command(flatten)]
    details: Details,
}

/// The fields that `add` and `edit` share.
#[derive(Debug, clap::Args)]
pub(super) struct Details {
    /// Expiry: see below; the daemon deletes the memory 7 days later
    #[arg(long, value_name = "WHEN", allow_hyphen_values = true, value_parser = When::read)]
    until: Option<When>,
    /// Any JSON object
    #[arg(long, value_name = "JSON", value_parser = Metadata::read)]
    metadata: Option<Metadata>,
    /// Where it came from
    #[arg(long, value_name = "TEXT")]
    source: Option<String>,
}

/// List memories, newest first
///
/// Expired memories are hidden; --all shows them. With --json: one memory a line.
#[derive(Debug, clap::Args)]
pub(super) struct List {
    /// Only with exactly this tag
    #[arg(short, long, value_parser = tag)]
    tag: Option<Tag>,
    /// Also expired ones, until they are deleted 7 days later
    #[arg(short, long)]
    all: bool,
}

fn tag(text: &str) -> Result<Tag, ValidationError> {
    Tag::new(text)
}

fn tags(tags: Vec<Tag>) -> Result<Tags, Error> {
    Tags::new(tags).map_err(refused("tags"))
}

impl Arguments for Add {
    type Params = CreateParams;

    fn texts(&mut self) -> Vec<&mut String> {
        vec![&mut self.title, &mut self.content]
    }

    fn params(&self) -> Result<CreateParams, Error> {
        let head = New {
            id: self.id.as_deref().map(EntityId::new).transpose().map_err(refused("id"))?,
            title: Line::new(self.title.as_str()).map_err(refused("title"))?,
            content: Content::new(self.content.as_str()).map_err(refused("content"))?,
        };
        let tags = (!self.tags.is_empty()).then(|| tags(self.tags.clone())).transpose()?;
        Ok(With { head, fields: Fields { tags: tags.map(Some), ..self.details.fields()? } })
    }
}

impl Arguments for Edit {
    type Params = Changes;

    fn texts(&mut self) -> Vec<&mut String> {
        self.title.iter_mut().chain(&mut self.content).collect()
    }

    fn params(&self) -> Result<Changes, Error> {
        let title = self.title.clone().map(Line::new).transpose().map_err(refused("title"))?;
        let content = self.content.clone().map(Content::new).transpose().map_err(refused("content"))?;
        Ok(With { head: Head { title, content }, fields: self.details.fields()? })
    }
}

impl Details {
    fn fields(&self) -> Result<Fields, Error> {
        Ok(Fields {
            metadata: self.metadata.clone().map(|metadata| metadata.0),
            source: or_none("source", self.source.as_ref(), Line::new)?,
            tags: None,
            valid_until: self.until.map(|until| until.0),
        })
    }
}

impl Arguments for List {
    type Params = Filter;

    fn params(&self) -> Result<Filter, Error> {
        Ok(Filter { include_expired: self.all, tag: self.tag.clone() })
    }
}

impl Noun for Entity {
    type AddArgs = Add;
    type ListArgs = List;
    type EditArgs = Edit;

    const PLACEHOLDER: &'static str = "MEMORY";
    const COLUMNS: &'static [Column<Self>] = &[
        Column::id(|memory, _| Cell::new(Look::Faint, &memory.id)),
        Column::flexible("TITLE", |memory, _| {
            Cell::new(look(memory), text::or_dash(&text::one_line(&memory.title)))
        }),
        Column::flexible("CONTENT", |memory, out| Cell::new(look(memory), out.gist(&memory.content))),
        Column::flexible("TAGS", |memory, _| Cell::new(look(memory), text::or_dash(&memory.tags.join(", ")))),
    ];
    const LIST_ALL: &'static str = "memory list --all";

    fn all() -> Filter {
        Filter { include_expired: true, tag: None }
    }

    fn title(&self) -> &str {
        &self.title
    }

    fn remark(&self) -> String {
        text::shorten(&text::one_line(&self.content), 40).into_owned()
    }

    fn name(&self) -> String {
        if self.title.trim().is_empty() { self.remark() } else { text::one_line(&self.title) }
    }

    fn note(&self) -> String {
        self.valid_until.map(|at| format!(", until {}", when::due(at).text)).unwrap_or_default()
    }

    fn details(&self) -> Vec<(&'static str, Option<String>)> {
        let expired = if is_expired(self) { ", expired" } else { "" };
        vec![
            ("tags", (!self.tags.is_empty()).then(|| self.tags.join(", "))),
            ("until", self.valid_until.map(|at| format!("{}{expired}", when::exact(at)))),
            ("source", self.source.clone()),
            ("metadata", self.metadata.as_ref().map(|metadata| metadata.json().get().to_owned())),
            ("created", Some(text::time(self.created_at, "%Y-%m-%d %H:%M:%S"))),
            ("updated", Some(text::time(self.updated_at, "%Y-%m-%d %H:%M:%S"))),
        ]
    }

    fn body(&self) -> Option<&str> {
        Some(&self.content)
    }

    fn is_relative(edit: &Edit) -> bool {
        !edit.tags.is_empty() || !edit.untags.is_empty()
    }

    fn amend(&self, edit: &Edit, changes: &mut Changes) -> Result<(), Error> {
        let old = self.tags.iter().map(|text| Tag::new(text.as_str()));
        let old = old.collect::<Result<Vec<Tag>, _>>().map_err(refused("tags"))?;
        let new = old.iter().chain(&edit.tags).filter(|tag| !edit.untags.contains(tag));
        changes.fields.tags = Some(Some(tags(new.cloned().collect())?));
        Ok(())
    }
}

fn is_expired(memory: &Entity) -> bool {
    memory.valid_until.is_some_and(|at| at < jiff::Timestamp::now().as_millisecond())
}

fn look(memory: &Entity) -> Look {
    if is_expired(memory) { Look::Faint } else { Look::Plain }
}

impl Memory {
    pub(super) fn resolve(&mut self) -> Result<(), Failure> {
        match self {
            Self::Verb(verb) => verb.resolve(),
            Self::Search { .. } => Ok(()),
        }
    }

    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let Context { client, out, .. } = context;
        match self {
            Self::Verb(verb) => verb.run(context).await,
            Self::Search { search, all: include_expired } => {
                let find = async |query, limit| {
                    client.call::<SearchMemories>(SearchParams { query, limit, include_expired }).await
                };
                search.run(out, HITS, find).await
            }
        }
    }
}
