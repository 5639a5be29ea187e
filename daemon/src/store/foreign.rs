//! Noticing writers that are no clients: an old program, the `sqlite3` shell.
//!
//! Not by polling: every commit in WAL mode touches the `-wal` file, and the system tells of that. It tells of
//! our own commits too; the writer's `data_version` knows which were others'.

use super::Store;
use notify::{EventKind, RecursiveMode, Watcher};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// Least time between two looks: under a load of our own commits they would only cost.
const PAUSE: Duration = Duration::from_millis(20);

impl Store {
    /// Watches until `stop`. A database in memory has no other writers.
    pub(crate) async fn watch_for_foreign_writers(self, stop: CancellationToken) {
        let Some(path) = self.config.location.file() else { return };
        let touched = Arc::new(Notify::new());
        let _watcher = match watch(path, &touched) {
            Ok(watcher) => watcher,
            Err(error) => {
                return tracing::warn!(%error, "other writers of the database are noticed late: it can't be watched");
            }
        };
        let look = async {
            loop {
                touched.notified().await;
                self.queue.look_for_foreign().await;
                tokio::time::sleep(PAUSE).await;
            }
        };
        _ = stop.run_until_cancelled(look).await;
    }
}

/// Watches the directory, because the WAL itself may go and come.
fn watch(path: &Path, touched: &Arc<Notify>) -> notify::Result<impl Watcher + use<>> {
    let touched = Arc::clone(touched);
    let name = path.file_name().unwrap_or_default().to_owned();
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        let concerns = event.is_ok_and(|event| {
            let is_change =
                matches!(event.kind, EventKind::Modify(_) | EventKind::Create(_) | EventKind::Any);
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
    })?;
    let directory = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    watcher.watch(directory, RecursiveMode::NonRecursive)?;
    Ok(watcher)
}
