//! End-to-end tests: the real program, or the real daemon in this process, over its socket.

mod core;

use stina_tests::Daemon;

/// The daemon under test.
const STINAD: &str = env!("CARGO_BIN_EXE_stinad-under-test");

fn daemon() -> Daemon {
    Daemon::start(STINAD)
}
