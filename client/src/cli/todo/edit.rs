//! `stinactl todo edit`.

use super::{Details, Which, is_open, said, status};
use crate::Client;
use crate::cli::failure::Failure;
use crate::cli::output::Output;
use crate::cli::{read_stdin, when};
use stina_protocol::Error as Kind;
use stina_protocol::text::Title;
use stina_protocol::todo::{Changes, Edit as TodoEdit, Status};

/// Change a todo; other fields stay unchanged
#[derive(Debug, clap::Args)]
#[command(after_help = when::FORMS)]
pub(in crate::cli) struct Edit {
    #[command(flatten)]
    which: Which,
    /// What is to be done, or `-` to read it from standard input
    #[arg(short, long, value_name = "TEXT")]
    title: Option<String>,
    /// Status: not_started, in_progress, completed or cancelled
    #[arg(long, value_parser = status)]
    status: Option<Status>,
    #[command(flatten)]
    details: Details,
    /// Only if the todo's revision is this. Else exit code 5
    #[arg(long, value_name = "REV")]
    if_rev: Option<u64>,
}

impl Edit {
    pub(super) fn resolve(&mut self) -> Result<(), Failure> {
        if self.title.is_none() && self.status.is_none() && self.details.is_empty() {
            return Err(Failure::Usage("nothing to change: say what, such as --title or --due".to_owned()));
        }
        read_stdin(self.title.iter_mut().chain(&mut self.details.description))
    }

    pub(super) async fn run(self, client: &Client, out: &Output) -> Result<(), Failure> {
        let title = self.title.map(Title::new).transpose();
        let head =
            TodoEdit { title: title.map_err(|reason| Kind::invalid("title", reason))?, status: self.status };
        let changes = Changes { head, fields: self.details.fields()? };
        let todo = self.which.find(client, is_open).await?;
        // Each field is set as a whole and the others are left alone: nobody else's change can be lost by this.
        let reply = match self.if_rev {
            None => client.todos().update(&todo.id, changes).await?,
            Some(rev) => client.todos().update_if(&todo.id, rev, changes).await?,
        };
        if out.json { Ok(out.json(&reply)?) } else { Ok(said(out, "changed", &reply)?) }
    }
}
