//! The trash: what was deleted and can still be put back, as the change log has it.

use super::entity::EntityKind;
use super::history::SEARCHED;
use super::logged::{Logged, members, rev_in};
use super::recording::{first_seq, rev_of};
use super::{ReadTx, Result, cursor, steps};
use rusqlite::params;
use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use stina_protocol::undo::{Trash, TrashItem, TrashParams};
use stina_protocol::{Method, Page};

/// Longest title, in characters.
const TITLE: usize = 100;
/// What an entity is known by: the first of these that it has.
const TITLES: [&str; 4] = ["title", "name", "content", "key"];

/// `store.trash`.
///
/// # Errors
/// `invalid` for a wrong cursor, and those of the reads.
pub(crate) fn trash(tx: &ReadTx<'_>, kinds: &[EntityKind], params: TrashParams) -> Result<Page<TrashItem>> {
    let (paging, modules) = (params.head, params.fields.modules);
    let given: Option<u64> = cursor::read(Trash::NAME, paging.cursor.as_deref())?;
    let from = given.unwrap_or_else(|| first_seq(tx.rev() + 1));
    let mut newer = Seen::default();
    if given.is_some() {
        // What was deleted again later is in an earlier page, or was put back since.
        let mut statement =
            tx.statement("SELECT entity, id FROM core_changes WHERE seq >= ? AND op = 'delete'")?;
        let mut rows = statement.query([from])?;
        while let Some(row) = rows.next()? {
            newer.is_first(
                row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?,
                row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?,
            );
        }
    }
    let mut statement = tx.statement(
        "SELECT seq, entity, id, op = 'delete' AND before IS NOT NULL, op = 'delete', at
         FROM core_changes WHERE seq < ?1 ORDER BY seq DESC LIMIT ?2",
    )?;
    let mut rows = statement.query(params![from, SEARCHED])?;
    let (mut items, mut passed, mut next) = (Vec::new(), 0, None);
    while let Some(row) = rows.next()? {
        passed += 1;
        let seq: u64 = row.get(0)?;
        if passed == SEARCHED {
            next = Some(seq);
        }
        if !row.get::<_, bool>(4)? {
            continue;
        }
        let (entity, id): (String, String) = (row.get(1)?, row.get(2)?);
        let is_last = newer.is_first(&entity, &id);
        let kind = kinds.iter().find(|kind| kind.name == entity);
        let wanted =
            |kind: &&EntityKind| modules.as_ref().is_none_or(|names| names.iter().any(|n| n == kind.module));
        let Some(kind) = kind.filter(wanted).filter(|_| is_last) else { continue };
        if !row.get::<_, bool>(3)? || (kind.find)(tx, &id)?.is_some() {
            continue;
        }
        let before: Option<String> =
            tx.first("SELECT before FROM core_changes WHERE seq = ?", [seq], |row| row.get(0))?.flatten();
        let Some(before) = before else { continue };
        let rev = rev_of(seq);
        if rev_in(&before)? == rev && was_made_in(tx, rev, &entity, &id)? {
            continue;
        }
        if items.len() == paging.limit.get() {
            next = Some(seq + 1);
            break;
        }
        let (title, continues) = (title(&before)?, steps::continues(tx, rev)?);
        items.push(TrashItem { title, entity, id, deleted_at: row.get(5)?, rev, continues });
    }
    let next = next.map(|seq| cursor::write(Trash::NAME, &seq)).transpose()?;
    Ok(Page { items, next })
}

/// Whether a revision made an entity that it deleted too: to undo it brings nothing back.
fn was_made_in(tx: &ReadTx<'_>, rev: u64, entity: &str, id: &str) -> Result<bool> {
    let logged = Logged::find(tx, rev)?;
    let first = logged.as_ref().and_then(|logged| logged.rows.iter().find(|row| row.is_of(entity, id)));
    Ok(first.is_some_and(super::logged::Row::made))
}

/// What people know an entity by.
fn title(json: &str) -> Result<Option<String>> {
    let members = members(json)?;
    let texts =
        TITLES.iter().filter_map(|name| serde_json::from_str::<String>(members.get(*name)?.get()).ok());
    Ok(texts.map(|text| text.trim().to_owned()).find(|text| !text.is_empty()).map(|text| {
        let end = text.char_indices().nth(TITLE).map(|(end, _)| end);
        end.map_or(text.clone(), |end| format!("{}…", &text[..end]))
    }))
}

/// The entities that were seen, each as 64 bits: there may be very many.
#[derive(Default)]
pub(super) struct Seen {
    seen: HashSet<u64>,
    hasher: RandomState,
}

impl Seen {
    pub(super) fn is_first(&mut self, entity: &str, id: &str) -> bool {
        self.seen.insert(self.hasher.hash_one((entity, id)))
    }
}
