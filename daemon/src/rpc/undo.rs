//! `store.undo`: the store puts back what a write changed, and the modules follow.

use super::methods::Methods;
use crate::store::{Result, Undo, WriteFn, WriteTx, Written};
use std::sync::Arc;
use stina_protocol::undo::{UndoParams, Undone};

pub(super) fn prepare(methods: &Arc<Methods>, params: UndoParams) -> WriteFn {
    let methods = Arc::clone(methods);
    Box::new(move |tx| {
        let undo = Undo::begin(tx, params)?;
        go_on(tx, methods, undo)?.into_json()
    })
}

fn go_on(tx: &mut WriteTx<'_>, methods: Arc<Methods>, mut undo: Undo) -> Result<Written<Undone>> {
    let follow = |tx: &mut WriteTx<'_>| methods.on_undo.iter().try_for_each(|f| f(tx));
    Ok(match undo.go_on(tx, &methods.entities, follow)? {
        Some(undone) => Written::Done(undone),
        None => Written::more(move |tx| go_on(tx, methods, undo)),
    })
}
