//! Noticing writers that are no clients: an old program, the `sqlite3` shell.
//!
//! An idle file is not polled: every commit in WAL mode touches the `-wal` file, and the system tells of that. It tells of
//! our own commits too; the writer's `data_version` knows which were others'. While we commit ourselves the
//! writer looks at every batch, so the watch is taken off for a moment after each alarm: else every page that we
//! write would wake a thread.
//!
//! The alarm comes with a transaction's pages. Its COMMIT, one fsync later, is a word in shared memory, of which the
//! system tells nobody: so after an alarm, also one of our own commits, we look
//! again, every [`AGAIN`] at first, then ever more seldom, for [`SETTLED`], and then no more.

use super::Store;
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use std::convert::Infallible;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// How long the watch is off after an alarm.
const PAUSE: Duration = Duration::from_millis(25);

/// Time between two looks after an alarm, and so the longest that a commit waits to be noticed; where its fsync takes
/// longer than ten of these, a tenth of what that took.
const AGAIN: Duration = Duration::from_millis(50);

/// Time after which what gave the alarm is committed, or never will be, on any disk that works.
const SETTLED: Duration = Duration::from_secs(10);

impl Store {
    /// Watches until `stop`. A database in memory has no other writers.
    pub(crate) async fn watch_for_foreign_writers(self, stop: CancellationToken) {
        let Some(path) = self.config.location.file() else { return };
        let touched = Arc::new(Notify::new());
        let watch = async {
            let mut watcher = watcher(path, &touched)?;
            // The directory, because the WAL itself may go and come.
            let directory = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
            let mut alarm = Instant::now();
            loop {
                watcher.watch(directory, RecursiveMode::NonRecursive)?;
                // For what was written while nobody watched.
                self.queue.look_for_foreign().await;
                self.look_until_touched(&touched, alarm).await;
                alarm = Instant::now();
                watcher.unwatch(directory)?;
                self.queue.look_for_foreign().await;
                tokio::time::sleep(PAUSE).await;
            }
        };
        let watched: Option<notify::Result<Infallible>> = stop.run_until_cancelled(watch).await;
        if let Some(Err(error)) = watched {
            tracing::warn!(%error, "other writers of the database are noticed late: it can't be watched");
        }
    }

    /// Waits for the next alarm; meanwhile looks for the commit of what gave the last one.
    async fn look_until_touched(&self, touched: &Notify, alarm: Instant) {
        while alarm.elapsed() < SETTLED {
            let again = AGAIN.max(alarm.elapsed() / 10);
            if tokio::time::timeout(again, touched.notified()).await.is_ok() {
                return;
            }
            self.queue.look_for_foreign().await;
        }
        touched.notified().await;
    }
}

/// Gives the alarm when the database or a file beside it changes.
fn watcher(path: &Path, touched: &Arc<Notify>) -> notify::Result<RecommendedWatcher> {
    let touched = Arc::clone(touched);
    let name = path.file_name().unwrap_or_default().to_owned();
    notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        let concerns = event.is_ok_and(|event| {
            let is_change = matches!(
                event.kind,
                EventKind::Modify(_) | EventKind::Create(_) | EventKind::Remove(_) | EventKind::Any
            );
            let name = name.as_encoded_bytes();
            is_change
                && event
                    .paths
                    .iter()
                    .filter_map(|p| p.file_name())
                    .any(|p| p.as_encoded_bytes().starts_with(name))
        });
        if concerns {
            touched.notify_one();
        }
    })
}
