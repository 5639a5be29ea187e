//! `client.memories()`: what the assistant remembers.

use crate::{Client, Mirror, Result, mirror};
use stina_protocol::memory::{
    Create, CreateParams, Delete, DeleteParams, Find, FindParams, Get, GetMany, GetManyParams, GetParams,
    Hit, List, ListParams, Memory, Search, SearchParams, Update, UpdateParams,
};
use stina_protocol::text::{Content, Line};
use stina_protocol::{EntityId, Error as Kind, Page, Reply};

/// The methods `memory.*`. Their errors are those of [`Client::call`].
#[derive(Debug, Clone)]
pub struct Memories {
    client: Client,
}

fn id(text: impl Into<String>) -> Result<EntityId> {
    Ok(EntityId::new(text).map_err(|reason| Kind::invalid("id", reason))?)
}

impl Memories {
    pub(crate) fn new(client: Client) -> Self {
        Self { client }
    }

    /// The memories that `which` names, kept up to date in memory, newest first.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn mirror(&self, which: mirror::Memories) -> Result<Mirror<mirror::Memories>> {
        self.client.mirror(which).await
    }

    /// Makes a memory that has a title (which may be empty), a content, and nothing else.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn add(&self, title: impl Into<String>, content: impl Into<String>) -> Result<Reply<Memory>> {
        let title = Line::new(title).map_err(|reason| Kind::invalid("title", reason))?;
        let content = Content::new(content).map_err(|reason| Kind::invalid("content", reason))?;
        self.create(CreateParams::of(title, content)).await
    }

    /// Makes a memory.
    ///
    /// # Errors
    /// As [`Client::call`]; `already_exists` when the id that was chosen is taken.
    pub async fn create(&self, params: CreateParams) -> Result<Reply<Memory>> {
        self.client.call::<Create>(params).await
    }

    /// One memory, expired or not.
    ///
    /// # Errors
    /// As [`Client::call`]; `not_found`.
    pub async fn get(&self, memory: impl Into<String>) -> Result<Reply<Memory>> {
        self.client.call::<Get>(GetParams { id: id(memory)? }).await
    }

    /// Those of some memories that exist, expired or not, each once, in the order asked for.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn get_many(&self, params: GetManyParams) -> Result<Reply<Page<Memory>>> {
        self.client.call::<GetMany>(params).await
    }

    /// The newest memory with that content, else the newest whose content contains it in any case.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn find(&self, params: FindParams) -> Result<Reply<Option<Memory>>> {
        self.client.call::<Find>(params).await
    }

    /// One page of memories, newest first.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn list(&self, params: ListParams) -> Result<Reply<Page<Memory>>> {
        self.client.call::<List>(params).await
    }

    /// Memories with all of the words in title, content or tags, best first; any text is a valid query.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn search(&self, params: SearchParams) -> Result<Reply<Page<Hit>>> {
        self.client.call::<Search>(params).await
    }

    /// Changes a memory. With `if_rev`, only if its `rev` is that: give it when the new value was made out of the
    /// old one.
    ///
    /// # Errors
    /// As [`Client::call`]; `not_found`; `conflict` with the present memory.
    pub async fn update(&self, params: UpdateParams) -> Result<Reply<Memory>> {
        self.client.call::<Update>(params).await
    }

    /// Removes a memory; answers it.
    ///
    /// # Errors
    /// As [`Client::call`]; `not_found`.
    pub async fn delete(&self, memory: impl Into<String>) -> Result<Reply<Memory>> {
        self.client.call::<Delete>(DeleteParams { id: id(memory)?, if_rev: None }).await
    }

    /// Removes a memory if its `rev` is `if_rev`.
    ///
    /// # Errors
    /// As [`Client::call`]; `not_found`; `conflict` with the present memory.
    pub async fn delete_if(&self, memory: impl Into<String>, if_rev: u64) -> Result<Reply<Memory>> {
        self.client.call::<Delete>(DeleteParams { id: id(memory)?, if_rev: Some(if_rev) }).await
    }
}
