//! `stinactl todo`: things to do.

mod comments;
mod status;

use super::context::Context;
use super::failure::Failure;
use super::field::{or_none, refused};
use super::metadata::Metadata;
use super::noun::{Arguments, Noun, Verb, Which, say_what_removes};
use super::output::{Look, Output};
use super::table::{Cell, Column};
use super::{text, when};
use comments::{Comment, Uncomment};
use status::{looks, word};
use stina_client::Client;
use stina_protocol::text::{Content, Line, Title};
use stina_protocol::todo::{
    Changes, CreateParams, Edit as Head, Fields, Filter, New, Status, Todo as Entity,
};
use stina_protocol::types::Millis;
use stina_protocol::{EntityId, Error, With};
use when::When;

/// Things to do
#[derive(Debug, clap::Subcommand)]
pub(super) enum Todo {
    #[command(flatten)]
    Verb(Verb<Entity>),
    /// Mark a todo as done
    Done(Which<Entity>),
    /// Mark a todo as in progress
    Start(Which<Entity>),
    /// Mark a todo as cancelled
    Cancel(Which<Entity>),
    /// Reopen a todo that was done or cancelled
    Reopen(Which<Entity>),
    Comment(Comment),
    Uncomment(Uncomment),
}

/// Add a todo: `stinactl todo add Buy milk --due "tomorrow 9:00"`
#[derive(Debug, clap::Args)]
#[command(after_help = when::FORMS)]
pub(super) struct Add {
    /// What to do, or `-` to read it from standard input
    #[arg(required = true)]
    title: Vec<String>,
    /// Status: not_started, in_progress, completed or cancelled
    #[arg(long, value_parser = status::read)]
    status: Option<Status>,
    #[command(flatten)]
    details: Details,
    /// Its id, instead of a new one
    #[arg(long)]
    id: Option<String>,
}

/// Change one or more fields of a todo; other fields stay unchanged
#[derive(Debug, clap::Args)]
#[command(after_help = when::FORMS, mut_args(say_what_removes))]
pub(super) struct Edit {
    /// What to do, or `-` to read it from standard input
    #[arg(short, long, value_name = "TEXT")]
    title: Option<String>,
    /// Status: not_started, in_progress, completed or cancelled
    #[arg(long, value_parser = status::read)]
    status: Option<Status>,
    #[command(flatten)]
    details: Details,
}

/// The fields that `add` and `edit` share.
#[derive(Debug, clap::Args)]
pub(super) struct Details {
    /// More about it, or `-` to read it from standard input
    #[arg(short, long, value_name = "TEXT")]
    description: Option<String>,
    /// Due time: see below
    #[arg(long, value_name = "WHEN", allow_hyphen_values = true, value_parser = When::read)]
    due: Option<When>,
    /// Any JSON object
    #[arg(long, value_name = "JSON", value_parser = Metadata::read)]
    metadata: Option<Metadata>,
    /// Where it came from
    #[arg(long, value_name = "TEXT")]
    source: Option<String>,
}

/// List todos by due time, those without one last
///
/// Todos that were done or cancelled before today are hidden; --all shows them. With --json: one todo a line.
#[derive(Debug, clap::Args)]
#[command(after_help = when::FORMS)]
pub(super) struct List {
    /// Only with this status: not_started, in_progress, completed or cancelled; may be given several times
    #[arg(short, long, value_parser = status::read, value_delimiter = ',')]
    status: Vec<Status>,
    /// Also archived ones: done or cancelled, and not changed since midnight
    #[arg(short, long)]
    all: bool,
    /// Only those due before this time: see below
    #[arg(long, value_name = "WHEN", allow_hyphen_values = true, value_parser = when::time)]
    due_before: Option<Millis>,
    /// Only those due after this time
    #[arg(long, value_name = "WHEN", allow_hyphen_values = true, value_parser = when::time)]
    due_after: Option<Millis>,
}

impl Arguments for Add {
    type Params = CreateParams;

    fn texts(&mut self) -> Vec<&mut String> {
        self.title = vec![self.title.join(" ")];
        self.title.iter_mut().chain(&mut self.details.description).collect()
    }

    fn params(&self) -> Result<CreateParams, Error> {
        let head = New {
            id: self.id.as_deref().map(EntityId::new).transpose().map_err(refused("id"))?,
            title: Title::new(self.title.join(" ")).map_err(refused("title"))?,
            status: self.status.clone(),
        };
        Ok(With { head, fields: self.details.fields()? })
    }
}

impl Arguments for Edit {
    type Params = Changes;

    fn texts(&mut self) -> Vec<&mut String> {
        self.title.iter_mut().chain(&mut self.details.description).collect()
    }

    fn params(&self) -> Result<Changes, Error> {
        let title = self.title.clone().map(Title::new).transpose().map_err(refused("title"))?;
        Ok(With { head: Head { title, status: self.status.clone() }, fields: self.details.fields()? })
    }
}

impl Details {
    fn fields(&self) -> Result<Fields, Error> {
        Ok(Fields {
            description: or_none("description", self.description.as_ref(), Content::new)?,
            due_at: self.due.map(|due| due.0),
            metadata: self.metadata.clone().map(|metadata| metadata.0),
            source: or_none("source", self.source.as_ref(), Line::new)?,
        })
    }
}

impl Arguments for List {
    type Params = Filter;

    fn params(&self) -> Result<Filter, Error> {
        Ok(Filter {
            status: (!self.status.is_empty()).then(|| self.status.clone()),
            include_archived: self.all,
            due_before: self.due_before,
            due_after: self.due_after,
        })
    }
}

impl Noun for Entity {
    type AddArgs = Add;
    type ListArgs = List;
    type EditArgs = Edit;

    const PLACEHOLDER: &'static str = "TODO";
    const WITH: &'static str = " with its comments";
    const SHOW_JSON: Option<&'static str> =
        Some("With --json: the result of todo.get, then each comment on a line.");
    const COLUMNS: &'static [Column<Self>] = &[
        Column::id(|todo, _| Cell::new(Look::Faint, &todo.id)),
        Column::new("STATUS", |todo, _| Cell::new(looks(&todo.status).0, word(&todo.status))),
        Column::new("DUE", |todo, _| {
            let look = if is_late(todo) { Look::Bad } else { looks(&todo.status).1 };
            Cell::new(look, todo.due_at.map_or("-".to_owned(), |at| when::due(at).text))
        }),
        Column::flexible("TITLE", |todo, _| Cell::new(looks(&todo.status).1, text::one_line(&todo.title))),
    ];
    const LIST_ALL: &'static str = "todo list --all";

    fn all() -> Filter {
        Filter { include_archived: true, ..Filter::default() }
    }

    fn title(&self) -> &str {
        &self.title
    }

    fn remark(&self) -> String {
        format!("{}, created {}", word(&self.status), text::time(self.created_at, "%Y-%m-%d %H:%M"))
    }

    fn note(&self) -> String {
        self.due_at.map(|at| format!(", due {}", when::due(at).text)).unwrap_or_default()
    }

    fn removed_with(&self) -> String {
        match self.comment_count {
            0 => String::new(),
            1 => " and its comment".to_owned(),
            count => format!(" and its {count} comments"),
        }
    }

    fn is_likely(&self) -> bool {
        !self.status.is_closed()
    }

    fn details(&self) -> Vec<(&'static str, Option<String>)> {
        let late = if is_late(self) { ", overdue" } else { "" };
        vec![
            ("status", Some(word(&self.status))),
            ("due", self.due_at.map(|at| format!("{}{late}", when::exact(at)))),
            ("source", self.source.clone()),
            ("metadata", self.metadata.as_ref().map(|metadata| metadata.json().get().to_owned())),
            ("created", Some(text::time(self.created_at, "%Y-%m-%d %H:%M:%S"))),
            ("updated", Some(text::time(self.updated_at, "%Y-%m-%d %H:%M:%S"))),
        ]
    }

    fn body(&self) -> Option<&str> {
        self.description.as_deref().filter(|description| !description.is_empty())
    }

    async fn show_more(&self, client: &Client, out: &Output) -> Result<(), Failure> {
        comments::show(client, out, &self.id).await
    }
}

fn is_late(todo: &Entity) -> bool {
    todo.due_at.is_some_and(|at| when::due(at).is_past) && !todo.status.is_closed()
}

impl Todo {
    pub(super) fn resolve(&mut self) -> Result<(), Failure> {
        match self {
            Self::Verb(verb) => verb.resolve(),
            Self::Comment(comment) => comment.resolve(),
            _ => Ok(()),
        }
    }

    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        match self {
            Self::Verb(verb) => verb.run(context).await,
            Self::Done(which) => status::set(context, &which, Status::Completed).await,
            Self::Start(which) => status::set(context, &which, Status::InProgress).await,
            Self::Cancel(which) => status::set(context, &which, Status::Cancelled).await,
            Self::Reopen(which) => status::set(context, &which, Status::NotStarted).await,
            Self::Comment(comment) => comment.run(context).await,
            Self::Uncomment(uncomment) => uncomment.run(context).await,
        }
    }
}
