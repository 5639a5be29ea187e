//! Keeps a mirror up to date: events in, rows out.

use super::Collection;
use super::rows::Row;
use super::shared::{Shared, Step};
use crate::subscription::Cursor;
use crate::{Client, Error, Result};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use stina_protocol::event::{
    Change, Changes, Delta, Event, Op, ResetReason, Start, Subscription as Subscribe,
};

pub(super) struct Driver<C: Collection> {
    collection: C,
    cursor: Cursor<C::Subscription>,
    shared: Arc<Shared<C>>,
    /// The present entities, while they are being sent; until they are all there, the old ones are shown.
    arriving: Option<Vec<Row<C::SortKey, C::Item>>>,
    /// Whether those are of another history than the old ones, for all that was told.
    other_history: bool,
    /// The history of the old ones.
    epoch: Option<String>,
    /// When the first entity may have to go because its time is over.
    due: Option<i64>,
    /// The first place of those that there were to begin with, if there may be others before it.
    first: Option<Arc<C::SortKey>>,
}

/// How long at most nobody looks at the clock while something is due: it may be set, and the machine may sleep.
const LOOK: Duration = Duration::from_secs(30);

/// Milliseconds since the Unix epoch.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// Waits until it is that time, or for a while.
async fn nearly(due: Option<i64>) {
    let Some(due) = due else { return std::future::pending().await };
    let left = u64::try_from(due.saturating_sub(now())).unwrap_or(0);
    tokio::time::sleep(Duration::from_millis(left).min(LOOK)).await;
}

impl<C: Collection> Driver<C> {
    pub(super) async fn open(client: &Client, collection: C, shared: Arc<Shared<C>>) -> Result<Self> {
        let start = Start { initial: true, ..Start::default() };
        let params = <C::Subscription as Subscribe>::params(start, collection.filter());
        let cursor = Cursor::open(client, params).await?;
        let arriving = Some(Vec::new());
        let (epoch, due, first) = (None, None, None);
        Ok(Self { collection, cursor, shared, arriving, other_history: false, epoch, due, first })
    }

    /// Goes on until the client is closed, or the subscription can't go on.
    pub(super) async fn run(mut self) -> Error {
        loop {
            let next = tokio::select! {
                next = self.cursor.next() => next,
                () = nearly(self.due) => {
                    self.remove_what_is_over();
                    continue;
                }
            };
            if let Err(error) = next.and_then(|event| self.take(event)) {
                return error;
            }
        }
    }

    fn remove_what_is_over(&mut self) {
        if self.due.is_none_or(|due| due > now()) {
            return;
        }
        let (over, next) = self.shared.over(now(), &self.collection);
        self.due = next;
        if !over.is_empty() {
            self.shared.apply(over.into_iter().map(Step::Remove).collect(), self.shared.rev());
        }
    }

    fn take(&mut self, event: Event) -> Result<()> {
        match event {
            Event::Change(Changes { initial: true, changes, .. }) => {
                let rows: Vec<_> = self.steps(&changes)?;
                let rows = rows.into_iter().filter_map(|step| match step {
                    Step::Put(row) => Some(row),
                    Step::Remove(_) => None,
                });
                self.arriving.get_or_insert_default().extend(rows);
            }
            Event::Change(Changes { rev, prev, changes, .. }) => {
                self.arrived(prev);
                let steps = self.steps(&changes)?;
                self.shared.apply(steps, rev);
            }
            Event::Synced { rev } => {
                self.arrived(rev);
                self.shared.apply(Vec::new(), rev);
            }
            Event::Reset { reason, .. } => {
                self.arriving = Some(Vec::new());
                self.other_history |= matches!(reason, ResetReason::Epoch | ResetReason::Restored);
            }
            Event::Delta(delta) => self.extend(&delta),
            Event::Cancel { .. } => {}
        }
        Ok(())
    }

    /// The present entities, as of `rev`, are all there, if they were on their way.
    fn arrived(&mut self, rev: u64) {
        let Some(rows) = self.arriving.take() else { return };
        let is_part = self.collection.last().is_some_and(|last| rows.len() >= last);
        self.first = rows.iter().map(|row| &row.order).min().filter(|_| is_part).map(Arc::clone);
        // Who was away while they were on their way is not told that the history is another: the set just begins anew.
        let epoch = self.cursor.epoch();
        let was_told = std::mem::take(&mut self.other_history);
        let other_history = was_told || self.epoch.as_deref().is_some_and(|before| before != epoch);
        self.epoch = Some(epoch.to_owned());
        self.shared.replace(rows, rev, other_history);
        // The time of one may have come before it was among those that are looked at.
        self.due = Some(i64::MIN);
        self.remove_what_is_over();
    }

    fn steps(&mut self, changes: &[Change]) -> Result<Vec<Step<C::SortKey, C::Item>>> {
        changes.iter().filter(|change| change.entity == C::ENTITY).map(|change| self.step(change)).collect()
    }

    fn step(&mut self, change: &Change) -> Result<Step<C::SortKey, C::Item>> {
        let id = change.id.clone();
        let value = change.value.as_ref().filter(|_| change.op == Op::Put);
        let Some(value) = value else { return Ok(Step::Remove(id)) };
        let item = value.to::<C::Item>();
        let item = item.map_err(|e| Error::Protocol(format!("{} `{id}` can't be read: {e}", C::ENTITY)))?;
        let until = self.collection.until(&item);
        if !self.collection.admits(&item) || until.is_some_and(|until| until <= now()) {
            return Ok(Step::Remove(id));
        }
        let row = self.row(id, item);
        if self.arriving.is_none() && self.first.as_ref().is_some_and(|first| row.order < *first) {
            return Ok(Step::Remove(row.id.to_string()));
        }
        // An entity that changes may leave a time here that is no longer its own: then nothing is found to be over.
        self.due = self.due.into_iter().chain(until).min();
        Ok(Step::Put(row))
    }

    fn row(&self, id: String, item: C::Item) -> Row<C::SortKey, C::Item> {
        Row::new(self.collection.sort_key(&item), id, item)
    }

    fn extend(&mut self, delta: &Delta) {
        let Some(item) = self.shared.get(&delta.message_id) else { return };
        if let Some(item) = self.collection.extended(&item, delta) {
            self.shared.grow(self.row(delta.message_id.clone(), item));
        }
    }
}
