//! `stinactl purge`: erases what was deleted.

use super::context::Context;
use super::failure::Failure;
use super::output::Look;
use super::when;
use std::io::{BufRead, IsTerminal, Write};
use std::path::{Path, PathBuf};
use stina_protocol::store::{PurgeOutput, PurgeParams};
use stina_protocol::types::Millis;
use stina_protocol::{Error, Reply};

/// Erase deleted entities for good: from the change log, from kept answers, and from the files
///
/// What was deleted can be put back for a while; what is purged can't. Copies that stinad made of the database are not
/// changed: they are listed.
#[derive(Debug, clap::Args)]
#[command(group(clap::ArgGroup::new("which").required(true).args(["id", "deleted_before", "all"])))]
pub(super) struct Purge {
    /// Id of a deleted entity, or a deleted key; what was deleted with it goes too
    id: Option<String>,
    /// Entity that ID is, such as `kv` or `todo`; by default the first that has such a deleted id
    #[arg(long, value_name = "ENTITY", requires = "id")]
    entity: Option<String>,
    /// Everything that was deleted before a time, such as `-1w`
    #[arg(long, value_name = "WHEN", allow_hyphen_values = true, value_parser = when::time)]
    deleted_before: Option<Millis>,
    /// Everything that was deleted
    #[arg(long)]
    all: bool,
    /// Don't ask
    #[arg(short, long)]
    yes: bool,
}

impl Purge {
    pub(super) fn resolve(&self) -> Result<(), Failure> {
        if self.yes {
            return Ok(());
        }
        if !std::io::stdin().is_terminal() {
            return Err(Failure::Usage("a purge can't be undone: confirm it with --yes".to_owned()));
        }
        let what = match (&self.id, self.all) {
            (Some(id), _) => super::text::clean(id).into_owned(),
            (None, true) => "everything that was deleted".to_owned(),
            (None, false) => "everything that was deleted before then".to_owned(),
        };
        let mut stderr = std::io::stderr().lock();
        write!(stderr, "Erase {what} for good? It can't be undone. [y/N] ")?;
        stderr.flush()?;
        let mut answer = String::new();
        std::io::stdin().lock().read_line(&mut answer)?;
        match answer.trim().to_lowercase().as_str() {
            "y" | "yes" => Ok(()),
            _ => Err(Failure::Other("nothing was erased".to_owned())),
        }
    }

    pub(super) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let (what, reply) = match &self.id {
            Some(id) => one(context, id, self.entity).await?,
            None => {
                let time = self.deleted_before.or(Millis::new(Millis::MAX).ok());
                let params = PurgeParams { deleted_before: time, ..PurgeParams::default() };
                (None, context.client.store().purge(params).await?)
            }
        };
        let out = &context.out;
        let PurgeOutput { erased, pending, .. } = reply.value;
        if out.json {
            out.json(&reply)?;
        } else {
            let noun = if erased == 1 { "entity" } else { "entities" };
            let what = what.map(|what| format!("{}: ", super::text::clean(&what))).unwrap_or_default();
            out.line(&format!("erased {what}{erased} deleted {noun}"))?;
        }
        if pending {
            out.remark("a reader is in the way: the files still hold it, and stinad keeps trying")?;
        }
        let info = context.client.store().info().await?;
        let copies = copies(Path::new(&info.db_path));
        if !copies.is_empty() {
            out.remark("copies of the database may still hold it; remove those that you do not need:")?;
            for copy in copies {
                let copy = super::text::clean(&copy.display().to_string()).into_owned();
                match out.json {
                    true => writeln!(std::io::stderr(), "{copy}")?,
                    false => out.line(&out.paint(Look::Plain, &copy))?,
                }
            }
        }
        Ok(())
    }
}

/// Purges the entity with that id, of the first entity that has one.
async fn one(
    context: &mut Context,
    id: &str,
    entity: Option<String>,
) -> Result<(Option<String>, Reply<PurgeOutput>), Failure> {
    let store = context.client.store();
    let entities = match entity {
        Some(entity) => vec![entity],
        None => store.info().await?.counts.into_keys().collect(),
    };
    let mut exists = None;
    for entity in entities {
        let (name, id) = (Some(entity.clone()), Some(id.to_owned()));
        match store.purge(PurgeParams { entity: name, id: id.clone(), deleted_before: None }).await {
            Ok(reply) => return Ok((Some(format!("{entity} {}", id.unwrap_or_default())), reply)),
            Err(error) if matches!(error.kind(), Some(Error::NotFound { .. })) => {}
            Err(error) if matches!(error.kind(), Some(Error::Invalid { field, .. }) if field == "id") => {
                exists = Some(error);
            }
            Err(error) => return Err(error.into()),
        }
    }
    Err(exists.map_or_else(
        || Failure::NotFound(format!("nothing deleted has the id `{id}`, or it is purged already")),
        Failure::from,
    ))
}

/// Copies of the database beside it, by the names that stinad gives them.
fn copies(database: &Path) -> Vec<PathBuf> {
    let name = database.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let is_copy = |path: &PathBuf| {
        let found = path.file_name().unwrap_or_default().to_string_lossy();
        let rest = found.strip_prefix(&name);
        rest.is_some_and(|rest| rest.starts_with(".before-") || rest.starts_with(".backup-"))
    };
    let directory = database.parent().and_then(|directory| directory.read_dir().ok());
    let entries = directory.into_iter().flatten().flatten();
    let mut copies: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(is_copy).collect();
    copies.sort();
    copies
}
