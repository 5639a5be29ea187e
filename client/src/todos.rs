//! `client.todos()`: todos and their comments.

use crate::entities::{Entities, id};
use crate::{Client, Result};
use stina_protocol::text::{Note, Title};
use stina_protocol::todo::{
    AddComment, Comment, DeleteComment, Find, FindParams, ListComments, ListCommentsParams, New, NewComment,
    Todo,
};
use stina_protocol::types::Target;
use stina_protocol::{Error, Page, Reply};

impl Client {
    /// `todo.*`: todos and their comments.
    pub fn todos(&self) -> Todos {
        Todos::new(self.clone())
    }
}

/// The methods `todo.*`.
pub type Todos = Entities<Todo>;

impl Todos {
    /// Creates a todo with a title.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn add(&self, title: impl Into<String>) -> Result<Reply<Todo>> {
        let title = Title::new(title).map_err(|reason| Error::invalid("title", reason))?;
        self.create(New::of(title).into()).await
    }

    /// Finds the todo with that id, else the newest with that title in any case.
    ///
    /// # Errors
    /// As [`Client::call`]; `not_found`.
    pub async fn find(&self, identifier: impl Into<String>) -> Result<Reply<Todo>> {
        let identifier = Title::new(identifier).map_err(|reason| Error::invalid("identifier", reason))?;
        self.client.call::<Find>(FindParams { identifier }).await
    }

    /// Adds a comment to a todo.
    ///
    /// # Errors
    /// As [`Client::call`]; `not_found` when there is no such todo.
    pub async fn add_comment(
        &self,
        todo: impl Into<String>,
        content: impl Into<String>,
    ) -> Result<Reply<Comment>> {
        let content = Note::new(content).map_err(|reason| Error::invalid("content", reason))?;
        let new = NewComment { todo_id: id("todoId", todo)?, content, id: None };
        self.client.call::<AddComment>(new).await
    }

    /// Lists one page of the comments of some todos, oldest first.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn list_comments(&self, params: ListCommentsParams) -> Result<Reply<Page<Comment>>> {
        self.client.call::<ListComments>(params).await
    }

    /// Deletes a comment; returns it.
    ///
    /// # Errors
    /// As [`Client::call`]; `not_found`.
    pub async fn delete_comment(&self, comment: impl Into<String>) -> Result<Reply<Comment>> {
        self.client.call::<DeleteComment>(Target::any(id("id", comment)?)).await
    }
}
