//! `todo.list`: the order of todos, filtered and paged, each page at about the cost of a page.

use super::archive;
use super::entity::NO_DUE_DATE;
use crate::modules::page::{self, PageBuilder};
use crate::store::{ReadTx, Result};
use jiff::tz::TimeZone;
use rusqlite::params;
use stina_protocol::todo::{List, ListParams, Status, Todo};
use stina_protocol::{Method, Page};

/// What todos are ordered by: `due_order`, `createdAt`, id.
type SortKey = (i64, i64, String);

fn sort_key(todo: &Todo) -> SortKey {
    (todo.due_at.unwrap_or(NO_DUE_DATE), todo.created_at, todo.id.clone())
}

pub(super) fn list(tx: &ReadTx<'_>, params: ListParams) -> Result<Page<Todo>> {
    let (paging, filter) = (params.head, params.fields);
    let limit = paging.limit.get();
    let first = (filter.due_after.map_or(i64::MIN, |after| after.get() + 1), i64::MIN, String::new());
    let last = match (filter.due_before, filter.due_after) {
        (Some(before), _) => before.get() - 1,
        // A filter by due date leaves out todos without one.
        (None, Some(_)) => NO_DUE_DATE - 1,
        (None, None) => NO_DUE_DATE,
    };
    let cursor: Option<SortKey> = page::after(List::NAME, paging.cursor.as_deref())?;
    let (due, created_at, id) = cursor.map_or(first.clone(), |cursor| cursor.max(first));
    let day_start = archive::day_start(tx.now(), &TimeZone::system());
    let closed = if filter.include_archived { Closed::All } else { closed_since(tx, day_start)? };
    let sql = ordered_ids(filter.status.as_deref().unwrap_or(&Status::ALL), closed);
    let rows = params![due, created_at, id, last, day_start, limit + 1];
    let ids: Vec<String> = tx.all(&sql, rows, |row| row.get(0))?;
    PageBuilder::of(tx, ids, limit)?.finish(List::NAME, sort_key)
}

/// Which of the closed todos are wanted, and how they are found.
#[derive(Debug, Clone, Copy)]
enum Closed {
    /// All of them, in order.
    All,
    /// The recent ones, which are few: by their update, then sorted.
    Few,
    /// The recent ones, which are many: in order, passing over the archived ones between them.
    Many,
}

/// Sorting as many takes a few milliseconds; so does passing over the archived ones that lie between more than these.
const FEW: usize = 5000;

fn closed_since(tx: &ReadTx<'_>, day_start: i64) -> Result<Closed> {
    let sql = "SELECT count(*) > ?2 FROM (SELECT 1 FROM todos INDEXED BY todos_updated
                   WHERE status IN ('completed', 'cancelled') AND updated_at >= ?1 LIMIT ?2 + 1)";
    let many = tx.first(sql, params![day_start, FEW], |row| row.get(0))?;
    Ok(if many == Some(true) { Closed::Many } else { Closed::Few })
}

/// The ids of todos with one of `statuses` after the sort key (?1, ?2, ?3), with a `due_order` up to ?4, in order, at
/// most ?6; closed ones only when they were updated from ?5 on, unless all are wanted.
///
/// A branch for each status, so that each walks an index in order and stops, and the many that were closed long ago
/// cost nothing where the recent ones are few.
fn ordered_ids(statuses: &[Status], closed: Closed) -> String {
    let branch = |status: &Status| {
        let (index, recent) = match (status.is_closed(), closed) {
            (false, _) | (true, Closed::All) => ("todos_order", ""),
            (true, Closed::Few) => ("todos_updated", "AND updated_at >= ?5"),
            (true, Closed::Many) => ("todos_order", "AND updated_at >= ?5"),
        };
        format!(
            "SELECT * FROM (SELECT due_order, created_at, id FROM todos INDEXED BY {index}
                 WHERE status = '{}' {recent} AND (due_order, created_at, id) > (?1, ?2, ?3) AND due_order <= ?4
                 ORDER BY due_order, created_at, id LIMIT ?6)",
            status.name()
        )
    };
    let wanted = Status::ALL.iter().filter(|status| statuses.contains(status));
    let mut branches: Vec<String> = wanted.map(branch).collect();
    branches.push("SELECT NULL AS due_order, NULL AS created_at, NULL AS id WHERE false".to_owned());
    let branches = branches.join(" UNION ALL ");
    format!("SELECT id FROM ({branches}) ORDER BY due_order, created_at, id LIMIT ?6")
}

#[cfg(test)]
mod tests {
    use super::*;
    use rusqlite::Connection;

    #[test]
    fn a_page_is_read_off_indexes_from_its_first_row_on() {
        let conn = Connection::open_in_memory().unwrap();
        conn.execute_batch(super::super::MODULE.migrations[0].sql).unwrap();
        for (closed, expected) in [(Closed::Few, (2, 2)), (Closed::Many, (4, 2)), (Closed::All, (4, 4))] {
            let sql = format!("EXPLAIN QUERY PLAN {}", ordered_ids(&Status::ALL, closed));
            let mut plan = conn.prepare(&sql).unwrap();
            let steps = plan
                .query_map(params![0, 0, "", 0, 0, 1], |row| row.get::<_, String>(3))
                .unwrap()
                .collect::<rusqlite::Result<Vec<_>>>()
                .unwrap();
            let in_order =
                "INDEX todos_order (status=? AND (due_order,created_at,id)>(?,?,?) AND due_order<?)";
            let in_order: Vec<_> = steps.iter().filter(|step| step.contains(in_order)).collect();
            let covered = in_order.iter().filter(|step| step.contains("COVERING")).count();
            assert_eq!((in_order.len(), covered), expected, "{steps:#?}");
            assert!(!steps.iter().any(|step| step.starts_with("SCAN todos")), "{steps:#?}");
        }
    }
}
