//! [`Context`]: what every command works with.

use super::output::Output;
use std::time::Duration;
use stina_client::Client;

/// How long a call may take by default.
pub(super) const TIMEOUT: Duration = Duration::from_secs(10);

/// How long a write may take by default that may have to be made in many steps.
const LARGE_WRITE: Duration = Duration::from_secs(600);

/// The context of a command.
pub(super) struct Context {
    pub(super) client: Client,
    pub(super) out: Output,
    /// `--timeout`, if given.
    pub(super) timeout: Option<Duration>,
}

impl Context {
    /// How long a delete or an undo may take: as long as a very large one, unless `--timeout` says otherwise.
    pub(super) fn large_write(&self) -> Duration {
        self.timeout.unwrap_or(LARGE_WRITE)
    }
}
