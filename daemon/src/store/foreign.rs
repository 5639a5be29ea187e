//! Noticing writers that are no clients, such as the `sqlite3` shell, and what becomes of the database's files and the socket.
//!
//! An idle file is not polled: every commit in WAL mode touches the `-wal` file, and the system notifies the daemon of that.
//! That includes our own commits; the writer's `data_version` shows which were others'. While we commit ourselves the writer
//! looks at every batch, so the watch is removed for a short time after each alarm: else every page that we write would
//! wake a thread.
//!
//! The alarm comes with a transaction's pages. Its COMMIT, one fsync later, is a word in shared memory, which raises no
//! alarm. So after an alarm we look again, every [`AGAIN`] at first, then less often, for [`SETTLED`], and then no more. When
//! the WAL is as our own last commit left it, that explains the alarm, and we look for [`EXPLAINED`] only: clocks of file
//! systems are coarse. Every chore of the housekeeping looks too, among them the checkpoint that follows a write.
//!
//! A watch can fail: the system gives each user a number of them only, and some file systems have none. Then the files are
//! polled, and the watch is tried again, ever more seldom.

use super::Store;
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher, WatcherKind};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
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

/// As [`SETTLED`], where our own commit explains the alarm.
const EXPLAINED: Duration = Duration::from_millis(200);

/// The longest time between two attempts at a watch that fails.
const RETRY: Duration = Duration::from_secs(60);

/// How files are watched now, by name; cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct WatchedBy(Arc<Mutex<&'static str>>);

impl Default for WatchedBy {
    fn default() -> Self {
        Self(Arc::new(Mutex::new("polling")))
    }
}

impl WatchedBy {
    pub(super) fn name(&self) -> &'static str {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers what it was.
    fn set(&self, name: &'static str) -> &'static str {
        std::mem::replace(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner), name)
    }
}

/// What is watched, and which signals are raised.
struct Watched {
    /// The database; none when it is in memory.
    database: Option<PathBuf>,
    socket: PathBuf,
    touched: Notify,
    socket_touched: Arc<Notify>,
}

impl Watched {
    /// The directories, because the files themselves may go and come.
    fn directories(&self) -> Vec<PathBuf> {
        let paths = self.database.iter().chain([&self.socket]);
        let mut directories: Vec<PathBuf> = paths.map(|path| directory(path)).collect();
        directories.dedup();
        directories
    }

    /// Alarms those whom an event concerns.
    fn take(&self, event: notify::Result<notify::Event>) {
        // Events were lost, or it is not known which: then it may concern all.
        let Some(event) = event.ok().filter(|event| !event.need_rescan()) else {
            self.touched.notify_one();
            return self.socket_touched.notify_one();
        };
        if !matches!(
            event.kind,
            EventKind::Modify(_) | EventKind::Create(_) | EventKind::Remove(_) | EventKind::Any
        ) {
            return;
        }
        for path in &event.paths {
            let is_directory = |of: &Path| *path == directory(of);
            if self.database.as_deref().is_some_and(|db| begins_with_name(path, db) || is_directory(db)) {
                self.touched.notify_one();
            }
            if path.file_name() == self.socket.file_name() || is_directory(&self.socket) {
                self.socket_touched.notify_one();
                // So that what came over it meanwhile is watched as well.
                self.touched.notify_one();
            }
        }
    }
}

fn directory(path: &Path) -> PathBuf {
    path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_owned()
}

/// Whether a path is a file or one beside it, such as its WAL; but not the lock file, which only we write.
fn begins_with_name(path: &Path, file: &Path) -> bool {
    let name = |path: &Path| path.file_name().map(|name| OsString::from(name).into_encoded_bytes());
    match (name(path), name(file)) {
        (Some(path), Some(file)) => path.starts_with(&file) && !path.ends_with(b".lock"),
        _ => false,
    }
}

impl Store {
    /// Watches until `stop`: for other writers, for the database's files being taken away, and for the socket, whose
    /// keeper is notified by `socket_touched`.
    pub(crate) async fn watch_files(
        self,
        socket: PathBuf,
        socket_touched: Arc<Notify>,
        stop: CancellationToken,
    ) {
        let database = self.config.location.file().map(Path::to_owned);
        let watched = Arc::new(Watched { database, socket, touched: Notify::new(), socket_touched });
        _ = stop.run_until_cancelled(self.watch_forever(&watched)).await;
    }

    async fn watch_forever(&self, watched: &Arc<Watched>) {
        let poll = self.config.limits.watch_poll;
        let (mut watcher, mut pause, mut alarm) = (None, poll, Instant::now());
        loop {
            match watch(&mut watcher, watched) {
                Ok(()) => {
                    if self.watched_by.set(kind()) == "polling" {
                        tracing::debug!("the files are watched");
                    }
                    pause = poll;
                    // For changes from before the watch was back.
                    self.look(watched).await;
                    self.look_until_touched(watched, alarm).await;
                    alarm = Instant::now();
                    unwatch(&mut watcher, watched);
                    self.look(watched).await;
                    tokio::time::sleep(PAUSE).await;
                }
                Err(error) => {
                    watcher = None;
                    if self.watched_by.set("polling") != "polling" || pause == poll {
                        tracing::warn!(%error, "the files can't be watched; they are looked at every {poll:?}, and it is tried again");
                    }
                    let until = Instant::now() + pause;
                    while Instant::now() < until {
                        self.look(watched).await;
                        tokio::time::sleep(poll).await;
                    }
                    pause = RETRY.min(pause * 2);
                }
            }
        }
    }

    async fn look(&self, watched: &Watched) {
        if watched.database.is_some() {
            self.queue.check_for_foreign().await;
        }
        watched.socket_touched.notify_one();
    }

    /// Waits for the next alarm; meanwhile looks for the commit of what gave the last one.
    async fn look_until_touched(&self, watched: &Watched, alarm: Instant) {
        while watched.database.is_some() && alarm.elapsed() < SETTLED {
            let again = AGAIN.max(alarm.elapsed() / 10);
            if tokio::time::timeout(again, watched.touched.notified()).await.is_ok() {
                return;
            }
            if !self.queue.check_for_foreign().await && alarm.elapsed() >= EXPLAINED {
                break;
            }
        }
        watched.touched.notified().await;
    }

    /// How the files are watched now: `inotify` (on other systems `fsevents` or `kqueue`), or `polling`.
    pub(crate) fn watched_by(&self) -> &'static str {
        self.watched_by.name()
    }
}

fn kind() -> &'static str {
    match RecommendedWatcher::kind() {
        WatcherKind::Inotify => "inotify",
        WatcherKind::Fsevent => "fsevents",
        WatcherKind::Kqueue => "kqueue",
        _ => "polling",
    }
}

fn watch(watcher: &mut Option<RecommendedWatcher>, watched: &Arc<Watched>) -> notify::Result<()> {
    if watcher.is_none() {
        let take = Arc::clone(watched);
        *watcher = Some(notify::recommended_watcher(move |event| take.take(event))?);
    }
    let Some(watcher) = watcher else { return Ok(()) };
    watched.directories().iter().try_for_each(|path| watcher.watch(path, RecursiveMode::NonRecursive))
}

fn unwatch(watcher: &mut Option<RecommendedWatcher>, watched: &Watched) {
    for path in watched.directories() {
        // The watch of a directory that is gone has gone with it.
        _ = watcher.as_mut().map(|watcher| watcher.unwatch(&path));
    }
}
