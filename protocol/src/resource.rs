//! [`Resource`]: the name and the methods of a kind of entity, for clients that treat all kinds alike.

use crate::method::{Read, Write};
use crate::types::{ById, Paging, Target};
use crate::{EntityId, Method, Page, Params, With};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A kind of entity with the usual methods: create, get, list, update, delete.
pub trait Resource: Serialize + DeserializeOwned + Clone + PartialEq + Send + Sync + 'static {
    /// Its name in changes and errors.
    const ENTITY: &'static str;
    /// Selects the entities of a list.
    type Filter: Params + Clone + Default + Sync;
    /// The changes of an update.
    type Changes: Params + Clone + Default + Sync;
    /// Creates an entity.
    type Create: Method<Kind = Write, Output = Self>;
    /// Reads an entity.
    type Get: Method<Kind = Read, Params = ById, Output = Self>;
    /// Lists entities in pages.
    type List: Method<Kind = Read, Params = With<Paging, Self::Filter>, Output = Page<Self>>;
    /// Changes an entity.
    type Update: Method<Kind = Write, Params = With<Target, Self::Changes>, Output = Self>;
    /// Deletes an entity.
    type Delete: Method<Kind = Write, Params = Target, Output = Self>;

    /// Its id.
    fn id(&self) -> &EntityId;
    /// The revision that last changed it.
    fn rev(&self) -> u64;
}
