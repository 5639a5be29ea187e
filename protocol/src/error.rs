//! What can go wrong, said once: the table of kinds, codes and messages.
//!
//! On the wire an error is a JSON-RPC error object. `data.kind` is the stable name that programs match on, the
//! members beside it are that kind's fields, `message` is for people. No SQL, path or debug text is ever in
//! it: where the daemon knows more, `data.errorId` names the line in its log.

use crate::Json;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Code of a frame that is not JSON (JSON-RPC 2.0, section 5.1).
pub const PARSE_ERROR: i32 = -32700;
/// Code of JSON that is not a request (JSON-RPC 2.0, section 5.1).
pub const INVALID_REQUEST: i32 = -32600;
/// Code of an unknown method (JSON-RPC 2.0, section 5.1).
pub const METHOD_NOT_FOUND: i32 = -32601;

/// Result of everything that may fail with a protocol error.
pub type Result<T> = std::result::Result<T, Error>;

/// Every error that the daemon tells a client, by `data.kind`.
#[derive(Debug, Clone, PartialEq, thiserror::Error, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", rename_all_fields = "camelCase")]
pub enum Error {
    /// The input is wrong; sending it again can't help.
    #[error("{}", invalid_message(field, reason))]
    Invalid {
        /// The member at fault (`todo.title` style path), or empty when it is the message as a whole.
        field: String,
        /// What is wrong with it, for people.
        reason: String,
        /// The value that would have been right, where there is exactly one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        expected: Option<Value>,
    },
    /// No such entity.
    #[error("{entity} `{id}` not found")]
    NotFound {
        /// Sort of entity.
        entity: String,
        /// The id that was asked for.
        id: String,
    },
    /// The chosen id is taken.
    #[error("{entity} `{id}` already exists")]
    AlreadyExists {
        /// Sort of entity.
        entity: String,
        /// The id that was asked for.
        id: String,
    },
    /// `ifRev` did not match.
    #[error("changed since: `ifRev` does not match")]
    Conflict {
        /// The entity as it is now; null when there is none.
        #[serde(default, deserialize_with = "by_value")]
        current: Option<Json>,
    },
    /// The `requestId` was used before with another method or other params.
    #[error("this requestId was used for another request")]
    RequestMismatch,
    /// The change log no longer reaches back that far.
    #[error("the change log begins at revision {oldest_rev}")]
    Compacted {
        /// First revision that is still in the log.
        oldest_rev: u64,
    },
    /// Over a limit that `store.info` shows.
    #[error("too large: the limit is {limit}")]
    TooLarge {
        /// The limit, in bytes or items as the message in question counts.
        limit: u64,
    },
    /// The daemon has all it can take; try again later.
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
    /// The disk failed.
    #[error("input/output error on the database")]
    Io,
    /// The daemon is stopping.
    #[error("the daemon is shutting down")]
    ShuttingDown,
    /// This daemon does not do that.
    #[error("not supported: {what}")]
    Unsupported {
        /// What was asked for.
        what: String,
    },
    /// A defect of the daemon; the log has more.
    #[error("internal error")]
    Internal,
}

fn invalid_message(field: &str, reason: &str) -> String {
    if field.is_empty() { reason.to_owned() } else { format!("{field}: {reason}") }
}

impl Error {
    /// `invalid`, for a field and a reason.
    pub fn invalid(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Invalid { field: field.into(), reason: reason.into(), expected: None }
    }

    /// `not_found`, for an entity and its id.
    pub fn not_found(entity: &str, id: impl Into<String>) -> Self {
        Self::NotFound { entity: entity.to_owned(), id: id.into() }
    }

    /// `already_exists`, for an entity and its id.
    pub fn already_exists(entity: &str, id: impl Into<String>) -> Self {
        Self::AlreadyExists { entity: entity.to_owned(), id: id.into() }
    }

    /// The JSON-RPC code of this kind. With [`Fault::frame`] a message that can't be read has a code of its own.
    pub fn code(&self) -> i32 {
        match self {
            Self::Invalid { .. } => -32602,
            Self::Internal => -32603,
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

    /// Whether the same call may succeed later without anybody changing it.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Busy | Self::ShuttingDown)
    }
}

/// An error as a reply carries it: the kind, and what the place where it arose adds.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{error}")]
pub struct Fault {
    /// JSON-RPC code.
    pub code: i32,
    /// What happened.
    pub error: Error,
    /// Index of the failing step of a `store.transact`.
    pub index: Option<usize>,
    /// Id of the line in the daemon's log that says more.
    pub error_id: Option<String>,
}

impl Fault {
    /// A message that can't be taken as a request: `code` is [`PARSE_ERROR`] or [`INVALID_REQUEST`].
    pub fn frame(code: i32, reason: impl Into<String>) -> Self {
        Self { code, ..Error::invalid("", reason).into() }
    }

    /// An unknown method.
    pub fn unknown_method(name: &str) -> Self {
        let name: String = name.chars().take(128).collect();
        Self { code: METHOD_NOT_FOUND, ..Error::Unsupported { what: format!("method `{name}`") }.into() }
    }
}

/// Out of what serde keeps of a tagged enum until it knows the tag: the text as it was sent is no longer there.
fn by_value<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> std::result::Result<Option<Json>, D::Error> {
    let value = Option::<Value>::deserialize(deserializer)?;
    value.map(|value| Json::of(&value)).transpose().map_err(serde::de::Error::custom)
}

/// The only way from an [`Error`] to a [`Fault`]: its own code, and nothing more known.
impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self { code: error.code(), error, index: None, error_id: None }
    }
}

#[derive(Serialize, Deserialize)]
struct Object {
    code: i32,
    message: String,
    #[serde(default)]
    data: Option<Data>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Data {
    #[serde(flatten)]
    error: Error,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    index: Option<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    error_id: Option<String>,
}

impl Serialize for Fault {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let data = Data { error: self.error.clone(), index: self.index, error_id: self.error_id.clone() };
        Object { code: self.code, message: self.error.to_string(), data: Some(data) }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Fault {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let object = LenientObject::deserialize(deserializer)?;
        let read = |data: &Json| {
            let mut read = data.to::<Data>().ok()?;
            if let Error::Conflict { current } = &mut read.error {
                *current = data.to::<Current>().ok()?.current;
            }
            Some(read)
        };
        Ok(match object.data.as_ref().and_then(read) {
            Some(Data { error, index, error_id }) => Self { code: object.code, error, index, error_id },
            // A kind of a newer daemon, or an error object of somebody else: keep what people can read.
            None => Self { code: object.code, ..Error::Unsupported { what: object.message }.into() },
        })
    }
}

/// The one member that may hold what users wrote, in its own text.
#[derive(Deserialize)]
struct Current {
    current: Option<Json>,
}

#[derive(Deserialize)]
struct LenientObject {
    code: i32,
    message: String,
    #[serde(default)]
    data: Option<Json>,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Digits and order that a double and a sorted map would lose.
    const CURRENT: &str = r#"{"z":1.10,"a":18446744073709551616}"#;

    fn every_error() -> Vec<Error> {
        // Exhaustive on purpose: a new kind does not compile until it is listed, and then needs a code.
        let next = |e: &Error| match e {
            Error::Invalid { .. } => Some(Error::not_found("todo", "td_1")),
            Error::NotFound { .. } => Some(Error::already_exists("todo", "td_1")),
            Error::AlreadyExists { .. } => Some(Error::Conflict { current: Json::parse(CURRENT).ok() }),
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
            Error::Internal => None,
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
            let fault = Fault { index: Some(3), error_id: Some("e1".into()), ..error.into() };
            let text = serde_json::to_string(&fault).unwrap();
            let read: Fault = serde_json::from_str(&text).unwrap();
            assert_eq!(read, fault, "{text}");
            if let Error::Conflict { current } = read.error {
                assert!(text.contains(CURRENT), "{text}");
                assert_eq!(current.as_ref().map(Json::get), Some(CURRENT));
            }
            assert!(codes.insert(fault.code), "code {} is used twice", fault.code);
        }
    }

    #[test]
    fn an_unknown_kind_keeps_its_message() {
        let text = r#"{"code":-32050,"message":"quota exceeded","data":{"kind":"quota","limit":1}}"#;
        let fault: Fault = serde_json::from_str(text).unwrap();
        assert_eq!((fault.code, fault.to_string().as_str()), (-32050, "not supported: quota exceeded"));
    }
}
