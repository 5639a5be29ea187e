//! Removes what is left of deleted values in unused parts of the files.
//!
//! - `secure_delete` overwrites what is deleted with zeros. It misses copies that SQLite left in the gaps of pages when it
//!   moved rows between them, which only a VACUUM removes.
//! - FTS5 keeps the words of deleted rows until it merges the segments of its index. Its option `secure-delete` does not
//!   work for tables without content.
//! - The WAL holds old pages until it is truncated.

use super::{Store, purge};
use crate::limits::Limits;
use rusqlite::{Connection, params};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{Notify, watch};

/// Steps of a merge after which a busy index is merged as a whole.
const MERGE_STEPS: usize = 1000;

/// Longest pause between two attempts to truncate the WAL.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// What the maintenance and those who wait for it know of one another.
#[derive(Debug, Clone)]
pub(super) struct Scrubs {
    /// How many purges have asked for one; changes on the writer thread only.
    wanted: Arc<AtomicU64>,
    /// Wakes the maintenance.
    pub(super) wake: Arc<Notify>,
    /// The purges whose values no file holds any more.
    done: Arc<watch::Sender<u64>>,
}

impl Scrubs {
    /// For a database on that connection, whose last daemon may have been killed before a scrub was done.
    pub(super) fn new(conn: &Connection) -> rusqlite::Result<Self> {
        let sql = "SELECT count(*) FROM core_meta WHERE name = ? AND CAST(value AS INTEGER) = ?";
        let wanted: u64 = conn.query_row(sql, params![purge::SCRUB, purge::AT_ONCE], |row| row.get(0))?;
        let done = Arc::new(watch::Sender::new(0));
        Ok(Self { wanted: Arc::new(wanted.into()), wake: Arc::default(), done })
    }
}

impl Store {
    /// Asks for a scrub. To be called once a purge has committed, on the writer thread.
    pub(crate) fn want_scrub(&self) {
        // What is still to be published of the same batch is dropped by the scrub itself.
        self.events.clear();
        self.scrubs.wanted.fetch_add(1, Ordering::Release);
        self.scrubs.wake.notify_one();
    }

    /// Waits, as long as the limits and a shutdown allow, until no file holds what was purged; answers whether that is so.
    pub(crate) async fn scrubbed(&self) -> bool {
        let wanted = self.scrubs.wanted.load(Ordering::Acquire);
        let mut done = self.scrubs.done.subscribe();
        let done = done.wait_for(|done| *done >= wanted);
        tokio::select! {
            done = tokio::time::timeout(self.config.limits.purge_wait, done) => done.is_ok_and(|done| done.is_ok()),
            () = self.queue.shutdown() => false,
        }
    }

    /// Whether a scrub is due. One that no purge waits for is put off until the store `is_quiet`.
    pub(super) async fn is_scrub_due(&self, is_quiet: bool) -> bool {
        let due = self.read(|tx| {
            let sql = "SELECT CAST(value AS INTEGER) FROM core_meta WHERE name = ?";
            tx.first(sql, [purge::SCRUB], |row| row.get::<_, i64>(0))
        });
        let now = if is_quiet { self.clock().now() } else { purge::AT_ONCE };
        due.await.is_ok_and(|due| due.is_some_and(|due| due <= now))
    }

    /// Scrubs the files, in steps where SQLite lets us, and keeps trying until no reader is in the way. Answers whether it
    /// is done.
    pub(super) async fn scrub(&self) -> bool {
        let wanted = self.scrubs.wanted.load(Ordering::Acquire);
        if let Err(error) = self.scrub_pages().await {
            tracing::warn!(%error, "what is left of deleted values is not scrubbed yet");
            return false;
        }
        let mut pause = Duration::from_millis(10);
        while self.checkpoint().await == Some(false) {
            tokio::time::sleep(pause).await;
            pause = LONGEST_PAUSE.min(pause * 2);
        }
        let latest = Arc::clone(&self.scrubs.wanted);
        let cleared = self.queue.chore(move |conn| {
            // Another purge may have committed meanwhile.
            if latest.load(Ordering::Acquire) == wanted {
                conn.execute("DELETE FROM core_meta WHERE name = ?", [purge::SCRUB])?;
            }
            Ok::<_, rusqlite::Error>(())
        });
        match cleared.await {
            Some(Ok(())) => {
                self.scrubs.done.send_replace(wanted);
                return true;
            }
            Some(Err(error)) => tracing::warn!(%error, "a scrub can't be noted"),
            None => {}
        }
        false
    }

    async fn scrub_pages(&self) -> rusqlite::Result<()> {
        self.events.clear();
        let tables = self.queue.chore(|conn| search_tables(conn)).await.unwrap_or(Ok(Vec::new()))?;
        let mut merged = Ok(());
        for table in tables {
            // One that fails keeps no other from being merged; the scrub is not done then.
            let outcome = self.merge_index(&table).await;
            merged = merged.and(outcome);
        }
        let vacuumed = self.queue.chore(|conn| conn.execute_batch("VACUUM")).await.unwrap_or(Ok(()));
        vacuumed.and(merged)
    }

    async fn merge_index(&self, table: &str) -> rusqlite::Result<()> {
        for step in 0.. {
            let (table, limits) = (table.to_owned(), Arc::clone(&self.config.limits));
            let merged = self.queue.chore(move |conn| merge(conn, &table, step, &limits)).await;
            if !merged.unwrap_or(Ok(false))? {
                break;
            }
        }
        Ok(())
    }

    /// Gives free pages back to the system; answers whether there may be more.
    pub(super) async fn shrink(&self) -> bool {
        let pages = self.config.limits.vacuum_pages;
        match self.queue.chore(move |conn| shrink(conn, pages)).await {
            Some(Ok(is_more)) => is_more,
            Some(Err(error)) => {
                tracing::warn!(%error, "the file can't be made smaller");
                false
            }
            None => false,
        }
    }
}

fn shrink(conn: &Connection, pages: u64) -> rusqlite::Result<bool> {
    let free = || conn.query_row("PRAGMA freelist_count", [], |row| row.get::<_, u64>(0));
    let before = free()?;
    if before == 0 {
        return Ok(false);
    }
    let mut vacuum = conn.prepare(&format!("PRAGMA incremental_vacuum({pages})"))?;
    let mut rows = vacuum.query([])?;
    while rows.next()?.is_some() {}
    let after = free()?;
    // A file without auto_vacuum does not shrink.
    Ok(after > 0 && after < before)
}

/// The FTS5 tables of all modules.
fn search_tables(conn: &Connection) -> rusqlite::Result<Vec<String>> {
    conn.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND sql LIKE 'CREATE VIRTUAL TABLE % USING fts5%'")?
        .query_map([], |row| row.get(0))?
        .collect()
}

/// Merges a part of an index into one segment without deleted rows; answers whether there is more.
fn merge(conn: &Connection, table: &str, step: usize, limits: &Limits) -> rusqlite::Result<bool> {
    let changes = || conn.query_row("SELECT total_changes()", [], |row| row.get::<_, u64>(0));
    let before = changes()?;
    if step >= MERGE_STEPS {
        conn.execute(&format!("INSERT INTO {table} ({table}) VALUES ('optimize')"), [])?;
        return Ok(false);
    }
    // Source: <https://www.sqlite.org/fts5.html#the_merge_command>: negative begins a merge of everything; a difference
    // of less than two means that there was nothing to do.
    let sql = format!("INSERT INTO {table} ({table}, rank) VALUES ('merge', -{})", limits.scrub_pages);
    conn.execute(&sql, [])?;
    Ok(changes()? - before >= 2)
}
