//! `todo.*`: todos and their comments.

use crate::names::names;
use crate::text::{Content, Line, Note, Title};
use crate::types::{ById, Ids, Millis, NoParams, Paging, Target, given, null_is_default, stored_id};
use crate::{EntityId, JsonObject, Page, ValidationError, With};
use serde::{Deserialize, Deserializer, Serialize};

names! {
    /// The status of a todo.
    ///
    /// Params take it in any case, with `-` and spaces for `_`, and by aliases: see [`Status::read`].
    #[derive(Default)]
    pub enum Status: "status" {
        /// Not started.
        #[default]
        NotStarted = "not_started",
        /// In progress.
        InProgress = "in_progress",
        /// Done.
        Completed = "completed",
        /// Cancelled: it will not be done.
        Cancelled = "cancelled",
    }
}

impl Status {
    /// Whether the todo is closed. A closed todo is archived at the next local midnight.
    pub fn is_closed(&self) -> bool {
        matches!(self, Self::Completed | Self::Cancelled)
    }

    /// Parses a name or an alias (`pending`; `started`, `ongoing`; `done`, `finished`; `canceled`, `aborted`), in any
    /// case, with `-` or a space for `_`, and with surrounding white space.
    ///
    /// # Errors
    /// When the text is none of them.
    pub fn read(text: &str) -> Result<Self, ValidationError> {
        let name = crate::text::trim(text).to_lowercase().replace(['-', ' '], "_");
        Ok(match name.as_str() {
            "not_started" | "pending" => Self::NotStarted,
            "in_progress" | "started" | "ongoing" => Self::InProgress,
            "completed" | "done" | "finished" => Self::Completed,
            "cancelled" | "canceled" | "aborted" => Self::Cancelled,
            _ => {
                let names = "must be not_started, in_progress, completed or cancelled";
                return Err(ValidationError::new(names));
            }
        })
    }
}

/// A status in params: see [`Status::read`].
struct StatusParam(Status);

impl<'de> Deserialize<'de> for StatusParam {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Status::read(&text).map(Self).map_err(serde::de::Error::custom)
    }
}

fn status<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Status>, D::Error> {
    StatusParam::deserialize(d).map(|StatusParam(status)| Some(status))
}

fn status_or_null<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Status>, D::Error> {
    Ok(Option::<StatusParam>::deserialize(d)?.map(|StatusParam(status)| status))
}

fn statuses<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Vec<Status>>, D::Error> {
    let statuses = Option::<Vec<StatusParam>>::deserialize(d)?;
    Ok(statuses.map(|statuses| statuses.into_iter().map(|StatusParam(status)| status).collect()))
}

/// A todo.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[cfg_attr(not(feature = "schema"), non_exhaustive)]
pub struct Todo {
    /// Its id.
    #[serde(deserialize_with = "stored_id")]
    pub id: EntityId,
    /// The title; never empty in a todo created by `todo.create`.
    pub title: String,
    /// The description.
    pub description: Option<String>,
    /// The status.
    pub status: Status,
    /// Due time, in milliseconds since the Unix epoch.
    pub due_at: Option<i64>,
    /// Any JSON object, unchanged.
    pub metadata: Option<JsonObject>,
    /// The source.
    pub source: Option<String>,
    /// Number of comments.
    pub comment_count: u64,
    /// Creation time, in milliseconds since the Unix epoch.
    pub created_at: i64,
    /// Time of the last update; comments do not count.
    pub updated_at: i64,
    /// Revision that last changed it, comments included.
    pub rev: u64,
}

impl Todo {
    /// A todo with a title and nothing else.
    pub fn new(id: EntityId, title: impl Into<String>) -> Self {
        Self {
            id,
            title: title.into(),
            description: None,
            status: Status::default(),
            due_at: None,
            metadata: None,
            source: None,
            comment_count: 0,
            created_at: 0,
            updated_at: 0,
            rev: 0,
        }
    }
}

/// A comment on a todo.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", schemars(rename = "TodoComment"))]
#[cfg_attr(not(feature = "schema"), non_exhaustive)]
pub struct Comment {
    /// Its id.
    #[serde(deserialize_with = "stored_id")]
    pub id: EntityId,
    /// The todo.
    #[serde(deserialize_with = "stored_id")]
    pub todo_id: EntityId,
    /// The text.
    pub content: String,
    /// Creation time, in milliseconds since the Unix epoch.
    pub created_at: i64,
    /// Revision that created it.
    pub rev: u64,
}

impl Comment {
    /// A comment that is not stored yet.
    pub fn new(id: EntityId, todo_id: EntityId, content: impl Into<String>) -> Self {
        Self { id, todo_id, content: content.into(), created_at: 0, rev: 0 }
    }
}

/// The fields of a todo besides its title and status. Null clears a field.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Fields {
    /// The description.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub description: Option<Option<Content>>,
    /// Due time.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Option<Millis>>,
    /// Any JSON object; an update replaces it as a whole.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Option<JsonObject>>,
    /// The source.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub source: Option<Option<Line>>,
}

/// A new todo.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct New {
    /// Its id; generated when omitted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<EntityId>,
    /// The title; trimmed.
    pub title: Title,
    /// The status; `not_started` when omitted.
    #[serde(default, deserialize_with = "status_or_null", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<crate::names::Known<Status>>"))]
    pub status: Option<Status>,
}

/// Changes to a todo. Omitted fields stay unchanged.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Edit {
    /// The title; trimmed.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Title"))]
    pub title: Option<Title>,
    /// The status.
    #[serde(default, deserialize_with = "status", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "crate::names::Known<Status>"))]
    pub status: Option<Status>,
}

/// Params of [`Create`].
pub type CreateParams = With<New, Fields>;
/// The changes of an [`Update`].
pub type Changes = With<Edit, Fields>;
/// Params of [`Update`]. Omitted fields stay unchanged; `null` clears an optional field.
pub type UpdateParams = With<Target, Changes>;
/// Params of [`List`].
pub type ListParams = With<Paging, Filter>;
/// Params of [`ListComments`].
pub type ListCommentsParams = With<Paging, CommentFilter>;

impl New {
    /// A new todo with a title.
    pub fn of(title: Title) -> Self {
        Self { id: None, title, status: None }
    }
}

/// Params of [`Find`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct FindParams {
    /// An id, or a title in any case.
    pub identifier: Title,
}

/// Selects todos. All conditions must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Filter {
    /// Only todos with one of these statuses: none for an empty list, all when omitted.
    #[serde(default, deserialize_with = "statuses", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<Vec<crate::names::Known<Status>>>"))]
    pub status: Option<Vec<Status>>,
    /// Include archived todos: completed or cancelled, and last updated before the daemon's local midnight.
    #[serde(default, deserialize_with = "null_is_default")]
    pub include_archived: bool,
    /// Only todos due before this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_before: Option<Millis>,
    /// Only todos due after this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_after: Option<Millis>,
}

/// A new comment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewComment {
    /// The todo.
    pub todo_id: EntityId,
    /// The text; trimmed.
    pub content: Note,
    /// Id of the comment; generated when omitted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<EntityId>,
}

/// Selects comments.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CommentFilter {
    /// The todos; a todo that does not exist has no comments.
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

    fn id(&self) -> &EntityId {
        &self.id
    }

    fn rev(&self) -> u64 {
        self.rev
    }
}

crate::methods! {
    /// Creates a todo.
    Create = "todo.create": Write(CreateParams) -> Todo;
    /// Reads a todo.
    Get = "todo.get": Read(ById) -> Todo;
    /// Finds the todo with that id, else the newest with that title in any case.
    Find = "todo.find": Read(FindParams) -> Todo;
    /// Lists todos by due time, those without one last; then by `createdAt` and id.
    List = "todo.list": Read(ListParams) -> Page<Todo>;
    /// Changes a todo.
    Update = "todo.update": Write(UpdateParams) -> Todo;
    /// Deletes a todo and its comments; answers the todo.
    Delete = "todo.delete": Write(Target) -> Todo;
    /// Adds a comment to a todo.
    AddComment = "todo.addComment": Write(NewComment) -> Comment;
    /// Lists the comments of some todos, oldest first (by `createdAt` and id).
    ListComments = "todo.listComments": Read(ListCommentsParams) -> Page<Comment>;
    /// Deletes a comment; answers it.
    DeleteComment = "todo.deleteComment": Write(Target) -> Comment;
}

crate::subscriptions! {
    /// Subscribes to todos and comments.
    Subscribe = "todo" (NoParams);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Params;

    #[test]
    fn a_status_has_several_names_in_params_and_one_in_answers() {
        for (names, status) in [
            (["not_started", " Not-Started ", "PENDING"], Status::NotStarted),
            (["in progress", "Started", "ongoing"], Status::InProgress),
            (["COMPLETED", "done\n", "Finished"], Status::Completed),
            (["canceled", "cancelled", "aborted"], Status::Cancelled),
        ] {
            for name in names {
                assert_eq!(Status::read(name), Ok(status.clone()), "{name}");
            }
            // The daemon stores and answers one name only.
            assert_eq!(serde_json::to_value(&status).unwrap(), status.as_str());
            assert_eq!(status.as_str().parse(), Ok(status));
            assert!(names[2].parse::<Status>().is_err());
        }
        for name in ["", "not", "in__progress", "notstarted", "0"] {
            assert!(Status::read(name).is_err(), "{name}");
        }
    }

    #[test]
    fn an_omitted_field_stays_and_null_clears_an_optional_one() {
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
    fn an_invalid_time_is_refused_with_its_range() {
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
