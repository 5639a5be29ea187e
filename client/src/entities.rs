//! [`Entities`]: the methods that every kind of entity has.

use crate::mirror::Collection;
use crate::{Client, Mirror, Result};
use std::marker::PhantomData;
use stina_protocol::types::{ById, Target};
use stina_protocol::{EntityId, Error, Method, Page, Reply, Resource, With};

impl Client {
    /// The methods of the kind `R`, for code that treats all kinds alike.
    pub fn entities<R: Resource>(&self) -> Entities<R> {
        Entities::new(self.clone())
    }
}

/// The methods of one kind of entity. Their errors are those of [`Client::call`].
///
/// A malformed id is `invalid`, and is not sent.
#[derive(Debug, Clone)]
pub struct Entities<R> {
    pub(crate) client: Client,
    resource: PhantomData<fn() -> R>,
}

pub(crate) fn id(field: &str, text: impl Into<String>) -> Result<EntityId> {
    Ok(EntityId::new(text).map_err(|reason| Error::invalid(field, reason))?)
}

impl<R: Resource> Entities<R> {
    pub(crate) fn new(client: Client) -> Self {
        Self { client, resource: PhantomData }
    }

    /// Creates an entity.
    ///
    /// # Errors
    /// As [`Client::call`]; `already_exists` when the chosen id is taken.
    pub async fn create(&self, params: <R::Create as Method>::Params) -> Result<Reply<R>> {
        self.client.call::<R::Create>(params).await
    }

    /// Reads the entity with that id.
    ///
    /// # Errors
    /// As [`Client::call`]; `not_found`.
    pub async fn get(&self, entity: impl Into<String>) -> Result<Reply<R>> {
        self.client.call::<R::Get>(ById { id: id("id", entity)? }).await
    }

    /// Lists one page of entities.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn list(&self, params: <R::List as Method>::Params) -> Result<Reply<Page<R>>> {
        self.client.call::<R::List>(params).await
    }

    /// Updates an entity; omitted fields stay unchanged.
    ///
    /// # Errors
    /// As [`Client::call`]; `not_found`.
    pub async fn update(&self, entity: impl Into<String>, changes: R::Changes) -> Result<Reply<R>> {
        self.update_at(entity, None, changes).await
    }

    /// Updates an entity if its `rev` is `if_rev`: for values computed from the old ones.
    ///
    /// # Errors
    /// As [`Client::call`]; `not_found`; `conflict` with the current entity.
    pub async fn update_if(
        &self,
        entity: impl Into<String>,
        if_rev: u64,
        changes: R::Changes,
    ) -> Result<Reply<R>> {
        self.update_at(entity, Some(if_rev), changes).await
    }

    /// Updates an entity, with or without a condition.
    async fn update_at(
        &self,
        entity: impl Into<String>,
        if_rev: Option<u64>,
        changes: R::Changes,
    ) -> Result<Reply<R>> {
        let head = Target { id: id("id", entity)?, if_rev };
        self.client.call::<R::Update>(With { head, fields: changes }).await
    }

    /// Deletes an entity and its parts; returns it.
    ///
    /// # Errors
    /// As [`Client::call`]; `not_found`.
    pub async fn delete(&self, entity: impl Into<String>) -> Result<Reply<R>> {
        self.client.call::<R::Delete>(Target::any(id("id", entity)?)).await
    }

    /// Deletes an entity if its `rev` is `if_rev`; returns it.
    ///
    /// # Errors
    /// As [`Client::call`]; `not_found`; `conflict` with the current entity.
    pub async fn delete_if(&self, entity: impl Into<String>, if_rev: u64) -> Result<Reply<R>> {
        let target = Target { id: id("id", entity)?, if_rev: Some(if_rev) };
        self.client.call::<R::Delete>(target).await
    }

    /// Mirrors the entities that `which` selects, in the order of the list.
    ///
    /// # Errors
    /// As [`Client::mirror`].
    pub fn mirror<C: Collection<Item = R>>(&self, which: C) -> Result<Mirror<C>> {
        self.client.mirror(which)
    }
}
