//! How a shutdown ends what runs in SQLite: first whatever runs may begin no further statement, then the statement that
//! runs is interrupted.
//!
//! An interrupt hits what runs at that time and nothing later, so it is repeated for as long as anything runs.

use rusqlite::InterruptHandle;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Time between two interrupts, and from the order to end until the first one.
pub(super) const AGAIN: Duration = Duration::from_millis(10);

/// Whether transactions are to end, because the daemon stops; cheap to clone.
#[derive(Debug, Clone, Default)]
pub(super) struct Ending(Arc<AtomicBool>);

impl Ending {
    /// Orders them to end; they begin no further statement.
    pub(super) fn begin(&self) {
        self.0.store(true, Ordering::Release);
    }

    pub(super) fn has_begun(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// Interrupts the statements of the read connections; cheap to clone.
#[derive(Clone, Default)]
pub(super) struct ReadInterrupts(Arc<Mutex<Vec<InterruptHandle>>>);

impl ReadInterrupts {
    fn handles(&self) -> MutexGuard<'_, Vec<InterruptHandle>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a connection.
    pub(super) fn add(&self, handle: InterruptHandle) {
        self.handles().push(handle);
    }

    pub(super) fn interrupt(&self) {
        self.handles().iter().for_each(InterruptHandle::interrupt);
    }
}

/// Interrupts what may be interrupted of the writer's work: the writes of calls, and maintenance. COMMIT, checkpoints and
/// the daemon's own writes, which are small, are never interrupted.
pub(super) struct WriterInterrupt {
    handle: InterruptHandle,
    /// Whether such work runs. Locked while it changes and while it is interrupted, so that an interrupt hits nothing else.
    may_hit: Mutex<bool>,
    pub(super) ending: Ending,
}

impl WriterInterrupt {
    pub(super) fn new(handle: InterruptHandle) -> Self {
        Self { handle, may_hit: Mutex::new(false), ending: Ending::default() }
    }

    fn may_hit(&self) -> MutexGuard<'_, bool> {
        self.may_hit.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets work be interrupted until what this returns is dropped.
    pub(super) fn allow(&self) -> impl Drop {
        *self.may_hit() = true;
        Allowed(self)
    }

    pub(super) fn interrupt(&self) {
        let may_hit = self.may_hit();
        if *may_hit {
            self.handle.interrupt();
        }
    }
}

struct Allowed<'i>(&'i WriterInterrupt);

impl Drop for Allowed<'_> {
    fn drop(&mut self) {
        *self.0.may_hit() = false;
    }
}
