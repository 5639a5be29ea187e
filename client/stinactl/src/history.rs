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
use stina_protocol::types::Limit;
use stina_protocol::undo::{EntityRevision, Subject};
use stina_protocol::{Error, Json};

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
        let Subject { entity, id } = &subject;
        let page = async |limit: Limit, cursor| {
            client.store().history(entity, id).limit(limit.into()).cursor(cursor).await
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
    let what = match (&revision.op, &revision.before) {
        (Op::Delete, _) => "deleted",
        (Op::Put, None) if !revision.omitted => "created",
        _ => "changed",
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
        if !client.store().history(&entity, typed).limit(1).await?.value.items.is_empty() {
            found.insert((entity, typed.to_owned()));
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
    let todos = async |limit: Limit, cursor| {
        client.todos().list().include_archived().limit(limit.into()).cursor(cursor).await
    };
    pages::walk(None, todos, |todo| add("todo", todo.id.into())).await?;
    let memories = async |limit: Limit, cursor| {
        client.memories().list().include_expired().limit(limit.into()).cursor(cursor).await
    };
    pages::walk(None, memories, |memory| add("memory", memory.id.into())).await?;
    let conversations = async |limit: Limit, cursor| {
        client.chat().list_conversations().limit(limit.into()).cursor(cursor).await
    };
    pages::walk(None, conversations, |conversation| add("conversation", conversation.id.into())).await?;
    let entries = async |limit: Limit, cursor| client.kv().list().limit(limit.into()).cursor(cursor).await;
    pages::walk(None, entries, |entry| add("kv", entry.key.into())).await?;
    let trash = async |limit: Limit, cursor| client.store().trash().limit(limit.into()).cursor(cursor).await;
    pages::walk(None, trash, |item| add(&item.entity, item.id)).await?;
    Ok(known)
}
