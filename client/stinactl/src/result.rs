//! `stinactl result`: the answer of a write, if it was lost.

use super::context::Context;
use super::failure::Failure;
use super::text;
use stina_protocol::{Error, RequestId};

/// Print the answer of a write, by its request id
///
/// Exit code 4 when no such write happened in the last 7 days, as long as results are kept.
#[derive(Debug, clap::Args)]
pub(super) struct GetResult {
    /// The id, which the message of exit code 7 names
    request_id: String,
}

impl GetResult {
    pub(super) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let id = RequestId::new(&self.request_id).map_err(|reason| Error::invalid("requestId", reason))?;
        let reply = context.client.store().result(id).await.map_err(|error| {
            let not_found = matches!(error.kind(), Some(Error::NotFound { .. }));
            let failure = Failure::from(error);
            if not_found {
                failure.hint("the write did not happen, or more than 7 days ago")
            } else {
                failure
            }
        })?;
        if context.out.json {
            return Ok(context.out.json(&reply)?);
        }
        context.out.line(&format!("it happened, as revision {}", reply.rev))?;
        Ok(context.out.foreign(&text::pretty(reply.value.get()))?)
    }
}
