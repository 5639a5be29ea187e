//! [`Context`]: what every command works with.

use super::output::Output;
use std::time::Duration;
use stina_client::Client;

/// How long a call may take by default.
pub(super) const TIMEOUT: Duration = Duration::from_secs(10);

/// The context of a command.
pub(super) struct Context {
    pub(super) client: Client,
    pub(super) out: Output,
    /// `--timeout`, if given.
    pub(super) timeout: Option<Duration>,
}
