//! Finds the entity that a name means: an id, a title, or a unique prefix of an id.

use super::failure::Failure;
use super::pages;
use super::similar::Similar;
use super::text::{fold_case, shorten};
use stina_client::Result;
use stina_protocol::types::Limit;
use stina_protocol::{EntityId, Error, Page, Reply};

/// An entity that can be named.
pub(super) trait Named {
    /// Its name on the wire.
    const ENTITY: &'static str;
    /// The command that lists all of them.
    const LIST: &'static str;
    /// Its id.
    fn id(&self) -> &str;
    /// Its title.
    fn title(&self) -> &str;
    /// Distinguishes it from others with the same title.
    fn remark(&self) -> String;
}

/// Most candidates that the error lists.
const SHOWN: usize = 10;

/// The entities that a name may mean: how many, and the first of them.
#[derive(Debug)]
struct Candidates<T> {
    count: usize,
    first: Vec<T>,
}

impl<T: Named> Candidates<T> {
    fn none() -> Self {
        Self { count: 0, first: Vec::new() }
    }

    fn push(&mut self, candidate: T) {
        self.count += 1;
        if self.first.len() < SHOWN {
            self.first.push(candidate);
        }
    }

    fn ambiguous(&self, typed: &str, what: &str) -> Failure {
        let reason = format!("`{}` is ambiguous: {} {what}", shorten(typed, 60), self.count);
        let failure = Failure::from(Error::invalid("", reason));
        let failure = failure.hint("use its id, or a unique prefix of it:");
        let failure = self.first.iter().fold(failure, |failure, candidate| {
            let remark = candidate.remark();
            failure.hint(format!("{}  {} ({remark})", candidate.id(), shorten(candidate.title(), 60)))
        });
        match self.count - self.first.len() {
            0 => failure,
            more => failure.hint(format!("… and {more} more")),
        }
    }
}

/// The entity that `typed` means. A whole id wins over a title, and a title over a prefix of an id; of several
/// with the same title it is a `likely` one, if there is one.
pub(super) async fn identify<T: Named>(
    typed: &str,
    get: impl AsyncFn(EntityId) -> Result<Reply<T>>,
    list: impl AsyncFn(Limit, Option<String>) -> Result<Reply<Page<T>>>,
    likely: impl Fn(&T) -> bool,
) -> std::result::Result<T, Failure> {
    let typed = stina_protocol::text::trim(typed);
    if typed.is_empty() {
        return Err(Error::invalid("", format!("which {}? Give its id or title", T::ENTITY)).into());
    }
    if let Ok(id) = EntityId::new(typed) {
        match get(id).await {
            Ok(reply) => return Ok(reply.value),
            Err(error) if matches!(error.kind(), Some(Error::NotFound { .. })) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let title = fold_case(typed);
    // Lists cut ids in a narrow terminal.
    let prefix = typed.trim_end_matches('…');
    let (mut meant, mut titled, mut prefixed) = (Candidates::none(), Candidates::none(), Candidates::none());
    let mut similar = Similar::to(typed);
    let consider = |entity: T| {
        if fold_case(stina_protocol::text::trim(entity.title())) == title {
            if likely(&entity) { meant.push(entity) } else { titled.push(entity) }
        } else if !prefix.is_empty() && entity.id().starts_with(prefix) {
            prefixed.push(entity);
        } else {
            similar.consider(entity.title());
        }
        Ok(())
    };
    pages::walk(None, list, consider).await?;
    for (mut candidates, what) in
        [(meant, "have that title"), (titled, "have that title"), (prefixed, "have an id with that prefix")]
    {
        match (candidates.count, candidates.first.pop()) {
            (_, None) => {}
            (1, Some(only)) => return Ok(only),
            (_, Some(last)) => {
                candidates.first.push(last);
                return Err(candidates.ambiguous(typed, what));
            }
        }
    }
    let failure = Failure::from(Error::not_found(T::ENTITY, shorten(typed, 100)));
    Err(match similar.best() {
        Some(title) => failure.hint(format!("did you mean `{}`?", shorten(&title, 60))),
        None => failure.hint(format!("`stinactl {}` lists all of them", T::LIST)),
    })
}
