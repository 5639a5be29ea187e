//! `stinactl todo list` and `show`.

use super::status;
use crate::Client;
use crate::cli::failure::Failure;
use crate::cli::output::{Look, Output};
use crate::cli::short_id::short_ids;
use crate::cli::table::{Cell, Table};
use crate::cli::{pages, text, when};
use stina_protocol::todo::{Comment, CommentFilter, Filter, Status, Todo};
use stina_protocol::types::{Ids, Millis, Paging};
use stina_protocol::{EntityId, Error as Kind, With};

/// List todos by due date, those without one last
///
/// What was done or cancelled is left out from the next midnight on; --all shows it. With --json: one todo a line.
#[derive(Debug, clap::Args)]
#[command(after_help = when::FORMS)]
pub(in crate::cli) struct List {
    /// Only with this status: not_started, in_progress, completed or cancelled; may be given several times
    #[arg(short, long, value_parser = status, value_delimiter = ',')]
    status: Vec<Status>,
    /// Archived ones too: done or cancelled, and not changed since midnight
    #[arg(short, long)]
    all: bool,
    /// Only those due earlier than this moment: see below
    #[arg(long, value_name = "WHEN", allow_hyphen_values = true, value_parser = when::moment)]
    due_before: Option<Millis>,
    /// Only those due later than this moment
    #[arg(long, value_name = "WHEN", allow_hyphen_values = true, value_parser = when::moment)]
    due_after: Option<Millis>,
    /// At most this many
    #[arg(short = 'n', long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,
}

impl List {
    pub(super) async fn run(self, client: &Client, out: &Output) -> Result<(), Failure> {
        let filter = Filter {
            status: (!self.status.is_empty()).then_some(self.status),
            include_archived: self.all,
            due_before: self.due_before,
            due_after: self.due_after,
        };
        let page = async |limit, cursor| {
            client.todos().list(With { head: Paging { limit, cursor }, fields: filter.clone() }).await
        };
        let mut todos = Vec::new();
        let more = pages::walk(self.limit, page, |todo: Todo| {
            if out.json {
                return Ok(out.json(&todo)?);
            }
            todos.push(todo);
            Ok(())
        })
        .await?;
        Ok(pages::end(out, &table(&todos), more)?)
    }
}

fn table(todos: &[Todo]) -> Table {
    let mut table = Table::new(&["ID", "STATUS", "DUE", "TITLE"], &[3]);
    for (todo, id) in todos.iter().zip(short_ids(todos.iter().map(|todo| todo.id.as_str()))) {
        let due = todo.due_at.map(when::due);
        let (status_look, title_look) = looks(todo.status);
        let due_look = match &due {
            Some(due) if due.is_past && !todo.status.is_closed() => Look::Bad,
            _ => title_look,
        };
        table.row([
            Cell::new(Look::Faint, id),
            Cell::new(status_look, word(todo.status)),
            Cell::new(due_look, due.map_or("-".to_owned(), |due| due.text)),
            Cell::new(title_look, text::one_line(&todo.title)),
        ]);
    }
    table
}

/// How a status looks, and a todo that has it.
fn looks(status: Status) -> (Look, Look) {
    match status {
        Status::NotStarted => (Look::Plain, Look::Plain),
        Status::InProgress => (Look::Strong, Look::Strong),
        Status::Completed => (Look::Good, Look::Faint),
        Status::Cancelled => (Look::Faint, Look::Faint),
    }
}

/// A status for people, who can type it like that too.
pub(super) fn word(status: Status) -> String {
    status.name().replace('_', " ")
}

/// Shows one todo with its comments.
pub(super) async fn show(client: &Client, out: &Output, id: &str) -> Result<(), Failure> {
    let reply = client.todos().get(id).await?;
    let id = EntityId::new(id).map_err(|reason| Kind::invalid("id", reason))?;
    let ids = Ids::new(vec![id]).unwrap_or_default();
    if out.json {
        out.json(&reply)?;
    } else {
        details(out, &reply.value)?;
    }
    let page = async |limit, cursor| {
        let fields = CommentFilter { todo_ids: ids.clone() };
        client.todos().list_comments(With { head: Paging { limit, cursor }, fields }).await
    };
    pages::walk(None, page, |comment: Comment| {
        if out.json {
            return Ok(out.json(&comment)?);
        }
        let at = text::moment(comment.created_at, "%Y-%m-%d %H:%M");
        out.line("")?;
        out.line(&out.paint(Look::Faint, &format!("comment of {at}  {}", comment.id)))?;
        Ok(out.foreign(&comment.content)?)
    })
    .await?;
    Ok(())
}

fn details(out: &Output, todo: &Todo) -> std::io::Result<()> {
    out.line(&out.paint(Look::Strong, &text::clean(&text::one_line(&todo.title))))?;
    out.detail("id", &todo.id)?;
    out.detail("status", &word(todo.status))?;
    if let Some(at) = todo.due_at {
        let due = when::due(at);
        let is_late = due.is_past && !todo.status.is_closed();
        let moment = text::moment(at, "%a %Y-%m-%d %H:%M %Z");
        out.detail("due", &format!("{} ({moment}){}", due.text, if is_late { ", overdue" } else { "" }))?;
    }
    if let Some(source) = &todo.source {
        out.detail("source", source)?;
    }
    if let Some(metadata) = &todo.metadata {
        out.detail("metadata", metadata.json().get())?;
    }
    out.detail("made", &text::moment(todo.created_at, "%Y-%m-%d %H:%M:%S"))?;
    out.detail("updated", &text::moment(todo.updated_at, "%Y-%m-%d %H:%M:%S"))?;
    out.detail("revision", &todo.rev.to_string())?;
    match todo.description.as_deref() {
        None | Some("") => Ok(()),
        Some(description) => {
            out.line("")?;
            out.foreign(description)
        }
    }
}
