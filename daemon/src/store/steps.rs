//! Large writes are made in steps: each is a revision of its own, and between two of them other writes have their turn.
//!
//! A write goes on behind a step in memory, with what it knows; `core_steps` says which revisions belong together, and
//! `core_unfinished` which writes ended before their last step, so that a repeat belongs to them too.

use super::divided::{Divided, Room};
use super::idempotency::Once;
use super::json_text::JsonText;
use super::tx::WriteTx;
use super::{ReadTx, Result};
use rusqlite::{Row, params};
use serde::Serialize;
use serde::de::DeserializeOwned;
use stina_protocol::Error;

/// How far a write has come.
pub enum Written<T> {
    /// To its end: its answer.
    Done(T),
    /// To the end of a step. The next one goes on.
    More(Next<T>),
}

/// A step of a write, or a whole one.
pub type Next<T> = Box<dyn FnOnce(&mut WriteTx<'_>) -> Result<Written<T>> + Send>;

/// A write: changes rows and answers its `value` as JSON.
pub type WriteFn = Next<JsonText>;

impl<T> std::fmt::Debug for Written<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Done(_) => "Done",
            Self::More(_) => "More",
        })
    }
}

impl<T> Written<T> {
    /// There is more to do, in another step.
    pub fn more(next: impl FnOnce(&mut WriteTx<'_>) -> Result<Self> + Send + 'static) -> Self {
        Self::More(Box::new(next))
    }

    /// Goes on to the end within this transaction.
    pub(crate) fn finish(mut self, tx: &mut WriteTx<'_>) -> Result<T> {
        loop {
            match self {
                Self::Done(answer) => return Ok(answer),
                Self::More(next) => self = next(tx)?,
            }
        }
    }

    /// The same with its answer as JSON.
    pub(crate) fn into_json(self) -> Result<Written<JsonText>>
    where
        T: Serialize + 'static,
    {
        Ok(match self {
            Self::Done(answer) => Written::Done(JsonText::of(&answer)?),
            Self::More(next) => Written::more(move |tx| next(tx)?.into_json()),
        })
    }
}

impl WriteTx<'_> {
    /// Whether this step has done enough: what is left is for the next one. Never in `store.transact`, which is one
    /// revision whatever it does.
    pub fn is_full(&self) -> bool {
        let is_full = |room: Room| self.changes.count >= room.changes || self.changes.bytes() >= room.bytes;
        // Each step does something, however small the limits are.
        self.changes.count > 0 && self.room.is_some_and(is_full)
    }

    /// Runs `f`, none of which is left for another step.
    pub(crate) fn undivided<T>(&mut self, f: impl FnOnce(&mut Self) -> T) -> T {
        let room = self.room.take();
        let done = f(self);
        self.room = room;
        done
    }

    /// What the write has chosen at its beginning, if this is the rest of one that was cut off between two steps: its
    /// conditions held then.
    ///
    /// # Errors
    /// When the database holds something else.
    pub fn chosen<T: DeserializeOwned>(&self) -> Result<Option<T>> {
        let chosen = self.divided.chosen.as_deref().filter(|_| self.divided.first.is_some());
        Ok(chosen.map(serde_json::from_str).transpose()?)
    }

    /// Keeps what this write has chosen, so that a repeat has [`chosen`](Self::chosen) the same if this is cut off. It holds
    /// no values of entities: a purge does not look there.
    ///
    /// # Errors
    /// When it can't be JSON.
    pub fn choose(&mut self, chosen: &impl Serialize) -> Result<()> {
        if self.room.is_some() {
            self.divided.chosen = Some(serde_json::to_string(chosen)?);
        }
        Ok(())
    }

    /// How many changes this write has logged, in all its steps.
    pub(super) fn logged(&self) -> usize {
        self.divided.logged + self.changes.count
    }

    /// How many changes there were before the first part of the entity was removed.
    pub(super) fn removal_begun(&mut self, name: &str, key: &str) -> usize {
        let removing = &mut self.divided.removing;
        match removing.iter().position(|(of, id, _)| (of.as_str(), id.as_str()) == (name, key)) {
            Some(at) => removing.swap_remove(at).2,
            None => self.logged(),
        }
    }

    /// Keeps that number for the next step.
    pub(super) fn leave_removal(&mut self, name: &str, key: &str, begun: usize) {
        self.divided.removing.push((name.to_owned(), key.to_owned(), begun));
    }

    /// Makes this write the rest of the one that began with the revision `first`.
    pub(super) fn resume(&mut self, first: u64) -> Result<()> {
        let sql = "SELECT rev, logged, removing FROM core_steps WHERE first = ? ORDER BY rev DESC LIMIT 1";
        let read = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
        let (last, logged, removing) = self.first(sql, [first], read)?.unwrap_or((first, 0, "[]".to_owned()));
        let removing = serde_json::from_str(&removing)?;
        self.divided = Divided {
            has_begun: false,
            first: Some(first),
            last: Some(last),
            logged,
            removing,
            chosen: None,
        };
        Ok(())
    }

    /// Makes this write the rest of an earlier one with that `requestId`, if that was cut off.
    pub(super) fn resume_unfinished(&mut self, once: &Once) -> Result<()> {
        let sql = "SELECT first, fingerprint, chosen FROM core_unfinished WHERE request_id = ?";
        let read = |row: &Row<'_>| Ok((row.get(0)?, row.get::<_, Vec<u8>>(1)?, row.get(2)?));
        let Some((first, fingerprint, chosen)) = self.first(sql, [once.id.as_str()], read)? else {
            return Ok(());
        };
        if fingerprint != once.fingerprint.bytes() {
            return Err(Error::RequestMismatch.into());
        }
        self.resume(first)?;
        self.divided.chosen = chosen;
        Ok(())
    }

    /// Notes in the database what this step has done, if there are others.
    pub(super) fn end_step(&mut self, changes: usize, once: Option<&Once>, is_last: bool) -> Result<()> {
        let rev = self.rev();
        let divided = &mut self.divided;
        divided.has_begun = true;
        if changes > 0 {
            divided.last = Some(rev);
        }
        if divided.first.is_none() && (is_last || changes == 0) {
            return Ok(());
        }
        let first = *divided.first.get_or_insert(rev);
        divided.logged += changes;
        let (logged, removing) = (divided.logged, serde_json::to_string(&divided.removing)?);
        if changes > 0 {
            let sql = "INSERT INTO core_steps (rev, first, undoes, logged, removing) VALUES (?, ?, ?, ?, ?)";
            self.execute(sql, params![rev, first, self.undoes, logged, removing])?;
        }
        let Some(once) = once else { return Ok(()) };
        let chosen = self.divided.chosen.take();
        if is_last {
            self.execute("DELETE FROM core_unfinished WHERE request_id = ?", [once.id.as_str()])?;
        } else {
            self.execute(
                "INSERT OR IGNORE INTO core_unfinished (request_id, at, fingerprint, first, chosen)
                 VALUES (?, ?, ?, ?, ?)",
                params![once.id.as_str(), self.now(), once.fingerprint.bytes(), first, chosen],
            )?;
        }
        Ok(())
    }
}

/// Whether some write with a `requestId` has ended before its last step, or is between two of them.
pub(super) fn has_unfinished(tx: &ReadTx<'_>) -> Result<bool> {
    Ok(tx.first("SELECT 1 FROM core_unfinished LIMIT 1", [], |_| Ok(()))?.is_some())
}

/// The first revision of the write that `rev` continues.
pub(super) fn continues(tx: &ReadTx<'_>, rev: u64) -> Result<Option<u64>> {
    Ok(first_of(tx, rev)?.filter(|first| *first != rev))
}

/// The first revision of the write in steps that `rev` belongs to.
pub(super) fn first_of(tx: &ReadTx<'_>, rev: u64) -> Result<Option<u64>> {
    tx.first("SELECT first FROM core_steps WHERE rev = ?", [rev], |row| row.get(0))
}

/// The revisions of the write that `rev` belongs to, oldest first.
pub(super) fn all_of(tx: &ReadTx<'_>, rev: u64) -> Result<Vec<u64>> {
    match first_of(tx, rev)? {
        Some(first) => {
            tx.all("SELECT rev FROM core_steps WHERE first = ? ORDER BY rev", [first], |row| row.get(0))
        }
        None => Ok(vec![rev]),
    }
}

/// The step before `rev` of the same write.
pub(super) fn before(tx: &ReadTx<'_>, rev: u64) -> Result<Option<u64>> {
    let sql = "SELECT max(rev) FROM core_steps
               WHERE first = (SELECT first FROM core_steps WHERE rev = ?1) AND rev < ?1";
    Ok(tx.first(sql, [rev], |row| row.get(0))?.flatten())
}

/// The revision that has undone `rev`, a step, and is not undone itself.
pub(super) fn undone_by(tx: &ReadTx<'_>, rev: u64) -> Result<Option<u64>> {
    let newest = "SELECT rev FROM core_steps WHERE undoes = ? ORDER BY rev DESC LIMIT 1";
    let Some(undo) = tx.first(newest, [rev], |row| row.get(0))? else { return Ok(None) };
    // An undo, its redo, the undo of that, and so on: what counts is whether their number is odd.
    let (mut last, mut is_undone) = (undo, true);
    while let Some(next) = tx.first(newest, [last], |row| row.get(0))? {
        (last, is_undone) = (next, !is_undone);
    }
    Ok(is_undone.then_some(undo))
}
