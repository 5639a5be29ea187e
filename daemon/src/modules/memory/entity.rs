//! The entity of a memory, with its search index and `memory_tags`.

use super::purge::is_due;
use crate::modules::text_search::index_text;
use crate::store::{Entity, EntityKind, Result, Table, WriteTx};
use rusqlite::params;
use std::sync::LazyLock;
use stina_protocol::memory::Memory;

impl Entity for Memory {
    const KIND: EntityKind = EntityKind::of::<Self>("memory", "memory", "memories");

    fn table() -> &'static Table {
        static TABLE: LazyLock<Table> = LazyLock::new(Table::of::<Memory>);
        &TABLE
    }

    fn key(&self) -> &str {
        &self.id
    }

    fn rev(&self) -> u64 {
        self.rev
    }

    fn set_rev(&mut self, rev: u64) {
        self.rev = rev;
    }

    /// One that has expired so long ago that it would be deleted again at once is kept as long as one that expires now.
    fn put_back(self, now: i64) -> Self {
        let valid_until = self.valid_until.map(|until| if is_due(until, now) { now } else { until });
        Self { valid_until, ..self }
    }

    fn index(tx: &WriteTx<'_>, before: Option<&Self>, after: Option<&Self>) -> Result<()> {
        if before.map(indexed) == after.map(indexed) {
            return Ok(());
        }
        if let Some(before) = before {
            let sql = "DELETE FROM memory_search WHERE rowid = (SELECT seq FROM memories WHERE id = ?)";
            tx.execute(sql, [before.id.as_str()])?;
            tx.execute("DELETE FROM memory_tags WHERE id = ?", [before.id.as_str()])?;
        }
        let Some(after) = after else { return Ok(()) };
        tx.execute(
            "INSERT INTO memory_search (rowid, title, content, tags) SELECT seq, ?, ?, ? FROM memories WHERE id = ?",
            params![
                index_text(&after.title),
                index_text(&after.content),
                index_text(&after.tags.join("\n")),
                after.id.as_str()
            ],
        )?;
        for tag in &after.tags {
            let sql = "INSERT INTO memory_tags (tag, created_at, id) VALUES (?, ?, ?)";
            tx.execute(sql, params![tag, after.created_at, after.id.as_str()])?;
        }
        Ok(())
    }
}

/// What the search index and `memory_tags` hold of a memory.
fn indexed(memory: &Memory) -> (&str, &str, &[String], i64) {
    (&memory.title, &memory.content, &memory.tags, memory.created_at)
}
