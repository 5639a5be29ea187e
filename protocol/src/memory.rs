//! `memory.*`: the assistant's memories.

use crate::text::{Content, Line, Trimmed};
use crate::types::{ById, Ids, Limit, Millis, NoParams, Paging, Target, given, null_is_default, stored_id};
use crate::{EntityId, JsonObject, Page, ValidationError, With};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

/// A tag: 1 to 256 bytes after trimming.
pub type Tag = Trimmed<256>;

/// The tags of a memory: at most 64, without duplicates.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct Tags(#[cfg_attr(feature = "schema", schemars(length(max = 64)))] Vec<Tag>);

impl Tags {
    /// Maximum number of tags.
    pub const MAX: usize = 64;

    /// Accepts up to [`Self::MAX`] tags; duplicates are dropped.
    ///
    /// # Errors
    /// When there are more.
    pub fn new(tags: Vec<Tag>) -> Result<Self, ValidationError> {
        let mut each = Vec::new();
        for tag in tags {
            if !each.contains(&tag) {
                each.push(tag);
            }
            if each.len() > Self::MAX {
                return Err(ValidationError::new(format!("more than {} tags", Self::MAX)));
            }
        }
        Ok(Self(each))
    }
}

impl From<Tags> for Vec<String> {
    fn from(tags: Tags) -> Self {
        tags.0.into_iter().map(String::from).collect()
    }
}

impl<'de> Deserialize<'de> for Tags {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(Vec::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// A memory.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[cfg_attr(not(feature = "schema"), non_exhaustive)]
pub struct Memory {
    /// Its id.
    #[serde(deserialize_with = "stored_id")]
    pub id: EntityId,
    /// The title; may be empty.
    pub title: String,
    /// The content, unchanged.
    pub content: String,
    /// Any JSON object, unchanged.
    pub metadata: Option<JsonObject>,
    /// The source.
    pub source: Option<String>,
    /// Its tags, in the order given.
    #[serde(deserialize_with = "null_is_default")]
    pub tags: Vec<String>,
    /// Expiry, in milliseconds since the Unix epoch: the last time at which it is valid. 7 days later the daemon
    /// deletes it.
    pub valid_until: Option<i64>,
    /// Creation time, in milliseconds since the Unix epoch.
    pub created_at: i64,
    /// Time of the last update.
    pub updated_at: i64,
    /// Revision that last changed it.
    pub rev: u64,
}

impl Memory {
    /// A memory with a title and a content, and nothing else.
    pub fn new(id: EntityId, title: impl Into<String>, content: impl Into<String>) -> Self {
        Self {
            id,
            title: title.into(),
            content: content.into(),
            metadata: None,
            source: None,
            tags: Vec::new(),
            valid_until: None,
            created_at: 0,
            updated_at: 0,
            rev: 0,
        }
    }
}

/// A memory found by [`Search`], with a snippet.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "MemoryHit"))]
#[cfg_attr(not(feature = "schema"), non_exhaustive)]
pub struct Hit {
    /// The memory.
    #[serde(flatten)]
    pub memory: Memory,
    /// The part of the content (else of the title, else of the tags) around the first match, on one line: matches in
    /// `[` and `]`, `…` for omitted text.
    pub snippet: String,
}

/// Written by hand because serde buffers flattened members, and a [`crate::Json`] can't be read from that buffer.
impl<'de> Deserialize<'de> for Hit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Only {
            snippet: String,
        }
        let text = Box::<RawValue>::deserialize(deserializer)?;
        let memory = serde_json::from_str(text.get()).map_err(serde::de::Error::custom)?;
        let Only { snippet } = serde_json::from_str(text.get()).map_err(serde::de::Error::custom)?;
        Ok(Self { memory, snippet })
    }
}

/// The fields of a memory besides its title and content. Null clears a field.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Fields {
    /// Any JSON object; an update replaces it as a whole.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Option<JsonObject>>,
    /// The source.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub source: Option<Option<Line>>,
    /// All of its tags.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub tags: Option<Option<Tags>>,
    /// Expiry: the last time at which it is valid.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub valid_until: Option<Option<Millis>>,
}

/// A new memory.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct New {
    /// Its id; generated when omitted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<EntityId>,
    /// The title; may be empty.
    pub title: Line,
    /// The content.
    pub content: Content,
}

/// Changes to a memory. Omitted fields stay unchanged.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Edit {
    /// The title.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Line"))]
    pub title: Option<Line>,
    /// The content.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Content"))]
    pub content: Option<Content>,
}

/// Params of [`Create`].
pub type CreateParams = With<New, Fields>;
/// The changes of an [`Update`].
pub type Changes = With<Edit, Fields>;
/// Params of [`Update`]. Omitted fields stay unchanged; `null` clears an optional field.
pub type UpdateParams = With<Target, Changes>;
/// Params of [`List`].
pub type ListParams = With<Paging, Filter>;

impl New {
    /// A new memory with a title and a content.
    pub fn of(title: Line, content: Content) -> Self {
        Self { id: None, title, content }
    }
}

/// Params of [`GetMany`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct GetManyParams {
    /// The memories.
    pub ids: Ids,
    /// `next` of the previous page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// Selects memories. All conditions must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Filter {
    /// Include expired memories, whose `validUntil` has passed.
    #[serde(default, deserialize_with = "null_is_default")]
    pub include_expired: bool,
    /// Only memories with this tag, exactly.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<Tag>,
}

/// Params of [`Find`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FindParams {
    /// The content, or a part of it in any case.
    pub content: Content,
    /// Include expired memories.
    #[serde(default, deserialize_with = "null_is_default")]
    pub include_expired: bool,
}

/// Params of [`Search`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SearchParams {
    /// The query: any text, such as words, prefixes of words, Chinese within a sentence, emoji, punctuation.
    pub query: Content,
    /// Maximum number of memories; fewer are answered if they are large.
    #[serde(default, deserialize_with = "null_is_default")]
    pub limit: Limit,
    /// Include expired memories.
    #[serde(default, deserialize_with = "null_is_default")]
    pub include_expired: bool,
}

impl crate::Resource for Memory {
    const ENTITY: &'static str = "memory";
    type Filter = Filter;
    type Changes = Changes;
    type Create = Create;
    type Get = Get;
    type List = List;
    type Update = Update;
    type Delete = Delete;

    fn id(&self) -> &EntityId {
        &self.id
    }

    fn rev(&self) -> u64 {
        self.rev
    }
}

crate::methods! {
    /// Creates a memory.
    Create = "memory.create": Write(CreateParams) -> Memory;
    /// Reads a memory, expired or not.
    Get = "memory.get": Read(ById) -> Memory;
    /// Reads several memories, expired or not, in the order of the ids; missing ones and duplicates are skipped.
    GetMany = "memory.getMany": Read(GetManyParams) -> Page<Memory>;
    /// Changes a memory.
    Update = "memory.update": Write(UpdateParams) -> Memory;
    /// Deletes a memory; answers it.
    Delete = "memory.delete": Write(Target) -> Memory;
    /// Lists memories, newest first (by `createdAt` and id).
    List = "memory.list": Read(ListParams) -> Page<Memory>;
    /// Finds the newest memory with that content, else the newest that contains it in any case, else null.
    Find = "memory.find": Read(FindParams) -> Option<Memory>;
    /// Searches memories for all words of the query, best match first (among the newest 10,000 matches); `next` is
    /// always null.
    Search = "memory.search": Read(SearchParams) -> Page<Hit>;
}

crate::subscriptions! {
    /// Subscribes to memories.
    Subscribe = "memory" (NoParams);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hit_is_the_memory_with_a_snippet() {
        let text = r#"{"id":"mem_1","title":"","content":"x","metadata":{"b":12345678901234567890123,"a":1},"source":null,"tags":["t"],"validUntil":null,"createdAt":1,"updatedAt":1,"rev":1,"snippet":"[x]"}"#;
        let hit: Hit = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&hit).unwrap(), text);
    }

    #[test]
    fn tags_are_trimmed_and_kept_once() {
        let tags: Tags = serde_json::from_str(r#"[" b ","a","b"]"#).unwrap();
        assert_eq!(Vec::from(tags), ["b", "a"]);
        assert!(serde_json::from_str::<Tags>(r#"[" "]"#).is_err());
        let many: Vec<String> = (0..65).map(|i| i.to_string()).collect();
        assert!(serde_json::from_value::<Tags>(serde_json::json!(many)).is_err());
    }
}
