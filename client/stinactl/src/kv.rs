//! `stinactl kv`: small state under a key.

use super::context::Context;
use super::failure::Failure;
use super::output::{Look, Output};
use super::stdin::text_or_stdin;
use super::table::Column;
use super::{pages, text};
use stina_protocol::kv::{Entry, Filter, List, ListParams};
use stina_protocol::types::Paging;
use stina_protocol::{Error, Json, Reply};

/// Small state under a key
#[derive(Debug, clap::Subcommand)]
pub(super) enum Kv {
    /// Print a value; a string without its quotes. Exit code 4 when there is none
    Get {
        /// The key
        key: String,
    },
    /// Set a value: JSON where it is valid JSON, else a string. A value that begins with `{`, `[` or `"` must be JSON
    Set {
        /// The key
        key: String,
        /// The value, or `-` to read it from standard input
        #[arg(allow_negative_numbers = true)]
        value: String,
        /// Store the value as a string, whatever it looks like
        #[arg(long)]
        string: bool,
        /// Only if the entry's revision is this; 0: only if there is none. Else exit code 5
        #[arg(long, value_name = "REV")]
        if_rev: Option<u64>,
    },
    /// Remove an entry. Exit code 4 when there is none
    Delete {
        /// The key
        key: String,
        /// Only if the entry's revision is this. Else exit code 5
        #[arg(long, value_name = "REV")]
        if_rev: Option<u64>,
    },
    /// List entries by key
    List {
        /// Only keys that begin with this
        prefix: Option<String>,
        /// At most this many
        #[arg(short = 'n', long, value_name = "N")]
        limit: Option<u64>,
    },
    /// Add to a number and print the sum; a missing one counts as 0
    Incr {
        /// The key
        key: String,
        /// What to add
        #[arg(allow_negative_numbers = true, default_value_t = 1)]
        by: i64,
    },
}

impl Kv {
    pub(super) fn resolve(&mut self) -> Result<(), Failure> {
        if let Self::Set { value, .. } = self {
            *value = text_or_stdin(std::mem::take(value))?;
        }
        Ok(())
    }

    pub(super) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let Context { client, out, .. } = context;
        match self {
            Self::Get { key } => {
                let reply = client.kv().get(&key).await?;
                let entry = found(out, &key, &reply)?;
                if out.json { Ok(()) } else { Ok(value(out, &entry.value)?) }
            }
            Self::Set { key, value, string, if_rev } => {
                let value = if string { Json::of(&value) } else { parse_or_string(&value) }?;
                let reply = client.kv().set(&key, value).if_rev(if_rev).await?;
                if out.json {
                    return Ok(out.json(&reply)?);
                }
                let Entry { key, value, rev, .. } = &reply.value;
                let rev = out.paint(Look::Faint, &format!("(revision {rev})"));
                Ok(out.line(&format!("{} = {} {rev}", text::clean(key), text::clean(value.get())))?)
            }
            Self::Delete { key, if_rev } => {
                let reply = client.kv().delete(&key).if_rev(if_rev).await?;
                found(out, &key, &reply)?;
                if out.json {
                    return Ok(());
                }
                Ok(out.did("deleted", &key, reply.rev)?)
            }
            Self::Incr { key, by } => {
                let reply = client.kv().increment(&key, by).await?;
                if out.json { Ok(out.json(&reply)?) } else { Ok(value(out, &reply.value.value)?) }
            }
            Self::List { prefix, limit } => list(context, prefix, limit).await,
        }
    }
}

/// A value that begins as an object, an array or a quoted string must be JSON: a typing error in it is an error, not a
/// string.
fn parse_or_string(text: &str) -> Result<Json, Error> {
    let meant = text.trim_start().starts_with(['{', '[', '"']);
    match Json::parse(text) {
        Err(Error::Invalid { reason, .. }) if meant => {
            Err(Error::invalid("value", format!("{reason} (--string stores it as text)")))
        }
        Err(_) => Json::of(text),
        parsed => parsed,
    }
}

/// The entry of a reply; with --json, prints the reply whether there is an entry or not.
fn found<'a>(out: &Output, key: &str, reply: &'a Reply<Option<Entry>>) -> Result<&'a Entry, Failure> {
    if out.json {
        out.json(reply)?;
    }
    reply.value.as_ref().ok_or_else(|| Failure::NotFound(format!("kv `{key}` not found")))
}

fn value(out: &Output, value: &Json) -> std::io::Result<()> {
    match value.to::<String>() {
        Ok(text) => out.foreign(&text),
        Err(_) => out.foreign(value.get()),
    }
}

const COLUMNS: &[Column<Entry>] = &[
    Column::new("KEY", |entry, _| entry.key.as_str().into()),
    Column::flexible("VALUE", |entry, _| entry.value.get().into()),
    Column::new("REV", |entry, _| entry.rev.to_string().into()),
    Column::new("UPDATED", |entry, _| text::time(entry.updated_at, "%Y-%m-%d %H:%M:%S").into()),
];

async fn list(context: &Context, prefix: Option<String>, limit: Option<u64>) -> Result<(), Failure> {
    let Context { client, out, .. } = context;
    let page = async |limit, cursor| {
        let (head, fields) = (Paging { limit, cursor }, Filter { prefix: prefix.clone() });
        client.call::<List>(ListParams { head, fields }).await
    };
    pages::list(out, COLUMNS, limit, page).await
}
