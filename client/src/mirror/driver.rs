//! Keeps a mirror up to date: reads events, changes rows.

use super::collection::Collection;
use super::rows::Row;
use super::shared::{RowChange, Shared};
use crate::subscription::Cursor;
use crate::{Client, Error, Result};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use stina_protocol::event::{Change, Changes, Delta, Event, Op, ResetReason, Start, SubscribeMethod};

pub(super) struct Driver<C: Collection> {
    collection: C,
    cursor: Cursor<C::Subscription>,
    shared: Arc<Shared<C>>,
    /// The rows of an incomplete snapshot; until it is complete, the mirror shows the old rows.
    snapshot: Option<Vec<Row<C::SortKey, C::Item>>>,
    /// Whether a reset said that the snapshot is of another epoch than the rows.
    epoch_changed: bool,
    /// The epoch of the rows.
    epoch: Option<String>,
    /// Time at which the first entity may leave the collection.
    due: Option<i64>,
    /// The first sort key of the snapshot, if the snapshot had only the last entities.
    first: Option<Arc<C::SortKey>>,
}

/// Maximum time between two looks at the clock, which may be set, and which a suspension stops.
const MAX_SLEEP: Duration = Duration::from_secs(30);

/// Milliseconds since the Unix epoch.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// Waits until the due time, at most [`MAX_SLEEP`].
async fn sleep_until(due: Option<i64>) {
    let Some(due) = due else { return std::future::pending().await };
    let left = u64::try_from(due.saturating_sub(now())).unwrap_or(0);
    tokio::time::sleep(Duration::from_millis(left).min(MAX_SLEEP)).await;
}

impl<C: Collection> Driver<C> {
    pub(super) async fn open(client: &Client, collection: C, shared: Arc<Shared<C>>) -> Result<Self> {
        let start = Start { initial: true, ..Start::default() };
        let params = <C::Subscription as SubscribeMethod>::params(start, collection.filter());
        let cursor = Cursor::open(client, params).await?;
        let snapshot = Some(Vec::new());
        let (epoch, due, first) = (None, None, None);
        Ok(Self { collection, cursor, shared, snapshot, epoch_changed: false, epoch, due, first })
    }

    /// Runs until the client is closed or the subscription ends.
    pub(super) async fn run(mut self) -> Error {
        loop {
            let next = tokio::select! {
                next = self.cursor.next() => next,
                () = sleep_until(self.due) => {
                    self.remove_expired();
                    continue;
                }
            };
            if let Err(error) = next.and_then(|event| self.take(event)) {
                return error;
            }
        }
    }

    fn remove_expired(&mut self) {
        if self.due.is_none_or(|due| due > now()) {
            return;
        }
        let (expired, next) = self.shared.expired(now(), &self.collection);
        self.due = next;
        if !expired.is_empty() {
            self.shared.apply(expired.into_iter().map(RowChange::Remove).collect(), self.shared.rev());
        }
    }

    fn take(&mut self, event: Event) -> Result<()> {
        match event {
            Event::Change(Changes { initial: true, changes, .. }) => {
                let changes: Vec<_> = self.row_changes(&changes)?;
                let rows = changes.into_iter().filter_map(|change| match change {
                    RowChange::Put(row) => Some(row),
                    RowChange::Remove(_) => None,
                });
                self.snapshot.get_or_insert_default().extend(rows);
            }
            Event::Change(Changes { rev, prev, changes, .. }) => {
                self.finish_snapshot(prev);
                let changes = self.row_changes(&changes)?;
                self.shared.apply(changes, rev);
            }
            Event::Synced { rev } => {
                self.finish_snapshot(rev);
                self.shared.apply(Vec::new(), rev);
            }
            Event::Reset { reason, .. } => {
                self.snapshot = Some(Vec::new());
                self.epoch_changed |= matches!(reason, ResetReason::Epoch | ResetReason::Restored);
            }
            Event::Delta(delta) => self.extend(&delta),
            _ => {}
        }
        Ok(())
    }

    /// Shows a snapshot, which is now complete as of `rev`.
    fn finish_snapshot(&mut self, rev: u64) {
        let Some(rows) = self.snapshot.take() else { return };
        let is_part = self.collection.last().is_some_and(|last| rows.len() >= last);
        self.first = rows.iter().map(|row| &row.sort_key).min().filter(|_| is_part).map(Arc::clone);
        // A snapshot that was interrupted by a reconnect starts again without the reset that names another epoch.
        let epoch = self.cursor.epoch();
        let was_reset = std::mem::take(&mut self.epoch_changed);
        let epoch_changed = was_reset || self.epoch.as_deref().is_some_and(|before| before != epoch);
        self.epoch = Some(epoch.to_owned());
        self.shared.replace(rows, rev, epoch_changed);
        // An entity may have expired before it was shown.
        self.due = Some(i64::MIN);
        self.remove_expired();
    }

    fn row_changes(&mut self, changes: &[Change]) -> Result<Vec<RowChange<C::SortKey, C::Item>>> {
        changes
            .iter()
            .filter(|change| change.entity == C::ENTITY)
            .map(|change| self.row_change(change))
            .collect()
    }

    fn row_change(&mut self, change: &Change) -> Result<RowChange<C::SortKey, C::Item>> {
        let id = change.id.clone();
        let value = change.value.as_ref().filter(|_| change.op != Op::Delete);
        let Some(value) = value else { return Ok(RowChange::Remove(id)) };
        let item = value.to::<C::Item>();
        let item = item.map_err(|e| Error::Protocol(format!("unreadable {} `{id}`: {e}", C::ENTITY)))?;
        let until = self.collection.until(&item);
        if !self.collection.admits(&item) || until.is_some_and(|until| until <= now()) {
            return Ok(RowChange::Remove(id));
        }
        let row = self.row(id, item);
        if self.snapshot.is_none() && self.first.as_ref().is_some_and(|first| row.sort_key < *first) {
            return Ok(RowChange::Remove(row.id.to_string()));
        }
        // The time may be stale after a change of its entity: then no entity has expired at that time.
        self.due = self.due.into_iter().chain(until).min();
        Ok(RowChange::Put(row))
    }

    fn row(&self, id: String, item: C::Item) -> Row<C::SortKey, C::Item> {
        Row::new(self.collection.sort_key(&item), id, item)
    }

    fn extend(&mut self, delta: &Delta) {
        let Some(item) = self.shared.get(&delta.message_id) else { return };
        if let Some(item) = self.collection.extended(&item, delta) {
            self.shared.put_text(self.row(delta.message_id.to_string(), item));
        }
    }
}
