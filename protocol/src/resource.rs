//! What a sort of entity is called and which methods it has: what clients that treat all sorts alike go by.

use crate::method::{Read, Write};
use crate::types::{ById, Paging, Target};
use crate::{Method, Page, Params, With};
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A sort of entity that is made, read, listed, changed and deleted by methods of the usual shapes.
pub trait Resource:
    Serialize + DeserializeOwned + JsonSchema + Clone + PartialEq + Send + Sync + 'static
{
    /// Its name, as changes and errors have it.
    const ENTITY: &'static str;
    /// Which of them a list is to have.
    type Filter: Params + Clone + Default + Sync;
    /// What can be changed of one.
    type Changes: Params + Clone + Default + Sync;
    /// Makes one.
    type Create: Method<Kind = Write, Output = Self>;
    /// Reads one.
    type Get: Method<Kind = Read, Params = ById, Output = Self>;
    /// Lists them, in pages.
    type List: Method<Kind = Read, Params = With<Paging, Self::Filter>, Output = Page<Self>>;
    /// Changes one.
    type Update: Method<Kind = Write, Params = With<Target, Self::Changes>, Output = Self>;
    /// Deletes one.
    type Delete: Method<Kind = Write, Params = Target, Output = Self>;

    /// Its id.
    fn id(&self) -> &str;
    /// The revision that last changed it.
    fn rev(&self) -> u64;
}
