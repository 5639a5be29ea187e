//! `kv.*`: small values by key.

use crate::event::Start;
use crate::types::Paging;
use crate::validation::checked_text;
use crate::{Json, Page, ValidationError, With};
use serde::{Deserialize, Deserializer, Serialize};

/// Maximum length of a key, in bytes.
pub const MAX_KEY: usize = 512;

/// A key: 1 to 512 bytes of text without NUL.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct Key(#[cfg_attr(feature = "schema", schemars(length(min = 1, max = 512)))] String);

impl Key {
    /// Accepts text that is a valid key.
    ///
    /// # Errors
    /// When it has another length, or a NUL.
    pub fn new(text: impl Into<String>) -> Result<Self, ValidationError> {
        let text = text.into();
        if (1..=MAX_KEY).contains(&text.len()) && !text.contains('\0') {
            Ok(Self(text))
        } else {
            Err(ValidationError::new(format!("a key has 1 to {MAX_KEY} bytes and no NUL")))
        }
    }

    /// A key as the store has it. Another program may have written it, so it is not checked.
    pub fn stored(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

checked_text!(Key);

fn stored_key<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Key, D::Error> {
    String::deserialize(deserializer).map(Key)
}

/// A key and its value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[cfg_attr(not(feature = "schema"), non_exhaustive)]
pub struct Entry {
    /// The key.
    #[serde(deserialize_with = "stored_key")]
    pub key: Key,
    /// Any JSON value, unchanged.
    pub value: Json,
    /// Revision that last changed it.
    pub rev: u64,
    /// Time of that change, in milliseconds since the Unix epoch.
    pub updated_at: i64,
}

impl Entry {
    /// An entry that is not stored yet.
    pub fn new(key: Key, value: Json) -> Self {
        Self { key, value, rev: 0, updated_at: 0 }
    }
}

/// Params of [`Get`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct GetParams {
    /// The key.
    pub key: Key,
}

/// Params of [`Set`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SetParams {
    /// The key.
    pub key: Key,
    /// Any JSON value.
    pub value: Json,
    /// Fails with `conflict` unless the entry's `rev` equals this; 0 means that there is no entry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub if_rev: Option<u64>,
}

/// Params of [`Delete`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DeleteParams {
    /// The key.
    pub key: Key,
    /// Fails with `conflict` unless the entry's `rev` equals this; 0 means that there is no entry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub if_rev: Option<u64>,
}

/// Params of [`Increment`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct IncrementParams {
    /// The key. A missing entry counts as 0.
    pub key: Key,
    /// The number to add; 1 when omitted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<i64>,
    /// Fails with `conflict` unless the entry's `rev` equals this; 0 means that there is no entry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub if_rev: Option<u64>,
}

/// Selects entries.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// Only keys that begin with this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
}

/// Params of [`List`].
pub type ListParams = With<Paging, Filter>;
/// Params of [`Subscribe`].
pub type SubscribeParams = With<Start, Filter>;

crate::methods! {
    /// Reads the entry under a key; null if there is none.
    Get = "kv.get": Read(GetParams) -> Option<Entry>;
    /// Sets the value under a key.
    Set = "kv.set": Write(SetParams) -> Entry;
    /// Deletes an entry; answers it, or null if there was none.
    Delete = "kv.delete": Write(DeleteParams) -> Option<Entry>;
    /// Adds to the number under a key; integers stay within ±(2^53 - 1).
    Increment = "kv.increment": Write(IncrementParams) -> Entry;
    /// Lists entries by key, in byte order.
    List = "kv.list": Read(ListParams) -> Page<Entry>;
}

crate::subscriptions! {
    /// Subscribes to entries.
    Subscribe = "kv" (Filter);
}
