//! The long forms of the proofs in `docs/guarantees.md`; each ends by itself, prints its figures, and panics when a
//! promise does not hold: `cargo bench -p stina-tests --bench soak -- FORM ARGUMENTS`. `tests/*.sh` call it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a bench prints, and ends when it can't go on"
)]

mod disk;
mod figures;
mod foreign;
mod load;
mod slow;

use std::path::Path;
use std::time::Instant;
use stina_tests::chaos::{self, Plan};
use stina_tests::random::Random;
use stina_tests::{Framing, cuts};

/// The daemon, as it is shipped.
const STINAD: &str = env!("CARGO_BIN_EXE_stinad-under-test");

const USAGE: &str = "soak chaos [ROUNDS] [SEED] | cuts [EVERY] | foreign [TIMES] | slow [CHANGES] | disk-full DIRECTORY
    chaos: 8 clients, 4 of them writing, so many rounds of kill, stop, suspend, disconnect; the seed is printed
    cuts: each mutating method on each framing, cut after every (or each EVERYth) byte and sent again
    foreign: how soon writes of another process are noticed, so many times
    slow: a stopped subscriber, and so many changes by others
    disk-full: on a small file system that may be filled";

fn main() {
    // Cargo adds `--bench`.
    let args: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let number = |place: usize, default: u64| -> u64 {
        args.get(place).map_or(default, |a| a.parse().unwrap_or_else(|_| panic!("{a} is no number\n{USAGE}")))
    };
    let start = Instant::now();
    match args.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["chaos", ..] => chaos(number(1, 200), number(2, Random::seed())),
        ["cuts", ..] => cut(usize::try_from(number(1, 1)).unwrap()),
        ["foreign", ..] => foreign::run(number(1, 100)),
        ["slow", ..] => slow::run(number(1, 1_000_000)),
        ["subscriber", socket, framing] => return slow::subscriber(Path::new(socket), framing),
        ["disk-full", directory] => disk::run(Path::new(directory)),
        // As `cargo bench` alone runs it, among others: nothing that takes long unasked.
        _ => return println!("{USAGE}"),
    }
    println!("held, in {:.0} s", start.elapsed().as_secs_f64());
}

fn chaos(rounds: u64, seed: u64) {
    println!("chaos: {rounds} rounds, seed {seed}");
    let figures = chaos::run(STINAD, &Plan { rounds, clients: 8, writers: 4, seed });
    println!("{figures:#?}");
    println!("acknowledged writes lost: 0, duplicates: 0, mirrors that differ: 0, holes: 0, halves: 0");
}

fn cut(every: usize) {
    for framing in Framing::ALL {
        let figures = cuts::run(STINAD, framing, |_| every);
        println!("{framing:?}: {figures:?}; acknowledged writes lost: 0, duplicates: 0");
    }
}
