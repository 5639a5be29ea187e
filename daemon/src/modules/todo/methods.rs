//! The methods `todo.*`.

use super::{COMMENT, MODULE, TODO, comments, list, repository};
use crate::modules::entity::Everything;
use crate::rpc::{Initial, Registry};
use crate::store::{ReadTx, Result};
use stina_protocol::Error;
use stina_protocol::todo::{
    AddComment, Create, Delete, DeleteComment, Find, FindParams, Get, List, ListComments, Subscribe, Todo,
    Update,
};

pub(super) fn register(registry: &mut Registry) {
    registry.write::<Create>(repository::create);
    registry.read::<Get>(|tx, p| repository::get(tx, p.id.as_str()));
    registry.read::<Find>(find);
    registry.scan::<List>(list::list);
    registry.write::<Update>(repository::update);
    registry.write::<Delete>(|tx, p| repository::delete(tx, &p));
    registry.write::<AddComment>(comments::add);
    registry.scan::<ListComments>(comments::list);
    registry.write::<DeleteComment>(|tx, p| comments::delete(tx, &p));
    registry.feed::<Subscribe, _>(|_| Ok(Everything(&MODULE)));
}

fn find(tx: &ReadTx<'_>, FindParams { identifier }: FindParams) -> Result<Todo> {
    let identifier = identifier.as_str();
    let todo = match repository::find(tx, identifier)? {
        Some(todo) => Some(todo),
        None => repository::find_by_title(tx, identifier)?,
    };
    Ok(todo.ok_or_else(|| Error::not_found(TODO.name, identifier))?)
}

pub(super) fn present(tx: &ReadTx<'_>, out: &mut Initial<'_>) -> Result<()> {
    repository::walk(tx, |todo| out.entity(TODO.name, &todo.id, &todo))?;
    comments::walk(tx, |comment| out.entity(COMMENT.name, &comment.id, &comment))
}
