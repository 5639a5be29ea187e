//! What a store is opened with.

use super::connection::Location;
use super::witness::Witness;
use crate::clock::Clock;
use crate::limits::Limits;
use std::sync::Arc;

/// What the store is opened with.
#[derive(Debug, Clone)]
pub struct StoreConfig {
    /// Where the database is.
    pub location: Location,
    /// Bounds.
    pub limits: Arc<Limits>,
    /// Source of time.
    pub clock: Clock,
    /// Vouches for a database that is a file.
    pub witness: Option<Witness>,
}
