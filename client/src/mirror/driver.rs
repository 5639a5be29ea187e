//! Keeps a mirror up to date: reads events, changes rows.

use super::collection::Collection;
use super::rows::Row;
use super::shared::{RowChange, Shared};
use crate::cursor::{Cursor, Next, Request};
use crate::timer::sleep;
use crate::{Client, Error, Result};
use std::ops::Bound;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use stina_protocol::event::{Change, Changes, Delta, Event, Op, ResetReason, Start, SubscribeMethod};

pub(super) struct Driver<C: Collection> {
    collection: C,
    cursor: Cursor,
    shared: Arc<Shared<C>>,
    /// The rows of an incomplete snapshot; until it is complete, the mirror shows the old rows.
    snapshot: Option<Vec<Row<C::SortKey, C::Item>>>,
    /// Whether a reset said that the snapshot is of another history than the rows.
    is_other_history: bool,
    /// The epoch of the rows.
    epoch: Option<String>,
    /// Time at which the first entity may leave the collection.
    due: Option<i64>,
    /// Where the shown entities begin, if the snapshot had only the last ones.
    first: Bound<Arc<C::SortKey>>,
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
    sleep(Duration::from_millis(left).min(MAX_SLEEP)).await;
}

impl<C: Collection> Driver<C> {
    pub(super) fn new(client: &Client, collection: C, shared: Arc<Shared<C>>) -> Result<Self> {
        let params = <C::Subscription as SubscribeMethod>::params(Start::initial(), collection.filter());
        let cursor = Cursor::new(client.clone(), Request::of::<C::Subscription>(&params)?);
        let snapshot = Some(Vec::new());
        let (is_other_history, epoch, due, first) = (false, None, None, Bound::Unbounded);
        Ok(Self { collection, cursor, shared, snapshot, is_other_history, epoch, due, first })
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
            if let Err(error) = next.and_then(|next| self.take(next)) {
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

    fn take(&mut self, next: Next) -> Result<()> {
        let event = match next {
            Next::Event { event, .. } => event,
            Next::Lost => {
                self.shared.set_live(false);
                return Ok(());
            }
        };
        match event {
            Event::Change(Changes { initial: true, changes, .. }) => {
                for change in &changes {
                    self.collection.observe(change);
                    if let Some(RowChange::Put(row)) = self.row_change(change)? {
                        self.snapshot.get_or_insert_default().push(row);
                    }
                }
            }
            Event::Change(Changes { rev, prev, changes, .. }) => {
                self.finish_snapshot(prev);
                for change in &changes {
                    if self.collection.observe(change) {
                        self.cursor.restart();
                        self.begin_snapshot();
                        return Ok(());
                    }
                }
                let changes = changes.iter().filter_map(|change| self.row_change(change).transpose());
                let changes = changes.collect::<Result<_>>()?;
                self.shared.apply(changes, rev);
            }
            Event::Synced { rev } => {
                self.finish_snapshot(rev);
                self.shared.apply(Vec::new(), rev);
                self.shared.set_live(true);
            }
            Event::Reset { reason, .. } => {
                self.begin_snapshot();
                self.is_other_history |= matches!(reason, ResetReason::Epoch | ResetReason::Restored);
            }
            Event::Delta(Delta { message_id, offset, text, .. }) => {
                // An offset beyond what a text can have is none of its offsets.
                let offset = usize::try_from(offset).unwrap_or(usize::MAX);
                self.shared.append(&message_id, offset, &text);
            }
            _ => {}
        }
        Ok(())
    }

    fn begin_snapshot(&mut self) {
        self.shared.set_live(false);
        self.collection.begin_snapshot();
        self.snapshot = Some(Vec::new());
    }

    /// Shows a snapshot, which is now complete as of `rev`.
    fn finish_snapshot(&mut self, rev: u64) {
        let Some(mut rows) = self.snapshot.take() else { return };
        let keys = rows.iter().map(|row| &row.sort_key);
        self.first = match self.collection.last() {
            Some(0) => keys.max().map_or(Bound::Unbounded, |key| Bound::Excluded(Arc::clone(key))),
            Some(last) if rows.len() >= last => {
                keys.min().map_or(Bound::Unbounded, |key| Bound::Included(Arc::clone(key)))
            }
            _ => Bound::Unbounded,
        };
        if self.collection.last() == Some(0) {
            rows.clear();
        }
        // A snapshot that was interrupted by a reconnect starts again without the reset that names another epoch.
        let epoch = self.cursor.epoch();
        let was_reset = std::mem::take(&mut self.is_other_history);
        let is_other_history = was_reset || self.epoch.as_deref().is_some_and(|before| before != epoch);
        self.epoch = Some(epoch.to_owned());
        self.shared.replace(rows, rev, epoch, is_other_history);
        // An entity may have expired before it was shown.
        self.due = Some(i64::MIN);
        self.remove_expired();
    }

    /// The change of a row; `None` when it is a change of another entity.
    fn row_change(&mut self, change: &Change) -> Result<Option<RowChange<C::SortKey, C::Item>>> {
        if change.entity != C::ENTITY {
            return Ok(None);
        }
        let id = change.id.clone();
        let value = change.value.as_ref().filter(|_| change.op != Op::Delete);
        let Some(value) = value else { return Ok(Some(RowChange::Remove(id))) };
        let item = value.to::<C::Item>();
        let item = item.map_err(|e| Error::Protocol(format!("unreadable {} `{id}`: {e}", C::ENTITY)))?;
        let until = self.collection.until(&item);
        if !self.collection.admits(&item) || until.is_some_and(|until| until <= now()) {
            return Ok(Some(RowChange::Remove(id)));
        }
        let sort_key = self.collection.sort_key(&item);
        if self.snapshot.is_none() && self.is_before_first(&sort_key) {
            return Ok(Some(RowChange::Remove(id)));
        }
        // The time may be stale after a change of its entity: then no entity has expired at that time.
        self.due = self.due.into_iter().chain(until).min();
        Ok(Some(RowChange::Put(Row::new(sort_key, id, item, value.get().len()))))
    }

    fn is_before_first(&self, sort_key: &C::SortKey) -> bool {
        match &self.first {
            Bound::Included(first) => sort_key < first,
            Bound::Excluded(first) => sort_key <= first,
            Bound::Unbounded => false,
        }
    }
}
