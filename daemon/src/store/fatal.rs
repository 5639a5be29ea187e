//! What ends a daemon that runs: nothing can be written any more that anybody would find.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use tokio_util::sync::CancellationToken;

/// Why a daemon that served had to end. Its text is for the person who looks why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fatal {
    /// The database or a file beside it is not where it was.
    #[error(
        "{0} was removed or replaced while stinad served it; it stopped, because further writes would be lost"
    )]
    Gone(PathBuf),
    /// Another program wrote into the file, past SQLite.
    #[error(
        "{0} was overwritten while stinad served it; it stopped, and wrote no more. What it had committed and not yet moved into that file is in its -wal; the next start says what to do with it"
    )]
    Overwritten(PathBuf),
    /// Another program put, through SQLite, a database in its place that this daemon does not serve.
    #[error(
        "{0} holds another database since another program wrote to it; stinad stopped, so that the next start looks at it anew"
    )]
    Exchanged(PathBuf),
    /// A part of the daemon ended with a panic.
    #[error(
        "{0} ended with a panic, without which stinad can't go on; the log has its text. It is a defect: please report it"
    )]
    Died(String),
}

/// Tells the daemon that it has to end; cheap to clone. The first cause counts.
#[derive(Debug, Clone, Default)]
pub(crate) struct FatalSignal {
    cause: Arc<OnceLock<Fatal>>,
    raised: CancellationToken,
}

impl FatalSignal {
    /// Ends the daemon.
    pub(crate) fn raise(&self, fatal: Fatal) {
        if self.cause.set(fatal).is_ok()
            && let Some(fatal) = self.cause.get()
        {
            tracing::error!("{fatal}");
            self.raised.cancel();
        }
    }

    /// The cause, if there is one.
    pub(crate) fn cause(&self) -> Option<&Fatal> {
        self.cause.get()
    }

    /// Waits for a cause.
    pub(crate) async fn wait(&self) -> Fatal {
        loop {
            self.raised.cancelled().await;
            if let Some(fatal) = self.cause() {
                return fatal.clone();
            }
        }
    }
}

/// Raises the signal when the thread that holds it panics.
#[derive(Debug)]
pub(super) struct EndsWithPanic(pub(super) FatalSignal, pub(super) &'static str);

impl Drop for EndsWithPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.raise(Fatal::Died(self.1.to_owned()));
        }
    }
}
