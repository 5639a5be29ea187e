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

use std::io::Write;
use std::time::{Duration, Instant};

/// How long anything that should happen may take on a slow machine.
pub const DEADLINE: Duration = Duration::from_secs(20);

/// Says on standard error that a test is skipped as a whole or in part, and why.
///
/// # Panics
/// With `CI=true`, which CI services and `.ci/run` set: there, nothing that a test needs may be missing.
pub fn skip(why: &str) {
    let thread = std::thread::current();
    let line = format!("skipped: {}: {why}\n", thread.name().unwrap_or("a test"));
    assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "{line}");
    // Directly, because the harness keeps to itself what a passing test prints by a macro.
    let _ = std::io::stderr().write_all(line.as_bytes());
}

/// Whether something that only Linux's `/proc` shows is known here; where it is not, skips what is measured by it.
pub fn measured<T>(figure: Option<T>) -> Option<T> {
    if figure.is_none() {
        skip("only Linux's /proc shows the memory of a process");
    }
    figure
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
