//! `stinactl trash`: what was deleted and can still be put back.

use super::context::Context;
use super::failure::Failure;
use super::table::{Column, Table};
use super::{pages, text};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use stina_protocol::With;
use stina_protocol::store::Filter;
use stina_protocol::types::Paging;
use stina_protocol::undo::{Trash as ListTrash, TrashItem};

/// List what was deleted and can still be put back with `stinactl undo REV`, newest first
///
/// What was deleted with something else, such as the messages of a conversation, is counted with it. With --json: each
/// entity on a line.
#[derive(Debug, clap::Args)]
pub(super) struct Trash {
    /// Only of this module; may be given several times
    #[arg(long = "module", value_name = "MODULE")]
    modules: Vec<String>,
    /// At most this many entities
    #[arg(short = 'n', long, value_name = "N")]
    limit: Option<u64>,
}

impl Trash {
    pub(super) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let Context { client, out, .. } = context;
        if self.limit == Some(0) {
            return Ok(());
        }
        let modules = Some(self.modules).filter(|modules| !modules.is_empty());
        let page = async |limit, cursor| {
            let fields = Filter { modules: modules.clone() };
            client.call::<ListTrash>(With { head: Paging { limit, cursor }, fields }).await
        };
        // A deletion logs what goes with an entity before the entity: newest first, the entity comes first.
        let mut deletions: Vec<Deletion> = Vec::new();
        // By the first revision of the write: others may have come between its steps.
        let mut of_write: HashMap<u64, usize> = HashMap::new();
        let more = pages::walk(self.limit, page, |item: TrashItem| {
            if out.json {
                return Ok(out.json(&item)?);
            }
            match of_write.entry(item.continues.unwrap_or(item.rev)) {
                Entry::Occupied(at) => {
                    let (first, more) = &mut deletions[*at.get()];
                    *more += 1;
                    // What was deleted names the line, rather than a small value that went along, such as a pointer to it.
                    if first.entity == "kv" && item.entity != "kv" {
                        *first = item;
                    }
                }
                Entry::Vacant(new) => {
                    new.insert(deletions.len());
                    deletions.push((item, 0));
                }
            }
            Ok(())
        })
        .await?;
        let mut table = Table::new(out, COLUMNS);
        deletions.iter().try_for_each(|deletion| table.push(deletion))?;
        Ok(pages::end(table, out, more)?)
    }
}

/// A deleted entity, and how many were deleted with it.
type Deletion = (TrashItem, u64);

const COLUMNS: &[Column<Deletion>] = &[
    Column::new("REV", |(item, _), _| item.rev.to_string().into()),
    Column::new("DELETED", |(item, _), _| text::time(item.deleted_at, "%Y-%m-%d %H:%M").into()),
    Column::new("WHAT", |(item, _), _| item.entity.as_str().into()),
    Column::flexible("TITLE", |(item, more), _| {
        let title = text::one_line(item.title.as_deref().unwrap_or_default());
        if *more > 0 { format!("{title} (and {more} more)").into() } else { title.into() }
    }),
    Column::flexible("ID", |(item, _), _| item.id.as_str().into()),
];
