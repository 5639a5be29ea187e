//! Events of subscriptions.

use crate::method::Subscribe;
use crate::names::names;
use crate::types::{null_is_default, stored_id};
use crate::{EntityId, Json, MethodKind, Params};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use std::borrow::Cow;
use std::num::NonZeroU64;

names! {
    /// The operation of a change.
    pub enum Op: "operation" {
        /// The entity was created or updated; `value` is its new state.
        Put = "put",
        /// The entity was deleted.
        Delete = "delete",
    }
}

/// A change to one entity.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(not(feature = "schema"), non_exhaustive)]
pub struct Change {
    /// Kind of entity.
    pub entity: String,
    /// The operation.
    pub op: Op,
    /// Its id.
    pub id: String,
    /// The entity, for a put.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Json>,
}

/// The origin of a revision.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[cfg_attr(not(feature = "schema"), non_exhaustive)]
pub struct Origin {
    /// Name that the client gave in `store.hello`, else null; `stinad` for the daemon's own writes.
    pub client: Option<String>,
    /// The write's `requestId`, if it had one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// The revision that this one undoes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undoes: Option<u64>,
    /// The first revision of the write that this one continues: a large write is made in steps, each a revision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub continues: Option<u64>,
}

names! {
    /// The reason for a reset.
    pub enum ResetReason: "reason" {
        /// The change log no longer has the revisions after `since`.
        Compacted = "compacted",
        /// `since` belongs to another epoch.
        Epoch = "epoch",
        /// Another process wrote to the database.
        External = "external",
        /// The database was restored from a backup, or reset.
        Restored = "restored",
    }
}

/// The changes of one revision, or a part of the snapshot when `initial`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(not(feature = "schema"), non_exhaustive)]
pub struct Changes {
    /// The revision; of the whole snapshot when `initial`.
    pub rev: u64,
    /// The revision sent before this one on the subscription; 0 if there was none.
    pub prev: u64,
    /// Time of the commit, in milliseconds since the Unix epoch.
    pub at: i64,
    /// Whether this is a part of the snapshot.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub initial: bool,
    /// The client that made the revision.
    #[serde(default)]
    pub origin: Origin,
    /// The changes that match the subscription's filter, in order.
    pub changes: Vec<Change>,
}

/// One notification of a subscription. Skip one of a type that you do not know.
#[non_exhaustive]
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "type", rename_all = "snake_case")]
#[cfg_attr(feature = "schema", schemars(rename = "SubscriptionEvent"))]
pub enum Event {
    /// Entities changed, all in one transaction.
    Change(Changes),
    /// Every event up to `rev` has been sent.
    Synced {
        /// The revision.
        rev: u64,
    },
    /// Everything that the subscriber holds is void.
    Reset {
        /// The reason.
        reason: ResetReason,
        /// Revision after which the subscription continues.
        rev: u64,
    },
    /// Text of a streaming message; never in the change log.
    Delta(Delta),
    /// A request to the owner of a streaming message to end it; never in the change log.
    Cancel {
        /// The streaming message.
        #[serde(rename = "messageId")]
        message_id: EntityId,
    },
    /// An event of a type that this version does not know, as it came: skip it.
    #[serde(untagged)]
    #[cfg_attr(feature = "schema", schemars(skip))]
    Unknown(Json),
}

/// Text of a streaming message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[cfg_attr(not(feature = "schema"), non_exhaustive)]
pub struct Delta {
    /// The streaming message.
    #[serde(deserialize_with = "stored_id")]
    pub message_id: EntityId,
    /// Its conversation.
    #[serde(deserialize_with = "stored_id")]
    pub conversation_id: EntityId,
    /// Offset of `text` in the message, in bytes of UTF-8; 0 replaces the whole text.
    pub offset: u64,
    /// The text.
    pub text: String,
}

impl Event {
    /// Parses an event.
    ///
    /// # Errors
    /// When the text is not an event.
    pub fn read(text: &str) -> serde_json::Result<Self> {
        let Tag { kind } = serde_json::from_str(text)?;
        Ok(match kind.as_ref() {
            "change" => Self::Change(serde_json::from_str(text)?),
            "delta" => Self::Delta(serde_json::from_str(text)?),
            "synced" => serde_json::from_str(text).map(|Synced { rev }| Self::Synced { rev })?,
            "reset" => serde_json::from_str(text).map(|Reset { reason, rev }| Self::Reset { reason, rev })?,
            "cancel" => {
                serde_json::from_str(text).map(|Cancel { message_id }| Self::Cancel { message_id })?
            }
            _ => Self::Unknown(serde_json::from_str(text)?),
        })
    }
}

/// Written by hand because serde buffers internally tagged enums, and a [`Json`] can't be read from that buffer.
impl<'de> Deserialize<'de> for Event {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Box::<serde_json::value::RawValue>::deserialize(deserializer)?;
        Self::read(text.get()).map_err(D::Error::custom)
    }
}

#[derive(Deserialize)]
struct Tag<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Synced {
    rev: u64,
}

#[derive(Deserialize)]
struct Reset {
    reason: ResetReason,
    rev: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Cancel {
    #[serde(deserialize_with = "stored_id")]
    message_id: EntityId,
}

/// Start of a subscription: part of the params of every `subscribe`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Start {
    /// Send every revision after this one, then continue live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<u64>,
    /// Epoch of `since`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<String>,
    /// Begin with a snapshot; with `since`, only if the change log does not reach back that far.
    #[serde(default, deserialize_with = "null_is_default")]
    pub initial: bool,
    /// Bytes of events that the subscription may send before `store.credit` allows more, exceeded by at most one event;
    /// without a limit when omitted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credit: Option<NonZeroU64>,
}

impl Start {
    /// Starts with a snapshot.
    pub fn initial() -> Self {
        Self { initial: true, ..Self::default() }
    }

    /// Starts after a revision.
    pub fn after(rev: u64) -> Self {
        Self { since: Some(rev), ..Self::default() }
    }
}

/// A `subscribe` method: its params are a [`Start`] and a filter.
pub trait SubscribeMethod: crate::Method<Kind = Subscribe, Output = u64> {
    /// Selects changes; [`NoParams`](crate::types::NoParams) for all of the module.
    type Filter: Params + Clone + Sync;
    /// Name of the notifications, `module.event`.
    const EVENT: &'static str;
    /// Name of the method that ends the subscription, `module.unsubscribe`.
    const UNSUBSCRIBE: &'static str;
    /// Builds the params.
    fn params(start: Start, filter: Self::Filter) -> Self::Params;
    /// Splits the params into start and filter.
    fn parts(params: Self::Params) -> (Start, Self::Filter);
}

const _: () = assert!(!Subscribe::MUTATES);

/// Defines `subscribe` methods: `/// summary`, then `Type = "module" (Filter);`.
#[macro_export]
macro_rules! subscriptions {
    ($($(#[doc = $doc:literal])+ $ty:ident = $module:literal ($filter:ty);)+) => {$(
        $(#[doc = $doc])+
        #[derive(Debug)]
        pub enum $ty {}
        impl $crate::method::Method for $ty {
            const NAME: &'static str = concat!($module, ".subscribe");
            const SUMMARY: &'static str = concat!($($doc),+).trim_ascii();
            type Params = $crate::With<$crate::event::Start, $filter>;
            type Output = u64;
            type Kind = $crate::method::Subscribe;
        }
        impl $crate::event::SubscribeMethod for $ty {
            type Filter = $filter;
            const EVENT: &'static str = concat!($module, ".event");
            const UNSUBSCRIBE: &'static str = concat!($module, ".unsubscribe");
            fn params(head: $crate::event::Start, fields: $filter) -> Self::Params {
                $crate::With { head, fields }
            }
            fn parts(params: Self::Params) -> ($crate::event::Start, $filter) {
                (params.head, params.fields)
            }
        }
    )+};
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_survive_the_wire() {
        for text in [
            r#"{"type":"change","rev":43,"prev":41,"at":5,"origin":{"client":"stinactl","requestId":"r"},"changes":[{"entity":"kv","op":"put","id":"a","value":{"n":12345678901234567890123}},{"entity":"kv","op":"delete","id":"b"}]}"#,
            r#"{"type":"change","rev":43,"prev":0,"at":5,"initial":true,"origin":{"client":null},"changes":[]}"#,
            r#"{"type":"change","rev":44,"prev":43,"at":5,"origin":{"client":null,"undoes":43},"changes":[]}"#,
            r#"{"type":"change","rev":45,"prev":44,"at":5,"origin":{"client":null,"undoes":42,"continues":44},"changes":[]}"#,
            r#"{"type":"synced","rev":43}"#,
            r#"{"type":"reset","reason":"external","rev":43}"#,
            r#"{"type":"delta","messageId":"m_1","conversationId":"c_1","offset":3,"text":"hej"}"#,
            r#"{"type":"cancel","messageId":"m_1"}"#,
            // Of a newer daemon.
            r#"{"type":"reset","reason":"of tomorrow","rev":43}"#,
            r#"{"type":"of tomorrow","n":12345678901234567890123}"#,
            r#"{"type":"change","rev":44,"prev":43,"at":5,"origin":{"client":null},"changes":[{"entity":"kv","op":"rename","id":"a"}]}"#,
        ] {
            let event: Event = serde_json::from_str(text).unwrap();
            assert_eq!(serde_json::to_string(&event).unwrap(), text);
        }
        for text in [r#"{"type":"synced"}"#, r#"{"rev":1}"#, r#"{"type":"reset","rev":1}"#] {
            assert!(Event::read(text).is_err(), "{text}");
        }
    }
}
