//! `client.memories()`: the assistant's memories.

use crate::entities::Entities;
use crate::{Client, Result};
use stina_protocol::memory::{
    Find, FindParams, GetMany, GetManyParams, Hit, Memory, New, Search, SearchParams,
};
use stina_protocol::text::{Content, Line};
use stina_protocol::{Error, Page, Reply};

impl Client {
    /// `memory.*`: the assistant's memories.
    pub fn memories(&self) -> Memories {
        Memories::new(self.clone())
    }
}

/// The methods `memory.*`.
pub type Memories = Entities<Memory>;

impl Memories {
    /// Creates a memory with a title, which may be empty, and a content.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn add(&self, title: impl Into<String>, content: impl Into<String>) -> Result<Reply<Memory>> {
        let title = Line::new(title).map_err(|reason| Error::invalid("title", reason))?;
        let content = Content::new(content).map_err(|reason| Error::invalid("content", reason))?;
        self.create(New::of(title, content).into()).await
    }

    /// Reads several memories, expired or not, in the order of the ids; missing ones and duplicates are skipped.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn get_many(&self, params: GetManyParams) -> Result<Reply<Page<Memory>>> {
        self.client.call::<GetMany>(params).await
    }

    /// Finds the newest memory with that content, else the newest that contains it in any case.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn find(&self, params: FindParams) -> Result<Reply<Option<Memory>>> {
        self.client.call::<Find>(params).await
    }

    /// Searches memories for all words of the query, best match first; any text is a valid query.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn search(&self, params: SearchParams) -> Result<Reply<Page<Hit>>> {
        self.client.call::<Search>(params).await
    }
}
