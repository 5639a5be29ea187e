//! `stinactl todo done`, `start`, `cancel` and `reopen`: each sets a status.

use crate::context::Context;
use crate::failure::Failure;
use crate::noun::{Which, done};
use crate::output::Look;
use crate::text;
use stina_protocol::ValidationError;
use stina_protocol::todo::{Status, Todo};

/// Reads an argument.
pub(super) fn read(text: &str) -> Result<Status, ValidationError> {
    Status::read(text)
}

/// A status for people, who can type it like that too.
pub(super) fn word(status: &Status) -> String {
    status.as_str().replace('_', " ")
}

/// How a status looks, and a todo that has it.
pub(super) fn looks(status: &Status) -> (Look, Look) {
    match status {
        Status::InProgress => (Look::Strong, Look::Strong),
        Status::Completed => (Look::Good, Look::Faint),
        Status::Cancelled => (Look::Faint, Look::Faint),
        _ => (Look::Plain, Look::Plain),
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
        let text = format!("{} is already {}", text::clean(&todo.title), word(&todo.status));
        return if out.json { Ok(out.json(&reply)?) } else { Ok(out.line(&text)?) };
    }
    let what = match status {
        Status::InProgress => "started",
        Status::Completed => "done:",
        Status::Cancelled => "cancelled",
        _ => "reopened",
    };
    let reply = client.todos().update(&todo.id).status(status).await?;
    done(out, what, &reply.value.title, &reply)
}
