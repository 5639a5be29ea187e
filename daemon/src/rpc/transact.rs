//! `store.transact`: several mutating methods as one write.

use super::methods::{Methods, Run};
use crate::limits::Limits;
use crate::store::{Failure, JsonText, WriteFn, WriteTx, Written, before_write};
use serde_json::value::RawValue;
use stina_protocol::error::METHOD_NOT_FOUND_CODE;
use stina_protocol::params::Members;
use stina_protocol::store::{Step, TransactParams};
use stina_protocol::{Error, Fault, Json};

/// Prepares every step, so that wrong params are refused before anything is queued.
pub(super) fn prepare(methods: &Methods, params: TransactParams, limits: &Limits) -> Result<WriteFn, Fault> {
    let TransactParams { ops, if_rev } = params;
    if ops.is_empty() {
        return Err(Error::invalid("ops", "at least one step").into());
    }
    if ops.len() > limits.transact_steps {
        return Err(Error::TooLarge { limit: limits.transact_steps as u64 }.into());
    }
    let steps = ops.iter().enumerate().map(|(index, step)| {
        prepare_step(methods, step).map_err(|fault| Fault { index: Some(index), ..fault })
    });
    let steps: Vec<WriteFn> = steps.collect::<Result<_, Fault>>()?;
    // A transaction is never divided, whatever it does.
    let run = move |tx: &mut WriteTx<'_>| {
        let newest = tx.rev() - 1;
        if if_rev.is_some_and(|rev| rev != newest) {
            let current = Json::of(&serde_json::json!({ "rev": newest }))?;
            return Err(Error::Conflict { current: Some(current) }.into());
        }
        let mut results = String::from("{\"results\":[");
        for (index, step) in steps.into_iter().enumerate() {
            let value = step(tx).and_then(|written| written.finish(tx)).map_err(|failure| {
                let failure = Box::new(as_committed(tx, failure));
                Failure::Step { index, failure }
            })?;
            if index > 0 {
                results.push(',');
            }
            results.push_str(value.get());
        }
        results.push_str("]}");
        Ok(Written::Done(JsonText::assembled(results)))
    };
    Ok(Box::new(|tx| tx.undivided(run)))
}

/// *Commit, then tell*: a conflict shows the committed entity. An earlier step of this write may have changed it, but
/// that change is now rolled back.
fn as_committed(tx: &WriteTx<'_>, failure: Failure) -> Failure {
    let Failure::Protocol(Error::Conflict { current: Some(current) }) = &failure else { return failure };
    let current = match before_write(tx, current.get()) {
        Ok(Some(before)) => before.map(|json| Json::stored(json.into_string())).transpose(),
        Ok(None) => return failure,
        Err(error) => return error,
    };
    current.map_or_else(Failure::from, |current| Error::Conflict { current }.into())
}

fn prepare_step(methods: &Methods, step: &Step) -> Result<WriteFn, Fault> {
    let Some(entry) = methods.by_name.get(step.method.as_str()) else {
        return Err(Fault { code: METHOD_NOT_FOUND_CODE, ..Fault::unknown_method(&step.method) });
    };
    if matches!(entry.run, Run::Purge) {
        let reason =
            "`store.purge` is no step of a transaction: its answer comes after the files were scrubbed";
        return Err(Error::invalid("method", reason).into());
    }
    let Run::Write(prepare) = &entry.run else {
        let reason = format!("`{}` is no mutating method of a module", step.method);
        return Err(Error::invalid("method", reason).into());
    };
    let params: Option<&RawValue> = step.params.as_ref().map(stina_protocol::Json::as_raw);
    Ok(Members::read(params).and_then(|fields| prepare(fields))?)
}
