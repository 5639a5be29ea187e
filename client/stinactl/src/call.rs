//! `stinactl call`: any method.

use super::context::Context;
use super::failure::Failure;
use super::similar::Similar;
use super::stdin::or_stdin;
use super::text;
use stina_client::{CallOptions, Error};
use stina_protocol::Error::Invalid;
use stina_protocol::error::METHOD_NOT_FOUND_CODE;
use stina_protocol::{Json, RequestId};

/// Call any method: `stinactl call kv.get '{"key":"greeting"}'`
///
/// A write is sent again until it is answered, and happens once. `stinactl call rpc.discover` describes all methods.
#[derive(Debug, clap::Args)]
pub(super) struct CallMethod {
    /// Name of the method
    method: String,
    /// Its params: a JSON object, or `-` to read it from standard input
    #[arg(value_name = "JSON")]
    params: Option<String>,
    /// The id of a write. A write with the same id that happened before does not happen again; its answer is repeated
    #[arg(long, value_name = "ID", value_parser = |text: &str| RequestId::new(text))]
    request_id: Option<RequestId>,
}

impl CallMethod {
    pub(super) fn resolve(&mut self) -> Result<(), Failure> {
        if let Some(params) = self.params.take() {
            let params = or_stdin(params)?;
            let json = Json::parse(params.trim());
            let json = json.map_err(|e| Failure::Usage(format!("invalid params: {e}")))?;
            self.params = Some(json.get().to_owned());
        }
        Ok(())
    }

    pub(super) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let Self { method, params, request_id } = self;
        let how = CallOptions { request_id, ..CallOptions::default() };
        let result = match context.client.call_raw(&method, params.as_deref(), how).await {
            Ok(result) => result,
            Err(Error::Rpc(fault)) if fault.code == METHOD_NOT_FOUND_CODE => {
                let similar = similar(context, &method).await;
                let failure = Failure::Call(Error::Rpc(fault));
                return Err(match similar {
                    Some(name) => failure.hint(format!("did you mean `{name}`?")),
                    None => failure.hint("`stinactl call rpc.discover` lists all methods"),
                });
            }
            // Only a refusal is worth another question: without an answer, the id of the write must be printed.
            Err(error) if matches!(error.kind(), Some(Invalid { .. })) => {
                let methods = context.client.methods().await.ok();
                let subscribes =
                    methods.is_some_and(|methods| methods.get(&method).is_some_and(|m| m.event.is_some()));
                let failure = Failure::from(error);
                return Err(if subscribes { failure.hint("`stinactl watch` subscribes") } else { failure });
            }
            Err(error) => return Err(error.into()),
        };
        if context.out.json {
            return Ok(context.out.json(&result)?);
        }
        Ok(context.out.foreign(&text::pretty(result.get()))?)
    }
}

/// The method with the most similar name, if there is a similar one.
async fn similar(context: &Context, name: &str) -> Option<String> {
    let methods = context.client.methods().await.ok()?;
    let mut similar = Similar::to(name);
    methods.names().for_each(|known| similar.consider(known));
    similar.best()
}
