//! Notices writes of other processes: an old program, the `sqlite3` shell.
//!
//! An idle file is not polled. Every commit in WAL mode changes the `-wal` file, and the system reports that change. It
//! reports our own commits too; `data_version` shows the writer which commits were not its own. The writer checks it with
//! every batch, so the watch is removed for a while after each report: otherwise every page that we write would wake a
//! thread.
//!
//! The report comes with a transaction's pages. Its COMMIT, one fsync later, changes shared memory, which the system does
//! not report. So after each report, the writer checks again: every [`AGAIN`] at first, then less and less often, until
//! [`SETTLED`] has passed.

use super::Store;
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use std::convert::Infallible;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// How long the watch is off after a report.
const PAUSE: Duration = Duration::from_millis(25);

/// Time between two checks after a report, and so the longest time that a commit goes unnoticed. Where its fsync takes
/// longer than ten of these, it is a tenth of the fsync's time.
const AGAIN: Duration = Duration::from_millis(50);

/// Time after which, on any disk that works, the reported transaction has committed or never will.
const SETTLED: Duration = Duration::from_secs(10);

impl Store {
    /// Watches until `stop` is cancelled. A database in memory has no other writers.
    pub(crate) async fn watch_for_foreign_writers(self, stop: CancellationToken) {
        let Some(path) = self.config.location.file() else { return };
        let touched = Arc::new(Notify::new());
        let watch = async {
            let mut watcher = watcher(path, &touched)?;
            // The directory, because the WAL itself may be deleted and created.
            let directory = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
            let mut reported = Instant::now();
            loop {
                watcher.watch(directory, RecursiveMode::NonRecursive)?;
                // Something may have been written while the watch was off.
                self.queue.check_for_foreign().await;
                self.check_until_touched(&touched, reported).await;
                reported = Instant::now();
                watcher.unwatch(directory)?;
                self.queue.check_for_foreign().await;
                tokio::time::sleep(PAUSE).await;
            }
        };
        let watched: Option<notify::Result<Infallible>> = stop.run_until_cancelled(watch).await;
        if let Some(Err(error)) = watched {
            tracing::warn!(%error, "other writers of the database are noticed late: it can't be watched");
        }
    }

    /// Waits for the next report; meanwhile checks for the commit of the last one.
    async fn check_until_touched(&self, touched: &Notify, reported: Instant) {
        while reported.elapsed() < SETTLED {
            let again = AGAIN.max(reported.elapsed() / 10);
            if tokio::time::timeout(again, touched.notified()).await.is_ok() {
                return;
            }
            self.queue.check_for_foreign().await;
        }
        touched.notified().await;
    }
}

/// Notifies `touched` when the database or a file beside it changes.
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
