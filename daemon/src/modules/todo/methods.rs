//! The methods `todo.*`.

use super::{MODULE, comments, list, repository};
use crate::modules::everything::Everything;
use crate::rpc::Registry;
use crate::store::{Entity, ReadTx, Result, entity};
use stina_protocol::Error;
use stina_protocol::todo::{
    AddComment, Create, Delete, DeleteComment, Find, FindParams, Get, List, ListComments, Subscribe, Todo,
    Update,
};

pub(super) fn register(registry: &mut Registry) {
    registry.write::<Create>(repository::create);
    registry.read::<Get>(|tx, p| entity::get(tx, p.id.as_str()));
    registry.read::<Find>(find);
    registry.scan::<List>(list::list);
    registry.write::<Update>(repository::update);
    registry.write_in_steps::<Delete>(|tx, target| repository::delete(tx, &target));
    registry.write::<AddComment>(comments::add);
    registry.scan::<ListComments>(comments::list);
    registry.write::<DeleteComment>(|tx, target| comments::delete(tx, &target));
    registry.feed::<Subscribe, _>(|_| Ok(Everything(&MODULE)));
}

fn find(tx: &ReadTx<'_>, FindParams { identifier }: FindParams) -> Result<Todo> {
    let identifier = identifier.as_str();
    let todo = match entity::find(tx, identifier)? {
        Some(todo) => Some(todo),
        None => repository::find_by_title(tx, identifier)?,
    };
    Ok(todo.ok_or_else(|| Error::not_found(Todo::KIND.name, identifier))?)
}
