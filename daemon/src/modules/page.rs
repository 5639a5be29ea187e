//! Pages of a list: bounded in items and bytes, with a cursor that holds the last item's sort key.
//!
//! The list is sorted by that key, so inserted and deleted rows do not shift the pages.

use crate::store::{Entity, ReadTx, Result, cursor, entity};
use serde::Serialize;
use serde::de::DeserializeOwned;
use stina_protocol::Page;

/// Bytes of JSON in a page, exceeded by at most one item.
pub const PAGE_BYTES: usize = 4 << 20;

/// The sort key after which a page begins; `None` for the first page.
///
/// # Errors
/// `invalid` when the cursor is not from `list` (the method's name).
pub fn after<P: DeserializeOwned>(list: &str, cursor: Option<&str>) -> Result<Option<P>> {
    cursor::read(list, cursor)
}

/// Collects the items of one page.
#[derive(Debug)]
pub struct PageBuilder<T> {
    items: Vec<T>,
    limit: usize,
    bytes: usize,
    more: bool,
}

impl<T: Serialize> PageBuilder<T> {
    /// An empty page of at most `limit` items.
    pub fn new(limit: usize) -> Self {
        Self { items: Vec::new(), limit, bytes: 0, more: false }
    }

    /// A page of the entities with these ids, in that order, as many as fit.
    ///
    /// # Errors
    /// Those of the reads.
    pub fn of(tx: &ReadTx<'_>, ids: Vec<String>, limit: usize) -> Result<Self>
    where
        T: Entity,
    {
        let mut page = Self::new(limit);
        for id in ids {
            if !page.push(entity::get(tx, &id)?)? {
                break;
            }
        }
        Ok(page)
    }

    /// Adds an item; returns `false` without adding it if the page is full.
    ///
    /// # Errors
    /// When the item can't be written as JSON.
    pub fn push(&mut self, item: T) -> Result<bool> {
        if self.is_full() {
            self.more = true;
            return Ok(false);
        }
        self.bytes += json_bytes(&item)?;
        self.items.push(item);
        Ok(true)
    }

    /// Whether the page has no room for another item.
    pub fn is_full(&self) -> bool {
        self.items.len() >= self.limit || self.bytes >= PAGE_BYTES
    }

    /// Finishes the page. `sort_key` returns the sort key of an item in `list` (the method's name).
    ///
    /// # Errors
    /// When the sort key can't be written as JSON.
    pub fn finish<P: Serialize>(self, list: &str, sort_key: impl FnOnce(&T) -> P) -> Result<Page<T>> {
        let last = self.items.last().filter(|_| self.more);
        let next = last.map(|item| cursor::write(list, &sort_key(item))).transpose();
        next.map(|next| Page { items: self.items, next })
    }

    /// The items alone, for a list without further pages.
    pub fn into_items(self) -> Vec<T> {
        self.items
    }
}

/// The size of a value as JSON, in bytes.
pub fn json_bytes<T: Serialize + ?Sized>(value: &T) -> Result<usize> {
    struct Count(usize);
    impl std::io::Write for Count {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut count = Count(0);
    serde_json::to_writer(&mut count, value)?;
    Ok(count.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(items: &[&str], limit: usize) -> (usize, Option<String>) {
        let mut page = PageBuilder::new(limit);
        for item in items {
            if !page.push((*item).to_owned()).unwrap() {
                break;
            }
        }
        let page = page.finish("a.list", |item| (item.len(), item.clone())).unwrap();
        (page.items.len(), page.next)
    }

    #[test]
    fn a_page_ends_at_its_limit_or_when_it_is_large() {
        let big = "x".repeat(PAGE_BYTES / 2);
        assert_eq!(page(&["a", "b"], 2), (2, None));
        assert_eq!(page(&[&big, &big], 9), (2, None));
        let (items, next) = page(&[&big, &big, "c"], 9);
        assert!(items == 2 && next.is_some());
        let (items, next) = page(&["a", "b", "c"], 2);
        assert_eq!(items, 2);
        let sort_key: Option<(usize, String)> = after("a.list", next.as_deref()).unwrap();
        assert_eq!(sort_key, Some((1, "b".to_owned())));
    }

    #[test]
    fn a_cursor_of_another_list_or_an_invalid_one_is_refused() {
        let (_, cursor) = page(&["a", "b"], 1);
        assert!(after::<(usize, String)>("b.list", cursor.as_deref()).is_err());
        assert!(after::<(usize, u64)>("a.list", cursor.as_deref()).is_err());
        for cursor in ["", "?", "AAAA", "bnVsbA", "bnVsbA==", "å"] {
            assert!(after::<(usize, String)>("a.list", Some(cursor)).is_err(), "{cursor}");
        }
        assert!(after::<String>("a.list", None).unwrap().is_none());
    }
}
