//! `client.kv()`: small values by key.

use crate::mirror::{Collection, Item};
use crate::{Client, Mirror, Result};
use serde::Serialize;
use stina_protocol::kv::{
    Delete, DeleteParams, Entry, Filter, Get, GetParams, Increment, IncrementParams, Key, List, ListParams,
    Set, SetParams, Subscribe,
};
use stina_protocol::{Error, Json, Page, Reply};

impl Client {
    /// `kv.*`: small values by key.
    pub fn kv(&self) -> Kv {
        Kv::new(self.clone())
    }
}

/// The methods `kv.*`. Their errors are those of [`Client::call`].
#[derive(Debug, Clone)]
pub struct Kv {
    client: Client,
}

fn key(text: impl Into<String>) -> Result<Key> {
    Ok(Key::new(text).map_err(|reason| Error::invalid("key", reason))?)
}

impl Kv {
    pub(crate) fn new(client: Client) -> Self {
        Self { client }
    }

    /// Reads the entry under a key, if there is one.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn get(&self, name: impl Into<String>) -> Result<Reply<Option<Entry>>> {
        self.client.call::<Get>(GetParams { key: key(name)? }).await
    }

    /// Sets the value under a key.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn set(&self, name: impl Into<String>, value: impl Serialize) -> Result<Reply<Entry>> {
        self.put(name, value, None).await
    }

    /// Sets the value under a key if the entry's `rev` is `if_rev`; 0 means that there is no entry.
    ///
    /// # Errors
    /// As [`Client::call`]; `conflict` with the current entry.
    pub async fn set_if(
        &self,
        name: impl Into<String>,
        value: impl Serialize,
        if_rev: u64,
    ) -> Result<Reply<Entry>> {
        self.put(name, value, Some(if_rev)).await
    }

    async fn put(
        &self,
        name: impl Into<String>,
        value: impl Serialize,
        if_rev: Option<u64>,
    ) -> Result<Reply<Entry>> {
        let text = serde_json::to_string(&value).map_err(|e| Error::invalid("value", e.to_string()))?;
        let value = Json::parse(&text)?;
        self.client.call::<Set>(SetParams { key: key(name)?, value, if_rev }).await
    }

    /// Deletes an entry; returns it.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn delete(&self, name: impl Into<String>) -> Result<Reply<Option<Entry>>> {
        self.client.call::<Delete>(DeleteParams { key: key(name)?, if_rev: None }).await
    }

    /// Deletes an entry if its `rev` is `if_rev`; returns it.
    ///
    /// # Errors
    /// As [`Client::call`]; `conflict` with the current entry.
    pub async fn delete_if(&self, name: impl Into<String>, if_rev: u64) -> Result<Reply<Option<Entry>>> {
        self.client.call::<Delete>(DeleteParams { key: key(name)?, if_rev: Some(if_rev) }).await
    }

    /// Adds to the number under a key; a missing one counts as 0.
    ///
    /// # Errors
    /// As [`Client::call`]; `invalid` when the value is not a number.
    pub async fn increment(&self, name: impl Into<String>, by: i64) -> Result<Reply<Entry>> {
        let params = IncrementParams { key: key(name)?, by: Some(by), if_rev: None };
        self.client.call::<Increment>(params).await
    }

    /// Mirrors the entries whose keys begin with `prefix`, by key.
    ///
    /// # Errors
    /// As [`Client::mirror`].
    pub fn mirror(&self, prefix: impl Into<String>) -> Result<Mirror<Entries>> {
        self.client.mirror(Entries { prefix: prefix.into() })
    }

    /// Lists one page of entries, by key.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn list(&self, params: ListParams) -> Result<Reply<Page<Entry>>> {
        self.client.call::<List>(params).await
    }
}

/// The collection of [`Kv::mirror`]: entries whose keys begin with a prefix, by key in byte order.
#[derive(Debug, Clone, Default)]
pub struct Entries {
    /// The prefix; empty for all entries.
    pub prefix: String,
}

impl Item for Entry {}

impl Collection for Entries {
    type Subscription = Subscribe;
    type Item = Entry;
    // Entities with equal sort keys are sorted by id, and the id of an entry is its key.
    type SortKey = ();
    const ENTITY: &'static str = "kv";

    fn filter(&self) -> Filter {
        Filter { prefix: Some(self.prefix.clone()) }
    }

    fn sort_key(&self, _: &Entry) {}
}
