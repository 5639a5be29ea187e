//! The rows of a mirror: sorted, and found by id.

use super::Diff;
use std::collections::HashMap;
use std::sync::Arc;

/// An entity in its place.
#[derive(Debug)]
pub(super) struct Row<O, T> {
    pub(super) order: Arc<O>,
    pub(super) id: Arc<str>,
    pub(super) item: Arc<T>,
}

impl<O: Ord, T> Row<O, T> {
    pub(super) fn new(order: O, id: String, item: T) -> Self {
        Self { order: Arc::new(order), id: id.into(), item: Arc::new(item) }
    }

    fn place(&self) -> (&O, &str) {
        (&self.order, &self.id)
    }
}

#[derive(Debug)]
pub(super) struct Rows<O, T> {
    sorted: Vec<Row<O, T>>,
    orders: HashMap<Arc<str>, Arc<O>>,
}

impl<O: Ord, T: PartialEq> Rows<O, T> {
    pub(super) fn new() -> Self {
        Self { sorted: Vec::new(), orders: HashMap::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.sorted.len()
    }

    pub(super) fn items(&self) -> impl Iterator<Item = &Arc<T>> {
        self.sorted.iter().map(|row| &row.item)
    }

    /// The ids of those whose time is over at `now`, and when that of the next comes, as `until` says.
    pub(super) fn over(&self, now: i64, until: impl Fn(&T) -> Option<i64>) -> (Vec<String>, Option<i64>) {
        let ends = self.sorted.iter().filter_map(|row| Some((until(&row.item)?, &row.id)));
        let (over, to_come): (Vec<_>, Vec<_>) = ends.partition(|(end, _)| *end <= now);
        let over = over.into_iter().map(|(_, id)| id.to_string());
        (over.collect(), to_come.into_iter().map(|(end, _)| end).min())
    }

    pub(super) fn get(&self, id: &str) -> Option<&Arc<T>> {
        let order = self.orders.get(id)?;
        let at = self.find(order, id).ok()?;
        Some(&self.sorted[at].item)
    }

    /// Index of the row with that place, or where it would be.
    fn find(&self, order: &O, id: &str) -> Result<usize, usize> {
        self.sorted.binary_search_by(|row| row.place().cmp(&(order, id)))
    }

    /// Puts an entity in its place; none when it is there already and the same.
    pub(super) fn put(&mut self, row: Row<O, T>) -> Option<Diff<T>> {
        let item = Arc::clone(&row.item);
        let before = self.orders.get(&row.id).and_then(|order| self.find(order, &row.id).ok());
        if let Some(at) = before.filter(|at| self.sorted[*at].order == row.order) {
            let is_same = self.sorted[at].item == row.item;
            self.sorted[at].item = row.item;
            return (!is_same).then_some(Diff::Updated { at, item });
        }
        if let Some(from) = before {
            self.sorted.remove(from);
        }
        // No row has this id now, so none is found.
        let (Ok(to) | Err(to)) = self.find(&row.order, &row.id);
        self.orders.insert(Arc::clone(&row.id), Arc::clone(&row.order));
        self.sorted.insert(to, row);
        Some(match before {
            Some(from) => Diff::Moved { from, to, item },
            None => Diff::Inserted { at: to, item },
        })
    }

    /// Takes an entity out, if it is there.
    pub(super) fn remove(&mut self, id: &str) -> Option<Diff<T>> {
        let order = self.orders.remove(id)?;
        let at = self.find(&order, id).ok()?;
        self.sorted.remove(at);
        Some(Diff::Removed { at })
    }

    /// Makes these the rows; answers the steps from the old ones. Linear in both.
    pub(super) fn replace(&mut self, rows: impl IntoIterator<Item = Row<O, T>>) -> Vec<Diff<T>> {
        let mut by_id: HashMap<Arc<str>, Row<O, T>> = HashMap::new();
        for row in rows {
            by_id.insert(Arc::clone(&row.id), row);
        }
        let mut diffs = Vec::new();
        // What goes, and what has another place now, from the end so that the indices before stay right.
        let stays = |row: &Row<O, T>| by_id.get(&row.id).is_some_and(|new| new.order == row.order);
        let goes = self.sorted.iter().enumerate().rev().filter(|(_, row)| !stays(row));
        diffs.extend(goes.map(|(at, _)| Diff::Removed { at }));
        self.sorted.retain(stays);

        let mut rows: Vec<Row<O, T>> = by_id.into_values().collect();
        rows.sort_unstable_by(|a, b| a.place().cmp(&b.place()));
        let mut old = self.sorted.iter().peekable();
        for (at, row) in rows.iter().enumerate() {
            let item = || Arc::clone(&row.item);
            match old.next_if(|old| old.id == row.id) {
                Some(old) if old.item == row.item => {}
                Some(_) => diffs.push(Diff::Updated { at, item: item() }),
                None => diffs.push(Diff::Inserted { at, item: item() }),
            }
        }
        self.orders = rows.iter().map(|row| (Arc::clone(&row.id), Arc::clone(&row.order))).collect();
        self.sorted = rows;
        diffs
    }
}

#[cfg(test)]
mod tests {
    use super::super::Patch;
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    type Item = (u8, String);

    fn row(id: u8, order: u8, version: u8) -> Row<u8, Item> {
        Row::new(order, id.to_string(), (version, id.to_string()))
    }

    #[derive(Debug, Clone)]
    enum Step {
        Put(u8, u8, u8),
        Remove(u8),
        Replace(Vec<(u8, u8, u8)>),
    }

    fn step() -> impl Strategy<Value = Step> {
        let put = (0..12_u8, 0..4_u8, 0..3_u8);
        prop_oneof![
            6 => put.clone().prop_map(|(id, order, version)| Step::Put(id, order, version)),
            3 => (0..12_u8).prop_map(Step::Remove),
            1 => proptest::collection::vec(put, 0..12).prop_map(Step::Replace),
        ]
    }

    proptest! {
        #[test]
        fn diffs_lead_from_each_list_to_the_next(steps in proptest::collection::vec(step(), 1..60)) {
            let mut rows = Rows::new();
            let mut expected: BTreeMap<String, (u8, u8)> = BTreeMap::new();
            let mut shown: Vec<Arc<Item>> = Vec::new();
            for step in steps {
                let diffs = match step {
                    Step::Put(id, order, version) => {
                        let same = expected.insert(id.to_string(), (order, version)) == Some((order, version));
                        let diff = rows.put(row(id, order, version));
                        prop_assert_eq!(diff.is_none(), same);
                        diff.into_iter().collect()
                    }
                    Step::Remove(id) => {
                        let was_there = expected.remove(&id.to_string()).is_some();
                        let diff = rows.remove(&id.to_string());
                        prop_assert_eq!(diff.is_some(), was_there);
                        diff.into_iter().collect()
                    }
                    Step::Replace(with) => {
                        expected = with.iter().map(|(id, o, v)| (id.to_string(), (*o, *v))).collect();
                        rows.replace(with.into_iter().map(|(id, order, version)| row(id, order, version)))
                    }
                };
                Patch { rev: 0, diffs }.apply(&mut shown);
                let mut list: Vec<(u8, &str, u8)> =
                    expected.iter().map(|(id, (order, version))| (*order, id.as_str(), *version)).collect();
                list.sort_unstable();
                let list: Vec<Item> = list.into_iter().map(|(_, id, version)| (version, id.to_owned())).collect();
                prop_assert_eq!(rows.items().map(|item| (**item).clone()).collect::<Vec<_>>(), list.clone());
                prop_assert_eq!(shown.iter().map(|item| (**item).clone()).collect::<Vec<_>>(), list);
                for (id, (_, version)) in &expected {
                    prop_assert_eq!(rows.get(id).map(|item| item.0), Some(*version));
                }
            }
        }
    }

    #[test]
    fn replacing_by_the_same_changes_nothing() {
        let mut rows = Rows::new();
        let set = || (0..100).map(|id| row(id, id % 7, 0));
        assert_eq!(rows.replace(set()).len(), 100);
        assert!(rows.replace(set()).is_empty());
    }
}
