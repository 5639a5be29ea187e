//! The undo of a write in all its steps, itself in steps: each undoes one, the newest first.

use super::change_log::oldest_rev;
use super::entity::EntityKind;
use super::logged::in_range;
use super::trash::Seen;
use super::undo::{LISTED, look, refuse, undo};
use super::{Result, WriteTx, steps};
use stina_protocol::Error;
use stina_protocol::undo::{ChangedSince, UndoParams, Undone};

/// An undo on its way.
pub(crate) struct Undo {
    params: UndoParams,
    /// The revisions to undo, oldest first.
    revisions: Vec<u64>,
    /// How many of them, from the oldest on, are not looked at yet: nothing is undone before all are.
    unseen: usize,
    seen: Seen,
    changed: Vec<ChangedSince>,
    undone: Undone,
}

impl Undo {
    /// Prepares the undo of the write that made the revision.
    ///
    /// # Errors
    /// `invalid` for a write that has more steps to make, `compacted` where the log has only some of its steps.
    pub(crate) fn begin(tx: &mut WriteTx<'_>, params: UndoParams) -> Result<Self> {
        let undone = Undone { rev: tx.rev() - 1, changes: Vec::new(), omitted: 0 };
        let revisions = revisions(tx, params.rev)?;
        let unseen = if revisions.len() > 1 { revisions.len() } else { 0 };
        Ok(Self { params, revisions, unseen, seen: Seen::default(), changed: Vec::new(), undone })
    }

    /// Makes one step; returns the answer after the last.
    ///
    /// # Errors
    /// `conflict` and those of the writes. Then what the steps before have undone stays, and a repeat undoes the rest.
    pub(crate) fn go_on(
        &mut self,
        tx: &mut WriteTx<'_>,
        kinds: &[EntityKind],
        settle: impl FnOnce(&mut WriteTx<'_>) -> Result<()>,
    ) -> Result<Option<Undone>> {
        if let Some(next) = self.unseen.checked_sub(1) {
            self.unseen = next;
            look(tx, kinds, self.revisions[next], &mut self.seen, &mut self.changed)?;
            if next == 0 {
                let changed = std::mem::take(&mut self.changed);
                refuse(tx, self.revisions[0], if self.params.force { Vec::new() } else { changed })?;
                self.seen = Seen::default();
            }
            return Ok(None);
        }
        if let Some(rev) = self.revisions.pop() {
            let params = UndoParams { rev, ..self.params };
            // As large as the step that it undoes.
            let step = tx.undivided(|tx| undo(tx, kinds, params, settle))?;
            let listed = LISTED - self.undone.changes.len();
            self.undone.rev = step.rev;
            self.undone.omitted += step.omitted + step.changes.len().saturating_sub(listed) as u64;
            self.undone.changes.extend(step.changes.into_iter().take(listed));
        }
        Ok(self.revisions.is_empty().then(|| self.undone.clone()))
    }
}

/// The revisions of the write that made `rev`, but for those that an undo that was cut off has undone: this one then
/// goes on with that.
fn revisions(tx: &mut WriteTx<'_>, rev: u64) -> Result<Vec<u64>> {
    in_range(rev, tx.rev() - 1)?;
    let all = steps::all_of(tx, rev)?;
    let Some(first) = steps::first_of(tx, rev)? else { return Ok(all) };
    let oldest_rev = oldest_rev(tx)?;
    if first < oldest_rev {
        return Err(Error::Compacted { oldest_rev }.into());
    }
    require_ended(tx, first, rev)?;
    let (mut left, mut undo) = (Vec::new(), None);
    for step in &all {
        match steps::undone_by(tx, *step)? {
            Some(rev) => undo = undo.max(Some(rev)),
            None => left.push(*step),
        }
    }
    let Some(undo) = undo else { return Ok(all) };
    let Some(undo) = steps::first_of(tx, undo)? else { return Ok(all) };
    require_ended(tx, undo, rev)?;
    if left.is_empty() {
        return Ok(all);
    }
    if all.starts_with(&left) && tx.divided.first.is_none() {
        tx.resume(undo)?;
    }
    Ok(left)
}

/// Refuses while the write that began with the revision `first` has more steps to make.
fn require_ended(tx: &WriteTx<'_>, first: u64, rev: u64) -> Result<()> {
    match tx.unfinished.contains(&first) {
        true => {
            Err(Error::invalid("rev", format!("what revision {rev} belongs to has not ended yet")).into())
        }
        false => Ok(()),
    }
}
