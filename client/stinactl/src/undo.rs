//! `stinactl undo` and `stinactl redo`.

use super::context::Context;
use super::failure::Failure;
use super::output::Look;
use super::undo_plan::{self, Way, gist};
use stina_protocol::Error;
use stina_protocol::store::LogRevision;
use stina_protocol::undo::ChangedSince;

/// Undo a revision: by default the last change of a person or program other than the daemon
///
/// Repeated, it goes further back; `stinactl redo` goes forward again. Prints what was undone. Nothing is lost: an
/// undo is a revision of its own. Exit code 4 when there is nothing to undo, 5 when something has changed since.
#[derive(Debug, clap::Args)]
pub(super) struct Undo {
    /// The revision, as `watch`, `history`, `trash` and every write print it
    rev: Option<u64>,
    #[command(flatten)]
    how: How,
}

/// Redo what the last undo undid
///
/// Repeated, it goes further forward. Exit code 4 when there is nothing to redo, 5 when something has changed since.
#[derive(Debug, clap::Args)]
pub(super) struct Redo {
    #[command(flatten)]
    how: How,
}

#[derive(Debug, clap::Args)]
struct How {
    /// Also put back what has changed since
    #[arg(long)]
    force: bool,
    /// Only print what would be undone
    #[arg(long)]
    dry_run: bool,
}

impl Undo {
    pub(super) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let revision = match self.rev {
            Some(rev) => undo_plan::revision(&context.client, rev).await?,
            None => undo_plan::next(&context.client, Way::Undo).await?,
        };
        let (what, undone) = gist(&revision);
        let what = format!("{}: {what} -> {undone}", undo_plan::whole(&revision));
        self.how.run(context, &revision, ["undid", "would undo"], &what).await
    }
}

impl Redo {
    pub(super) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let undo = undo_plan::next(&context.client, Way::Redo).await?;
        // Of an undo in steps the first has undone the newest.
        let undone = match undo.origin.continues {
            Some(first) => undo_plan::revision(&context.client, first).await?.origin.undoes,
            None => undo.origin.undoes,
        };
        let redone = undo_plan::revision(&context.client, undone.unwrap_or_default()).await?;
        let what = format!("{}: {}", undo_plan::whole(&redone), gist(&redone).0);
        self.how.run(context, &undo, ["redid", "would redo"], &what).await
    }
}

impl How {
    async fn run(
        self,
        context: &mut Context,
        revision: &LogRevision,
        [did, would]: [&str; 2],
        what: &str,
    ) -> Result<(), Failure> {
        let within = context.large_write();
        let Context { client, out, .. } = context;
        if self.dry_run {
            let printed = if out.json { out.json(revision) } else { out.line(&format!("{would} {what}")) };
            return Ok(printed?);
        }
        let undo = client.store().undo(revision.rev).timeout(within);
        let reply = if self.force { undo.force().await } else { undo.await };
        let reply = reply.map_err(|error| in_the_way(error.into()))?;
        if out.json {
            return Ok(out.json(&reply)?);
        }
        let rev = out.paint(Look::Faint, &format!("(revision {})", reply.rev));
        Ok(out.line(&format!("{did} {what} {rev}"))?)
    }
}

/// A conflict, with what to do about it.
fn in_the_way(failure: Failure) -> Failure {
    let changed = match failure.kind() {
        Some(Error::Conflict { current: Some(current) }) => current.to::<Vec<ChangedSince>>().ok(),
        _ => None,
    };
    let Some(changed) = changed else { return failure };
    let mut can_be_forced = true;
    let failure = changed.iter().take(10).fold(failure, |failure, changed| {
        let ChangedSince { entity, id, value, deleted_by, .. } = changed;
        let name =
            value.as_ref().and_then(undo_plan::name).map(|name| format!(" ({name})")).unwrap_or_default();
        let what = match (value, deleted_by) {
            (Some(_), _) => "has changed since".to_owned(),
            (None, Some(rev)) => {
                can_be_forced = false;
                format!("was deleted by revision {rev}: `stinactl undo {rev}` first")
            }
            (None, None) => "is gone".to_owned(),
        };
        failure.hint(format!("{entity} {id}{name} {what}"))
    });
    let failure = match changed.len().saturating_sub(10) {
        0 => failure,
        more => failure.hint(format!("… and {more} more")),
    };
    if can_be_forced { failure.hint("--force puts it back all the same") } else { failure }
}
