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
        size_of::<Self>() + self.changes.iter().map(LiveChange::bytes).sum::<usize>()
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
    /// The entity before, as JSON; only of deletes unless it was asked for.
    pub(super) before: Option<JsonText>,
    /// The change as a notification shows it.
    json: JsonText,
    /// Where in `json` the entity after the change is.
    after: std::ops::Range<usize>,
}

impl LiveChange {
    pub(crate) fn new(
        module: Cow<'static, str>,
        entity: Cow<'static, str>,
        id: String,
        op: Op,
        before: Option<JsonText>,
        after: Option<JsonText>,
    ) -> Self {
        let op_name = if op == Op::Put { "put" } else { "delete" };
        // A string always serializes.
        let quoted = serde_json::to_string(&id).unwrap_or_default();
        let mut json = ["{\"entity\":\"", &entity, "\",\"op\":\"", op_name, "\",\"id\":", &quoted].concat();
        let mut range = 0..0;
        if let Some(after) = after {
            json.push_str(",\"value\":");
            range = json.len()..json.len() + after.bytes();
            json.push_str(after.get());
        }
        json.push('}');
        Self { module, entity, id, op, before, json: JsonText::assembled(json), after: range }
    }

    /// The entity after the change, as JSON.
    pub fn after(&self) -> Option<&str> {
        (!self.after.is_empty()).then(|| &self.json.get()[self.after.clone()])
    }

    /// The entity before the change, as JSON; only of deletes unless it was asked for.
    pub fn before(&self) -> Option<&str> {
        self.before.as_ref().map(JsonText::get)
    }

    /// The entity after a put, or before a delete, as JSON.
    pub fn entity_json(&self) -> Option<&str> {
        self.after().or(self.before())
    }

    /// Drops the entity before and after the change.
    pub(super) fn drop_values(&mut self) {
        let (module, entity, id) = (self.module.clone(), self.entity.clone(), std::mem::take(&mut self.id));
        *self = Self::new(module, entity, id, self.op, None, None);
    }

    /// The change as a notification shows it.
    pub fn json(&self) -> &JsonText {
        &self.json
    }

    pub(super) fn bytes(&self) -> usize {
        size_of::<Self>()
            + self.id.len()
            + self.json.bytes()
            + self.before.as_ref().map_or(0, JsonText::bytes)
    }
}

/// An event for the subscribers of a module that is not in the log.
#[derive(Debug, Clone)]
pub struct Transient {
    /// The module.
    pub module: &'static str,
    /// What the module's own filter compares, such as the id of a conversation.
    pub scope: String,
    /// Whether only those subscribers get it that asked for optional events.
    pub optional: bool,
    /// The event, as JSON.
    pub json: JsonText,
}

impl Transient {
    pub(super) fn bytes(&self) -> usize {
        self.scope.len() + self.json.bytes()
    }
}
