//! `todo.*`: things to do, and comments on them.

use crate::text::{Content, Line, Note, Title};
use crate::types::{ById, Ids, Millis, NoParams, Paging, Target, given, null_is_default};
use crate::{EntityId, JsonObject, Page, With};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

/// How far a todo has come.
///
/// Callers may give it in any case, with `-` and spaces for `_`, and by some other names: see [`Status::read`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
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

/// Reads a status that a caller gives: see [`Status::read`].
struct Given(Status);

impl<'de> Deserialize<'de> for Given {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let names = "must be not_started, in_progress, completed or cancelled";
        Status::read(&text).map(Self).ok_or_else(|| serde::de::Error::custom(names))
    }
}

fn status<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Status>, D::Error> {
    Given::deserialize(d).map(|Given(status)| Some(status))
}

fn status_or_null<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Status>, D::Error> {
    Ok(Option::<Given>::deserialize(d)?.map(|Given(status)| status))
}

fn statuses<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Vec<Status>>, D::Error> {
    let statuses = Option::<Vec<Given>>::deserialize(d)?;
    Ok(statuses.map(|statuses| statuses.into_iter().map(|Given(status)| status).collect()))
}

/// Something to do.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
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

/// What may be said of a todo besides its title and status. Null is none.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Fields {
    /// More about it.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub description: Option<Option<Content>>,
    /// When it is due.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Option<Millis>>,
    /// Any JSON object; an update replaces it as a whole.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Option<JsonObject>>,
    /// Where it came from.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub source: Option<Option<Line>>,
}

/// A todo that is to be made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct New {
    /// Its id; a new one when not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<EntityId>,
    /// What is to be done. White space around it is taken off.
    pub title: Title,
    /// How far it has come; `not_started` when not said.
    #[serde(default, deserialize_with = "status_or_null", skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
}

/// A todo that is to be changed. What is absent stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Edit {
    /// What is to be done. White space around it is taken off.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Title")]
    pub title: Option<Title>,
    /// How far it has come.
    #[serde(default, deserialize_with = "status", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Status")]
    pub status: Option<Status>,
}

/// Params of [`Create`].
pub type CreateParams = With<New, Fields>;
/// What [`Update`] changes.
pub type Changes = With<Edit, Fields>;
/// Params of [`Update`]. What is absent stays as it is; `null` clears what may be absent.
pub type UpdateParams = With<Target, Changes>;
/// Params of [`List`].
pub type ListParams = With<Paging, Filter>;
/// Params of [`ListComments`].
pub type ListCommentsParams = With<Paging, CommentFilter>;

impl New {
    /// A todo with a title.
    pub fn of(title: Title) -> Self {
        Self { id: None, title, status: None }
    }
}

/// Params of [`Find`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FindParams {
    /// An id, or a title in any case.
    pub identifier: Title,
}

/// Which todos. The filters combine.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Filter {
    /// Only todos with one of these.
    #[serde(default, deserialize_with = "statuses", skip_serializing_if = "Option::is_none")]
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
}

/// A comment that is to be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewComment {
    /// The todo.
    pub todo_id: EntityId,
    /// What to say. White space around it is taken off.
    pub content: Note,
    /// Id of the comment; a new one when not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<EntityId>,
}

/// Which comments.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CommentFilter {
    /// The todos; one that does not exist has no comments.
    pub todo_ids: Ids,
}

impl crate::Resource for Todo {
    const ENTITY: &'static str = "todo";
    type Filter = Filter;
    type Changes = Changes;
    type Create = Create;
    type Get = Get;
    type List = List;
    type Update = Update;
    type Delete = Delete;

    fn id(&self) -> &str {
        &self.id
    }

    fn rev(&self) -> u64 {
        self.rev
    }
}

crate::methods! {
    /// Makes a todo.
    Create = "todo.create": Write(CreateParams) -> Todo;
    /// One todo.
    Get = "todo.get": Read(ById) -> Todo;
    /// The todo with that id, else the newest with that title, whatever its case.
    Find = "todo.find": Read(FindParams) -> Todo;
    /// Todos by due date, those without one last; then by `createdAt` and id.
    List = "todo.list": Read(ListParams) -> Page<Todo>;
    /// Changes a todo.
    Update = "todo.update": Write(UpdateParams) -> Todo;
    /// Removes a todo and its comments; answers the todo.
    Delete = "todo.delete": Write(Target) -> Todo;
    /// Puts a comment on a todo.
    AddComment = "todo.addComment": Write(NewComment) -> Comment;
    /// The comments of some todos, oldest first (by `createdAt` and id).
    ListComments = "todo.listComments": Read(ListCommentsParams) -> Page<Comment>;
    /// Removes a comment; answers it.
    DeleteComment = "todo.deleteComment": Write(Target) -> Comment;
}

crate::subscriptions! {
    /// Changes of todos and comments.
    Subscribe = "todo" (NoParams);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Params;

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
            // What the daemon answers and keeps has one name only.
            assert_eq!(serde_json::to_value(status).unwrap(), status.name());
            assert_eq!(serde_json::from_value::<Status>(status.name().into()).unwrap(), status);
            assert!(serde_json::from_value::<Status>(names[2].into()).is_err());
        }
        for name in ["", "not", "in__progress", "notstarted", "0"] {
            assert_eq!(Status::read(name), None, "{name}");
        }
    }

    #[test]
    fn absent_keeps_and_null_clears_what_may_be_absent() {
        let read = |text: &str| UpdateParams::read(Some(serde_json::from_str(text).unwrap()));
        let cleared = UpdateParams {
            head: Target::any(EntityId::new("td_1").unwrap()),
            fields: With { fields: Fields { due_at: Some(None), ..Fields::default() }, ..Changes::default() },
        };
        assert_eq!(read(r#"{"id":"td_1"}"#).unwrap().fields, Changes::default());
        assert_eq!(read(r#"{"id":"td_1","dueAt":null}"#).unwrap(), cleared);
        assert_eq!(serde_json::to_string(&cleared).unwrap(), r#"{"id":"td_1","dueAt":null}"#);
        for wrong in [
            r#"{"id":"td_1","title":null}"#,
            r#"{"id":"td_1","status":null}"#,
            r#"{"id":"td_1","metadata":[1]}"#,
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_time_is_refused_in_words_of_the_protocol() {
        let read =
            |text: &str| ListParams::read(Some(serde_json::from_str(text).unwrap())).unwrap_err().to_string();
        for due_at in ["8640000000000001", "1.5", "1e3", "\"2026-01-01\"", "true", "[]"] {
            let reason = read(&format!(r#"{{"dueBefore":{due_at}}}"#));
            assert!(reason.starts_with("dueBefore: must be whole milliseconds"), "{due_at}: {reason}");
        }
        let reason = read(r#"{"limit":-1}"#);
        assert!(reason.starts_with("limit: must be a whole number from 1 to 1000"), "{reason}");
    }
}
