//! Lists, page after page, so that nothing is cut off unsaid.

use super::failure::Failure;
use super::output::Output;
use super::table::Table;
use crate::Result;
use stina_protocol::types::Limit;
use stina_protocol::{Page, Reply};

/// Calls `each` with every item of a list; with a `most`, with as many. Answers whether there are more.
pub(super) async fn walk<T>(
    most: Option<u64>,
    page: impl AsyncFn(Limit, Option<String>) -> Result<Reply<Page<T>>>,
    mut each: impl FnMut(T) -> std::result::Result<(), Failure>,
) -> std::result::Result<bool, Failure> {
    let mut left = most.unwrap_or(u64::MAX);
    let mut cursor = None;
    while let Some(limit) = Limit::new(left.min(Limit::MAX.into())) {
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

/// Ends a list: people get the table, machines have had their lines; both are told when there are more.
pub(super) fn end(out: &Output, table: &Table, more: bool) -> std::io::Result<()> {
    if !out.json {
        table.write(out)?;
    }
    if more { self::more(out) } else { Ok(()) }
}

/// Says that a list goes on.
pub(super) fn more(out: &Output) -> std::io::Result<()> {
    out.remark("… and more: raise --limit to see them")
}
