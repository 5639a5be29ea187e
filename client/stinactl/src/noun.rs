//! The commands that every entity has: add, list, show, edit, rm. [`Noun`] describes an entity once; [`Verb`] has its
//! arguments and runs them.

use super::context::Context;
use super::failure::Failure;
use super::identify::{Named, identify};
use super::output::{Look, Output};
use super::pages;
use super::stdin::read_stdin;
use super::table::Column;
use super::text::{clean, one_line, or_dash};
use std::fmt::Debug;
use std::marker::PhantomData;
use stina_client::Client;
use stina_client::Entities;
use stina_protocol::types::Paging;
use stina_protocol::{EntityId, Error, Method, Reply, Resource, With};

/// The arguments of a command, which become params of a method.
pub(super) trait Arguments: clap::Args + Debug {
    /// The params.
    type Params;

    /// The texts that are read from standard input where they are `-`.
    fn texts(&mut self) -> Vec<&mut String> {
        Vec::new()
    }

    /// The params.
    fn params(&self) -> Result<Self::Params, Error>;
}

/// An entity of the command line.
pub(super) trait Noun: Resource<Changes: PartialEq> + Debug {
    /// Arguments of `add`.
    type AddArgs: Arguments<Params = <Self::Create as Method>::Params>;
    /// Arguments of `list`: its filters.
    type ListArgs: Arguments<Params = Self::Filter>;
    /// Arguments of `edit`: the fields.
    type EditArgs: Arguments<Params = Self::Changes>;

    /// Its name in a usage line, such as `TODO`.
    const PLACEHOLDER: &'static str;
    /// For the help of `show` and `rm`, the entities that belong to it: ` with its comments`.
    const WITH: &'static str = "";
    /// The help of `show` about `--json`, if it prints more than one reply.
    const SHOW_JSON: Option<&'static str> = None;
    /// The columns of a list.
    const COLUMNS: &'static [Column<Self>];
    /// The command that lists all of them.
    const LIST_ALL: &'static str;

    /// The filter for all of them: names are looked up among these.
    fn all() -> Self::Filter;

    /// The title that names it.
    fn title(&self) -> &str;

    /// Distinguishes it from others with the same title, in the list of candidates.
    fn remark(&self) -> String;

    /// Its name in a confirmation.
    fn name(&self) -> String {
        one_line(self.title())
    }

    /// The text after the name in a confirmation of `add` and `edit`: `, due tomorrow`.
    fn note(&self) -> String {
        String::new()
    }

    /// The entities that were removed with it: ` and its comment`.
    fn removed_with(&self) -> String {
        String::new()
    }

    /// Whether it is meant, rather than others with the same title. `rm` never guesses.
    fn is_likely(&self) -> bool {
        true
    }

    /// The names and values that `show` prints between the id and the revision; a value that is `None` is left out.
    fn details(&self) -> Vec<(&'static str, Option<String>)>;

    /// The long text that `show` prints after the details.
    fn body(&self) -> Option<&str>;

    /// Prints the rest of `show`, as text or as JSON.
    async fn show_more(&self, client: &Client, out: &Output) -> Result<(), Failure> {
        let _ = (client, out);
        Ok(())
    }

    /// Whether an edit computes a field from its current value, in [`Self::amend`].
    fn is_relative(edit: &Self::EditArgs) -> bool {
        let _ = edit;
        false
    }

    /// Adds the fields to `changes` that are computed from their current values.
    fn amend(&self, edit: &Self::EditArgs, changes: &mut Self::Changes) -> Result<(), Error> {
        let _ = (edit, changes);
        Ok(())
    }
}

/// Adds to the help of an argument of `edit` what removes its field.
pub(super) fn say_what_removes(arg: clap::Arg) -> clap::Arg {
    let more = match arg.get_id().as_str() {
        "description" | "source" => "an empty text removes it",
        "due" | "until" | "metadata" => "`none` removes it",
        _ => return arg,
    };
    let help = arg.get_help().map_or(more.to_owned(), |help| format!("{help}; {more}"));
    arg.help(help)
}

/// The commands.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Verb<N: Noun> {
    Add(N::AddArgs),
    #[group(skip)]
    List {
        #[command(flatten)]
        filter: N::ListArgs,
        /// At most this many
        #[arg(short = 'n', long, value_name = "N")]
        limit: Option<u64>,
    },
    #[command(about = format!("Show one {}{}", N::ENTITY, N::WITH), after_help = N::SHOW_JSON.unwrap_or_default())]
    Show(Which<N>),
    #[group(skip)]
    Edit {
        #[command(flatten)]
        which: Which<N>,
        #[command(flatten)]
        fields: N::EditArgs,
        #[command(flatten)]
        condition: Condition,
    },
    #[command(about = format!("Remove a {}{}", N::ENTITY, N::WITH))]
    Rm {
        #[command(flatten)]
        which: Which<N>,
        #[command(flatten)]
        condition: Condition,
    },
}

/// Names one entity.
#[derive(Debug, clap::Args)]
pub(super) struct Which<N: Noun> {
    /// Its id, its title in any case, or a unique prefix of its id
    #[arg(value_name = N::PLACEHOLDER)]
    typed: String,
    #[arg(skip)]
    noun: PhantomData<fn() -> N>,
}

// No doc comment: clap would take it for the help of the commands that have these arguments.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(super) struct Condition {
    /// Only if its revision is this. Else exit code 5
    #[arg(long, value_name = "REV")]
    pub(super) if_rev: Option<u64>,
}

/// How often an edit is computed again because another client has just changed the entity.
const ATTEMPTS: usize = 10;

impl<N: Noun> Named for N {
    const ENTITY: &'static str = N::ENTITY;
    const LIST: &'static str = N::LIST_ALL;

    fn id(&self) -> &str {
        Resource::id(self)
    }

    fn title(&self) -> &str {
        Noun::title(self)
    }

    fn remark(&self) -> String {
        Noun::remark(self)
    }
}

impl<N: Noun> Which<N> {
    /// The named entity. Of several with the same title it is a likely one, if there is one.
    pub(super) async fn find(&self, client: &Client, likely: impl Fn(&N) -> bool) -> Result<N, Failure> {
        let entities = client.entities::<N>();
        let list = async |limit, cursor| {
            client.call::<N::List>(With { head: Paging { limit, cursor }, fields: N::all() }).await
        };
        identify(&self.typed, async |id: EntityId| entities.get(id).await, list, likely).await
    }
}

impl<N: Noun> Verb<N> {
    /// Reads standard input for arguments that are `-`, and checks arguments as far as that needs no daemon.
    pub(super) fn resolve(&mut self) -> Result<(), Failure> {
        match self {
            Self::Add(add) => read_stdin(add.texts()),
            Self::Edit { fields, .. } => {
                read_stdin(fields.texts())?;
                if fields.params()? == N::Changes::default() && !N::is_relative(fields) {
                    let text =
                        format!("nothing to change: `stinactl {} edit --help` lists the fields", N::ENTITY);
                    return Err(Failure::Usage(text));
                }
                Ok(())
            }
            Self::List { .. } | Self::Show(_) | Self::Rm { .. } => Ok(()),
        }
    }

    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let Context { client, out, .. } = context;
        let entities = client.entities::<N>();
        match self {
            Self::Add(add) => confirm(out, "added", &client.call::<N::Create>(add.params()?).await?),
            Self::List { filter, limit } => {
                let filter = filter.params()?;
                let page = async |limit, cursor| {
                    let head = Paging { limit, cursor };
                    client.call::<N::List>(With { head, fields: filter.clone() }).await
                };
                pages::list(out, N::COLUMNS, limit, page).await
            }
            Self::Show(which) => {
                let id = which.find(client, N::is_likely).await?.id().clone();
                let reply = entities.get(id).await?;
                if out.json {
                    out.json(&reply)?
                } else {
                    show(out, &reply.value)?
                }
                reply.value.show_more(client, out).await
            }
            Self::Edit { which, fields, condition } => {
                let entity = which.find(client, N::is_likely).await?;
                confirm(out, "changed", &edit(&entities, entity, &fields, condition).await?)
            }
            Self::Rm { which, condition } => {
                // `rm` deletes only the revision that it looked up: an entity that changed since is a `conflict`.
                let entity = which.find(client, |_| true).await?;
                let if_rev = condition.if_rev.unwrap_or(entity.rev());
                let delete = entities.delete(entity.id()).if_rev(if_rev).timeout(context.large_write());
                let reply = delete.await?;
                let name = format!("{}{}", reply.value.name(), reply.value.removed_with());
                done(out, "deleted", &name, &reply)
            }
        }
    }
}

/// Sets only the given fields, so that no change of another client is lost. Fields that are computed from their current
/// values are set only at that revision, and are computed again after a conflict.
async fn edit<N: Noun>(
    entities: &Entities<N>,
    mut entity: N,
    fields: &N::EditArgs,
    Condition { if_rev }: Condition,
) -> Result<Reply<N>, Failure> {
    let mut changes = fields.params()?;
    let is_relative = N::is_relative(fields);
    let mut attempts = 1..ATTEMPTS;
    loop {
        let mut expected = if_rev;
        if is_relative {
            entity.amend(fields, &mut changes)?;
            expected = expected.or(Some(entity.rev()));
        }
        match entities.update(entity.id()).changes(changes.clone()).if_rev(expected).await {
            Err(error)
                if matches!(error.kind(), Some(Error::Conflict { .. }))
                    && if_rev.is_none()
                    && attempts.next().is_some() =>
            {
                entity = entities.get(entity.id()).await?.value;
            }
            updated => return Ok(updated?),
        }
    }
}

/// Confirms a write to an entity.
fn confirm<N: Noun>(out: &Output, what: &str, reply: &Reply<N>) -> Result<(), Failure> {
    let entity = &reply.value;
    done(out, what, &format!("{}  {}{}", entity.id(), entity.name(), entity.note()), reply)
}

/// Confirms a write: a sentence, or the reply as JSON.
pub(super) fn done<T: serde::Serialize>(
    out: &Output,
    what: &str,
    name: &str,
    reply: &Reply<T>,
) -> Result<(), Failure> {
    if out.json { Ok(out.json(reply)?) } else { Ok(out.did(what, name, reply.rev)?) }
}

fn show<N: Noun>(out: &Output, entity: &N) -> std::io::Result<()> {
    out.line(&out.paint(Look::Strong, &clean(or_dash(&one_line(entity.title())))))?;
    out.detail("id", entity.id())?;
    for (name, value) in entity.details() {
        if let Some(value) = value {
            out.detail(name, &value)?;
        }
    }
    out.detail("revision", &entity.rev().to_string())?;
    match entity.body() {
        None => Ok(()),
        Some(text) => {
            out.line("")?;
            out.foreign(text)
        }
    }
}
