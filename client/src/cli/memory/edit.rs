//! `stinactl memory edit`.

use super::{Which, said, tag, tags};
use crate::Client;
use crate::cli::failure::Failure;
use crate::cli::identify::id_of;
use crate::cli::metadata::Metadata;
use crate::cli::output::Output;
use crate::cli::read_stdin;
use crate::cli::when::{self, When};
use stina_protocol::Error as Kind;
use stina_protocol::memory::{Memory, Tag, Tags, UpdateParams};
use stina_protocol::text::{Content, Line};

/// Change a memory; what is not said stays as it is
#[derive(Debug, clap::Args)]
#[command(after_help = when::FORMS)]
#[command(group = clap::ArgGroup::new("change").required(true).multiple(true))]
pub(in crate::cli) struct Edit {
    #[command(flatten)]
    which: Which,
    /// What it is about, or `-` to read it from standard input; may be empty
    #[arg(long, value_name = "TEXT", group = "change")]
    title: Option<String>,
    /// What is to be remembered, or `-` to read it from standard input
    #[arg(short, long, value_name = "TEXT", group = "change")]
    content: Option<String>,
    /// A tag more; may be given several times
    #[arg(short, long = "tag", value_name = "TAG", value_parser = tag, group = "change")]
    tags: Vec<Tag>,
    /// A tag less; may be given several times
    #[arg(long = "untag", value_name = "TAG", value_parser = tag, group = "change")]
    untags: Vec<Tag>,
    /// Until when it holds: see below; `none`: for good
    #[arg(long, value_name = "WHEN", allow_hyphen_values = true, value_parser = When::read, group = "change")]
    until: Option<When>,
    /// Any JSON object, instead of the one it has; `none` clears it
    #[arg(long, value_name = "JSON", value_parser = Metadata::read, group = "change")]
    metadata: Option<Metadata>,
    /// Where it came from; an empty text clears it
    #[arg(long, value_name = "TEXT", group = "change")]
    source: Option<String>,
    /// Only if the memory's revision is this. Else exit code 5
    #[arg(long, value_name = "REV")]
    if_rev: Option<u64>,
}

/// How often tags are made anew out of those that somebody else has just changed.
const ATTEMPTS: usize = 10;

impl Edit {
    pub(super) fn resolve(&mut self) -> Result<(), Failure> {
        read_stdin(self.title.iter_mut().chain(&mut self.content))
    }

    pub(super) async fn run(self, client: &Client, out: &Output) -> Result<(), Failure> {
        let field = |name: &'static str| move |reason: String| Kind::invalid(name, reason);
        let source =
            self.source.map(|text| Some(text).filter(|text| !text.is_empty()).map(Line::new).transpose());
        let title = self.title.map(Line::new).transpose().map_err(field("title"))?;
        let content = self.content.map(Content::new).transpose().map_err(field("content"))?;
        let mut memory = self.which.find(client).await?;
        let mut update = UpdateParams {
            title,
            content,
            metadata: self.metadata.map(|metadata| metadata.0),
            source: source.transpose().map_err(field("source"))?,
            valid_until: self.until.map(|until| until.0),
            if_rev: self.if_rev,
            ..UpdateParams::of(id_of(&memory)?)
        };
        let mut attempts = 1..=ATTEMPTS;
        let reply = loop {
            // Tags are made out of the old ones, which therefore must still be those; all else is set as it is.
            if !self.tags.is_empty() || !self.untags.is_empty() {
                update.tags = Some(Some(changed(&memory, &self.tags, &self.untags)?));
                update.if_rev = self.if_rev.or(Some(memory.rev));
            }
            let error = match client.memories().update(update.clone()).await {
                Ok(reply) => break reply,
                Err(error) => error,
            };
            let is_conflict = matches!(error.kind(), Some(Kind::Conflict { .. }));
            if !is_conflict || self.if_rev.is_some() || attempts.next().is_none() {
                return Err(error.into());
            }
            memory = client.memories().get(&memory.id).await?.value;
        };
        if out.json { Ok(out.json(&reply)?) } else { Ok(said(out, "changed", &reply)?) }
    }
}

/// The tags of a memory with some more and some less.
fn changed(memory: &Memory, more: &[Tag], less: &[Tag]) -> Result<Tags, Kind> {
    let old = memory.tags.iter().map(|text| Tag::new(text.as_str()));
    let old = old.collect::<Result<Vec<Tag>, String>>().map_err(|reason| Kind::invalid("tags", reason))?;
    tags(old.iter().chain(more).filter(|tag| !less.contains(tag)).cloned().collect())
}
