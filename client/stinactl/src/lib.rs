//! `stinactl`: the store from the command line, over what `stina-client` offers to any frontend.
//!
//! One file for each noun: its arguments, then one `run`. `noun` has the commands that todos and memories share.

mod command;

mod call;
mod chat;
mod history;
mod kv;
mod memory;
mod purge;
mod result;
mod status;
mod stop;
mod todo;
mod trash;
mod undo;
mod undo_plan;
mod watch;

mod context;
mod failure;
mod field;
mod identify;
mod metadata;
mod noun;
mod output;
mod pages;
mod search;
mod short_id;
mod similar;
mod stdin;
mod table;
mod text;
mod when;

pub use command::main;
