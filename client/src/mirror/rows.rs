//! The rows of a mirror: sorted, with an index by id.

use super::collection::Item;
use super::diff::Diff;
use std::collections::HashMap;
use std::sync::Arc;

/// An entity with its sort key.
#[derive(Debug)]
pub(super) struct Row<K, T> {
    pub(super) sort_key: Arc<K>,
    pub(super) id: Arc<str>,
    pub(super) item: Arc<T>,
    /// Length of the entity as JSON.
    pub(super) bytes: usize,
}

impl<K: Ord, T> Row<K, T> {
    pub(super) fn new(sort_key: K, id: String, item: T, bytes: usize) -> Self {
        Self { sort_key: Arc::new(sort_key), id: id.into(), item: Arc::new(item), bytes }
    }

    /// The sort key, made unique by the id.
    fn full_key(&self) -> (&K, &str) {
        (&self.sort_key, &self.id)
    }
}

#[derive(Debug)]
pub(super) struct Rows<K, T> {
    sorted: Vec<Row<K, T>>,
    sort_keys: HashMap<Arc<str>, Arc<K>>,
}

impl<K: Ord, T: Item> Rows<K, T> {
    pub(super) fn new() -> Self {
        Self { sorted: Vec::new(), sort_keys: HashMap::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.sorted.len()
    }

    pub(super) fn items(&self) -> impl Iterator<Item = &Arc<T>> {
        self.sorted.iter().map(|row| &row.item)
    }

    /// The ids of rows whose `until` has passed at `now`, and the next time at which one passes.
    pub(super) fn expired(&self, now: i64, until: impl Fn(&T) -> Option<i64>) -> (Vec<String>, Option<i64>) {
        let ends = self.sorted.iter().filter_map(|row| Some((until(&row.item)?, &row.id)));
        let (expired, later): (Vec<_>, Vec<_>) = ends.partition(|(end, _)| *end <= now);
        let expired = expired.into_iter().map(|(_, id)| id.to_string());
        (expired.collect(), later.into_iter().map(|(end, _)| end).min())
    }

    pub(super) fn get(&self, id: &str) -> Option<&Arc<T>> {
        let sort_key = self.sort_keys.get(id)?;
        let at = self.find(sort_key, id).ok()?;
        Some(&self.sorted[at].item)
    }

    /// Index of a row, or the index to insert it at.
    fn find(&self, sort_key: &K, id: &str) -> Result<usize, usize> {
        self.sorted.binary_search_by(|row| row.full_key().cmp(&(sort_key, id)))
    }

    /// Inserts or updates a row; `None` if nothing changed.
    pub(super) fn put(&mut self, row: Row<K, T>) -> Option<Diff<T>> {
        let item = Arc::clone(&row.item);
        let before = self.sort_keys.get(&row.id).and_then(|sort_key| self.find(sort_key, &row.id).ok());
        if let Some(at) = before.filter(|at| self.sorted[*at].sort_key == row.sort_key) {
            let is_same = self.sorted[at].item == row.item;
            (self.sorted[at].item, self.sorted[at].bytes) = (row.item, row.bytes);
            return (!is_same).then_some(Diff::Updated { at, item });
        }
        if let Some(from) = before {
            self.sorted.remove(from);
        }
        // No row has this id now, so the result is always `Err`.
        let (Ok(to) | Err(to)) = self.find(&row.sort_key, &row.id);
        self.sort_keys.insert(Arc::clone(&row.id), Arc::clone(&row.sort_key));
        self.sorted.insert(to, row);
        Some(match before {
            Some(from) => Diff::Moved { from, to, item },
            None => Diff::Inserted { at: to, item },
        })
    }

    /// Adds text to a row, in place if no reader holds its entity; returns its index if it has a text with that offset.
    pub(super) fn append(&mut self, id: &str, offset: usize, text: &str) -> Option<usize> {
        let at = self.find(self.sort_keys.get(id)?, id).ok()?;
        let row = &mut self.sorted[at];
        let is_appended = Arc::make_mut(&mut row.item).append(offset, text);
        row.bytes += if is_appended { text.len() } else { 0 };
        is_appended.then_some(at)
    }

    /// Removes a row, if it exists.
    pub(super) fn remove(&mut self, id: &str) -> Option<Diff<T>> {
        let sort_key = self.sort_keys.remove(id)?;
        let at = self.find(&sort_key, id).ok()?;
        self.sorted.remove(at);
        Some(Diff::Removed { at })
    }

    /// Replaces all rows; returns the changes, and the bytes of the entities in them. Linear in the number of old and new
    /// rows.
    pub(super) fn replace(&mut self, rows: impl IntoIterator<Item = Row<K, T>>) -> (Vec<Diff<T>>, usize) {
        let mut by_id: HashMap<Arc<str>, Row<K, T>> = HashMap::new();
        for row in rows {
            by_id.insert(Arc::clone(&row.id), row);
        }
        let mut diffs = Vec::new();
        // Rows that were removed or have another sort key, from the end, so that earlier indices stay valid.
        let stays = |row: &Row<K, T>| by_id.get(&row.id).is_some_and(|new| new.sort_key == row.sort_key);
        let removed = self.sorted.iter().enumerate().rev().filter(|(_, row)| !stays(row));
        diffs.extend(removed.map(|(at, _)| Diff::Removed { at }));
        self.sorted.retain(stays);

        let mut rows: Vec<Row<K, T>> = by_id.into_values().collect();
        rows.sort_unstable_by(|a, b| a.full_key().cmp(&b.full_key()));
        let mut old = self.sorted.iter().peekable();
        let mut bytes = 0;
        for (at, row) in rows.iter().enumerate() {
            let item = Arc::clone(&row.item);
            match old.next_if(|old| old.id == row.id) {
                Some(old) if old.item == item => continue,
                Some(_) => diffs.push(Diff::Updated { at, item }),
                None => diffs.push(Diff::Inserted { at, item }),
            }
            bytes += row.bytes;
        }
        self.sort_keys = rows.iter().map(|row| (Arc::clone(&row.id), Arc::clone(&row.sort_key))).collect();
        self.sorted = rows;
        (diffs, bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::super::diff::Patch;
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    type Entity = (u8, String);

    impl Item for Entity {}

    fn row(id: u8, sort_key: u8, version: u8) -> Row<u8, Entity> {
        Row::new(sort_key, id.to_string(), (version, id.to_string()), 1)
    }

    #[derive(Debug, Clone)]
    enum RowOp {
        Put(u8, u8, u8),
        Remove(u8),
        Replace(Vec<(u8, u8, u8)>),
    }

    fn row_op() -> impl Strategy<Value = RowOp> {
        let put = (0..12_u8, 0..4_u8, 0..3_u8);
        prop_oneof![
            6 => put.clone().prop_map(|(id, sort_key, version)| RowOp::Put(id, sort_key, version)),
            3 => (0..12_u8).prop_map(RowOp::Remove),
            1 => proptest::collection::vec(put, 0..12).prop_map(RowOp::Replace),
        ]
    }

    proptest! {
        #[test]
        fn diffs_lead_from_each_list_to_the_next(ops in proptest::collection::vec(row_op(), 1..60)) {
            let mut rows = Rows::new();
            let mut expected: BTreeMap<String, (u8, u8)> = BTreeMap::new();
            let mut shown: Vec<Arc<Entity>> = Vec::new();
            for op in ops {
                let diffs = match op {
                    RowOp::Put(id, sort_key, version) => {
                        let same = expected.insert(id.to_string(), (sort_key, version)) == Some((sort_key, version));
                        let diff = rows.put(row(id, sort_key, version));
                        prop_assert_eq!(diff.is_none(), same);
                        diff.into_iter().collect()
                    }
                    RowOp::Remove(id) => {
                        let was_there = expected.remove(&id.to_string()).is_some();
                        let diff = rows.remove(&id.to_string());
                        prop_assert_eq!(diff.is_some(), was_there);
                        diff.into_iter().collect()
                    }
                    RowOp::Replace(with) => {
                        expected = with.iter().map(|(id, o, v)| (id.to_string(), (*o, *v))).collect();
                        rows.replace(with.into_iter().map(|(id, sort_key, version)| row(id, sort_key, version))).0
                    }
                };
                Patch { rev: 0, diffs }.apply(&mut shown);
                let mut list: Vec<(u8, &str, u8)> =
                    expected.iter().map(|(id, (sort_key, version))| (*sort_key, id.as_str(), *version)).collect();
                list.sort_unstable();
                let list: Vec<Entity> = list.into_iter().map(|(_, id, version)| (version, id.to_owned())).collect();
                prop_assert_eq!(rows.items().map(|item| (**item).clone()).collect::<Vec<_>>(), list.clone());
                prop_assert_eq!(shown.iter().map(|item| (**item).clone()).collect::<Vec<_>>(), list);
                for (id, (_, version)) in &expected {
                    prop_assert_eq!(rows.get(id).map(|item| item.0), Some(*version));
                }
            }
        }
    }

    #[test]
    fn replacing_rows_by_equal_ones_changes_nothing() {
        let mut rows = Rows::new();
        let set = || (0..100).map(|id| row(id, id % 7, 0));
        let (diffs, bytes) = rows.replace(set());
        assert_eq!((diffs.len(), bytes), (100, 100));
        assert!(rows.replace(set()).0.is_empty());
    }
}
