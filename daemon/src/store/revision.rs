//! What subscribers are notified of: committed revisions, and transient events.

use super::json_text::JsonText;
use std::borrow::Cow;
use stina_protocol::event::{Op, Origin, ResetReason};

/// A committed revision, as subscribers get it.
#[derive(Debug)]
pub struct Revision {
    /// Its number.
    pub rev: u64,
    /// Time of the commit, in milliseconds since the Unix epoch.
    pub at: i64,
    /// The client and the request that made it.
    pub origin: Origin,
    /// Set when everything before this revision is void.
    pub reset: Option<ResetReason>,
    /// Whether its changes are in the change log only: they are too large for memory.
    pub(crate) is_in_log_only: bool,
    /// What changed, in order.
    pub changes: Vec<LiveChange>,
    /// Of a revision read for one subscription, instead of `changes`: those that concern it, as a notification shows them,
    /// with commas between.
    pub(crate) wanted: String,
}

impl Revision {
    pub(super) fn bytes(&self) -> usize {
        let Origin { client, request_id, .. } = &self.origin;
        let origin: usize = [client, request_id].into_iter().flatten().map(String::len).sum();
        size_of::<Self>() + origin + self.changes.iter().map(LiveChange::bytes).sum::<usize>()
    }
}

/// One changed entity.
#[derive(Debug)]
pub struct LiveChange {
    /// Module that owns it.
    pub module: Cow<'static, str>,
    /// The name of the entity, such as `todo`.
    pub entity: Cow<'static, str>,
    /// Its id.
    pub id: String,
    /// What happened to it.
    pub op: Op,
    /// What the module's filters compare: [`Entity::scope`](super::Entity::scope) after a put, or before a delete.
    pub scope: Option<String>,
    /// The change as a notification shows it.
    json: JsonText,
}

impl LiveChange {
    pub(crate) fn new(
        module: Cow<'static, str>,
        entity: Cow<'static, str>,
        id: String,
        op: Op,
        scope: Option<String>,
        after: Option<&JsonText>,
    ) -> Self {
        // A string always serializes.
        let quoted = serde_json::to_string(&id).unwrap_or_default();
        let (name, after) = after.map_or(("", ""), |after| (",\"value\":", after.get()));
        // In one piece: a text that grows may take twice its length.
        let json =
            ["{\"entity\":\"", &entity, "\",\"op\":\"", op.as_str(), "\",\"id\":", &quoted, name, after, "}"]
                .concat();
        Self { module, entity, id, op, scope, json: JsonText::assembled(json) }
    }

    /// The same change with the entity after it.
    pub(super) fn with_value(self, after: &JsonText) -> Self {
        Self::new(self.module, self.entity, self.id, self.op, self.scope, Some(after))
    }

    /// The change as a notification shows it.
    pub fn json(&self) -> &JsonText {
        &self.json
    }

    pub(super) fn bytes(&self) -> usize {
        let scope = self.scope.as_ref().map_or(0, String::len);
        size_of::<Self>() + self.id.len() + scope + self.json.bytes()
    }
}

/// An event for the subscribers of a module that is not in the log.
#[derive(Debug, Clone)]
pub struct Transient {
    /// The module.
    pub module: &'static str,
    /// What the module's filters compare, such as the id of a conversation.
    pub scope: String,
    /// Whether only those subscribers get it that asked for optional events.
    pub optional: bool,
    /// The event, as JSON.
    pub json: JsonText,
}

impl Transient {
    pub(super) fn bytes(&self) -> usize {
        size_of::<Self>() + self.scope.len() + self.json.bytes()
    }
}
