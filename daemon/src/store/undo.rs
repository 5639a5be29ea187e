//! Undo: a new revision that puts back what one revision changed, last change first. `undo_steps.rs` undoes a whole write.
//!
//! It works on the change log and on what every kind of entity can do ([`EntityKind`]); it knows no module.

use super::entity::EntityKind;
use super::lineage::Lineage;
use super::logged::{Logged, Row, members, rev_in, same};
use super::recording::first_seq;
use super::trash::Seen;
use super::{Failure, ReadTx, Result, TxChange, WriteTx};
use rusqlite::Error as SqliteError;
use rusqlite::ffi::SQLITE_CONSTRAINT_FOREIGNKEY;
use serde_json::value::RawValue;
use std::collections::{BTreeMap, HashMap, HashSet};
use stina_protocol::event::Op;
use stina_protocol::undo::{ChangedSince, UndoParams, Undone, UndoneChange};
use stina_protocol::{Error, Json};

/// Members that change with every write: a change of these alone is no change to undo.
const BOOKKEEPING: &[&str] = &["rev", "updatedAt"];
/// Most changes that an answer lists.
pub(super) const LISTED: usize = 1000;
/// Most bytes of values that a conflict has, one over; and most entities.
const CONFLICT_BYTES: usize = 1 << 20;
const CONFLICTS: usize = 1000;

/// An entity that the revision changed.
struct Subject {
    kind: EntityKind,
    /// Places of its first and its last change in the rows of the revision.
    first: usize,
    last: usize,
    /// Its JSON, where the revision changed bookkeeping only and it has changed since: it stays.
    stays: Option<String>,
}

/// Looks whether the revision can be undone; adds what is in the way. Of a write in steps the newest is looked at first,
/// and `seen` has what the steps after this one changed: they left it as it is.
///
/// # Errors
/// `invalid` and `compacted` when the log can't serve it.
pub(super) fn look(
    tx: &ReadTx<'_>,
    kinds: &[EntityKind],
    rev: u64,
    seen: &mut Seen,
    changed: &mut Vec<ChangedSince>,
) -> Result<()> {
    let logged = Logged::get(tx, rev, tx.rev() - 1)?;
    let mut subjects = subjects(&logged, kinds)?;
    subjects.retain(|(entity, id), _| seen.is_first(entity, id));
    changed.extend(changed_since(tx, &logged, &mut subjects)?);
    changed.truncate(CONFLICTS);
    Ok(())
}

/// Undoes the revision that `params` names. `settle` lets the modules follow, once all is put back.
///
/// # Errors
/// `invalid` and `compacted` when the log can't serve it, `conflict`, and those of the writes.
pub(super) fn undo(
    tx: &mut WriteTx<'_>,
    kinds: &[EntityKind],
    params: UndoParams,
    settle: impl FnOnce(&mut WriteTx<'_>) -> Result<()>,
) -> Result<Undone> {
    let newest = tx.rev() - 1;
    let logged = Logged::get(tx, params.rev, newest)?;
    let mut subjects = subjects(&logged, kinds)?;
    let changed = changed_since(tx, &logged, &mut subjects)?;
    if !params.force {
        refuse(tx, params.rev, changed)?;
    }
    tx.undoes = Some(params.rev);
    let mut left = Vec::new();
    for (at, row) in logged.rows.iter().enumerate().rev() {
        let subject = &subjects[&key(row)];
        // A state between two changes of the same revision is not restored: only the one before its first change.
        let is_between = row.op == Some(Op::Put) && row.has_before && at != subject.first;
        if subject.stays.is_some() || is_between {
            continue;
        }
        if row.made() {
            (subject.kind.remove)(tx, &row.id)?;
        } else {
            let json = (subject.kind.put_back)(&row.before(tx)?, tx.now())?;
            left.extend(give_way(tx, kinds, subject.kind, &row.id, json.get())?);
            let put = (subject.kind.put)(tx, json.get());
            if put.as_ref().is_err_and(is_foreign_key) {
                require_parents(tx, kinds, subject.kind, json.get(), params.rev)?;
            }
            put?;
        }
    }
    settle(tx)?;
    touch(tx, &logged, &subjects)?;
    bring_up_to_date(tx, kinds, left)?;
    check(tx, kinds, &subjects, params)?;
    let made = tx.changed()?;
    let rev = if made.is_empty() { newest } else { tx.rev() };
    let omitted = made.len().saturating_sub(LISTED) as u64;
    let change = |TxChange { entity, id, exists }| {
        let op = if exists { Op::Put } else { Op::Delete };
        UndoneChange { entity, op, id }
    };
    Ok(Undone { rev, changes: made.into_iter().take(LISTED).map(change).collect(), omitted })
}

fn key(row: &Row) -> (&str, &str) {
    (&row.entity, &row.id)
}

/// The entities of a revision, all of whose values the log still has.
fn subjects<'l>(logged: &'l Logged, kinds: &[EntityKind]) -> Result<BTreeMap<(&'l str, &'l str), Subject>> {
    let mut subjects = BTreeMap::new();
    for (key, (first, last)) in logged.ends() {
        let kind = kinds.iter().find(|kind| kind.name == key.0);
        let Some(kind) = kind.filter(|_| logged.rows[first].op.is_some()) else {
            let reason = format!("revision {} is no change of an entity", logged.rev);
            return Err(Error::invalid("rev", reason).into());
        };
        subjects.insert(key, Subject { kind: *kind, first, last, stays: None });
    }
    if logged.rows.iter().any(Row::is_blank) {
        let reason = format!("what revision {} changed is no longer in the log", logged.rev);
        return Err(Error::invalid("rev", reason).into());
    }
    Ok(subjects)
}

/// Entities that are no longer as the revision left them. One of which it changed bookkeeping only stays as it is instead.
fn changed_since(
    tx: &ReadTx<'_>,
    logged: &Logged,
    subjects: &mut BTreeMap<(&str, &str), Subject>,
) -> Result<Vec<ChangedSince>> {
    let mut lineage = Lineage::new(tx);
    let (mut changed, mut bytes) = (Vec::new(), 0);
    for ((entity, id), subject) in subjects {
        let Subject { kind, first, last, .. } = *subject;
        let now = (kind.find)(tx, id)?;
        let was_left = logged.rows[last].op == Some(Op::Put);
        let is_as_left = match &now {
            Some((rev, _)) => was_left && lineage.leads(kind, id, *rev, logged.rev)?,
            None => !was_left,
        };
        if is_as_left {
            continue;
        }
        if was_left && !logged.rows[first].made() {
            let (before, after) = (logged.rows[first].before(tx)?, logged.rows[last].values(tx)?.after);
            if same(&before, &after.unwrap_or_default(), &[BOOKKEEPING, kind.read_only])? {
                subject.stays = Some(now.map(|(_, json)| json.into_string()).unwrap_or_default());
                continue;
            }
        }
        if changed.len() < CONFLICTS && bytes < CONFLICT_BYTES {
            bytes += now.as_ref().map_or(0, |(_, json)| json.bytes());
            let value = now.map(|(_, json)| Json::stored(json.into_string())).transpose()?;
            let (entity, id) = ((*entity).to_owned(), (*id).to_owned());
            changed.push(ChangedSince { entity, id, value, deleted_by: None });
        }
    }
    Ok(changed)
}

/// Fails with a conflict if anything has changed. For deleted entities it names the revision that deleted them.
pub(super) fn refuse(tx: &ReadTx<'_>, rev: u64, mut changed: Vec<ChangedSince>) -> Result<()> {
    if changed.is_empty() {
        return Ok(());
    }
    let gone = |c: &&mut ChangedSince| c.value.is_none();
    let mut wanted: HashMap<(String, String), &mut ChangedSince> =
        changed.iter_mut().filter(gone).map(|c| ((c.entity.clone(), c.id.clone()), c)).collect();
    if !wanted.is_empty() {
        let mut statement = tx.statement(
            "SELECT seq, entity, id FROM core_changes WHERE seq >= ? AND op = 'delete' ORDER BY seq DESC",
        )?;
        let mut rows = statement.query([first_seq(rev)])?;
        while let Some(row) = rows.next()?.filter(|_| !wanted.is_empty()) {
            let seq: u64 = row.get(0)?;
            if let Some(changed) = wanted.remove(&(row.get(1)?, row.get(2)?)) {
                changed.deleted_by = Some(super::recording::rev_of(seq));
            }
        }
    }
    Err(Error::Conflict { current: Some(Json::of(&changed)?) }.into())
}

fn is_foreign_key(failure: &Failure) -> bool {
    let Failure::Sqlite(SqliteError::SqliteFailure(error, _)) = failure else { return false };
    error.extended_code == SQLITE_CONSTRAINT_FOREIGNKEY
}

/// Foreign keys of a table: the table of the parent, and the column of its id.
type ForeignKeys = Vec<(String, String)>;

fn foreign_keys(tx: &ReadTx<'_>, kind: EntityKind) -> Result<ForeignKeys> {
    let sql = r#"SELECT "table", "from" FROM pragma_foreign_key_list(?)"#;
    tx.all(sql, [kind.table], |row| Ok((row.get(0)?, row.get(1)?)))
}

/// The entities that an entity (JSON) belongs to, as its table's foreign keys say.
fn parents(
    tx: &ReadTx<'_>,
    kinds: &[EntityKind],
    kind: EntityKind,
    json: &str,
) -> Result<Vec<(EntityKind, String)>> {
    parents_by(&foreign_keys(tx, kind)?, kinds, json)
}

fn parents_by(keys: &ForeignKeys, kinds: &[EntityKind], json: &str) -> Result<Vec<(EntityKind, String)>> {
    let members = members(json)?;
    let parent = |(table, from): &(String, String)| {
        let (_, id) = members.iter().find(|(name, _)| super::row::column(name) == *from)?;
        let parent = kinds.iter().find(|kind| kind.table == table)?;
        Some((*parent, serde_json::from_str(id.get()).ok()?))
    };
    Ok(keys.iter().filter_map(parent).collect())
}

/// Refuses when an entity belongs to one that is not there.
fn require_parents(
    tx: &ReadTx<'_>,
    kinds: &[EntityKind],
    kind: EntityKind,
    json: &str,
    rev: u64,
) -> Result<()> {
    parents(tx, kinds, kind, json)?.into_iter().try_for_each(|parent| require(tx, parent, rev))
}

fn require(tx: &ReadTx<'_>, (parent, id): (EntityKind, String), rev: u64) -> Result<()> {
    if (parent.find)(tx, &id)?.is_some() {
        return Ok(());
    }
    let entity = parent.name.to_owned();
    refuse(tx, rev, vec![ChangedSince { entity, id, value: None, deleted_by: None }])
}

/// Removes an entity that has the key of the one (JSON) that comes back, but other parents. Returns those parents, as they were.
fn give_way(
    tx: &mut WriteTx<'_>,
    kinds: &[EntityKind],
    kind: EntityKind,
    id: &str,
    json: &str,
) -> Result<Vec<(EntityKind, String, String)>> {
    let Some((_, there)) = (kind.find)(tx, id)? else { return Ok(Vec::new()) };
    let (old, new) = (parents(tx, kinds, kind, there.get())?, parents(tx, kinds, kind, json)?);
    if old == new {
        return Ok(Vec::new());
    }
    let mut left = Vec::new();
    for (parent, id) in old {
        if let Some((_, json)) = (parent.find)(tx, &id)? {
            left.push((parent, id, json.into_string()));
        }
    }
    (kind.remove)(tx, id)?;
    Ok(left)
}

/// Updates `rev` and `updatedAt` of the subjects that stay, as the methods do that change their parts.
fn touch(tx: &mut WriteTx<'_>, logged: &Logged, subjects: &BTreeMap<(&str, &str), Subject>) -> Result<()> {
    for ((_, id), Subject { kind, first, last, stays }) in subjects {
        let Some(before) = stays else { continue };
        let Some((rev, now)) = (kind.find)(tx, id)? else { continue };
        if rev == tx.rev() {
            continue;
        }
        let (was, became) = (logged.rows[*first].before(tx)?, logged.rows[*last].values(tx)?.after);
        let at = |json: &str| Ok::<_, Failure>(members(json)?.get("updatedAt").map(|at| at.get().to_owned()));
        let mut after = members(now.get())?;
        let time = RawValue::from_string(tx.now().to_string())?;
        if at(&was)? != at(&became.unwrap_or_default())? {
            after.insert("updatedAt".to_owned(), &time);
        }
        (kind.replace)(tx, before, &serde_json::to_string(&after)?)?;
    }
    Ok(())
}

/// An entity as it was last logged.
enum Last<'a> {
    /// Before this write.
    AsBefore(&'a str),
    /// By that change of this write.
    Made(&'a Row),
}

/// Logs the members that the database computes, such as counts, where they have changed since. `left` are
/// entities, as they were, that have lost one that gave way.
fn bring_up_to_date(
    tx: &mut WriteTx<'_>,
    kinds: &[EntityKind],
    left: Vec<(EntityKind, String, String)>,
) -> Result<()> {
    let made = Logged::find(tx, tx.rev())?.map(|made| made.rows).unwrap_or_default();
    let mut last: BTreeMap<(&str, &str), (EntityKind, Last<'_>)> = BTreeMap::new();
    for (kind, id, json) in &left {
        last.entry((kind.name, id)).or_insert((*kind, Last::AsBefore(json)));
    }
    for row in &made {
        if let Some(kind) = kinds.iter().find(|kind| kind.name == row.entity) {
            last.insert((kind.name, &row.id), (*kind, Last::Made(row)));
        }
    }
    for ((_, id), (kind, last)) in last.into_iter().filter(|(_, (kind, _))| !kind.read_only.is_empty()) {
        let json = match last {
            Last::AsBefore(json) => Some(json.to_owned()),
            Last::Made(row) => row.values(tx)?.after,
        };
        if let Some(json) = json
            && let Some((_, now)) = (kind.find)(tx, id)?
            && now.get() != json
        {
            (kind.replace)(tx, &json, now.get())?;
        }
    }
    Ok(())
}

/// Refuses when more was removed than the revision had changed, or when what was put back belongs to nothing.
fn check(
    tx: &WriteTx<'_>,
    kinds: &[EntityKind],
    subjects: &BTreeMap<(&str, &str), Subject>,
    params: UndoParams,
) -> Result<()> {
    let mut seen = HashSet::new();
    let (mut more, mut bytes) = (Vec::new(), 0);
    // Each is looked up once: a revision may put back hundreds of parts of one entity.
    let mut keys: HashMap<&str, ForeignKeys> = HashMap::new();
    let mut found: HashSet<(&str, String)> = HashSet::new();
    let made = Logged::find(tx, tx.rev())?.map(|made| made.rows).unwrap_or_default();
    for row in made.iter().rev() {
        let is_last = seen.insert(key(row));
        let is_wanted = !params.force && bytes < CONFLICT_BYTES && more.len() < CONFLICTS;
        match row.op {
            Some(Op::Put) if is_last => {
                let kind = kinds.iter().find(|kind| kind.name == row.entity);
                let Some(kind) = kind else { continue };
                if !keys.contains_key(kind.name) {
                    keys.insert(kind.name, foreign_keys(tx, *kind)?);
                }
                let keys = &keys[kind.name];
                if let Some(after) = if keys.is_empty() { None } else { row.values(tx)?.after } {
                    for (parent, id) in parents_by(keys, kinds, &after)? {
                        if found.insert((parent.name, id.clone())) {
                            require(tx, (parent, id), params.rev)?;
                        }
                    }
                }
            }
            Some(Op::Delete) if is_wanted && !subjects.contains_key(&key(row)) => {
                let before = row.before(tx)?;
                // An entity that this write has changed before is no conflict.
                if rev_in(&before)? != tx.rev() {
                    bytes += before.len();
                    let value = Some(Json::stored(before)?);
                    let (entity, id) = (row.entity.clone(), row.id.clone());
                    more.push(ChangedSince { entity, id, value, deleted_by: None });
                }
            }
            _ => {}
        }
    }
    refuse(tx, params.rev, more)
}
