//! What a write in steps carries from one step to the next, and how much a step may do.

use crate::limits::Limits;

/// What a write carries from step to step.
#[derive(Debug, Default)]
pub(crate) struct Divided {
    pub(super) has_begun: bool,
    /// Its first revision.
    pub(super) first: Option<u64>,
    /// Its newest revision.
    pub(super) last: Option<u64>,
    /// Changes of the steps so far.
    pub(super) logged: usize,
    /// Name and key of entities whose parts are not all gone, with the number of changes before the first of them.
    pub(super) removing: Vec<(String, String, usize)>,
    /// JSON of what it has chosen at its beginning, until the database has it.
    pub(super) chosen: Option<String>,
}

impl Divided {
    /// Whether it has made a step.
    pub(super) fn has_begun(&self) -> bool {
        self.has_begun
    }
}

/// How much a step may do.
#[derive(Debug, Clone, Copy)]
pub(super) struct Room {
    pub(super) changes: usize,
    pub(super) bytes: usize,
}

impl Room {
    pub(super) fn of(limits: &Limits) -> Self {
        Self { changes: limits.step_changes, bytes: limits.step_bytes }
    }
}
