//! [`Snapshot`]: a collection at one revision.

use std::sync::Arc;

/// The entities of a collection at one revision.
#[derive(Debug)]
pub struct Snapshot<T> {
    /// The revision.
    pub rev: u64,
    /// The entities, in order.
    pub items: Vec<Arc<T>>,
}
