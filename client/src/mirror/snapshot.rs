//! [`Snapshot`]: a collection at one revision.

use serde::{Serialize, Serializer};
use std::sync::Arc;

/// The entities of a collection at one revision. Its JSON: `{"rev":7,"items":[…]}`.
#[derive(Debug, Serialize)]
#[serde(bound = "T: Serialize")]
#[non_exhaustive]
pub struct Snapshot<T> {
    /// The revision.
    pub rev: u64,
    /// The entities, in order.
    #[serde(serialize_with = "items")]
    pub items: Vec<Arc<T>>,
}

fn items<T: Serialize, S: Serializer>(items: &[Arc<T>], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(items.iter().map(|item| &**item))
}
