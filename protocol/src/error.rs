//! Errors: their kinds, codes and messages.
//!
//! On the wire an error is a JSON-RPC error object. Programs match on `data.kind`, a stable name; the other members of
//! `data` are the fields of that kind; `message` is for people. It never contains SQL, paths or debug text. If the
//! daemon knows more, `data.errorId` identifies the line in its log.

use crate::{Json, ValidationError};
use jsonrpsee_types::error::{INTERNAL_ERROR_CODE, INVALID_PARAMS_CODE};
use jsonrpsee_types::{ErrorObject, ErrorObjectOwned};
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use jsonrpsee_types::error::{INVALID_REQUEST_CODE, METHOD_NOT_FOUND_CODE, PARSE_ERROR_CODE};

/// A result whose error is a protocol [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

/// Every error that the daemon answers, by `data.kind`.
#[non_exhaustive]
#[derive(Debug, Clone, PartialEq, thiserror::Error, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline))]
#[serde(tag = "kind", rename_all = "snake_case", rename_all_fields = "camelCase")]
pub enum Error {
    /// The input is wrong; a retry fails again.
    #[error("{}", invalid_message(field, reason))]
    Invalid {
        /// Path of the invalid member, such as `todo.title`; empty for the message as a whole.
        field: String,
        /// What is wrong with it, for people.
        reason: String,
        /// The valid value, if there is exactly one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        expected: Option<Value>,
    },
    /// No such entity.
    #[error("{entity} `{id}` not found")]
    NotFound {
        /// Kind of entity.
        entity: String,
        /// The requested id.
        id: String,
    },
    /// The chosen id is taken.
    #[error("{entity} `{id}` already exists")]
    AlreadyExists {
        /// Kind of entity.
        entity: String,
        /// The requested id.
        id: String,
    },
    /// `ifRev` does not match, or something has changed since the revision to undo.
    #[error("it has changed since")]
    Conflict {
        /// The current entity, byte for byte; null if there is none. Of an undo: the list of those that have changed
        /// ([`ChangedSince`](crate::undo::ChangedSince)).
        #[serde(default, deserialize_with = "buffered")]
        current: Option<Json>,
    },
    /// The `requestId` was used with another method or other params.
    #[error("this requestId was used for another request")]
    RequestMismatch,
    /// The change log no longer has the requested revision.
    #[error("the change log begins at revision {oldest_rev}")]
    Compacted {
        /// Oldest revision in the log.
        oldest_rev: u64,
    },
    /// The input or the result exceeds a limit, see `store.info`.
    #[error("too large: the limit is {limit}")]
    TooLarge {
        /// The limit, in bytes or items.
        limit: u64,
    },
    /// The daemon is overloaded; try again later.
    #[error("busy, try again later")]
    Busy,
    /// The disk is full.
    #[error("the disk is full")]
    StorageFull,
    /// The database can't be written.
    #[error("the database is read-only")]
    ReadOnly,
    /// The database is damaged.
    #[error("the database is damaged")]
    Corrupt,
    /// Input or output on the database failed.
    #[error("input/output error on the database")]
    Io,
    /// The daemon is stopping.
    #[error("the daemon is shutting down")]
    ShuttingDown,
    /// The daemon does not support the request.
    #[error("not supported: {what}")]
    Unsupported {
        /// The requested feature.
        what: String,
    },
    /// A defect of the daemon; its log has the details.
    #[error("internal error")]
    Internal,
    /// An error of a kind that this version does not know.
    #[error("{}", _0.message)]
    #[serde(untagged)]
    #[cfg_attr(feature = "schema", schemars(skip))]
    Unknown(UnknownError),
}

/// An error of a kind that only a newer daemon knows, as it came.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(not(feature = "schema"), non_exhaustive)]
pub struct UnknownError {
    /// Its kind; empty when it has none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// What happened, for people.
    #[serde(skip)]
    pub message: String,
    /// The fields of its kind.
    #[serde(flatten)]
    pub fields: serde_json::Map<String, Value>,
}

/// Reads a [`Json`] from serde's buffer, which loses digits of numbers and the order of members. [`read_data`] reads
/// the original text afterwards.
fn buffered<'de, D: serde::Deserializer<'de>>(d: D) -> std::result::Result<Option<Json>, D::Error> {
    let value = Option::<Value>::deserialize(d)?;
    value.map(|value| Json::of(&value)).transpose().map_err(serde::de::Error::custom)
}

fn invalid_message(field: &str, reason: &str) -> String {
    if field.is_empty() { reason.to_owned() } else { format!("{field}: {reason}") }
}

impl Error {
    /// An `invalid` error with a field and a reason.
    pub fn invalid(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Invalid { field: field.into(), reason: reason.into(), expected: None }
    }

    /// The name of its kind on the wire, such as `not_found`.
    pub fn kind(&self) -> &str {
        match self {
            Self::Invalid { .. } => "invalid",
            Self::NotFound { .. } => "not_found",
            Self::AlreadyExists { .. } => "already_exists",
            Self::Conflict { .. } => "conflict",
            Self::RequestMismatch => "request_mismatch",
            Self::Compacted { .. } => "compacted",
            Self::TooLarge { .. } => "too_large",
            Self::Busy => "busy",
            Self::StorageFull => "storage_full",
            Self::ReadOnly => "read_only",
            Self::Corrupt => "corrupt",
            Self::Io => "io",
            Self::ShuttingDown => "shutting_down",
            Self::Unsupported { .. } => "unsupported",
            Self::Internal => "internal",
            Self::Unknown(unknown) => &unknown.kind,
        }
    }

    /// A `not_found` error with a kind of entity and an id.
    pub fn not_found(entity: &str, id: impl Into<String>) -> Self {
        Self::NotFound { entity: entity.to_owned(), id: id.into() }
    }

    /// An `already_exists` error with a kind of entity and an id.
    pub fn already_exists(entity: &str, id: impl Into<String>) -> Self {
        Self::AlreadyExists { entity: entity.to_owned(), id: id.into() }
    }

    /// The JSON-RPC code of this kind. An unreadable message has another code: see [`Fault::frame`].
    pub fn code(&self) -> i32 {
        match self {
            Self::Invalid { .. } => INVALID_PARAMS_CODE,
            Self::Internal | Self::Unknown(_) => INTERNAL_ERROR_CODE,
            Self::NotFound { .. } => -32001,
            Self::AlreadyExists { .. } => -32002,
            Self::Conflict { .. } => -32003,
            Self::RequestMismatch => -32004,
            Self::Compacted { .. } => -32005,
            Self::TooLarge { .. } => -32006,
            Self::Busy => -32007,
            Self::StorageFull => -32008,
            Self::ReadOnly => -32009,
            Self::Corrupt => -32010,
            Self::Io => -32011,
            Self::ShuttingDown => -32012,
            Self::Unsupported { .. } => -32013,
        }
    }

    /// Whether a retry of the same call may succeed.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Busy | Self::ShuttingDown)
    }
}

/// The error object of a reply: an [`Error`], its code, and where it occurred.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{}{error}{}", step(*index), log_line(error_id.as_deref()))]
pub struct Fault {
    /// JSON-RPC code.
    pub code: i32,
    /// What happened.
    #[source]
    pub error: Error,
    /// Index of the failing step of a `store.transact`.
    pub index: Option<usize>,
    /// Id of the line in the daemon's log that has the details.
    pub error_id: Option<String>,
}

fn step(index: Option<usize>) -> String {
    index.map(|index| format!("step {index}: ")).unwrap_or_default()
}

fn log_line(id: Option<&str>) -> String {
    id.map(|id| format!(" (the log of stinad has more: {id})")).unwrap_or_default()
}

impl Fault {
    /// An unreadable request: `code` is [`PARSE_ERROR_CODE`] or [`INVALID_REQUEST_CODE`].
    pub fn frame(code: i32, reason: impl Into<String>) -> Self {
        Self { code, ..Error::invalid("", reason).into() }
    }

    /// The error for an unknown method.
    pub fn unknown_method(name: &str) -> Self {
        let name: String = name.chars().take(128).collect();
        Self { code: METHOD_NOT_FOUND_CODE, ..Error::Unsupported { what: format!("method `{name}`") }.into() }
    }
}

/// Invalid input, without a field.
impl From<ValidationError> for Error {
    fn from(error: ValidationError) -> Self {
        Self::invalid("", error)
    }
}

/// The default code of the error, without index or log id.
impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self { code: error.code(), error, index: None, error_id: None }
    }
}

/// The `data` of an error, for programs: the kind, the fields of that kind, and where the error occurred.
#[derive(Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "ErrorData"))]
#[serde(rename_all = "camelCase")]
pub(crate) struct Data {
    #[serde(flatten)]
    error: Error,
    /// Index of the failing step of a `store.transact`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    index: Option<usize>,
    /// Id of the line in the daemon's log that has the details.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    error_id: Option<String>,
}

/// Converts to the error object on the wire.
impl From<&Fault> for ErrorObjectOwned {
    fn from(fault: &Fault) -> Self {
        let Fault { code, error, index, error_id } = fault;
        let data = Data { error: error.clone(), index: *index, error_id: error_id.clone() };
        Self::owned(*code, error.to_string(), Some(data))
    }
}

impl From<&ErrorObject<'_>> for Fault {
    fn from(object: &ErrorObject<'_>) -> Self {
        let code = object.code();
        let message = object.message().to_owned();
        let mut fault =
            object.data().and_then(|data| read_data(code, data.get()).ok()).unwrap_or_else(|| {
                let unknown = UnknownError {
                    kind: String::new(),
                    message: String::new(),
                    fields: serde_json::Map::new(),
                };
                Self { code, ..Error::Unknown(unknown).into() }
            });
        if let Error::Unknown(unknown) = &mut fault.error {
            unknown.message = message;
        }
        fault
    }
}

fn read_data(code: i32, text: &str) -> serde_json::Result<Fault> {
    #[derive(Deserialize)]
    struct Current {
        current: Option<Json>,
    }
    let Data { mut error, index, error_id } = serde_json::from_str(text)?;
    if let Error::Conflict { current } = &mut error {
        *current = serde_json::from_str::<Current>(text)?.current;
    }
    Ok(Fault { code, error, index, error_id })
}

impl Serialize for Fault {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        ErrorObjectOwned::from(self).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Fault {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        ErrorObject::deserialize(deserializer).map(|object| Self::from(&object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn every_error() -> Vec<Error> {
        // The match is exhaustive, so that a new kind does not compile until it is listed here.
        let next = |e: &Error| match e {
            Error::Invalid { .. } => Some(Error::not_found("todo", "td_1")),
            Error::NotFound { .. } => Some(Error::already_exists("todo", "td_1")),
            Error::AlreadyExists { .. } => {
                Some(Error::Conflict { current: Some(Json::parse(r#"{"b":1.50,"a":1}"#).unwrap()) })
            }
            Error::Conflict { .. } => Some(Error::RequestMismatch),
            Error::RequestMismatch => Some(Error::Compacted { oldest_rev: 7 }),
            Error::Compacted { .. } => Some(Error::TooLarge { limit: 9 }),
            Error::TooLarge { .. } => Some(Error::Busy),
            Error::Busy => Some(Error::StorageFull),
            Error::StorageFull => Some(Error::ReadOnly),
            Error::ReadOnly => Some(Error::Corrupt),
            Error::Corrupt => Some(Error::Io),
            Error::Io => Some(Error::ShuttingDown),
            Error::ShuttingDown => Some(Error::Unsupported { what: "x".into() }),
            Error::Unsupported { .. } => Some(Error::Internal),
            Error::Internal | Error::Unknown(_) => None,
        };
        let mut all = vec![Error::invalid("key", "must not be empty")];
        while let Some(e) = all.last().and_then(next) {
            all.push(e);
        }
        all
    }

    #[test]
    fn every_error_survives_the_wire_and_has_its_own_code() {
        let mut codes = std::collections::HashSet::new();
        for error in every_error() {
            assert_eq!(serde_json::to_value(&error).unwrap()["kind"], error.kind());
            let fault = Fault { index: Some(3), error_id: Some("e1".into()), ..error.into() };
            let text = serde_json::to_string(&fault).unwrap();
            assert_eq!(serde_json::from_str::<Fault>(&text).unwrap(), fault, "{text}");
            assert!(codes.insert(fault.code), "code {} is used twice", fault.code);
        }
    }

    #[test]
    fn a_fault_shows_where_it_occurred() {
        let fault = Fault { index: Some(3), error_id: Some("e1".into()), ..Error::Io.into() };
        let shown = "step 3: input/output error on the database (the log of stinad has more: e1)";
        assert_eq!(fault.to_string(), shown);
        assert!(std::error::Error::source(&fault).is_some_and(|source| source.is::<Error>()));
        assert_eq!(Fault::from(Error::Busy).to_string(), Error::Busy.to_string());
    }

    #[test]
    fn a_conflict_carries_the_entity_byte_for_byte() {
        let entity = r#"{"z":12345678901234567890123,"a":1.50}"#;
        let fault = Fault::from(Error::Conflict { current: Some(Json::parse(entity).unwrap()) });
        let text = serde_json::to_string(&fault).unwrap();
        assert!(text.contains(entity), "{text}");
        match serde_json::from_str::<Fault>(&text).unwrap().error {
            Error::Conflict { current: Some(current) } => assert_eq!(current.get(), entity),
            error => panic!("{error:?}"),
        }
        let without = r#"{"code":-32003,"message":"m","data":{"kind":"conflict"}}"#;
        assert_eq!(serde_json::from_str::<Fault>(without).unwrap().error, Error::Conflict { current: None });
    }

    #[test]
    fn an_unknown_kind_is_kept_with_its_fields_and_message() {
        let text = r#"{"code":-32050,"message":"quota exceeded","data":{"kind":"quota","limit":1}}"#;
        let fault: Fault = serde_json::from_str(text).unwrap();
        assert_eq!(
            (fault.code, fault.error.kind(), fault.to_string().as_str()),
            (-32050, "quota", "quota exceeded")
        );
        assert_eq!(serde_json::to_string(&fault).unwrap(), text);
        let text = r#"{"code":-32000,"message":"not one of ours"}"#;
        let fault: Fault = serde_json::from_str(text).unwrap();
        assert_eq!(
            (fault.code, fault.error.kind(), fault.to_string().as_str()),
            (-32000, "", "not one of ours")
        );
    }
}
