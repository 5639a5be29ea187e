//! `client.memories()`: the assistant's memories.

use crate::call::Call;
use crate::entities::Entities;
use crate::field::{self, OptionalText};
use crate::{Client, Result};
use serde::Serialize;
use stina_protocol::EntityId;
use stina_protocol::memory::{
    Create, Find, FindParams, GetMany, GetManyParams, List, Memory, New, Search, SearchParams, Tag, Tags,
    Update,
};
use stina_protocol::types::{Ids, Millis};

impl Client {
    /// `memory.*`: the assistant's memories.
    pub fn memories(&self) -> Memories {
        Memories::new(self.clone())
    }
}

/// The methods `memory.*`.
pub type Memories = Entities<Memory>;

fn tags(tags: impl IntoIterator<Item: Into<String>>) -> Result<Tags> {
    let tags = tags.into_iter().map(|tag| field::text::<Tag>("tags", tag)).collect::<Result<Vec<_>>>()?;
    field::in_field("tags", Tags::new(tags))
}

impl Memories {
    /// Creates a memory with a title, which may be empty, and a content.
    pub fn create(&self, title: impl Into<String>, content: impl Into<String>) -> Call<Create> {
        let new = || Ok(New::of(field::text("title", title)?, field::text("content", content)?).into());
        Call::new(&self.client, new())
    }

    /// Reads several memories, expired or not, in the order of the ids; missing ones and duplicates are skipped.
    pub fn get_many(&self, memories: impl IntoIterator<Item: Into<String>>) -> Call<GetMany> {
        let ids = memories.into_iter().map(|memory| field::id("ids", memory)).collect::<Result<Vec<_>>>();
        let ids = ids.and_then(|ids| field::in_field("ids", Ids::new(ids)));
        Call::new(&self.client, ids.map(|ids| GetManyParams { ids, cursor: None }))
    }

    /// Finds the newest memory with that content, else the newest that contains it in any case.
    pub fn find(&self, content: impl Into<String>) -> Call<Find> {
        let content = field::text("content", content);
        Call::new(&self.client, content.map(|content| FindParams { content, ..FindParams::default() }))
    }

    /// Searches memories for all words of the query, best match first; any text is a valid query.
    pub fn search(&self, query: impl Into<String>) -> Call<Search> {
        let query = field::text("query", query);
        Call::new(&self.client, query.map(|query| SearchParams { query, ..SearchParams::default() }))
    }
}

/// The fields that a new memory and an update share; `$fields` is where they are in the params.
macro_rules! setters {
    ($method:ty, $($fields:ident).+) => {
        impl Call<$method> {
            /// All of its tags.
            pub fn tags(self, tags: impl IntoIterator<Item: Into<String>>) -> Self {
                self.try_set(|params| {
                    params.$($fields).+.tags = Some(Some(self::tags(tags)?));
                    Ok(())
                })
            }

            /// Expiry: the last time at which it is valid; `None` for ever.
            pub fn valid_until(self, at: impl Into<Option<Millis>>) -> Self {
                self.set(|params| params.$($fields).+.valid_until = Some(at.into()))
            }

            /// Any JSON object; null, such as `()`, clears it.
            pub fn metadata(self, object: impl Serialize) -> Self {
                self.try_set(|params| {
                    params.$($fields).+.metadata = Some(field::optional_object("metadata", &object)?);
                    Ok(())
                })
            }

            /// Where it came from; `None` clears it.
            pub fn source(self, text: impl OptionalText) -> Self {
                self.try_set(|params| {
                    params.$($fields).+.source = Some(field::optional_text("source", text)?);
                    Ok(())
                })
            }
        }
    };
}

setters!(Create, fields);
setters!(Update, fields.fields);

impl Call<Create> {
    /// Its id; generated otherwise. `already_exists` when it is taken.
    pub fn id(self, id: EntityId) -> Self {
        self.set(|params| params.head.id = Some(id))
    }
}

impl Call<Update> {
    /// Its title; may be empty.
    pub fn title(self, title: impl Into<String>) -> Self {
        self.try_set(|params| {
            params.fields.head.title = Some(field::text("title", title)?);
            Ok(())
        })
    }

    /// Its content.
    pub fn content(self, content: impl Into<String>) -> Self {
        self.try_set(|params| {
            params.fields.head.content = Some(field::text("content", content)?);
            Ok(())
        })
    }
}

impl Call<List> {
    /// Only memories with this tag, exactly.
    pub fn tag(self, tag: impl Into<String>) -> Self {
        self.try_set(|params| {
            params.fields.tag = Some(field::text("tag", tag)?);
            Ok(())
        })
    }

    /// Also expired memories.
    pub fn include_expired(self) -> Self {
        self.set(|params| params.fields.include_expired = true)
    }
}

impl Call<Find> {
    /// Also expired memories.
    pub fn include_expired(self) -> Self {
        self.set(|params| params.include_expired = true)
    }
}

impl Call<Search> {
    /// Also expired memories.
    pub fn include_expired(self) -> Self {
        self.set(|params| params.include_expired = true)
    }
}
