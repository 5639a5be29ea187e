//! The rows of `chat_*`. Other modules compose through these functions, inside their own transaction.

pub mod conversations;
pub mod current;
pub mod interactions;
pub mod messages;
pub(super) mod pieces;
pub mod search;

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
    /// `WHERE` and `ORDER BY` of a walk: the position is in `?1` and `?2`.
    fn clauses(self, scope: &str) -> String {
        let (op, order) = match self {
            Self::Older => ("<", "DESC"),
            Self::Newer => (">", "ASC"),
        };
        format!("WHERE {scope}(created_at, seq) {op} (?1, ?2) ORDER BY created_at {order}, seq {order}")
    }

    /// The position before every other.
    fn begin(self) -> Position {
        match self {
            Self::Older => Position(i64::MAX, i64::MAX.cast_unsigned()),
            Self::Newer => Position(i64::MIN, 0),
        }
    }
}
