//! End-to-end tests: the real program, or the real daemon in this process, over its socket.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that can't go on panics")]

mod client;
mod core;
mod stinactl;

use stina_tests::Daemon;

/// The daemon under test.
const STINAD: &str = env!("CARGO_BIN_EXE_stinad-under-test");

/// The command line client under test.
const STINACTL: &str = env!("CARGO_BIN_EXE_stinactl-under-test");

fn daemon() -> Daemon {
    Daemon::start(STINAD)
}
