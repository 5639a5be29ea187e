//! One revision as the change log has it. Its values, which may be large, are read one change at a time.

use super::change_log::oldest_rev;
use super::recording::first_seq;
use super::{ReadTx, Result, steps};
use rusqlite::params;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::{BTreeMap, HashMap};
use stina_protocol::Error;
use stina_protocol::event::{Op, Origin};

/// A revision of the change log.
#[derive(Debug)]
pub(super) struct Logged {
    pub(super) rev: u64,
    pub(super) at: i64,
    pub(super) origin: Origin,
    pub(super) rows: Vec<Row>,
}

/// A change, without its values.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) seq: u64,
    pub(super) entity: String,
    pub(super) id: String,
    /// None for a reset.
    pub(super) op: Option<Op>,
    pub(super) has_before: bool,
    has_after: bool,
}

/// The entity before and after a change.
#[derive(Debug)]
pub(super) struct Values {
    pub(super) before: Option<String>,
    pub(super) after: Option<String>,
}

impl Row {
    /// Whether the log no longer has the entity as it was: each put has a value after it, each delete one before.
    pub(super) fn is_blank(&self) -> bool {
        match self.op {
            Some(Op::Put) => !self.has_after,
            Some(Op::Delete) => !self.has_before,
            _ => true,
        }
    }

    /// Whether it created the entity.
    pub(super) fn made(&self) -> bool {
        self.op == Some(Op::Put) && !self.has_before
    }

    pub(super) fn is_of(&self, entity: &str, id: &str) -> bool {
        self.entity == entity && self.id == id
    }

    pub(super) fn values(&self, tx: &ReadTx<'_>) -> Result<Values> {
        let sql = "SELECT before, after FROM core_changes WHERE seq = ?";
        let values =
            tx.first(sql, [self.seq], |row| Ok(Values { before: row.get(0)?, after: row.get(1)? }))?;
        Ok(values.ok_or(Error::Corrupt)?)
    }

    /// The entity before the change, which is not blank.
    pub(super) fn before(&self, tx: &ReadTx<'_>) -> Result<String> {
        Ok(self.values(tx)?.before.ok_or(Error::Corrupt)?)
    }
}

/// Refuses what is no revision up to `newest`.
///
/// # Errors
/// `invalid`.
pub(super) fn in_range(rev: u64, newest: u64) -> Result<()> {
    match rev {
        0 => Err(Error::invalid("rev", "revisions begin with 1").into()),
        rev if rev > newest => Err(Error::invalid("rev", format!("the newest revision is {newest}")).into()),
        _ => Ok(()),
    }
}

impl Logged {
    /// The revision `rev`.
    ///
    /// # Errors
    /// `invalid` when there is none yet, `compacted` when there is none any more.
    pub(super) fn get(tx: &ReadTx<'_>, rev: u64, newest: u64) -> Result<Self> {
        in_range(rev, newest)?;
        match Self::find(tx, rev)? {
            Some(logged) => Ok(logged),
            None => Err(Error::Compacted { oldest_rev: oldest_rev(tx)? }.into()),
        }
    }

    /// The revision `rev`, if the log has it.
    pub(super) fn find(tx: &ReadTx<'_>, rev: u64) -> Result<Option<Self>> {
        let mut statement = tx.statement(
            "SELECT seq, entity, id, op, before IS NOT NULL, after IS NOT NULL FROM core_changes
             WHERE seq >= ? AND seq < ? ORDER BY seq",
        )?;
        let rows = statement.query_map(params![first_seq(rev), first_seq(rev + 1)], |row| {
            let op = match row.get_ref(3)?.as_str()? {
                "put" => Some(Op::Put),
                "delete" => Some(Op::Delete),
                _ => None,
            };
            let (seq, entity, id) = (row.get(0)?, row.get(1)?, row.get(2)?);
            Ok(Row { seq, entity, id, op, has_before: row.get(4)?, has_after: row.get(5)? })
        })?;
        let rows: Vec<Row> = rows.collect::<rusqlite::Result<_>>()?;
        let Some(first) = rows.first() else { return Ok(None) };
        let sql = "SELECT at, client, request_id, undoes FROM core_changes WHERE seq = ?";
        let continues = steps::continues(tx, rev)?;
        let common = tx.first(sql, [first.seq], |row| {
            let origin =
                Origin { client: row.get(1)?, request_id: row.get(2)?, undoes: row.get(3)?, continues };
            Ok((row.get(0)?, origin))
        })?;
        let (at, origin) = common.ok_or(Error::Corrupt)?;
        Ok(Some(Self { rev, at, origin, rows }))
    }

    /// The first and the last change of each entity, as places in `rows`.
    pub(super) fn ends(&self) -> HashMap<(&str, &str), (usize, usize)> {
        let mut ends = HashMap::new();
        for (at, row) in self.rows.iter().enumerate() {
            ends.entry((row.entity.as_str(), row.id.as_str())).or_insert((at, at)).1 = at;
        }
        ends
    }
}

/// The revision that an entity's JSON names.
pub(super) fn rev_in(json: &str) -> Result<u64> {
    #[derive(Deserialize)]
    struct Named {
        rev: u64,
    }
    let Named { rev } = serde_json::from_str(json).map_err(|_| Error::Corrupt)?;
    Ok(rev)
}

/// The members of an entity's JSON.
pub(super) fn members(json: &str) -> Result<BTreeMap<String, &RawValue>> {
    Ok(serde_json::from_str(json).map_err(|_| Error::Corrupt)?)
}

/// Whether two entities of one sort have the same members, but for some.
pub(super) fn same(a: &str, b: &str, except: &[&[&str]]) -> Result<bool> {
    let counts = |name: &str| !except.iter().any(|names| names.contains(&name));
    let counted = |json| -> Result<BTreeMap<String, &str>> {
        let all = members(json)?.into_iter().filter(|(name, _)| counts(name));
        Ok(all.map(|(name, value)| (name, value.get())).collect())
    };
    Ok(counted(a)? == counted(b)?)
}
