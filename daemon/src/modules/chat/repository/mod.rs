//! Rows of conversations, interactions and messages. Other modules call these functions in their own transactions.

pub mod conversations;
pub mod current;
pub mod interactions;
pub mod messages;
pub(super) mod pieces;
pub mod search;

use crate::store::{Entity, entity};
use serde::{Deserialize, Serialize};

/// The sort key of messages, interactions and conversations: `createdAt` and `seq`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SortKey(pub i64, pub u64);

/// The direction of a walk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Towards older rows, by default from the newest.
    Older,
    /// Towards newer rows, by default from the oldest.
    Newer,
}

impl Direction {
    /// The SQL after `FROM` for the rows beyond the sort key (`?1`, `?2`); `scope` is a further condition, or empty.
    ///
    /// SQLite merges the two halves while it reads. It would use the index only for the first column of
    /// `(created_at, seq) < (?1, ?2)`, because `seq` is the rowid, and scan all rows with equal times for each page.
    fn from<T: Entity>(self, scope: &str) -> String {
        let (op, order) = match self {
            Self::Older => ("<", "DESC"),
            Self::Newer => (">", "ASC"),
        };
        let (table, columns) = (T::KIND.table, entity::columns::<T>());
        let scope = if scope.is_empty() { String::new() } else { format!("{scope} AND ") };
        format!(
            "{table} WHERE {scope}created_at = ?1 AND seq {op} ?2
             UNION ALL SELECT {columns} FROM {table} WHERE {scope}created_at {op} ?1
             ORDER BY created_at {order}, seq {order}"
        )
    }

    /// The sort key before all rows.
    fn start(self) -> SortKey {
        match self {
            Self::Older => SortKey(i64::MAX, i64::MAX.cast_unsigned()),
            Self::Newer => SortKey(i64::MIN, 0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rusqlite::Connection;
    use stina_protocol::chat::{Conversation, Interaction, Message};

    #[test]
    fn walks_use_an_index_even_for_equal_times() {
        let conn = Connection::open_in_memory().unwrap();
        conn.execute_batch(crate::modules::chat::MODULE.migrations[0].sql).unwrap();
        for direction in [Direction::Older, Direction::Newer] {
            for query in [
                entity::select::<Message>(&direction.from::<Message>("conversation_id = ?3")),
                entity::select::<Message>(&direction.from::<Message>("interaction_id = ?3")),
                entity::select::<Interaction>(&direction.from::<Interaction>("conversation_id = ?3")),
                entity::select::<Conversation>(&direction.from::<Conversation>("")),
            ] {
                let mut statement = conn.prepare(&format!("EXPLAIN QUERY PLAN {query}")).unwrap();
                let params = ["1", "2", "3"].into_iter().take(statement.parameter_count());
                let rows = statement.query_map(rusqlite::params_from_iter(params), |row| row.get(3));
                let plan = rows.unwrap().collect::<rusqlite::Result<Vec<String>>>().unwrap().join("; ");
                assert!(plan.contains("created_at=? AND seq") && plan.contains("created_at"), "{plan}");
                assert!(!plan.contains("SCAN") && !plan.contains("TEMP"), "{plan}");
            }
        }
    }
}
