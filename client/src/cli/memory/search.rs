//! `stinactl memory search`.

use crate::cli::failure::Failure;
use crate::cli::output::Look;
use crate::cli::table::{Cell, Column, Table};
use crate::cli::{Context, pages, refused, text};
use stina_protocol::memory::{Hit, SearchParams};
use stina_protocol::text::Content;
use stina_protocol::types::Limit;

/// Find memories by words in title, content or tags, best first
///
/// A memory must have all of the words, or words that begin with them; any text is a valid query. With --json: one
/// memory a line, with its `snippet`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Search {
    /// The words
    #[arg(required = true)]
    query: Vec<String>,
    /// Expired ones too, until they are deleted 7 days later
    #[arg(short, long)]
    all: bool,
    /// At most this many, up to 1000
    #[arg(short = 'n', long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=1000))]
    limit: u64,
}

const COLUMNS: &[Column<Hit>] = &[
    Column::id(|hit, _| Cell::new(Look::Faint, &hit.memory.id)),
    Column::flexible("TITLE", |hit, _| text::or_dash(&text::one_line(&hit.memory.title)).into()),
    Column::flexible("MATCH", |hit, _| text::one_line(&hit.snippet).into()),
];

impl Search {
    pub(super) async fn run(self, Context { client, out, .. }: &Context) -> Result<(), Failure> {
        let query = Content::new(self.query.join(" ")).map_err(refused("query"))?;
        // One more than is shown tells whether there are more, unless the daemon's limit forbids it.
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
        let mut table = Table::new(out, COLUMNS);
        hits.iter().for_each(|hit| table.push(hit));
        Ok(pages::end(table, out, more)?)
    }
}
