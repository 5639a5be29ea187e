//! [`Everything`]: the feed of a module whose subscriptions have no filter.

use crate::rpc::{Feed, Initial, Module};
use crate::store::{LiveChange, ReadTx, Result};

/// All changes of a module.
#[derive(Debug)]
pub struct Everything(pub &'static Module);

impl Feed for Everything {
    fn wants(&self, change: &LiveChange) -> bool {
        change.module == self.0.name
    }

    fn initial(&self, tx: &ReadTx<'_>, out: &mut Initial<'_>) -> Result<()> {
        self.0.snapshot(tx, out)
    }
}
