//! Which revision is undone next, and what it did, in words.

use super::failure::Failure;
use super::text;
use serde_json::value::RawValue;
use std::collections::{BTreeMap, HashSet};
use stina_client::Client;
use stina_protocol::event::Op;
use stina_protocol::store::{ChangesParams, LogChange, LogRevision};
use stina_protocol::types::Limit;
use stina_protocol::{Error as Kind, Json};

/// The name under which the daemon itself writes.
const DAEMON: &str = "stinad";
/// Revisions that are read at once, newest first.
const WINDOW: u64 = 100;

/// Which way to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Undo,
    Redo,
}

/// The revision `rev` of the log.
pub(super) async fn revision(client: &Client, rev: u64) -> Result<LogRevision, Failure> {
    let none = || Failure::from(Kind::invalid("rev", format!("there is no revision {rev}")));
    let since = rev.checked_sub(1).ok_or_else(none)?;
    let limit = Limit::new(1).unwrap_or_default();
    let page = client.store().changes(ChangesParams { since, limit, modules: None }).await?.value;
    page.items.into_iter().next().ok_or_else(none)
}

/// The revision that is undone when none is named.
///
/// Undo: the newest of a client other than the daemon that is no undo and is not undone. Redo: the newest undo that is
/// not undone itself.
pub(super) async fn next(client: &Client, way: Way) -> Result<LogRevision, Failure> {
    let store = client.store();
    let info = store.info().await?;
    let (mut end, oldest) = (info.rev, info.oldest_rev.max(1));
    // Revisions that a newer one has undone.
    let mut undone = HashSet::new();
    while end >= oldest {
        let first = end.saturating_sub(WINDOW - 1).max(oldest);
        let mut window = Vec::new();
        let mut since = first - 1;
        while since < end {
            let limit = Limit::new(end - since).unwrap_or_default();
            let page = store.changes(ChangesParams { since, limit, modules: None }).await?.value;
            since = page.items.last().map_or(end, |last| last.rev);
            window.extend(page.items);
        }
        for revision in window.into_iter().rev() {
            if undone.contains(&revision.rev) || revision.rev > end {
                continue;
            }
            match (revision.origin.undoes, way) {
                (Some(undoes), Way::Undo) => _ = undone.insert(undoes),
                (Some(undoes), Way::Redo) => {
                    undone.insert(undoes);
                    let is_redo = self::revision(client, undoes).await?.origin.undoes.is_some();
                    if !is_redo {
                        return Ok(revision);
                    }
                }
                (None, Way::Undo) if revision.origin.client.as_deref() != Some(DAEMON) => {
                    return Ok(revision);
                }
                (None, _) => {}
            }
        }
        end = first - 1;
    }
    let what = if way == Way::Undo { "undo" } else { "redo" };
    Err(Failure::NotFound(format!("there is nothing to {what}")))
}

/// Names a revision, with the others of the same write: a large one is made in steps, and undone as a whole.
pub(super) fn whole(revision: &LogRevision) -> String {
    match revision.origin.continues {
        Some(first) => format!("revision {} and the other steps of its write, from {first}", revision.rev),
        None => format!("revision {}", revision.rev),
    }
}

/// What a revision did to an entity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Did {
    Created,
    Changed,
    Deleted,
}

/// What a revision did, `deleted todo Buy milk`, and what becomes of that when it is undone, `restored`.
pub(super) fn gist(revision: &LogRevision) -> (String, &'static str) {
    let mut entities: Vec<(&LogChange, &LogChange)> = Vec::new();
    for change in &revision.changes {
        match entities
            .iter_mut()
            .find(|(first, _)| (&first.entity, &first.id) == (&change.entity, &change.id))
        {
            Some((_, last)) => *last = change,
            None => entities.push((change, change)),
        }
    }
    let counted: Vec<_> = entities.iter().filter(|(first, last)| !is_bookkeeping(first, last)).collect();
    let counted = if counted.is_empty() { entities.iter().collect() } else { counted };
    let Some((first, last)) = counted.iter().min_by_key(|(first, _)| importance(&first.entity)) else {
        return ("changed nothing".to_owned(), "no change");
    };
    let (did, undone) = match did(first, last) {
        Did::Created => ("created", "removed"),
        Did::Changed => ("changed", "changed back"),
        Did::Deleted => ("deleted", "restored"),
    };
    let json = last.after.as_ref().or(first.before.as_ref());
    let name = json.and_then(name).unwrap_or_else(|| first.id.clone());
    let more = match counted.len() - 1 {
        0 => String::new(),
        more if revision.origin.continues.is_some() => format!(" and at least {more} more"),
        more => format!(" and {more} more"),
    };
    let name = text::shorten(&text::one_line(&name), 60).into_owned();
    (format!("{did} {} {name}{more}", text::clean(&first.entity)), undone)
}

fn did(first: &LogChange, last: &LogChange) -> Did {
    match (&first.op, first.before.is_some(), &last.op) {
        (_, _, Op::Delete) => Did::Deleted,
        (Op::Put, false, Op::Put) => Did::Created,
        _ => Did::Changed,
    }
}

/// Which entity a line is about, of several: what people speak of comes before what belongs to it.
fn importance(entity: &str) -> usize {
    const LAST: [&str; 4] = ["comment", "message", "interaction", "kv"];
    LAST.iter().position(|last| *last == entity).map_or(0, |at| at + 1)
}

/// Whether only members changed that change with every write.
fn is_bookkeeping(first: &LogChange, last: &LogChange) -> bool {
    fn members(json: Option<&Json>) -> Option<BTreeMap<String, Box<RawValue>>> {
        json?.to().ok()
    }
    let (Some(before), Some(after)) = (members(first.before.as_ref()), members(last.after.as_ref())) else {
        return false;
    };
    after.iter().all(|(name, value)| {
        ["rev", "updatedAt", "commentCount"].contains(&name.as_str())
            || before.get(name).is_some_and(|before| before.get() == value.get())
    })
}

/// What people know an entity by.
pub(super) fn name(json: &Json) -> Option<String> {
    let members: BTreeMap<String, Box<RawValue>> = json.to().ok()?;
    let text = |name: &&str| serde_json::from_str::<String>(members.get(*name)?.get()).ok();
    ["title", "name", "content", "key"].iter().filter_map(text).find(|text| !text.trim().is_empty())
}
