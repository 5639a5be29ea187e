//! The todo module.

mod cases;
mod list;
