//! The search of an entity: arguments and output that every entity's `search` has.

use super::failure::Failure;
use super::field::refused;
use super::output::Output;
use super::pages;
use super::table::{Column, Table};
use stina_client::Result;
use stina_protocol::text::Content;
use stina_protocol::types::Limit;
use stina_protocol::{Page, Reply};

/// Finds entities by words, best first.
#[derive(Debug, clap::Args)]
pub(super) struct Search {
    /// The words
    #[arg(required = true)]
    query: Vec<String>,
    /// At most this many, up to 1000
    #[arg(short = 'n', long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u64).range(..=1000))]
    limit: u64,
}

impl Search {
    pub(super) async fn run<T: serde::Serialize>(
        self,
        out: &Output,
        columns: &'static [Column<T>],
        find: impl AsyncFn(Content, Limit) -> Result<Reply<Page<T>>>,
    ) -> std::result::Result<(), Failure> {
        let query = Content::new(self.query.join(" ")).map_err(refused("query"))?;
        list(out, columns, self.limit, async |limit| find(query.clone(), limit).await).await
    }
}

/// Lists the first `shown` of what `find` finds: a table for people, JSON Lines for machines.
pub(super) async fn list<T: serde::Serialize>(
    out: &Output,
    columns: &'static [Column<T>],
    shown: u64,
    find: impl AsyncFn(Limit) -> Result<Reply<Page<T>>>,
) -> std::result::Result<(), Failure> {
    // One more than is shown is read to know whether there are more, unless the daemon's limit forbids it.
    let limit = Limit::new(u64::from(Limit::MAX).min(shown + 1)).unwrap_or_default();
    let mut hits = find(limit).await?.value.items;
    if shown == 0 {
        return Ok(());
    }
    let more = hits.len() == limit.get();
    hits.truncate(usize::try_from(shown).unwrap_or(usize::MAX));
    if out.json {
        hits.iter().try_for_each(|hit| out.json(hit))?;
    } else if hits.is_empty() {
        return Ok(out.line("nothing found")?);
    }
    let mut table = Table::new(out, columns);
    hits.iter().try_for_each(|hit| table.push(hit))?;
    Ok(pages::end(table, out, more)?)
}
