//! `client.todos()`: things to do, and comments on them.

use crate::{Client, Mirror, Result, mirror};
use stina_protocol::text::{Note, Title};
use stina_protocol::todo::{
    AddComment, AddCommentParams, Comment, Create, CreateParams, Delete, DeleteComment, DeleteCommentParams,
    DeleteParams, Find, FindParams, Get, GetParams, List, ListComments, ListCommentsParams, ListParams, Todo,
    Update, UpdateParams,
};
use stina_protocol::{EntityId, Error as Kind, Page, Reply};

/// The methods `todo.*`. Their errors are those of [`Client::call`].
#[derive(Debug, Clone)]
pub struct Todos {
    client: Client,
}

fn id(field: &str, text: impl Into<String>) -> Result<EntityId> {
    Ok(EntityId::new(text).map_err(|reason| Kind::invalid(field, reason))?)
}

impl Todos {
    pub(crate) fn new(client: Client) -> Self {
        Self { client }
    }

    /// The todos that `which` names, kept up to date in memory, in the order of `todo.list`.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn mirror(&self, which: mirror::Todos) -> Result<Mirror<mirror::Todos>> {
        self.client.mirror(which).await
    }

    /// Makes a todo that has a title and nothing else.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn add(&self, title: impl Into<String>) -> Result<Reply<Todo>> {
        let title = Title::new(title).map_err(|reason| Kind::invalid("title", reason))?;
        self.create(CreateParams::of(title)).await
    }

    /// Makes a todo.
    ///
    /// # Errors
    /// As [`Client::call`]; `already_exists` when the id that was chosen is taken.
    pub async fn create(&self, params: CreateParams) -> Result<Reply<Todo>> {
        self.client.call::<Create>(params).await
    }

    /// One todo.
    ///
    /// # Errors
    /// As [`Client::call`]; `not_found`.
    pub async fn get(&self, todo: impl Into<String>) -> Result<Reply<Todo>> {
        self.client.call::<Get>(GetParams { id: id("id", todo)? }).await
    }

    /// The todo with that id, else the newest with that title, whatever its case.
    ///
    /// # Errors
    /// As [`Client::call`]; `not_found`.
    pub async fn find(&self, identifier: impl Into<String>) -> Result<Reply<Todo>> {
        let identifier = Title::new(identifier).map_err(|reason| Kind::invalid("identifier", reason))?;
        self.client.call::<Find>(FindParams { identifier }).await
    }

    /// One page of todos by due date, those without one last.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn list(&self, params: ListParams) -> Result<Reply<Page<Todo>>> {
        self.client.call::<List>(params).await
    }

    /// Changes a todo. With `if_rev`, only if its `rev` is that: give it when the new value was made out of the
    /// old one.
    ///
    /// # Errors
    /// As [`Client::call`]; `not_found`; `conflict` with the present todo.
    pub async fn update(&self, params: UpdateParams) -> Result<Reply<Todo>> {
        self.client.call::<Update>(params).await
    }

    /// Removes a todo with its comments; answers the todo.
    ///
    /// # Errors
    /// As [`Client::call`]; `not_found`.
    pub async fn delete(&self, todo: impl Into<String>) -> Result<Reply<Todo>> {
        self.client.call::<Delete>(DeleteParams { id: id("id", todo)?, if_rev: None }).await
    }

    /// Removes a todo with its comments if its `rev` is `if_rev`.
    ///
    /// # Errors
    /// As [`Client::call`]; `not_found`; `conflict` with the present todo.
    pub async fn delete_if(&self, todo: impl Into<String>, if_rev: u64) -> Result<Reply<Todo>> {
        self.client.call::<Delete>(DeleteParams { id: id("id", todo)?, if_rev: Some(if_rev) }).await
    }

    /// Puts a comment on a todo.
    ///
    /// # Errors
    /// As [`Client::call`]; `not_found` when there is no such todo.
    pub async fn add_comment(
        &self,
        todo: impl Into<String>,
        content: impl Into<String>,
    ) -> Result<Reply<Comment>> {
        let content = Note::new(content).map_err(|reason| Kind::invalid("content", reason))?;
        let params = AddCommentParams { todo_id: id("todoId", todo)?, content, id: None };
        self.client.call::<AddComment>(params).await
    }

    /// One page of the comments of some todos, oldest first.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn list_comments(&self, params: ListCommentsParams) -> Result<Reply<Page<Comment>>> {
        self.client.call::<ListComments>(params).await
    }

    /// Removes a comment; answers it.
    ///
    /// # Errors
    /// As [`Client::call`]; `not_found`.
    pub async fn delete_comment(&self, comment: impl Into<String>) -> Result<Reply<Comment>> {
        self.client.call::<DeleteComment>(DeleteCommentParams { id: id("id", comment)?, if_rev: None }).await
    }
}
