//! End-to-end tests: the real program, or the real daemon in this process, over its socket.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that can't go on panics")]

mod chat;
mod client;
mod core;
mod documents;
mod house;
mod memory;
mod mirror;
mod skipped;
mod stinactl;
mod todo;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use stina_tests::in_process::Setup;
use stina_tests::{Daemon, InProcess};
use stinad::clock::Clock;

/// The daemon under test.
const STINAD: &str = env!("CARGO_BIN_EXE_stinad-under-test");

/// A daemon with a module whose methods take hours.
const STINAD_SLOW: &str = env!("CARGO_BIN_EXE_stinad-slow-under-test");

/// The command line client under test.
const STINACTL: &str = env!("CARGO_BIN_EXE_stinactl-under-test");

fn daemon() -> Daemon {
    Daemon::start(STINAD)
}

/// A daemon in memory, and the hand of its clock.
fn daemon_at(now: i64) -> (InProcess, Arc<AtomicI64>) {
    let (clock, hand) = clock_at(now);
    (InProcess::start(Setup { memory: true, clock, ..Setup::default() }), hand)
}

/// A clock that stands still, and its hand.
fn clock_at(now: i64) -> (Clock, Arc<AtomicI64>) {
    let hand = Arc::new(AtomicI64::new(now));
    let time = Arc::clone(&hand);
    (Clock::from_fn(move || time.load(Ordering::Relaxed)), hand)
}
