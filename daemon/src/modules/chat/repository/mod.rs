//! Conversations, interactions, messages. Other modules compose through these functions, inside their own transaction.

pub mod conversations;
pub mod current;
pub mod interactions;
pub mod messages;
pub(super) mod pieces;
pub mod search;

use crate::store::{Entity, entity};
use serde::{Deserialize, Serialize};

/// A position in the order of messages, interactions or conversations: a time, and a number that decides where
/// times are equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position(pub i64, pub u64);

/// Which way a walk goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From the newest, or from a position, to the oldest.
    Older,
    /// From the oldest, or from a position, to the newest.
    Newer,
}

impl Direction {
    /// What stands after `FROM` in a walk over the rows that `scope` (a condition, or nothing) selects; the position from
    /// which it goes is in `?1` and `?2`.
    ///
    /// Two halves that SQLite merges as it goes: of `(created_at, seq) < (?1, ?2)` it would take only the first half
    /// to the index, `seq` being the key of the table, and pass over all rows of one time again and again.
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

    /// The position before every other.
    fn begin(self) -> Position {
        match self {
            Self::Older => Position(i64::MAX, i64::MAX.cast_unsigned()),
            Self::Newer => Position(i64::MIN, 0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rusqlite::Connection;
    use stina_protocol::chat::{Conversation, Interaction, Message};

    #[test]
    fn walks_go_by_an_index_also_among_equal_times() {
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
