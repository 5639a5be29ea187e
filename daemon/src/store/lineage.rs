//! Which revision an entity is of, where undo has brought it back.

use super::entity::EntityKind;
use super::logged::{Logged, rev_in, same};
use super::{ReadTx, Result};
use std::collections::HashMap;

/// Follows undone revisions back.
///
/// An entity that an undo put back has the revision of the undo, and is as an older revision left it. So a series of
/// undos meets each entity as it expects it, and so does the undo of an undo.
pub(super) struct Lineage<'t> {
    tx: &'t ReadTx<'t>,
    revisions: HashMap<u64, Option<Indexed>>,
}

/// A revision, and where in it the changes of each entity are.
struct Indexed {
    logged: Logged,
    ends: HashMap<(String, String), (usize, usize)>,
}

impl<'t> Lineage<'t> {
    pub(super) fn new(tx: &'t ReadTx<'t>) -> Self {
        Self { tx, revisions: HashMap::new() }
    }

    fn load(&mut self, rev: u64) -> Result<()> {
        if !self.revisions.contains_key(&rev) {
            let indexed = Logged::find(self.tx, rev)?.map(|logged| {
                let owned =
                    |((entity, id), ends): ((&str, &str), _)| ((entity.to_owned(), id.to_owned()), ends);
                let ends = logged.ends().into_iter().map(owned).collect();
                Indexed { logged, ends }
            });
            self.revisions.insert(rev, indexed);
        }
        Ok(())
    }

    /// Whether an entity that has the revision `rev` is as the revision `wanted` left it.
    pub(super) fn leads(&mut self, kind: EntityKind, id: &str, mut rev: u64, wanted: u64) -> Result<bool> {
        while rev > wanted {
            match self.older(kind, id, rev)? {
                Some(older) if older < rev => rev = older,
                _ => return Ok(false),
            }
        }
        Ok(rev == wanted)
    }

    /// The revision whose state of an entity `rev` has brought back, if it is an undo.
    fn older(&mut self, kind: EntityKind, id: &str, rev: u64) -> Result<Option<u64>> {
        self.load(rev)?;
        let undoes = self.revisions.get(&rev).and_then(Option::as_ref).and_then(|r| r.logged.origin.undoes);
        let Some(undoes) = undoes else { return Ok(None) };
        self.load(undoes)?;
        let key = (kind.name.to_owned(), id.to_owned());
        let ends = |rev| {
            let Indexed { logged, ends } = self.revisions.get(&rev)?.as_ref()?;
            let (first, last) = ends.get(&key)?;
            Some((logged.at, &logged.rows[*first], &logged.rows[*last]))
        };
        let Some((at, first, last)) = ends(rev) else { return Ok(None) };
        if let Some((_, undone, _)) = ends(undoes)
            && let Some(before) = undone.values(self.tx)?.before
            && let Some(after) = last.values(self.tx)?.after
            && same((kind.put_back)(&before, at)?.get(), &after, &[&["rev"], kind.read_only])?
        {
            return Ok(Some(rev_in(&before)?));
        }
        // What an undo only touches is as before.
        first.values(self.tx)?.before.map(|before| rev_in(&before)).transpose()
    }
}
