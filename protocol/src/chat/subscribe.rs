//! Subscribing to the chat.

use crate::EntityId;
use crate::types::null_is_default;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

/// How many messages `initial` sends: 0 to 1000, 50 when not said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(transparent)]
pub struct InitialMessages(#[schemars(range(min = 0, max = 1000))] u16);

impl InitialMessages {
    /// Most messages that `initial` sends.
    pub const MAX: u16 = 1000;

    /// A number of messages, if it is not over [`Self::MAX`].
    pub fn new(messages: u64) -> Option<Self> {
        u16::try_from(messages).ok().filter(|n| *n <= Self::MAX).map(Self)
    }

    /// The number.
    pub fn get(self) -> u16 {
        self.0
    }
}

impl Default for InitialMessages {
    fn default() -> Self {
        Self(50)
    }
}

impl<'de> Deserialize<'de> for InitialMessages {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(u64::deserialize(deserializer)?)
            .ok_or_else(|| serde::de::Error::custom(format_args!("must be from 0 to {}", Self::MAX)))
    }
}

fn yes() -> bool {
    true
}

fn yes_unless_said<'de, D: Deserializer<'de>>(d: D) -> Result<bool, D::Error> {
    Ok(Option::deserialize(d)?.unwrap_or_else(yes))
}

/// Params of [`Subscribe`](super::Subscribe).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SubscribeParams {
    /// Only this conversation and what is in it. Which one is current is told all the same, as an entity `kv`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation_id: Option<EntityId>,
    /// Whether to be told the words of messages that are being written.
    #[serde(default = "yes", deserialize_with = "yes_unless_said")]
    pub deltas: bool,
    /// Replay every revision after this one, then go on live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<u64>,
    /// Epoch that `since` belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<String>,
    /// Begin with the conversations, the current one, and the last messages of the asked or current one with their
    /// interactions; with `since`, only when the log can't serve it.
    #[serde(default, deserialize_with = "null_is_default")]
    pub initial: bool,
    /// How many messages that is.
    #[serde(default, deserialize_with = "null_is_default")]
    pub initial_messages: InitialMessages,
}

impl Default for SubscribeParams {
    fn default() -> Self {
        Self {
            conversation_id: None,
            deltas: true,
            since: None,
            epoch: None,
            initial: false,
            initial_messages: InitialMessages::default(),
        }
    }
}
