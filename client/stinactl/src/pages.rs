//! Lists, page after page, with a remark where one is cut off.

use super::failure::Failure;
use super::output::Output;
use super::table::{Column, Table};
use stina_client::Result;
use stina_protocol::types::Limit;
use stina_protocol::{Page, Reply};

/// Calls `each` with every item of a list, or with the first `most`. Answers whether there are more. Holds one page at a
/// time.
pub(super) async fn walk<T>(
    most: Option<u64>,
    page: impl AsyncFn(Limit, Option<String>) -> Result<Reply<Page<T>>>,
    mut each: impl FnMut(T) -> std::result::Result<(), Failure>,
) -> std::result::Result<bool, Failure> {
    let mut left = most.unwrap_or(u64::MAX);
    let mut cursor = None;
    while let Ok(limit) = Limit::new(left.min(Limit::MAX.into())) {
        let Page { items, next } = page(limit, cursor).await?.value;
        left = left.saturating_sub(items.len() as u64);
        items.into_iter().try_for_each(&mut each)?;
        if next.is_none() {
            return Ok(false);
        }
        cursor = next;
    }
    Ok(true)
}

/// Lists items page after page: a table for people, JSON Lines for machines.
pub(super) async fn list<T: serde::Serialize>(
    out: &Output,
    columns: &'static [Column<T>],
    most: Option<u64>,
    page: impl AsyncFn(Limit, Option<String>) -> Result<Reply<Page<T>>>,
) -> std::result::Result<(), Failure> {
    if most == Some(0) {
        return Ok(());
    }
    let mut table = Table::new(out, columns);
    let more = walk(most, page, |item| {
        if out.json {
            return Ok(out.json(&item)?);
        }
        Ok(table.push(&item)?)
    })
    .await?;
    Ok(end(table, out, more)?)
}

/// Ends a list: writes the table unless the items were printed as JSON, and says whether there are more.
pub(super) fn end<T>(table: Table<'_, T>, out: &Output, more: bool) -> std::io::Result<()> {
    if !out.json {
        table.write()?;
    }
    if more { out.remark("… and more: raise --limit to see them") } else { Ok(()) }
}
