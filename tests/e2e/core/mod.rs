//! The core, with kv as the module.

mod kv;
