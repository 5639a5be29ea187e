//! Builds the [`EntityKind`] of a type.

use super::description::{Entity, EntityKind};
use super::ops::{find, put_json, remove, walk};
use crate::store::JsonText;

impl EntityKind {
    /// The kind of `T`.
    pub const fn of<T: Entity>(module: &'static str, name: &'static str, table: &'static str) -> Self {
        Self {
            module,
            name,
            table,
            key: T::KEY,
            walk: |tx, each| {
                walk::<T>(tx, "ORDER BY rowid", [], |entity| {
                    each(entity.key(), JsonText::of(&entity)?)?;
                    Ok(true)
                })
            },
            put: put_json::<T>,
            remove: |tx, key| match find::<T>(tx, key)? {
                Some(entity) => remove(tx, &entity),
                None => Ok(()),
            },
            schema: |generator| generator.subschema_for::<T>(),
        }
    }
}
