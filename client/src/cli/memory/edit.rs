//! `stinactl memory edit`.

use super::{Details, Which, said, tag, tags};
use crate::Client;
use crate::cli::failure::Failure;
use crate::cli::output::Output;
use crate::cli::{read_stdin, when};
use stina_protocol::Error as Kind;
use stina_protocol::memory::{Changes, Edit as MemoryEdit, Memory, Tag, Tags};
use stina_protocol::text::{Content, Line};

/// Change a memory; other fields stay unchanged
#[derive(Debug, clap::Args)]
#[command(after_help = when::FORMS)]
pub(in crate::cli) struct Edit {
    #[command(flatten)]
    which: Which,
    /// What it is about, or `-` to read it from standard input; may be empty
    #[arg(long, value_name = "TEXT")]
    title: Option<String>,
    /// What is to be remembered, or `-` to read it from standard input
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
    /// Only if the memory's revision is this. Else exit code 5
    #[arg(long, value_name = "REV")]
    if_rev: Option<u64>,
}

/// How often tags are made anew out of those that somebody else has just changed.
const ATTEMPTS: usize = 10;

impl Edit {
    pub(super) fn resolve(&mut self) -> Result<(), Failure> {
        let texts = self.title.is_none() && self.content.is_none();
        if texts && self.tags.is_empty() && self.untags.is_empty() && self.details.is_empty() {
            return Err(Failure::Usage("nothing to change: say what, such as --content or --tag".to_owned()));
        }
        read_stdin(self.title.iter_mut().chain(&mut self.content))
    }

    pub(super) async fn run(self, client: &Client, out: &Output) -> Result<(), Failure> {
        let field = |name: &'static str| move |reason: String| Kind::invalid(name, reason);
        let title = self.title.map(Line::new).transpose().map_err(field("title"))?;
        let content = self.content.map(Content::new).transpose().map_err(field("content"))?;
        let mut changes = Changes { head: MemoryEdit { title, content }, fields: self.details.fields()? };
        let mut memory = self.which.find(client).await?;
        let mut if_rev = self.if_rev;
        let mut attempts = 1..=ATTEMPTS;
        let reply = loop {
            // Tags are made out of the old ones, which therefore must still be those; all else is set as it is.
            if !self.tags.is_empty() || !self.untags.is_empty() {
                changes.fields.tags = Some(Some(changed(&memory, &self.tags, &self.untags)?));
                if_rev = self.if_rev.or(Some(memory.rev));
            }
            let memories = client.memories();
            let updated = match if_rev {
                None => memories.update(&memory.id, changes.clone()).await,
                Some(rev) => memories.update_if(&memory.id, rev, changes.clone()).await,
            };
            let error = match updated {
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
