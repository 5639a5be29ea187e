//! Keeps a mirror up to date: events in, rows out.

use super::Collection;
use super::rows::Row;
use super::shared::{Shared, Step};
use crate::subscription::Cursor;
use crate::{Client, Error, Result};
use std::sync::Arc;
use stina_protocol::event::{
    Change, Changes, Delta, Event, Op, ResetReason, Start, Subscription as Subscribe,
};

pub(super) struct Driver<C: Collection> {
    collection: C,
    cursor: Cursor<C::Subscription>,
    shared: Arc<Shared<C>>,
    /// The present entities, while they are being sent; until they are all there, the old ones are shown.
    arriving: Option<Vec<Row<C::Order, C::Item>>>,
    /// Whether those are of another history than the old ones, for all that was told.
    other_history: bool,
    /// The history of the old ones.
    epoch: Option<String>,
}

impl<C: Collection> Driver<C> {
    pub(super) async fn open(client: &Client, collection: C, shared: Arc<Shared<C>>) -> Result<Self> {
        let start = Start { initial: true, ..Start::default() };
        let params = <C::Subscription as Subscribe>::restart(&collection.params(), start);
        let cursor = Cursor::open(client, params).await?;
        let arriving = Some(Vec::new());
        Ok(Self { collection, cursor, shared, arriving, other_history: false, epoch: None })
    }

    /// Goes on until the client is closed, or the subscription can't go on.
    pub(super) async fn run(mut self) -> Error {
        loop {
            let taken = match self.cursor.next().await {
                Ok(event) => self.take(event),
                Err(error) => Err(error),
            };
            if let Err(error) = taken {
                return error;
            }
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
                let steps = self.steps(&changes)?;
                self.arrived(prev);
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
        // Who was away while they were on their way is not told that the history is another: the set just begins anew.
        let epoch = self.cursor.epoch();
        let was_told = std::mem::take(&mut self.other_history);
        let other_history = was_told || self.epoch.as_deref().is_some_and(|before| before != epoch);
        self.epoch = Some(epoch.to_owned());
        self.shared.replace(rows, rev, other_history);
    }

    fn steps(&self, changes: &[Change]) -> Result<Vec<Step<C::Order, C::Item>>> {
        changes.iter().filter(|change| change.entity == C::ENTITY).map(|change| self.step(change)).collect()
    }

    fn step(&self, change: &Change) -> Result<Step<C::Order, C::Item>> {
        let id = change.id.clone();
        let value = change.value.as_ref().filter(|_| change.op == Op::Put);
        let Some(value) = value else { return Ok(Step::Remove(id)) };
        let item = value.to::<C::Item>();
        let item = item.map_err(|e| Error::Protocol(format!("{} `{id}` can't be read: {e}", C::ENTITY)))?;
        Ok(if self.collection.admits(&item) { Step::Put(self.row(id, item)) } else { Step::Remove(id) })
    }

    fn row(&self, id: String, item: C::Item) -> Row<C::Order, C::Item> {
        Row::new(self.collection.order(&item), id, item)
    }

    fn extend(&mut self, delta: &Delta) {
        let Some(item) = self.shared.get(&delta.message_id) else { return };
        if let Some(item) = self.collection.extended(&item, delta) {
            let row = self.row(delta.message_id.clone(), item);
            self.shared.apply(vec![Step::Put(row)], self.shared.rev());
        }
    }
}
