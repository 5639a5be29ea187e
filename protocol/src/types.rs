//! Types of all modules: ids, times, pages, nullable fields.

use crate::ValidationError;
use crate::validation::checked_text;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

/// Maximum length of an id, in bytes.
pub const MAX_ID: usize = 128;

macro_rules! string_id {
    ($(#[$doc:meta])+ $name:ident) => {
        $(#[$doc])+
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        #[serde(transparent)]
        pub struct $name(#[cfg_attr(feature = "schema", schemars(regex(pattern = r"^[A-Za-z0-9_.:-]{1,128}$")))] String);

        impl $name {
            /// Accepts text that is a valid id.
            ///
            /// # Errors
            /// When it has another length, or other characters.
            pub fn new(text: impl Into<String>) -> Result<Self, ValidationError> {
                let text = text.into();
                let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b':' | b'-');
                if (1..=MAX_ID).contains(&text.len()) && text.bytes().all(allowed) {
                    Ok(Self(text))
                } else {
                    let reason = format!("an id has 1 to {MAX_ID} characters of A-Z a-z 0-9 _ . : -");
                    Err(ValidationError::new(reason))
                }
            }
        }

        checked_text!($name);
    };
}

string_id! {
    /// Id of an entity: 1 to 128 characters of `A-Z a-z 0-9 _ . : -`.
    EntityId
}
string_id! {
    /// Id of a write, chosen by its caller. A repeat with the same id changes nothing and gets the same answer.
    RequestId
}

impl EntityId {
    /// An id as the store has it. Another program may have written it, so it is not checked.
    pub fn stored(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

/// Reads the id of an entity, unchecked: for `#[serde(deserialize_with = "stored_id")]` in answers. One odd id, which
/// another program wrote, must not make a whole list unreadable.
///
/// # Errors
/// The deserializer's.
pub fn stored_id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<EntityId, D::Error> {
    String::deserialize(deserializer).map(EntityId)
}

/// Maximum number of items in a list: 1 to 1000, 100 when omitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct Limit(#[cfg_attr(feature = "schema", schemars(range(min = 1, max = 1000)))] u16);

impl Limit {
    /// Maximum number of items in a page.
    pub const MAX: u16 = 1000;

    /// Accepts a number from 1 to [`Self::MAX`].
    ///
    /// # Errors
    /// When it is another number.
    pub fn new(items: u64) -> Result<Self, ValidationError> {
        let accepted = u16::try_from(items).ok().filter(|n| (1..=Self::MAX).contains(n));
        accepted.map(Self).ok_or_else(Self::refused)
    }

    fn refused() -> ValidationError {
        ValidationError::new(format!("must be a whole number from 1 to {}", Self::MAX))
    }

    /// The number of items.
    pub fn get(self) -> usize {
        self.0.into()
    }
}

impl From<Limit> for u64 {
    fn from(limit: Limit) -> Self {
        limit.0.into()
    }
}

impl Default for Limit {
    fn default() -> Self {
        Self(100)
    }
}

impl<'de> Deserialize<'de> for Limit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let items = u64::deserialize(deserializer).map_err(|_| Self::refused());
        items.and_then(Self::new).map_err(serde::de::Error::custom)
    }
}

/// A list of ids: at most 1000.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct Ids(#[cfg_attr(feature = "schema", schemars(length(max = 1000)))] Vec<EntityId>);

impl Ids {
    /// Maximum number of ids.
    pub const MAX: usize = 1000;

    /// Accepts up to [`Self::MAX`] ids.
    ///
    /// # Errors
    /// When there are more.
    pub fn new(ids: Vec<EntityId>) -> Result<Self, ValidationError> {
        match ids.len() {
            0..=Self::MAX => Ok(Self(ids)),
            _ => Err(ValidationError::new(format!("more than {} ids", Self::MAX))),
        }
    }

    /// The ids.
    pub fn as_slice(&self) -> &[EntityId] {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Ids {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(Vec::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// A time in params: whole milliseconds since the Unix epoch, within the range of JavaScript's `Date`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct Millis(
    #[cfg_attr(feature = "schema", schemars(range(min = -8_640_000_000_000_000_i64, max = 8_640_000_000_000_000_i64)))]
     i64,
);

impl Millis {
    /// Maximum distance from the epoch (ECMA-262, section 21.4.1.1).
    pub const MAX: i64 = 8_640_000_000_000_000;

    /// Accepts a number within ±[`Self::MAX`].
    ///
    /// # Errors
    /// When it is beyond.
    pub fn new(millis: i64) -> Result<Self, ValidationError> {
        let accepted = (-Self::MAX..=Self::MAX).contains(&millis);
        if accepted { Ok(Self(millis)) } else { Err(Self::refused()) }
    }

    fn refused() -> ValidationError {
        let max = Self::MAX;
        ValidationError::new(format!("must be whole milliseconds since the Unix epoch, within ±{max}"))
    }

    /// The number of milliseconds.
    pub fn get(self) -> i64 {
        self.0
    }
}

impl<'de> Deserialize<'de> for Millis {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let millis = i64::deserialize(deserializer).map_err(|_| Self::refused());
        millis.and_then(Self::new).map_err(serde::de::Error::custom)
    }
}

impl TryFrom<i64> for Millis {
    type Error = ValidationError;

    fn try_from(millis: i64) -> Result<Self, ValidationError> {
        Self::new(millis)
    }
}

/// Drops what is less than a millisecond.
impl TryFrom<SystemTime> for Millis {
    type Error = ValidationError;

    fn try_from(time: SystemTime) -> Result<Self, ValidationError> {
        let millis = match time.duration_since(UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_millis()),
            Err(before) => i64::try_from(before.duration().as_millis()).map(|millis| -millis),
        };
        millis.map_err(|_| Self::refused()).and_then(Self::new)
    }
}

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Page<T> {
    /// The items, in the list's order.
    pub items: Vec<T>,
    /// Opaque cursor of the next page; null on the last page.
    pub next: Option<String>,
}

/// The id of an entity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ById {
    /// Its id.
    pub id: EntityId,
}

/// The entity that a write changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Target {
    /// Its id.
    pub id: EntityId,
    /// Fails with `conflict` unless its `rev` equals this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub if_rev: Option<u64>,
}

impl Target {
    /// The entity at any `rev`.
    pub fn any(id: EntityId) -> Self {
        Self { id, if_rev: None }
    }
}

/// Selects a page of a list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Paging {
    /// Maximum number of items in the page. A page ends early once it has 4 MiB.
    #[serde(default, deserialize_with = "null_is_default")]
    pub limit: Limit,
    /// `next` of the previous page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// Params of a method without params.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct NoParams {}

/// Reads an optional param for which `null` means that it is omitted.
///
/// For `#[serde(default, deserialize_with = "null_is_default")]`: many languages write an unset optional field as
/// `null`.
///
/// # Errors
/// When the value has another type.
pub fn null_is_default<'de, T: Deserialize<'de> + Default, D: Deserializer<'de>>(
    d: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(d)?.unwrap_or_default())
}

/// Reads a field of an update, for which `null` differs from an omitted field.
///
/// For `#[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]`. On an
/// `Option<Option<T>>`, `null` clears the field. On an `Option<T>`, `null` is refused; `#[schemars(with = "T")]` puts
/// that into the schema.
///
/// # Errors
/// The deserializer's.
pub fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(d: D) -> Result<Option<T>, D::Error> {
    T::deserialize(d).map(Some)
}

/// Reads a struct from an object only. serde would also accept an array of the members in order, and a client that
/// relies on their order would break when a member is added.
#[derive(Debug)]
struct Object<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(ByName(deserializer)).map(Self)
    }
}

struct ByName<I>(I);

impl<'de, D: Deserializer<'de>> Deserializer<'de> for ByName<D> {
    type Error = D::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_map(ByName(visitor))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

impl<'de, V: Visitor<'de>> Visitor<'de> for ByName<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.expecting(f)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<V::Value, A::Error> {
        self.0.visit_map(map)
    }
}

/// Reads a nested struct from an object only: for `#[serde(deserialize_with = "object")]`.
///
/// # Errors
/// The deserializer's; when the value is not an object.
pub fn object<'de, T: Deserialize<'de>, D: Deserializer<'de>>(d: D) -> Result<T, D::Error> {
    Object::deserialize(d).map(|Object(value)| value)
}

/// As [`object`], for an `Option`.
///
/// # Errors
/// As [`object`].
pub fn optional_object<'de, T: Deserialize<'de>, D: Deserializer<'de>>(d: D) -> Result<Option<T>, D::Error> {
    Ok(Option::<Object<T>>::deserialize(d)?.map(|Object(value)| value))
}

/// As [`object`], for a `Vec`.
///
/// # Errors
/// As [`object`].
pub fn objects<'de, T: Deserialize<'de>, D: Deserializer<'de>>(d: D) -> Result<Vec<T>, D::Error> {
    Ok(Vec::<Object<T>>::deserialize(d)?.into_iter().map(|Object(value)| value).collect())
}
