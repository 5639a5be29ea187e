//! The methods `memory.*`.

use super::repository::{self, Valid};
use super::{MODULE, purge, search};
use crate::modules::everything::Everything;
use crate::modules::page::{self, PageBuilder};
use crate::rpc::Registry;
use crate::store::{Entity, ReadTx, Result, entity};
use std::collections::HashSet;
use std::sync::Arc;
use stina_protocol::memory::{
    Create, Delete, Find, Get, GetMany, GetManyParams, List, ListParams, Memory, Search, Subscribe, Update,
};
use stina_protocol::types::Ids;
use stina_protocol::{EntityId, Error, Method, Page};
use tokio::sync::Notify;

pub(super) fn register(registry: &mut Registry) {
    let waker = Arc::new(Notify::new());
    let (on_create, on_update) = (Arc::clone(&waker), Arc::clone(&waker));
    registry.write::<Create>(move |tx, p| {
        let memory = repository::create(tx, p)?;
        purge::wake(tx, &memory, &on_create);
        Ok(memory)
    });
    registry.read::<Get>(|tx, p| entity::get(tx, p.id.as_str()));
    registry.scan::<GetMany>(get_many);
    registry.write::<Update>(move |tx, p| {
        let memory = repository::update(tx, p)?;
        purge::wake(tx, &memory, &on_update);
        Ok(memory)
    });
    registry.write::<Delete>(|tx, target| repository::delete(tx, &target));
    registry.scan::<List>(list);
    registry.scan::<Find>(|tx, p| {
        repository::find_by_content(tx, p.content.as_str(), Valid::now_or(tx, p.include_expired))
    });
    let ranked = registry.limits().ranked_matches;
    registry.scan::<Search>(move |tx, p| search::search(tx, ranked, p));
    registry.feed::<Subscribe, _>(|_| Ok(Everything(&MODULE)));
    let on_undo = Arc::clone(&waker);
    registry.on_undo(move |tx| {
        let back = tx.changed()?.iter().any(|change| change.entity == Memory::KIND.name && change.exists);
        if back {
            purge::wake_after(tx, &on_undo);
        }
        Ok(())
    });
    registry.task(move |store, stop| purge::run(store, stop, waker));
}

fn get_many(tx: &ReadTx<'_>, params: GetManyParams) -> Result<Page<Memory>> {
    let ids = params.ids.as_slice();
    let after: Option<String> = page::after(GetMany::NAME, params.cursor.as_deref())?;
    let from = match after {
        None => 0,
        Some(last) => {
            let at = ids.iter().position(|id| id.as_str() == last);
            at.ok_or_else(|| Error::invalid("cursor", "the cursor belongs to other ids"))? + 1
        }
    };
    let mut page = PageBuilder::<Memory>::new(Ids::MAX);
    let mut seen: HashSet<&EntityId> = ids[..from].iter().collect();
    for id in &ids[from..] {
        let memory = if seen.insert(id) { entity::find(tx, id.as_str())? } else { None };
        if let Some(memory) = memory
            && !page.push(memory)?
        {
            break;
        }
    }
    page.finish(GetMany::NAME, |last| last.id.clone())
}

fn list(tx: &ReadTx<'_>, params: ListParams) -> Result<Page<Memory>> {
    let (paging, filter) = (params.head, params.fields);
    let after = page::after(List::NAME, paging.cursor.as_deref())?;
    let valid = Valid::now_or(tx, filter.include_expired);
    let mut page = PageBuilder::new(paging.limit.get());
    let tag = filter.tag.as_ref().map(|tag| tag.as_str());
    repository::walk(tx, tag, valid, after, |memory| page.push(memory))?;
    page.finish(List::NAME, |last| (last.created_at, last.id.clone()))
}
