//! `store.purge`: a write that blanks values, then the wait until no file holds them.

use super::methods::Methods;
use crate::store::{JsonText, PurgeTarget, Store, WriteFn, Written, purge};
use futures_util::future::BoxFuture;
use stina_protocol::store::{PurgeOutput, PurgeParams};
use stina_protocol::{Error, Fault};

/// Prepares the write.
pub(super) fn prepare(methods: &Methods, params: PurgeParams, store: &Store) -> Result<WriteFn, Fault> {
    let target = match params {
        PurgeParams { entity: Some(entity), id: Some(id), deleted_before: None } => {
            let kind = methods.entities.iter().find(|kind| kind.name == entity);
            let unknown = || Error::invalid("entity", format!("there is no entity `{entity}`"));
            PurgeTarget::One { kind: *kind.ok_or_else(unknown)?, id }
        }
        PurgeParams { entity: None, id: None, deleted_before: Some(time) } => {
            PurgeTarget::DeletedBefore(time.get())
        }
        _ => return Err(Error::invalid("", "either `entity` and `id`, or `deletedBefore`").into()),
    };
    let store = store.clone();
    Ok(Box::new(move |tx| {
        let erased = purge(tx, &target)?;
        tx.on_end(move |is_committed| {
            if is_committed {
                store.want_scrub();
            }
        });
        Ok(Written::Done(JsonText::of(&PurgeOutput { erased, pending: false })?))
    }))
}

/// The reply of the write, once no file holds what was purged, or one that says that a file still does.
pub(super) fn scrubbed(
    store: Store,
    reply: BoxFuture<'static, Result<JsonText, Fault>>,
) -> BoxFuture<'static, Result<JsonText, Fault>> {
    Box::pin(async move {
        let reply = reply.await?;
        if store.scrubbed().await {
            return Ok(reply);
        }
        // A repeat whose answer is forgotten has no value.
        let answer: serde_json::Result<stina_protocol::Reply<PurgeOutput>> =
            serde_json::from_str(reply.get());
        let Ok(mut answer) = answer else { return Ok(reply) };
        answer.value.pending = true;
        JsonText::of(&answer).map_err(|_| Error::Internal.into())
    })
}
