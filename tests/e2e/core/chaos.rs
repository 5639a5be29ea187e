//! The short form of the soak: `tests/soak.sh chaos` is the long one.

use crate::STINAD;
use stina_tests::chaos::{self, Plan};
use stina_tests::random::Random;

#[test]
fn mirrors_equal_the_database_and_writes_happen_once_through_kills_suspends_and_disconnects() {
    let plan = Plan { rounds: 12, clients: 8, writers: 4, seed: Random::seed() };
    let figures = chaos::run(STINAD, &plan);
    println!("seed {}: {figures:?}", plan.seed);
    assert!(figures.acknowledged >= plan.rounds && figures.entities > 0, "{figures:?}");
}
