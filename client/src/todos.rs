//! `client.todos()`: todos and their comments.

use crate::call::Call;
use crate::entities::Entities;
use crate::field::{self, OptionalText};
use crate::{Client, Result};
use serde::Serialize;
use stina_protocol::text::Title;
use stina_protocol::todo::{
    AddComment, CommentFilter, Create, DeleteComment, Find, FindParams, List, ListComments, New, NewComment,
    Status, Todo, Update,
};
use stina_protocol::types::{Ids, Millis, Paging, Target};
use stina_protocol::{EntityId, With};

impl Client {
    /// `todo.*`: todos and their comments.
    pub fn todos(&self) -> Todos {
        Todos::new(self.clone())
    }
}

/// The methods `todo.*`.
pub type Todos = Entities<Todo>;

impl Todos {
    /// Creates a todo.
    pub fn create(&self, title: impl Into<String>) -> Call<Create> {
        let title: Result<Title> = field::text("title", title);
        Call::new(&self.client, title.map(|title| New::of(title).into()))
    }

    /// Marks a todo as done.
    pub fn done(&self, todo: impl Into<String>) -> Call<Update> {
        self.update(todo).status(Status::Completed)
    }

    /// Finds the todo with that id, else the newest with that title in any case; `not_found` if there is none.
    pub fn find(&self, identifier: impl Into<String>) -> Call<Find> {
        let identifier = field::text("identifier", identifier);
        Call::new(&self.client, identifier.map(|identifier| FindParams { identifier }))
    }

    /// Adds a comment to a todo; `not_found` when there is no such todo.
    pub fn add_comment(&self, todo: impl Into<String>, content: impl Into<String>) -> Call<AddComment> {
        let new = || {
            let (todo_id, content) = (field::id("todoId", todo)?, field::text("content", content)?);
            Ok(NewComment { todo_id, content, id: None })
        };
        Call::new(&self.client, new())
    }

    /// Lists one page of the comments of some todos, oldest first.
    pub fn list_comments(&self, todos: impl IntoIterator<Item: Into<String>>) -> Call<ListComments> {
        let ids = todos.into_iter().map(|todo| field::id("todoIds", todo)).collect::<Result<Vec<_>>>();
        let ids = ids.and_then(|ids| field::in_field("todoIds", Ids::new(ids)));
        let params = ids.map(|todo_ids| With { head: Paging::default(), fields: CommentFilter { todo_ids } });
        Call::new(&self.client, params)
    }

    /// Deletes a comment; answers it. `not_found` when there is none.
    pub fn delete_comment(&self, comment: impl Into<String>) -> Call<DeleteComment> {
        Call::new(&self.client, field::id("id", comment).map(Target::any))
    }
}

/// The fields that a new todo and an update share; `$fields` and `$status` are where they are in the params.
macro_rules! setters {
    ($method:ty, $($fields:ident).+, $($status:ident).+) => {
        impl Call<$method> {
            /// Its status.
            pub fn status(self, status: Status) -> Self {
                self.set(|params| params.$($status).+ = Some(status))
            }

            /// Its description; `None` clears it.
            pub fn description(self, text: impl OptionalText) -> Self {
                self.try_set(|params| {
                    params.$($fields).+.description = Some(field::optional_text("description", text)?);
                    Ok(())
                })
            }

            /// When it is due; `None` clears it. [`when::parse`](crate::when::parse) reads what people type.
            pub fn due(self, at: impl Into<Option<Millis>>) -> Self {
                self.set(|params| params.$($fields).+.due_at = Some(at.into()))
            }

            /// Any JSON object; null, such as `()`, clears it.
            pub fn metadata(self, object: impl Serialize) -> Self {
                self.try_set(|params| {
                    params.$($fields).+.metadata = Some(field::optional_object("metadata", &object)?);
                    Ok(())
                })
            }

            /// Where it came from; `None` clears it.
            pub fn source(self, text: impl OptionalText) -> Self {
                self.try_set(|params| {
                    params.$($fields).+.source = Some(field::optional_text("source", text)?);
                    Ok(())
                })
            }
        }
    };
}

setters!(Create, fields, head.status);
setters!(Update, fields.fields, fields.head.status);

impl Call<Create> {
    /// Its id; generated otherwise. `already_exists` when it is taken.
    pub fn id(self, id: EntityId) -> Self {
        self.set(|params| params.head.id = Some(id))
    }
}

impl Call<Update> {
    /// Its title.
    pub fn title(self, title: impl Into<String>) -> Self {
        self.try_set(|params| {
            params.fields.head.title = Some(field::text("title", title)?);
            Ok(())
        })
    }
}

impl Call<AddComment> {
    /// Its id; generated otherwise. `already_exists` when it is taken.
    pub fn id(self, id: EntityId) -> Self {
        self.set(|params| params.id = Some(id))
    }
}

impl Call<List> {
    /// Only todos with one of these statuses: none for an empty list.
    pub fn statuses(self, statuses: impl IntoIterator<Item = Status>) -> Self {
        self.set(|params| params.fields.status = Some(statuses.into_iter().collect()))
    }

    /// Also archived todos: completed or cancelled, and last updated before the daemon's local midnight.
    pub fn include_archived(self) -> Self {
        self.set(|params| params.fields.include_archived = true)
    }

    /// Only todos due before this time.
    pub fn due_before(self, at: Millis) -> Self {
        self.set(|params| params.fields.due_before = Some(at))
    }

    /// Only todos due after this time.
    pub fn due_after(self, at: Millis) -> Self {
        self.set(|params| params.fields.due_after = Some(at))
    }
}
