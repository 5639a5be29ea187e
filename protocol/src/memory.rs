//! `memory.*`: what the assistant remembers.

use crate::text::{Content, Line, Trimmed};
use crate::types::{ById, Ids, Limit, Millis, NoParams, Paging, Target, given, null_is_default};
use crate::{EntityId, JsonObject, Page, With};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

/// A tag: 1 to 256 bytes; white space around it is taken off.
pub type Tag = Trimmed<256>;

/// The tags of a memory: at most 64, each once.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(transparent)]
pub struct Tags(#[schemars(length(max = 64))] Vec<Tag>);

impl Tags {
    /// Most tags of one memory.
    pub const MAX: usize = 64;

    /// Takes `tags` if they are not too many; of equal ones the first.
    pub fn new(tags: Vec<Tag>) -> Option<Self> {
        let mut each = Vec::new();
        for tag in tags {
            if !each.contains(&tag) {
                each.push(tag);
            }
            if each.len() > Self::MAX {
                return None;
            }
        }
        Some(Self(each))
    }
}

impl From<Tags> for Vec<String> {
    fn from(tags: Tags) -> Self {
        tags.0.into_iter().map(String::from).collect()
    }
}

impl<'de> Deserialize<'de> for Tags {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(Vec::deserialize(deserializer)?)
            .ok_or_else(|| serde::de::Error::custom(format_args!("more than {} tags", Self::MAX)))
    }
}

/// Something to remember.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Memory {
    /// Its id.
    pub id: String,
    /// What it is about; may be empty.
    pub title: String,
    /// What is to be remembered, kept as it was given.
    pub content: String,
    /// Any JSON object, kept as it was given.
    pub metadata: Option<JsonObject>,
    /// Where it came from.
    pub source: Option<String>,
    /// Its tags, in the order given.
    #[serde(deserialize_with = "null_is_default")]
    pub tags: Vec<String>,
    /// Last moment at which it holds, in milliseconds since the Unix epoch. 7 days later the daemon deletes it.
    pub valid_until: Option<i64>,
    /// When it was made, in milliseconds since the Unix epoch.
    pub created_at: i64,
    /// When it was last updated.
    pub updated_at: i64,
    /// Revision that last changed it.
    pub rev: u64,
}

/// A memory that [`Search`] found: the memory's members, and `snippet`.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(rename = "MemoryHit")]
pub struct Hit {
    /// The memory.
    #[serde(flatten)]
    pub memory: Memory,
    /// The part of the content (else of the title, else the tags) around the first match, on one line: matches in
    /// `[` and `]`, `…` where something is left out.
    pub snippet: String,
}

/// Written by hand because serde buffers flattened members, and a [`crate::Json`] can't be read out of its buffer.
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

/// What may be said of a memory besides its title and content. Null is none.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Fields {
    /// Any JSON object; an update replaces it as a whole.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Option<JsonObject>>,
    /// Where it came from.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub source: Option<Option<Line>>,
    /// Its tags, all of them.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub tags: Option<Option<Tags>>,
    /// Last moment at which it holds.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub valid_until: Option<Option<Millis>>,
}

/// A memory that is to be made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct New {
    /// Its id; a new one when not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<EntityId>,
    /// What it is about; may be empty.
    pub title: Line,
    /// What is to be remembered.
    pub content: Content,
}

/// A memory that is to be changed. What is absent stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Edit {
    /// What it is about.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Line")]
    pub title: Option<Line>,
    /// What is to be remembered.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Content")]
    pub content: Option<Content>,
}

/// Params of [`Create`].
pub type CreateParams = With<New, Fields>;
/// What [`Update`] changes.
pub type Changes = With<Edit, Fields>;
/// Params of [`Update`]. What is absent stays as it is; `null` clears what may be absent.
pub type UpdateParams = With<Target, Changes>;
/// Params of [`List`].
pub type ListParams = With<Paging, Filter>;

impl New {
    /// A memory with a title and a content.
    pub fn of(title: Line, content: Content) -> Self {
        Self { id: None, title, content }
    }
}

/// Params of [`GetMany`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GetManyParams {
    /// The memories.
    pub ids: Ids,
    /// Where the last page ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// Which memories. The filters combine.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Filter {
    /// Expired ones too: whose `validUntil` has passed.
    #[serde(default, deserialize_with = "null_is_default")]
    pub include_expired: bool,
    /// Only memories with this tag, exactly.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<Tag>,
}

/// Params of [`Find`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FindParams {
    /// A content, or a part of one in any case.
    pub content: Content,
    /// Expired ones too.
    #[serde(default, deserialize_with = "null_is_default")]
    pub include_expired: bool,
}

/// Params of [`Search`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SearchParams {
    /// Any text: words, beginnings of words, Chinese in the middle of a sentence, emoji, punctuation.
    pub query: Content,
    /// Most memories to answer. There are fewer once they are large.
    #[serde(default, deserialize_with = "null_is_default")]
    pub limit: Limit,
    /// Expired ones too.
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

    fn id(&self) -> &str {
        &self.id
    }

    fn rev(&self) -> u64 {
        self.rev
    }
}

crate::methods! {
    /// Makes a memory.
    Create = "memory.create": Write(CreateParams) -> Memory;
    /// One memory, expired or not.
    Get = "memory.get": Read(ById) -> Memory;
    /// Those of some memories that exist, expired or not, each once, in the order asked for.
    GetMany = "memory.getMany": Read(GetManyParams) -> Page<Memory>;
    /// Changes a memory.
    Update = "memory.update": Write(UpdateParams) -> Memory;
    /// Removes a memory; answers it.
    Delete = "memory.delete": Write(Target) -> Memory;
    /// Memories, newest first (by `createdAt` and id).
    List = "memory.list": Read(ListParams) -> Page<Memory>;
    /// The newest memory with that content, else the newest whose content contains it in any case, else null.
    Find = "memory.find": Read(FindParams) -> Option<Memory>;
    /// Memories with all of the words in title, content or tags, best first (of the newest 10,000 that have them);
    /// `next` is always null.
    Search = "memory.search": Read(SearchParams) -> Page<Hit>;
}

crate::subscriptions! {
    /// Changes of memories.
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
