//! `store.undo`: the store puts back what a revision changed, and the modules follow.

use super::methods::Methods;
use crate::store::{JsonText, WriteFn, WriteTx, undo};
use std::sync::Arc;
use stina_protocol::undo::UndoParams;

pub(super) fn prepare(methods: &Arc<Methods>, params: UndoParams) -> WriteFn {
    let methods = Arc::clone(methods);
    Box::new(move |tx| {
        let follow = |tx: &mut WriteTx<'_>| methods.on_undo.iter().try_for_each(|f| f(tx));
        let undone = undo(tx, &methods.entities, params, follow)?;
        Ok(JsonText::of(&undone)?)
    })
}
