//! The memory module.

mod cases;
mod purge;
mod search;
