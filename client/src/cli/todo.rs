//! `stinactl todo`: things to do.

mod edit;
mod view;

use super::failure::Failure;
use super::identify::{Named, identify};
use super::metadata::Metadata;
use super::output::Output;
use super::{Context, or_none, read_stdin, text, when};
use crate::Client;
use stina_protocol::text::{Content, Line, Title};
use stina_protocol::todo::{Changes, Edit as TodoEdit, Fields, Filter, New, Status, Todo as Entity};
use stina_protocol::types::Paging;
use stina_protocol::{EntityId, Error as Kind, Reply, With};
use when::When;

/// Things to do
#[derive(Debug, clap::Subcommand)]
pub(super) enum Todo {
    Add(Add),
    List(view::List),
    /// Show one todo with its comments
    ///
    /// With --json: the result of todo.get, then each comment on a line.
    Show(Which),
    Edit(edit::Edit),
    /// Say that a todo is done
    Done(Which),
    /// Say that a todo is being worked on
    Start(Which),
    /// Say that a todo will not be done
    Cancel(Which),
    /// Open a todo again that was done or cancelled
    Reopen(Which),
    /// Remove a todo with its comments
    Rm {
        #[command(flatten)]
        which: Which,
        /// Only if the todo's revision is this. Else exit code 5
        #[arg(long, value_name = "REV")]
        if_rev: Option<u64>,
    },
    /// Put a comment on a todo
    Comment {
        #[command(flatten)]
        which: Which,
        /// What to say, or `-` to read it from standard input
        #[arg(required = true)]
        text: Vec<String>,
    },
    /// Remove a comment
    Uncomment {
        /// The comment's id, as `todo show` tells it
        comment: String,
    },
}

/// Names one todo.
#[derive(Debug, clap::Args)]
pub(super) struct Which {
    /// Its id, its title in any case, or a beginning of its id that no other has
    todo: String,
}

/// Add a todo: `stinactl todo add Buy milk --due "tomorrow 9:00"`
#[derive(Debug, clap::Args)]
#[command(after_help = when::FORMS)]
pub(super) struct Add {
    /// What is to be done, or `-` to read it from standard input
    #[arg(required = true)]
    title: Vec<String>,
    /// Status: not_started, in_progress, completed or cancelled
    #[arg(long, value_parser = status)]
    status: Option<Status>,
    #[command(flatten)]
    details: Details,
    /// Its id, instead of a new one
    #[arg(long)]
    id: Option<String>,
}

/// What can be said of a todo when it is added and when it is changed.
#[derive(Debug, clap::Args)]
pub(super) struct Details {
    /// More about it, or `-` to read it from standard input; an empty text removes it
    #[arg(short, long, value_name = "TEXT")]
    description: Option<String>,
    /// Due time: see below; `none` removes it
    #[arg(long, value_name = "WHEN", allow_hyphen_values = true, value_parser = When::read)]
    due: Option<When>,
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
        let Self { description, due, metadata, source } = self;
        description.is_none() && due.is_none() && metadata.is_none() && source.is_none()
    }

    fn fields(self) -> Result<Fields, Kind> {
        Ok(Fields {
            description: or_none("description", self.description, Content::new)?,
            due_at: self.due.map(|due| due.0),
            metadata: self.metadata.map(|metadata| metadata.0),
            source: or_none("source", self.source, Line::new)?,
        })
    }
}

impl Named for Entity {
    const ENTITY: &'static str = "todo";
    const LIST: &'static str = "todo list --all";

    fn id(&self) -> &str {
        &self.id
    }

    fn title(&self) -> &str {
        &self.title
    }

    fn remark(&self) -> String {
        format!("{}, made {}", view::word(self.status), text::moment(self.created_at, "%Y-%m-%d %H:%M"))
    }
}

fn status(text: &str) -> Result<Status, String> {
    Status::read(text).ok_or_else(|| "must be not_started, in_progress, completed or cancelled".to_owned())
}

impl Which {
    /// The todo. Of those with the same title, the `likely` ones are meant where there are any.
    async fn find(&self, client: &Client, likely: impl Fn(&Entity) -> bool) -> Result<Entity, Failure> {
        let todos = client.todos();
        let list = async |limit, cursor| {
            let fields = Filter { include_archived: true, ..Filter::default() };
            todos.list(With { head: Paging { limit, cursor }, fields }).await
        };
        identify(&self.todo, async |id| todos.get(id).await, list, likely).await
    }
}

fn is_open(todo: &Entity) -> bool {
    !todo.status.is_closed()
}

impl Todo {
    pub(super) fn resolve(&mut self) -> Result<(), Failure> {
        match self {
            Self::Add(Add { title, details, .. }) => {
                *title = vec![title.join(" ")];
                read_stdin(title.iter_mut().chain(&mut details.description))
            }
            Self::Comment { text, .. } => {
                *text = vec![text.join(" ")];
                read_stdin(text)
            }
            Self::Edit(edit) => edit.resolve(),
            _ => Ok(()),
        }
    }

    pub(super) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let Context { client, out, .. } = context;
        match self {
            Self::Add(add) => add.run(client, out).await,
            Self::List(list) => list.run(client, out).await,
            Self::Show(which) => view::show(client, out, &which.find(client, is_open).await?.id).await,
            Self::Edit(edit) => edit.run(client, out).await,
            Self::Done(which) => which.set(client, out, Status::Completed).await,
            Self::Start(which) => which.set(client, out, Status::InProgress).await,
            Self::Cancel(which) => which.set(client, out, Status::Cancelled).await,
            Self::Reopen(which) => which.set(client, out, Status::NotStarted).await,
            Self::Rm { which, if_rev } => which.remove(client, out, if_rev).await,
            Self::Comment { which, text } => {
                let todo = which.find(client, is_open).await?;
                let reply = client.todos().add_comment(&todo.id, text.concat()).await?;
                if out.json {
                    Ok(out.json(&reply)?)
                } else {
                    Ok(out.did("commented on", &todo.title, reply.rev)?)
                }
            }
            Self::Uncomment { comment } => {
                let reply = client.todos().delete_comment(comment).await?;
                if out.json {
                    return Ok(out.json(&reply)?);
                }
                let comment = &reply.value;
                let gist = text::shorten(&text::one_line(&comment.content), 40).into_owned();
                Ok(out.did("deleted", &format!("{}  {gist}", comment.id), reply.rev)?)
            }
        }
    }
}

impl Add {
    async fn run(self, client: &Client, out: &Output) -> Result<(), Failure> {
        let field = |name: &'static str| move |reason: String| Kind::invalid(name, reason);
        let head = New {
            id: self.id.map(EntityId::new).transpose().map_err(field("id"))?,
            title: Title::new(self.title.concat()).map_err(field("title"))?,
            status: self.status,
        };
        let reply = client.todos().create(With { head, fields: self.details.fields()? }).await?;
        if out.json { Ok(out.json(&reply)?) } else { Ok(said(out, "added", &reply)?) }
    }
}

/// Says what was done to a todo, with what one wants to know about it then.
fn said(out: &Output, what: &str, Reply { rev, value: todo }: &Reply<Entity>) -> std::io::Result<()> {
    let due = todo.due_at.map(|at| format!(", due {}", when::due(at).text)).unwrap_or_default();
    out.did(what, &format!("{}  {}{due}", todo.id, text::one_line(&todo.title)), *rev)
}

impl Which {
    async fn set(self, client: &Client, out: &Output, status: Status) -> Result<(), Failure> {
        let opens = status == Status::NotStarted;
        let todo = self.find(client, |todo| is_open(todo) != opens).await?;
        // What is so already is not said again: that would bring an archived todo back, and tell everybody.
        if todo.status == status || (opens && is_open(&todo)) {
            let reply = client.todos().get(&todo.id).await?;
            let word = view::word(todo.status);
            let text = format!("{} is already {word}", text::clean(&todo.title));
            return if out.json { Ok(out.json(&reply)?) } else { Ok(out.line(&text)?) };
        }
        let head = TodoEdit { status: Some(status), ..TodoEdit::default() };
        let reply = client.todos().update(&todo.id, Changes { head, ..Changes::default() }).await?;
        if out.json {
            return Ok(out.json(&reply)?);
        }
        let did = match status {
            Status::NotStarted => "reopened",
            Status::InProgress => "started",
            Status::Completed => "done:",
            Status::Cancelled => "cancelled",
        };
        Ok(out.did(did, &reply.value.title, reply.rev)?)
    }

    async fn remove(self, client: &Client, out: &Output, if_rev: Option<u64>) -> Result<(), Failure> {
        // Which of several with that title is to go is not guessed, and what has changed meanwhile stays.
        let todo = self.find(client, |_| true).await?;
        let reply = client.todos().delete_if(&todo.id, if_rev.unwrap_or(todo.rev)).await?;
        if out.json {
            return Ok(out.json(&reply)?);
        }
        let comments = match reply.value.comment_count {
            0 => String::new(),
            1 => " and its comment".to_owned(),
            count => format!(" and its {count} comments"),
        };
        Ok(out.did("deleted", &format!("{}{comments}", reply.value.title), reply.rev)?)
    }
}
