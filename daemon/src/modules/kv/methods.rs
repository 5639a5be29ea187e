//! The methods `kv.*`.

use super::repository;
use crate::modules::page::{self, PageBuilder};
use crate::rpc::{Feed, Initial, Registry};
use crate::store::entity::check_rev;
use crate::store::{Entity, LiveChange, ReadTx, Result, WriteTx};
use stina_protocol::kv::{
    Delete, Entry, Filter, Get, Increment, IncrementParams, List, ListParams, MAX_KEY, Set, Subscribe,
};
use stina_protocol::{Error, Json, Method, Page};

pub(super) fn register(registry: &mut Registry) {
    registry.read::<Get>(|tx, p| repository::get(tx, p.key.as_str()));
    registry.scan::<List>(list);
    registry.write::<Set>(|tx, p| repository::set(tx, p.key.as_str(), p.value, p.if_rev));
    registry.write::<Delete>(|tx, p| repository::delete(tx, p.key.as_str(), p.if_rev));
    registry.write::<Increment>(increment);
    registry.feed::<Subscribe, _>(|filter: Filter| {
        let prefix = filter.prefix.unwrap_or_default();
        match prefix.len() {
            0..=MAX_KEY => Ok(Entries { prefix }),
            _ => Err(Error::invalid("prefix", format!("longer than a key: {MAX_KEY} bytes"))),
        }
    });
}

fn list(tx: &ReadTx<'_>, params: ListParams) -> Result<Page<Entry>> {
    let (paging, filter) = (params.head, params.fields);
    let after: Option<String> = page::after(List::NAME, paging.cursor.as_deref())?;
    let mut page = PageBuilder::new(paging.limit.get());
    let prefix = filter.prefix.as_deref().unwrap_or_default();
    repository::walk(tx, prefix, after.as_deref(), |entry| page.push(entry))?;
    page.finish(List::NAME, |last| last.key.clone())
}

fn increment(tx: &mut WriteTx<'_>, params: IncrementParams) -> Result<Entry> {
    let key = params.key.as_str();
    let by = params.by.unwrap_or(1);
    let entry = repository::get(tx, key)?;
    // Before the sum, which may fail: a conflict means that the value has changed.
    check_rev(entry.as_ref(), params.if_rev)?;
    let sum = add(entry.as_ref().map(|entry| &entry.value), by)?;
    repository::set(tx, key, sum, params.if_rev)
}

/// Largest integer that every client represents exactly (RFC 8259, section 6).
const MAX_SAFE: i64 = (1 << 53) - 1;

fn add(value: Option<&Json>, by: i64) -> Result<Json> {
    let text = value.map_or("0", Json::get);
    let is_integer = text.bytes().all(|b| b.is_ascii_digit() || b == b'-');
    if is_integer {
        let sum = text.parse::<i64>().ok().and_then(|integer| integer.checked_add(by));
        let sum = sum.filter(|sum| (-MAX_SAFE..=MAX_SAFE).contains(sum));
        return Ok(Json::of(&sum.ok_or_else(|| Error::invalid("by", "the sum is beyond ±(2^53 - 1)"))?)?);
    }
    let number = value.and_then(|v| v.to::<f64>().ok());
    let number = number.ok_or_else(|| Error::invalid("key", "the value is not a number"))?;
    #[expect(clippy::cast_precision_loss, reason = "the sum is a double")]
    Ok(Json::of(&(number + by as f64))?)
}

/// The feed of entries whose keys begin with a prefix.
struct Entries {
    prefix: String,
}

impl Feed for Entries {
    fn wants(&self, change: &LiveChange) -> bool {
        change.module == Entry::KIND.module && change.id.starts_with(&self.prefix)
    }

    fn initial(&self, tx: &ReadTx<'_>, out: &mut Initial<'_>) -> Result<()> {
        repository::walk(tx, &self.prefix, None, |entry| {
            out.entity(&entry)?;
            Ok(true)
        })
    }
}
