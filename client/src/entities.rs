//! [`Entities`]: the methods that every kind of entity has.

use crate::call::Call;
use crate::mirror::Collection;
use crate::{Client, Mirror, Result, field};
use std::marker::PhantomData;
use stina_protocol::Resource;
use stina_protocol::types::{ById, Paging, Target};

impl Client {
    /// The methods of the kind `R`, for code that treats all kinds alike.
    pub fn entities<R: Resource>(&self) -> Entities<R> {
        Entities::new(self.clone())
    }
}

/// The methods of one kind of entity. Each is a [`Call`], to be completed and awaited.
#[derive(Debug, Clone)]
pub struct Entities<R> {
    pub(crate) client: Client,
    resource: PhantomData<fn() -> R>,
}

impl<R: Resource> Entities<R> {
    pub(crate) fn new(client: Client) -> Self {
        Self { client, resource: PhantomData }
    }

    /// Reads the entity with that id; `not_found` if there is none.
    pub fn get(&self, entity: impl Into<String>) -> Call<R::Get> {
        Call::new(&self.client, field::id("id", entity).map(|id| ById { id }))
    }

    /// Lists one page of entities.
    pub fn list(&self) -> Call<R::List> {
        Call::new(&self.client, Ok(Paging::default().into()))
    }

    /// Updates an entity: set what changes. `not_found` if there is none.
    pub fn update(&self, entity: impl Into<String>) -> Call<R::Update> {
        Call::new(&self.client, field::id("id", entity).map(|id| Target::any(id).into()))
    }

    /// Deletes an entity and its parts; answers it. `not_found` if there is none.
    pub fn delete(&self, entity: impl Into<String>) -> Call<R::Delete> {
        Call::new(&self.client, field::id("id", entity).map(Target::any))
    }

    /// Mirrors the entities that `which` selects, in the order of the list.
    ///
    /// # Errors
    /// As [`Client::mirror`].
    pub fn mirror<C: Collection<Item = R>>(&self, which: C) -> Result<Mirror<C>> {
        self.client.mirror(which)
    }
}
