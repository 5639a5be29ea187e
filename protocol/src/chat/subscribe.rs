//! Subscribing to the chat.

use crate::event::Start;
use crate::types::null_is_default;
use crate::{EntityId, ValidationError, With};
use serde::{Deserialize, Deserializer, Serialize};

/// Number of messages that `initial` sends: 0 to 1000, 50 when omitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct InitialMessages(#[cfg_attr(feature = "schema", schemars(range(min = 0, max = 1000)))] u16);

impl InitialMessages {
    /// Maximum number of messages that `initial` sends.
    pub const MAX: u16 = 1000;

    /// Accepts a number up to [`Self::MAX`].
    ///
    /// # Errors
    /// When it is more.
    pub fn new(messages: u64) -> Result<Self, ValidationError> {
        let accepted = u16::try_from(messages).ok().filter(|n| *n <= Self::MAX);
        let refused = || ValidationError::new(format!("must be from 0 to {}", Self::MAX));
        accepted.map(Self).ok_or_else(refused)
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
        Self::new(u64::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

fn yes() -> bool {
    true
}

fn null_is_yes<'de, D: Deserializer<'de>>(d: D) -> Result<bool, D::Error> {
    Ok(Option::deserialize(d)?.unwrap_or_else(yes))
}

/// Selects the events of a chat subscription.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Filter {
    /// Only this conversation and what is in it. The id of the current conversation is sent too, as an entity `kv`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation_id: Option<EntityId>,
    /// Whether to send the deltas of streaming messages.
    #[serde(default = "yes", deserialize_with = "null_is_yes")]
    pub deltas: bool,
    /// Number of messages that `initial` sends: the last ones of the selected conversation, else of the current one,
    /// with their interactions.
    #[serde(default, deserialize_with = "null_is_default")]
    pub initial_messages: InitialMessages,
}

impl Default for Filter {
    fn default() -> Self {
        Self { conversation_id: None, deltas: true, initial_messages: InitialMessages::default() }
    }
}

/// Params of [`Subscribe`](super::Subscribe).
pub type SubscribeParams = With<Start, Filter>;
