//! The core, with kv as the module.

mod chaos;
mod cuts;
mod discover;
mod exactly_once;
mod faults;
mod foreign;
mod forget;
mod framing;
mod instance;
mod kv;
mod limits;
mod module;
mod order;
mod replaced;
mod restored;
mod slow;
mod steps;
mod steps_cut_off;
mod storage;
mod subscriptions;
mod transact;
mod trash;
mod undo;
mod undo_all;
mod watching;
