//! `stinactl todo comment` and `uncomment`, and the comments that `show` prints.

use crate::context::Context;
use crate::failure::Failure;
use crate::noun::{Noun, Which, done};
use crate::output::{Look, Output};
use crate::stdin::read_stdin;
use crate::{pages, text};
use stina_client::Client;
use stina_protocol::EntityId;
use stina_protocol::todo::{Comment as Entity, Todo};
use stina_protocol::types::Limit;

/// Comment on a todo
#[derive(Debug, clap::Args)]
pub(crate) struct Comment {
    #[command(flatten)]
    which: Which<Todo>,
    /// The comment, or `-` to read it from standard input
    #[arg(required = true)]
    text: Vec<String>,
}

/// Remove a comment
#[derive(Debug, clap::Args)]
pub(crate) struct Uncomment {
    /// The comment's id, which `todo show` prints
    comment: String,
}

impl Comment {
    pub(super) fn resolve(&mut self) -> Result<(), Failure> {
        self.text = vec![self.text.join(" ")];
        read_stdin(&mut self.text)
    }

    pub(super) async fn run(self, Context { client, out, .. }: &Context) -> Result<(), Failure> {
        let todo = self.which.find(client, Noun::is_likely).await?;
        let reply = client.todos().add_comment(&todo.id, self.text.concat()).await?;
        done(out, "commented on", &todo.title, &reply)
    }
}

impl Uncomment {
    pub(super) async fn run(self, Context { client, out, .. }: &Context) -> Result<(), Failure> {
        let reply = client.todos().delete_comment(self.comment).await?;
        let Entity { id, content, .. } = &reply.value;
        done(out, "deleted", &format!("{id}  {}", text::shorten(&text::one_line(content), 40)), &reply)
    }
}

/// Prints the comments of a todo, oldest first.
pub(super) async fn show(client: &Client, out: &Output, todo: &EntityId) -> Result<(), Failure> {
    let page = async |limit: Limit, cursor| {
        client.todos().list_comments([todo]).limit(limit.into()).cursor(cursor).await
    };
    pages::walk(None, page, |comment: Entity| {
        if out.json {
            return Ok(out.json(&comment)?);
        }
        let at = text::time(comment.created_at, "%Y-%m-%d %H:%M");
        out.line("")?;
        out.line(&out.paint(Look::Faint, &format!("comment of {at}  {}", comment.id)))?;
        Ok(out.foreign(&comment.content)?)
    })
    .await?;
    Ok(())
}
