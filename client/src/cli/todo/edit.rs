//! `stinactl todo edit`.

use super::{Which, is_open, said, status};
use crate::Client;
use crate::cli::failure::Failure;
use crate::cli::identify::id_of;
use crate::cli::metadata::Metadata;
use crate::cli::output::Output;
use crate::cli::read_stdin;
use crate::cli::when::{self, When};
use stina_protocol::Error as Kind;
use stina_protocol::text::{Content, Line, Title};
use stina_protocol::todo::{Status, UpdateParams};

/// Change a todo; what is not said stays as it is
#[derive(Debug, clap::Args)]
#[command(after_help = when::FORMS)]
#[command(group = clap::ArgGroup::new("change").required(true).multiple(true))]
pub(in crate::cli) struct Edit {
    #[command(flatten)]
    which: Which,
    /// What is to be done, or `-` to read it from standard input
    #[arg(short, long, value_name = "TEXT", group = "change")]
    title: Option<String>,
    /// More about it, or `-` to read it from standard input; an empty text clears it
    #[arg(short, long, value_name = "TEXT", group = "change")]
    description: Option<String>,
    /// When it is due: see below; `none` clears it
    #[arg(long, value_name = "WHEN", allow_hyphen_values = true, value_parser = When::read, group = "change")]
    due: Option<When>,
    /// How far it has come: not_started, in_progress, completed or cancelled
    #[arg(long, value_parser = status, group = "change")]
    status: Option<Status>,
    /// Any JSON object, instead of the one it has; `none` clears it
    #[arg(long, value_name = "JSON", value_parser = Metadata::read, group = "change")]
    metadata: Option<Metadata>,
    /// Where it came from; an empty text clears it
    #[arg(long, value_name = "TEXT", group = "change")]
    source: Option<String>,
    /// Only if the todo's revision is this. Else exit code 5
    #[arg(long, value_name = "REV")]
    if_rev: Option<u64>,
}

impl Edit {
    pub(super) fn resolve(&mut self) -> Result<(), Failure> {
        read_stdin(self.title.iter_mut().chain(&mut self.description))
    }

    pub(super) async fn run(self, client: &Client, out: &Output) -> Result<(), Failure> {
        let field = |name: &'static str| move |reason: String| Kind::invalid(name, reason);
        let not_empty = |text: String| Some(text).filter(|text| !text.is_empty());
        let title = self.title.map(Title::new).transpose().map_err(field("title"))?;
        let description = self.description.map(|text| not_empty(text).map(Content::new).transpose());
        let source = self.source.map(|text| not_empty(text).map(Line::new).transpose());
        let todo = self.which.find(client, is_open).await?;
        // Each field is set as a whole and the others are left alone: nobody else's change can be lost by this.
        let update = UpdateParams {
            title,
            description: description.transpose().map_err(field("description"))?,
            status: self.status,
            due_at: self.due.map(|due| due.0),
            metadata: self.metadata.map(|metadata| metadata.0),
            source: source.transpose().map_err(field("source"))?,
            if_rev: self.if_rev,
            ..UpdateParams::of(id_of(&todo)?)
        };
        let reply = client.todos().update(update).await?;
        if out.json { Ok(out.json(&reply)?) } else { Ok(said(out, "changed", &reply)?) }
    }
}
