//! The history of one entity, newest revision first.
//!
//! Each change has the entity before it, whose `rev` is that of the change before: from one to the next without reading
//! what lies between. Only where that trail ends, at a deleted entity and at one that was made, is the log searched.

use super::entity::EntityKind;
use super::logged::{Logged, rev_in};
use super::recording::{first_seq, rev_of};
use super::{ReadTx, Result, cursor};
use rusqlite::{OptionalExtension, params};
use serde::{Deserialize, Serialize};
use stina_protocol::event::Op;
use stina_protocol::undo::{EntityRevision, History, HistoryParams, Subject};
use stina_protocol::{Error, Json, Method, Page};

/// Bytes of values in one page, one revision over.
const PAGE_BYTES: usize = 4 << 20;
/// Changes that one page passes at most in search of the entity's: it then ends, and its cursor goes on from there.
pub(super) const SEARCHED: u64 = 100_000;

/// Where the next revision of the entity is.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
enum From {
    /// That one.
    Rev(u64),
    /// Before that change.
    Before(u64),
}

/// `store.history`.
///
/// # Errors
/// `invalid` for an unknown entity or a wrong cursor, and those of the reads.
pub(crate) fn history(
    tx: &ReadTx<'_>,
    kinds: &[EntityKind],
    params: HistoryParams,
) -> Result<Page<EntityRevision>> {
    let (paging, Subject { entity, id }) = (params.head, params.fields);
    let Some(kind) = kinds.iter().find(|kind| kind.name == entity) else {
        return Err(Error::invalid("entity", format!("there is no entity `{entity}`")).into());
    };
    let of = (entity.as_str(), id.as_str());
    let given: Option<((String, String), From)> = cursor::read(History::NAME, paging.cursor.as_deref())?;
    let mut from = match given {
        Some(((entity, id), from)) if (entity.as_str(), id.as_str()) == of => Some(from),
        Some(_) => return Err(Error::invalid("cursor", "it belongs to another entity").into()),
        None => Some(match (kind.find)(tx, &id)? {
            Some((rev, _)) => From::Rev(rev),
            None => From::Before(first_seq(tx.rev() + 1)),
        }),
    };
    let (mut items, mut bytes) = (Vec::new(), 0);
    let mut searched = 0;
    while let Some(next) = from.filter(|_| items.len() < paging.limit.get() && bytes < PAGE_BYTES) {
        let found = match next {
            From::Rev(rev) => revision(tx, rev, of)?,
            From::Before(seq) if searched < SEARCHED => {
                let end = seq.saturating_sub(1);
                let (row, passed) = search(tx, seq, SEARCHED - searched, of)?;
                searched += passed.max(1);
                match row {
                    Some(row) => revision(tx, rev_of(row), of)?,
                    None => {
                        // Either nothing is left, or the search goes on in the next page.
                        from = oldest_passed(tx, end, passed)?.map(From::Before);
                        continue;
                    }
                }
            }
            From::Before(_) => break,
        };
        from = match (found, next) {
            (Some((item, before)), _) => {
                bytes += [&item.before, &item.after]
                    .into_iter()
                    .flatten()
                    .map(|json| json.get().len())
                    .sum::<usize>();
                let rev = item.rev;
                items.push(item);
                Some(before.map_or(From::Before(first_seq(rev)), From::Rev))
            }
            // Another process wrote the entity, or the log no longer reaches back.
            (None, From::Rev(rev)) => Some(From::Before(first_seq(rev))),
            (None, From::Before(_)) => None,
        };
    }
    let next = from.map(|from| cursor::write(History::NAME, &(of, from))).transpose()?;
    Ok(Page { items, next })
}

/// What a revision did to an entity, and the revision before; none when it did nothing to it.
fn revision(
    tx: &ReadTx<'_>,
    rev: u64,
    (entity, id): (&str, &str),
) -> Result<Option<(EntityRevision, Option<u64>)>> {
    let Some(logged) = Logged::find(tx, rev)? else { return Ok(None) };
    let mut rows = logged.rows.iter().filter(|row| row.is_of(entity, id));
    let Some(first) = rows.next() else { return Ok(None) };
    let last = rows.next_back().unwrap_or(first);
    let omitted = first.is_blank() || last.is_blank();
    let before = first.values(tx)?.before;
    let after = last.values(tx)?.after;
    let older = before.as_deref().map(rev_in).transpose()?.filter(|older| *older < rev);
    let json = |text: Option<String>| text.filter(|_| !omitted).map(Json::stored).transpose();
    let item = EntityRevision {
        rev,
        at: logged.at,
        op: last.op.clone().unwrap_or(Op::Put),
        before: json(before)?,
        after: json(after)?,
        omitted,
        origin: logged.origin,
    };
    Ok(Some((item, older)))
}

/// The newest change of an entity before `seq`, and how many changes were passed.
fn search(tx: &ReadTx<'_>, seq: u64, most: u64, (entity, id): (&str, &str)) -> Result<(Option<u64>, u64)> {
    let mut statement = tx.statement(
        "SELECT seq, entity = ?3 AND id = ?4 FROM core_changes WHERE seq < ?1 ORDER BY seq DESC LIMIT ?2",
    )?;
    let mut rows = statement.query(params![seq, most, entity, id])?;
    let mut passed = 0;
    while let Some(row) = rows.next()? {
        if row.get(1)? {
            return Ok((Some(row.get(0)?), passed));
        }
        passed += 1;
    }
    Ok((None, passed))
}

/// The oldest of the `passed` changes up to `end`; none when the log has none before it.
fn oldest_passed(tx: &ReadTx<'_>, end: u64, passed: u64) -> Result<Option<u64>> {
    let sql = "SELECT seq FROM core_changes WHERE seq <= ? ORDER BY seq DESC LIMIT 1 OFFSET ?";
    let after = tx.statement(sql)?.query_row(params![end, passed], |row| row.get::<_, u64>(0)).optional()?;
    Ok(after.map(|next| next + 1))
}
