//! The collections that frontends show: `client.todos().mirror(…)` and the like.

use super::Collection;
use std::cmp::Reverse;
use stina_protocol::event::Start;
use stina_protocol::memory::{self, Memory};
use stina_protocol::todo::{self, Status, Todo};

/// Todos, ordered as `todo.list` orders them: no due date last, then due date, then age.
#[derive(Debug, Clone, Default)]
pub struct Todos {
    /// Only those with one of these statuses; all when empty.
    pub statuses: Vec<Status>,
}

impl Todos {
    /// What is still to be done: not started, or in progress.
    pub fn open() -> Self {
        Self { statuses: vec![Status::NotStarted, Status::InProgress] }
    }
}

impl Collection for Todos {
    type Subscription = todo::Subscribe;
    type Item = Todo;
    type Order = (bool, Option<i64>, i64);
    const ENTITY: &'static str = "todo";

    fn params(&self) -> Start {
        Start::default()
    }

    fn order(&self, todo: &Todo) -> Self::Order {
        (todo.due_at.is_none(), todo.due_at, todo.created_at)
    }

    fn admits(&self, todo: &Todo) -> bool {
        self.statuses.is_empty() || self.statuses.contains(&todo.status)
    }
}

/// Memories, newest first.
#[derive(Debug, Clone, Default)]
pub struct Memories {
    /// Only those with this tag.
    pub tag: Option<String>,
}

impl Collection for Memories {
    type Subscription = memory::Subscribe;
    type Item = Memory;
    type Order = (Reverse<i64>, Reverse<String>);
    const ENTITY: &'static str = "memory";

    fn params(&self) -> Start {
        Start::default()
    }

    fn order(&self, memory: &Memory) -> Self::Order {
        (Reverse(memory.created_at), Reverse(memory.id.clone()))
    }

    fn admits(&self, memory: &Memory) -> bool {
        self.tag.as_ref().is_none_or(|tag| memory.tags.contains(tag))
    }
}
