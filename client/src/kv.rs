//! `client.kv()`: small values by key.

use crate::call::Call;
use crate::mirror::{Collection, Item};
use crate::{Client, Mirror, Result, field};
use serde::Serialize;
use stina_protocol::kv::{
    Delete, DeleteParams, Entry, Filter, Get, GetParams, Increment, IncrementParams, Key, List, Set,
    SetParams, Subscribe,
};
use stina_protocol::types::Paging;

impl Client {
    /// `kv.*`: small values by key.
    pub fn kv(&self) -> Kv {
        Kv::new(self.clone())
    }
}

/// The methods `kv.*`. Each is a [`Call`], to be completed and awaited.
#[derive(Debug, Clone)]
pub struct Kv {
    client: Client,
}

fn key(text: impl Into<String>) -> Result<Key> {
    field::text("key", text)
}

impl Kv {
    pub(crate) fn new(client: Client) -> Self {
        Self { client }
    }

    /// Reads the entry under a key, if there is one.
    pub fn get(&self, name: impl Into<String>) -> Call<Get> {
        Call::new(&self.client, key(name).map(|key| GetParams { key }))
    }

    /// Sets the value under a key.
    pub fn set(&self, name: impl Into<String>, value: impl Serialize) -> Call<Set> {
        let params = || Ok(SetParams { key: key(name)?, value: field::json("value", &value)?, if_rev: None });
        Call::new(&self.client, params())
    }

    /// Deletes an entry; answers it, if there was one.
    pub fn delete(&self, name: impl Into<String>) -> Call<Delete> {
        Call::new(&self.client, key(name).map(|key| DeleteParams { key, if_rev: None }))
    }

    /// Adds to the number under a key; a missing one counts as 0. `invalid` when the value is not a number.
    pub fn increment(&self, name: impl Into<String>, by: i64) -> Call<Increment> {
        let params = key(name).map(|key| IncrementParams { key, by: Some(by), if_rev: None });
        Call::new(&self.client, params)
    }

    /// Mirrors the entries whose keys begin with `prefix`, by key.
    ///
    /// # Errors
    /// As [`Client::mirror`].
    pub fn mirror(&self, prefix: impl Into<String>) -> Result<Mirror<Entries>> {
        self.client.mirror(Entries { prefix: prefix.into() })
    }

    /// Lists one page of entries, by key.
    pub fn list(&self) -> Call<List> {
        Call::new(&self.client, Ok(Paging::default().into()))
    }
}

impl Call<List> {
    /// Only keys that begin with this.
    pub fn prefix(self, prefix: impl Into<String>) -> Self {
        self.set(|params| params.fields.prefix = Some(prefix.into()))
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
