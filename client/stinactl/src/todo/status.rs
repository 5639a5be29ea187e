//! `stinactl todo done`, `start`, `cancel` and `reopen`: each sets a status.

use crate::context::Context;
use crate::failure::Failure;
use crate::noun::{Which, done};
use crate::output::Look;
use crate::text;
use stina_protocol::todo::{Changes, Edit, Status, Todo};

/// Reads an argument.
pub(super) fn read(text: &str) -> Result<Status, String> {
    Status::read(text).ok_or_else(|| "must be not_started, in_progress, completed or cancelled".to_owned())
}

/// A status for people, who can type it like that too.
pub(super) fn word(status: Status) -> String {
    status.name().replace('_', " ")
}

/// How a status looks, and a todo that has it.
pub(super) fn looks(status: Status) -> (Look, Look) {
    match status {
        Status::NotStarted => (Look::Plain, Look::Plain),
        Status::InProgress => (Look::Strong, Look::Strong),
        Status::Completed => (Look::Good, Look::Faint),
        Status::Cancelled => (Look::Faint, Look::Faint),
    }
}

/// Sets the status of a todo.
pub(super) async fn set(
    Context { client, out, .. }: &Context,
    which: &Which<Todo>,
    status: Status,
) -> Result<(), Failure> {
    let reopens = status == Status::NotStarted;
    let todo = which.find(client, |todo| todo.status.is_closed() == reopens).await?;
    // A write would list an archived todo again and notify every client, although nothing changes.
    if todo.status == status || (reopens && !todo.status.is_closed()) {
        let reply = client.todos().get(&todo.id).await?;
        let text = format!("{} is already {}", text::clean(&todo.title), word(todo.status));
        return if out.json { Ok(out.json(&reply)?) } else { Ok(out.line(&text)?) };
    }
    let head = Edit { status: Some(status), ..Edit::default() };
    let reply = client.todos().update(&todo.id, Changes { head, ..Changes::default() }).await?;
    let what = match status {
        Status::NotStarted => "reopened",
        Status::InProgress => "started",
        Status::Completed => "done:",
        Status::Cancelled => "cancelled",
    };
    done(out, what, &reply.value.title, &reply)
}
