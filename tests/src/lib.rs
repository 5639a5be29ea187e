//! The harness: a real daemon per test, in a directory of its own, and peers that speak to it over every framing.
//!
//! Nothing waits without a deadline, nothing sleeps and hopes, nothing looks at the real HOME.

#![allow(
    clippy::print_stderr,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "a test that can't go on panics"
)]

pub mod cases;
pub mod chaos;
pub mod cuts;
pub mod daemon;
pub mod in_process;
pub mod mirror;
pub mod mutations;
pub mod notes;
pub mod peer;
pub mod proxy;
pub mod random;
pub mod scripted;
pub mod slow;
pub mod typescript;

pub use daemon::Daemon;
pub use in_process::InProcess;
pub use peer::{Framing, Peer};
pub use proxy::{Proxy, Way};
pub use scripted::Scripted;

use std::time::{Duration, Instant};

/// How long anything that should happen may take on a slow machine.
pub const DEADLINE: Duration = Duration::from_secs(20);

/// Says on standard error that a test is skipped, and why.
///
/// # Panics
/// With `STINA_TESTS_REQUIRE=all`, as in `.ci/run`: there, nothing that a test needs may be missing.
pub fn skip(why: &str) {
    assert!(std::env::var_os("STINA_TESTS_REQUIRE").is_none_or(|require| require != "all"), "skipped: {why}");
    eprintln!("skipped: {why}");
}

/// Waits until `condition` holds.
///
/// # Panics
/// When it does not within [`DEADLINE`].
pub fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < DEADLINE, "{what}: not within {DEADLINE:?}");
        std::thread::park_timeout(Duration::from_millis(2));
    }
}
