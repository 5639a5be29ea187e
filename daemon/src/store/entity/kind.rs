//! Builds the [`EntityKind`] of a type.

use super::description::{Entity, EntityKind};
use super::ops::{find, from_json, put_json, remove, save, walk};
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
            read_only: T::READ_ONLY,
            find: |tx, key| {
                let found = find::<T>(tx, key)?;
                found.map(|entity| Ok((entity.rev(), JsonText::of(&entity)?))).transpose()
            },
            put_back: |json, now| Ok(JsonText::of(&from_json::<T>(json)?.put_back(now))?),
            put: put_json::<T>,
            replace: |tx, before, after| {
                save(tx, Some(&from_json::<T>(before)?), from_json::<T>(after)?)?;
                Ok(())
            },
            remove: |tx, key| match find::<T>(tx, key)? {
                Some(entity) => remove(tx, &entity),
                None => Ok(()),
            },
            schema: |generator| generator.subschema_for::<T>(),
        }
    }
}
