//! `todo.*`: things to do, and comments on them.

use crate::event::Start;
use crate::text::{Content, Line, Note, Title};
use crate::types::{Ids, Limit, Millis, given, null_is_default};
use crate::{EntityId, JsonObject, Page};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

/// How far a todo has come.
///
/// Read in any case, with `-` and spaces for `_`, and by some other names: see [`Status::read`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Nobody has begun it.
    #[default]
    NotStarted,
    /// Somebody is at it.
    InProgress,
    /// It is done.
    Completed,
    /// It will not be done.
    Cancelled,
}

impl Status {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::NotStarted, Self::InProgress, Self::Completed, Self::Cancelled];

    /// Its name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::NotStarted => "not_started",
            Self::InProgress => "in_progress",
            Self::Completed => "completed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether nothing more is to be done: such a todo is archived from the next local midnight on.
    pub fn is_closed(self) -> bool {
        matches!(self, Self::Completed | Self::Cancelled)
    }

    /// The status that `text` means: a name, or an alias (`pending`; `started`, `ongoing`; `done`, `finished`;
    /// `canceled`, `aborted`), in any case, with `-` or a space for `_`, and white space around it.
    pub fn read(text: &str) -> Option<Self> {
        let name = crate::text::trim(text).to_lowercase().replace(['-', ' '], "_");
        Some(match name.as_str() {
            "not_started" | "pending" => Self::NotStarted,
            "in_progress" | "started" | "ongoing" => Self::InProgress,
            "completed" | "done" | "finished" => Self::Completed,
            "cancelled" | "canceled" | "aborted" => Self::Cancelled,
            _ => return None,
        })
    }
}

impl<'de> Deserialize<'de> for Status {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let names = "must be not_started, in_progress, completed or cancelled";
        Self::read(&text).ok_or_else(|| serde::de::Error::custom(names))
    }
}

/// Something to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Todo {
    /// Its id.
    pub id: String,
    /// What is to be done; never empty in a todo made through `todo.create`.
    pub title: String,
    /// More about it.
    pub description: Option<String>,
    /// How far it has come.
    pub status: Status,
    /// When it is due, in milliseconds since the Unix epoch.
    pub due_at: Option<i64>,
    /// Any JSON object, kept as it was given.
    pub metadata: Option<JsonObject>,
    /// Where it came from.
    pub source: Option<String>,
    /// How many comments it has.
    pub comment_count: u64,
    /// When it was made, in milliseconds since the Unix epoch.
    pub created_at: i64,
    /// When it was last updated; a comment is no update.
    pub updated_at: i64,
    /// Revision that last changed it, comments included.
    pub rev: u64,
}

/// A comment on a todo.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "TodoComment")]
pub struct Comment {
    /// Its id.
    pub id: String,
    /// The todo.
    pub todo_id: String,
    /// What it says.
    pub content: String,
    /// When it was made, in milliseconds since the Unix epoch.
    pub created_at: i64,
    /// Revision that made it.
    pub rev: u64,
}

/// Params of [`Create`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateParams {
    /// Its id; a new one when not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<EntityId>,
    /// What is to be done. White space around it is taken off.
    pub title: Title,
    /// More about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<Content>,
    /// How far it has come; `not_started` when not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
    /// When it is due.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Millis>,
    /// Any JSON object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<JsonObject>,
    /// Where it came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Line>,
}

impl CreateParams {
    /// A todo with a title and nothing else.
    pub fn of(title: Title) -> Self {
        Self { id: None, title, description: None, status: None, due_at: None, metadata: None, source: None }
    }
}

/// Params of [`Get`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GetParams {
    /// The todo.
    pub id: EntityId,
}

/// Params of [`Find`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FindParams {
    /// An id, or a title in any case.
    pub identifier: Title,
}

/// Params of [`List`]. The filters combine.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ListParams {
    /// Only todos with one of these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<Vec<Status>>,
    /// Archived ones too: completed or cancelled, and last updated before the daemon's local midnight.
    #[serde(default, deserialize_with = "null_is_default")]
    pub include_archived: bool,
    /// Only todos that are due earlier than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_before: Option<Millis>,
    /// Only todos that are due later than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_after: Option<Millis>,
    /// Most todos of one page. A page also ends once it is large.
    #[serde(default, deserialize_with = "null_is_default")]
    pub limit: Limit,
    /// Where the last page ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// Params of [`Update`]. What is absent stays as it is; `null` clears what may be absent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UpdateParams {
    /// The todo.
    pub id: EntityId,
    /// What is to be done. White space around it is taken off.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Title")]
    pub title: Option<Title>,
    /// More about it.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub description: Option<Option<Content>>,
    /// How far it has come.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Status")]
    pub status: Option<Status>,
    /// When it is due.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Option<Millis>>,
    /// Any JSON object; it takes the place of the old one as a whole.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Option<JsonObject>>,
    /// Where it came from.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub source: Option<Option<Line>>,
    /// Only if the todo's `rev` is this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub if_rev: Option<u64>,
}

impl UpdateParams {
    /// An update that changes nothing yet.
    pub fn of(id: EntityId) -> Self {
        Self {
            id,
            title: None,
            description: None,
            status: None,
            due_at: None,
            metadata: None,
            source: None,
            if_rev: None,
        }
    }
}

/// Params of [`Delete`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DeleteParams {
    /// The todo.
    pub id: EntityId,
    /// Only if the todo's `rev` is this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub if_rev: Option<u64>,
}

/// Params of [`AddComment`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AddCommentParams {
    /// The todo.
    pub todo_id: EntityId,
    /// What to say. White space around it is taken off.
    pub content: Note,
    /// Id of the comment; a new one when not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<EntityId>,
}

/// Params of [`ListComments`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ListCommentsParams {
    /// The todos; one that does not exist has no comments.
    pub todo_ids: Ids,
    /// Most comments of one page. A page also ends once it is large.
    #[serde(default, deserialize_with = "null_is_default")]
    pub limit: Limit,
    /// Where the last page ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// Params of [`DeleteComment`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DeleteCommentParams {
    /// The comment.
    pub id: EntityId,
    /// Only if the comment's `rev` is this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub if_rev: Option<u64>,
}

crate::methods! {
    /// Makes a todo.
    Create = "todo.create": Write(CreateParams) -> Todo;
    /// One todo.
    Get = "todo.get": Read(GetParams) -> Todo;
    /// The todo with that id, else the newest with that title, whatever its case.
    Find = "todo.find": Read(FindParams) -> Todo;
    /// Todos by due date, those without one last; then by `createdAt` and id.
    List = "todo.list": Read(ListParams) -> Page<Todo>;
    /// Changes a todo.
    Update = "todo.update": Write(UpdateParams) -> Todo;
    /// Removes a todo and its comments; answers the todo.
    Delete = "todo.delete": Write(DeleteParams) -> Todo;
    /// Puts a comment on a todo.
    AddComment = "todo.addComment": Write(AddCommentParams) -> Comment;
    /// The comments of some todos, oldest first (by `createdAt` and id).
    ListComments = "todo.listComments": Read(ListCommentsParams) -> Page<Comment>;
    /// Removes a comment; answers it.
    DeleteComment = "todo.deleteComment": Write(DeleteCommentParams) -> Comment;
}

crate::subscriptions! {
    /// Changes of todos and comments.
    Subscribe = "todo" (Start);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_read_by_its_names_and_written_by_one() {
        for (names, status) in [
            (["not_started", " Not-Started ", "PENDING"], Status::NotStarted),
            (["in progress", "Started", "ongoing"], Status::InProgress),
            (["COMPLETED", "done\n", "Finished"], Status::Completed),
            (["canceled", "cancelled", "aborted"], Status::Cancelled),
        ] {
            for name in names {
                assert_eq!(Status::read(name), Some(status), "{name}");
            }
            assert_eq!(serde_json::to_value(status).unwrap(), status.name());
        }
        for name in ["", "not", "in__progress", "notstarted", "0"] {
            assert_eq!(Status::read(name), None, "{name}");
        }
    }

    #[test]
    fn absent_keeps_and_null_clears_what_may_be_absent() {
        let read = serde_json::from_str::<UpdateParams>;
        let id = || EntityId::new("td_1").unwrap();
        assert_eq!(read(r#"{"id":"td_1"}"#).unwrap(), UpdateParams::of(id()));
        let cleared = UpdateParams { due_at: Some(None), ..UpdateParams::of(id()) };
        assert_eq!(read(r#"{"id":"td_1","dueAt":null}"#).unwrap(), cleared);
        assert_eq!(serde_json::to_string(&cleared).unwrap(), r#"{"id":"td_1","dueAt":null}"#);
        assert!(read(r#"{"id":"td_1","title":null}"#).is_err());
        assert!(read(r#"{"id":"td_1","status":null}"#).is_err());
        assert!(read(r#"{"id":"td_1","metadata":[1]}"#).is_err());
    }

    #[test]
    fn a_time_is_refused_in_words_of_the_protocol() {
        for due_at in ["8640000000000001", "1.5", "1e3", "\"2026-01-01\"", "true", "[]"] {
            let read = serde_json::from_str::<ListParams>(&format!(r#"{{"dueBefore":{due_at}}}"#));
            let reason = read.unwrap_err().to_string();
            assert!(reason.starts_with("must be whole milliseconds"), "{due_at}: {reason}");
        }
        let reason = serde_json::from_str::<ListParams>(r#"{"limit":-1}"#).unwrap_err().to_string();
        assert!(reason.starts_with("must be a whole number from 1 to 1000"), "{reason}");
    }
}
