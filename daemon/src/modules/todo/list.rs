//! `todo.list`: todos sorted, filtered and paged. The cost of a page does not depend on the number of todos.

use super::archive;
use super::entity::NO_DUE_DATE;
use crate::modules::page::{self, PageBuilder};
use crate::store::{ReadTx, Result};
use jiff::tz::TimeZone;
use rusqlite::params;
use stina_protocol::todo::{List, ListParams, Status, Todo};
use stina_protocol::{Method, Page};

/// The sort key of todos: `due_order`, `createdAt`, id.
type SortKey = (i64, i64, String);

fn sort_key(todo: &Todo) -> SortKey {
    (todo.due_at.unwrap_or(NO_DUE_DATE), todo.created_at, todo.id.to_string())
}

pub(super) fn list(tx: &ReadTx<'_>, params: ListParams) -> Result<Page<Todo>> {
    let (paging, filter) = (params.head, params.fields);
    let limit = paging.limit.get();
    let first = (filter.due_after.map_or(i64::MIN, |after| after.get() + 1), i64::MIN, String::new());
    let last = match (filter.due_before, filter.due_after) {
        (Some(before), _) => before.get() - 1,
        // A filter by due time excludes todos without one.
        (None, Some(_)) => NO_DUE_DATE - 1,
        (None, None) => NO_DUE_DATE,
    };
    let cursor: Option<SortKey> = page::after(List::NAME, paging.cursor.as_deref())?;
    let (due, created_at, id) = cursor.map_or(first.clone(), |cursor| cursor.max(first));
    let day_start = archive::day_start(tx.now(), &TimeZone::system());
    let closed = if filter.include_archived { Closed::All } else { closed_since(tx, day_start)? };
    let sql = ordered_ids(filter.status.as_deref().unwrap_or(Status::ALL), closed);
    let rows = params![due, created_at, id, last, day_start, limit + 1];
    let ids: Vec<String> = tx.all(&sql, rows, |row| row.get(0))?;
    PageBuilder::of(tx, ids, limit)?.finish(List::NAME, sort_key)
}

/// The closed todos to list, and how to find them.
#[derive(Debug, Clone, Copy)]
enum Closed {
    /// All of them, by the sort key.
    All,
    /// The recent ones, if they are few: by `updatedAt`, then sorted.
    Few,
    /// The recent ones, if they are many: by the sort key, skipping archived ones.
    Many,
}

/// Maximum number of recent todos to sort, which takes a few milliseconds; so does skipping the archived ones among
/// more.
const FEW: usize = 5000;

fn closed_since(tx: &ReadTx<'_>, day_start: i64) -> Result<Closed> {
    let sql = "SELECT count(*) > ?2 FROM (SELECT 1 FROM todos INDEXED BY todos_updated
                   WHERE status IN ('completed', 'cancelled') AND updated_at >= ?1 LIMIT ?2 + 1)";
    let many = tx.first(sql, params![day_start, FEW], |row| row.get(0))?;
    Ok(if many == Some(true) { Closed::Many } else { Closed::Few })
}

/// SQL for the ids of todos with one of `statuses` after the sort key (?1, ?2, ?3), with a `due_order` up to ?4, at
/// most ?6, sorted. Closed ones must be updated at ?5 or later, unless `closed` is `All`.
///
/// Each status has a branch that reads an index in order and stops early, so that archived todos cost nothing if the
/// recent ones are few.
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
            status.as_str()
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
    fn a_page_reads_only_its_own_rows_from_indexes() {
        let conn = Connection::open_in_memory().unwrap();
        conn.execute_batch(super::super::MODULE.migrations[0].sql).unwrap();
        for (closed, expected) in [(Closed::Few, (2, 2)), (Closed::Many, (4, 2)), (Closed::All, (4, 4))] {
            let sql = format!("EXPLAIN QUERY PLAN {}", ordered_ids(Status::ALL, closed));
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
