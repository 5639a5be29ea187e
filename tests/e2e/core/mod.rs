//! The core, with kv as the module.

mod chaos;
mod cursors;
mod cuts;
mod discover;
mod exactly_once;
mod faults;
mod foreign;
mod forget;
mod framing;
mod instance;
mod kv;
mod lanes;
mod limits;
mod module;
mod order;
mod replaced;
mod restored;
mod slow;
mod stopping;
mod storage;
mod subscriptions;
mod transact;
mod trash;
mod undo;
mod undo_all;
mod watching;
