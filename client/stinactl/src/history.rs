//! `stinactl history`: the revisions of one entity.

use super::context::Context;
use super::failure::Failure;
use super::output::Look;
use super::table::{Cell, Column};
use super::{pages, text, undo_plan};
use serde_json::value::RawValue;
use std::collections::{BTreeMap, BTreeSet};
use stina_client::Client;
use stina_protocol::event::Op;
use stina_protocol::kv::{Filter as KvFilter, ListParams as KvParams};
use stina_protocol::memory::Filter as MemoryFilter;
use stina_protocol::store::Filter;
use stina_protocol::todo::Filter as TodoFilter;
use stina_protocol::types::{Limit, Paging};
use stina_protocol::undo::{EntityRevision, Subject};
use stina_protocol::{Error, Json, With};

/// List the revisions of one entity, newest first
///
/// With --json: each revision with the entity before and after.
#[derive(Debug, clap::Args)]
pub(super) struct History {
    /// Its id (of an entry of kv its key), or a unique prefix of it for what is listed or in the trash
    id: String,
    /// Entity that it is, where several have that id: todo, comment, memory, conversation, interaction, message, kv
    #[arg(long)]
    entity: Option<String>,
    /// At most this many
    #[arg(short = 'n', long, value_name = "N")]
    limit: Option<u64>,
}

impl History {
    pub(super) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let Context { client, out, .. } = context;
        let subject = find(client, &self.id, self.entity.as_deref()).await?;
        let page = async |limit, cursor| {
            client.store().history(With { head: Paging { limit, cursor }, fields: subject.clone() }).await
        };
        pages::list(out, COLUMNS, self.limit, page).await
    }
}

const COLUMNS: &[Column<EntityRevision>] = &[
    Column::new("REV", |revision, _| Cell::new(Look::Strong, revision.rev.to_string())),
    Column::new("WHEN", |revision, _| text::time(revision.at, "%Y-%m-%d %H:%M:%S").into()),
    Column::new("CLIENT", |revision, _| {
        text::or_dash(revision.origin.client.as_deref().unwrap_or_default()).into()
    }),
    Column::new("WHAT", |revision, _| {
        let look = if revision.op == Op::Put { Look::Good } else { Look::Bad };
        Cell::new(look, what(revision))
    }),
    Column::flexible("VALUE", |revision, _| changes(revision).into()),
];

fn what(revision: &EntityRevision) -> String {
    let what = match (revision.op, &revision.before) {
        (Op::Delete, _) => "deleted",
        (Op::Put, Some(_)) => "changed",
        (Op::Put, None) if revision.omitted => "changed",
        (Op::Put, None) => "created",
    };
    match revision.origin.undoes {
        Some(undone) => format!("{what} (undo of {undone})"),
        None => what.to_owned(),
    }
}

/// The members that a revision changed, or what it made or deleted is known by.
fn changes(revision: &EntityRevision) -> String {
    let EntityRevision { before, after, .. } = revision;
    let members = |json: &Json| json.to::<BTreeMap<String, Box<RawValue>>>().unwrap_or_default();
    let (before, after) = match (before, after) {
        (Some(before), Some(after)) => (members(before), members(after)),
        (Some(one), None) | (None, Some(one)) => return undo_plan::name(one).unwrap_or_default(),
        (None, None) => return String::new(),
    };
    let changed = after.iter().filter(|(name, value)| {
        *name != "rev"
            && *name != "updatedAt"
            && before.get(*name).map(|before| before.get()) != Some(value.get())
    });
    let changed = changed.map(|(name, value)| format!("{name}: {}", value.get()));
    text::one_line(&changed.collect::<Vec<_>>().join(", "))
}

/// The entity that `typed` means: one with that id, else the one whose id begins so.
async fn find(client: &Client, typed: &str, entity: Option<&str>) -> Result<Subject, Failure> {
    let kinds = match entity {
        Some(entity) => vec![entity.to_owned()],
        None => client.store().info().await?.counts.into_keys().collect(),
    };
    let mut found = BTreeSet::new();
    for entity in kinds {
        let fields = Subject { entity, id: typed.to_owned() };
        let head = Paging { limit: Limit::new(1).unwrap_or_default(), cursor: None };
        if !client.store().history(With { head, fields: fields.clone() }).await?.value.items.is_empty() {
            found.insert((fields.entity, fields.id));
        }
    }
    if found.is_empty() {
        let beginning = typed.trim_end_matches('…');
        if beginning.is_empty() {
            return Err(Error::invalid("", "which entity? Say its id").into());
        }
        let wanted = |kind: &str| entity.is_none_or(|entity| entity == kind);
        for (kind, id) in known(client).await? {
            if wanted(&kind) && id.starts_with(beginning) {
                found.insert((kind, id));
            }
        }
    }
    let mut candidates = found.iter();
    match (candidates.next(), found.len()) {
        (None, _) => {
            let failure =
                Failure::NotFound(format!("nothing in the log has the id `{}`", text::shorten(typed, 100)));
            Err(failure.hint("a message, an interaction or a comment is named by its whole id"))
        }
        (Some((entity, id)), 1) => Ok(Subject { entity: entity.clone(), id: id.clone() }),
        (Some(_), count) => {
            let reason = format!("`{}` is ambiguous: {count} entities", text::shorten(typed, 60));
            let failure =
                Failure::from(Error::invalid("", reason)).hint("name one with --entity and its whole id:");
            Err(found
                .iter()
                .take(10)
                .fold(failure, |failure, (entity, id)| failure.hint(format!("--entity {entity} {id}"))))
        }
    }
}

/// Sort and id of what is listed or in the trash.
async fn known(client: &Client) -> Result<Vec<(String, String)>, Failure> {
    let mut known = Vec::new();
    let mut add = |kind: &str, id: String| {
        known.push((kind.to_owned(), id));
        Ok(())
    };
    let todos = async |limit, cursor| {
        let fields = TodoFilter { include_archived: true, ..TodoFilter::default() };
        client.todos().list(With { head: Paging { limit, cursor }, fields }).await
    };
    pages::walk(None, todos, |todo| add("todo", todo.id)).await?;
    let memories = async |limit, cursor| {
        let fields = MemoryFilter { include_expired: true, ..MemoryFilter::default() };
        client.memories().list(With { head: Paging { limit, cursor }, fields }).await
    };
    pages::walk(None, memories, |memory| add("memory", memory.id)).await?;
    let conversations =
        async |limit, cursor| client.chat().list_conversations(Paging { limit, cursor }).await;
    pages::walk(None, conversations, |conversation| add("conversation", conversation.id)).await?;
    let entries = async |limit, cursor| {
        client.kv().list(KvParams { head: Paging { limit, cursor }, fields: KvFilter::default() }).await
    };
    pages::walk(None, entries, |entry| add("kv", entry.key)).await?;
    let trash = async |limit, cursor| {
        client.store().trash(With { head: Paging { limit, cursor }, fields: Filter::default() }).await
    };
    pages::walk(None, trash, |item| add(&item.entity, item.id)).await?;
    Ok(known)
}
