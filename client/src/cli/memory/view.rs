//! `stinactl memory list`, `show` and `search`.

use super::tag;
use crate::Client;
use crate::cli::failure::Failure;
use crate::cli::output::{Look, Output};
use crate::cli::short_id::short_ids;
use crate::cli::table::{Cell, Table};
use crate::cli::{pages, text, when};
use stina_protocol::memory::{Filter, Hit, Memory, SearchParams, Tag};
use stina_protocol::text::Content;
use stina_protocol::types::{Limit, Paging};
use stina_protocol::{Error as Kind, With};

/// List memories, newest first
///
/// Those that hold no longer are left out; --all shows them. With --json: one memory a line.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct List {
    /// Only with this tag, letter for letter
    #[arg(short, long, value_parser = tag)]
    tag: Option<Tag>,
    /// Expired ones too, until they are deleted 7 days later
    #[arg(short, long)]
    all: bool,
    /// At most this many
    #[arg(short = 'n', long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,
}

/// Find memories by words in title, content or tags, best first
///
/// A memory is found that has all of the words or words that begin like them; any text can be looked for. With
/// --json: one memory a line, with its `snippet`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Search {
    /// What to look for
    #[arg(required = true)]
    query: Vec<String>,
    /// Expired ones too, until they are deleted 7 days later
    #[arg(short, long)]
    all: bool,
    /// At most this many, up to 1000
    #[arg(short = 'n', long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=1000))]
    limit: u64,
}

/// Columns of a content where there is no terminal to fit in.
const CONTENT: usize = 100;

impl List {
    pub(super) async fn run(self, client: &Client, out: &Output) -> Result<(), Failure> {
        let filter = Filter { include_expired: self.all, tag: self.tag };
        let page = async |limit, cursor| {
            client.memories().list(With { head: Paging { limit, cursor }, fields: filter.clone() }).await
        };
        let mut memories = Vec::new();
        let more = pages::walk(self.limit, page, |mut memory: Memory| {
            if out.json {
                return Ok(out.json(&memory)?);
            }
            memory.content = gist(out, &memory.content);
            memories.push(memory);
            Ok(())
        })
        .await?;
        let mut table = Table::new(&["ID", "TITLE", "CONTENT", "TAGS"], &[1, 2, 3]);
        for (memory, id) in memories.iter().zip(short_ids(memories.iter().map(|memory| memory.id.as_str()))) {
            let look = if is_past(memory) { Look::Faint } else { Look::Plain };
            table.row([
                Cell::new(Look::Faint, id),
                Cell::new(look, or_dash(&text::one_line(&memory.title))),
                Cell::new(look, &memory.content),
                Cell::new(look, or_dash(&memory.tags.join(", "))),
            ]);
        }
        Ok(pages::end(out, &table, more)?)
    }
}

impl Search {
    pub(super) async fn run(self, client: &Client, out: &Output) -> Result<(), Failure> {
        let query = Content::new(self.query.join(" ")).map_err(|reason| Kind::invalid("query", reason))?;
        // One more than is shown tells whether there are more; of the most that can be asked for nobody knows.
        let (shown, most) = (self.limit, u64::from(Limit::MAX));
        let limit = Limit::new(most.min(shown + 1)).unwrap_or_default();
        let params = SearchParams { query, limit, include_expired: self.all };
        let mut hits = client.memories().search(params).await?.value.items;
        let more = hits.len() == limit.get();
        hits.truncate(usize::try_from(shown).unwrap_or(usize::MAX));
        if out.json {
            hits.iter().try_for_each(|hit| out.json(hit))?;
        } else if hits.is_empty() {
            return Ok(out.line("nothing found")?);
        }
        let mut table = Table::new(&["ID", "TITLE", "MATCH"], &[1, 2]);
        let ids = short_ids(hits.iter().map(|hit| hit.memory.id.as_str()));
        for (Hit { memory, snippet }, id) in hits.iter().zip(ids) {
            table.row([
                Cell::new(Look::Faint, id),
                Cell::new(Look::Plain, or_dash(&text::one_line(&memory.title))),
                Cell::new(Look::Plain, text::one_line(snippet)),
            ]);
        }
        Ok(pages::end(out, &table, more)?)
    }
}

fn or_dash(text: &str) -> &str {
    if text.is_empty() { "-" } else { text }
}

/// The beginning of a content, as much of it as a list may show.
fn gist(out: &Output, content: &str) -> String {
    let columns = out.width.unwrap_or(CONTENT);
    // No character takes more than 4 bytes, and few take no column: what is beyond is not worth a look.
    let end = content.floor_char_boundary(columns * 16);
    let gist = text::one_line(content.get(..end).unwrap_or(content));
    let gist = if end < content.len() { format!("{gist}…") } else { gist };
    text::shorten(&gist, columns).into_owned()
}

fn is_past(memory: &Memory) -> bool {
    memory.valid_until.is_some_and(|at| at < jiff::Timestamp::now().as_millisecond())
}

/// Shows one memory.
pub(super) async fn show(client: &Client, out: &Output, id: &str) -> Result<(), Failure> {
    let reply = client.memories().get(id).await?;
    if out.json {
        return Ok(out.json(&reply)?);
    }
    let memory = &reply.value;
    out.line(&out.paint(Look::Strong, &text::clean(or_dash(&text::one_line(&memory.title)))))?;
    out.detail("id", &memory.id)?;
    if !memory.tags.is_empty() {
        out.detail("tags", &memory.tags.join(", "))?;
    }
    if let Some(at) = memory.valid_until {
        let moment = text::moment(at, "%a %Y-%m-%d %H:%M %Z");
        let expired = if is_past(memory) { ", expired" } else { "" };
        out.detail("until", &format!("{} ({moment}){expired}", when::due(at).text))?;
    }
    if let Some(source) = &memory.source {
        out.detail("source", source)?;
    }
    if let Some(metadata) = &memory.metadata {
        out.detail("metadata", metadata.json().get())?;
    }
    out.detail("made", &text::moment(memory.created_at, "%Y-%m-%d %H:%M:%S"))?;
    out.detail("updated", &text::moment(memory.updated_at, "%Y-%m-%d %H:%M:%S"))?;
    out.detail("revision", &memory.rev.to_string())?;
    out.line("")?;
    Ok(out.foreign(&memory.content)?)
}
