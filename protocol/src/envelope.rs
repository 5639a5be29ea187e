//! JSON-RPC 2.0: reads requests out of frames, writes replies and notifications.
//!
//! Source of the rules: <https://www.jsonrpc.org/specification>.

use crate::error::{Fault, INVALID_REQUEST_CODE, PARSE_ERROR_CODE};
use crate::json_check::check_depth;
use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// One call; its parts borrow from the frame's text.
#[derive(Debug)]
pub struct RpcCall<'a> {
    /// The id as its JSON text, sent back byte for byte; `None` for a notification, which gets no reply.
    ///
    /// jsonrpsee's `Id` does not fit: it refuses `-1`, `1.0` and numbers beyond 64 bits, and escapes strings its own
    /// way.
    pub id: Option<&'a str>,
    /// Name of the method.
    pub method: Cow<'a, str>,
    /// The params, if any.
    pub params: Option<&'a RawValue>,
}

/// A parsed frame. A part that is not a call holds the error to answer it with.
#[derive(Debug)]
pub enum Request<'a> {
    /// One call.
    Single(Result<RpcCall<'a>, BadCall<'a>>),
    /// A batch: at least one call.
    Batch(Vec<Result<RpcCall<'a>, BadCall<'a>>>),
}

/// A part of a frame that is not a valid call.
#[derive(Debug)]
pub struct BadCall<'a> {
    /// The id if it is readable, else `null`.
    pub id: &'a str,
    /// The error to answer with.
    pub fault: Fault,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Parts<'a> {
    #[serde(borrow, default, deserialize_with = "present")]
    jsonrpc: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    id: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    method: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    params: Option<&'a RawValue>,
}

/// Distinguishes a member that is `null` from one that is absent.
fn present<'de: 'a, 'a, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'a RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

#[derive(Deserialize)]
struct OnlyId<'a> {
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
}

/// Parses a frame.
///
/// # Errors
/// The error to answer with a null id, when the frame is not UTF-8, not JSON, an empty batch, or a batch of more than
/// `max_batch` calls.
pub fn read(frame: &[u8], max_batch: usize) -> Result<Request<'_>, Fault> {
    let text = std::str::from_utf8(frame)
        .map_err(|e| Fault::frame(PARSE_ERROR_CODE, format!("not UTF-8 from byte {}", e.valid_up_to())))?;
    if !text.trim_ascii_start().starts_with('[') {
        return match read_call(text) {
            Err(bad) if bad.fault.code == PARSE_ERROR_CODE => Err(bad.fault),
            call => Ok(Request::Single(call)),
        };
    }
    let too_deep = || check_depth(text).err().map(Fault::from);
    match elements(text, max_batch).map_err(|fault| too_deep().unwrap_or(fault))? {
        calls if calls.is_empty() => Err(Fault::frame(INVALID_REQUEST_CODE, "empty batch")),
        calls => Ok(Request::Batch(calls.into_iter().map(|c| read_call(c.get())).collect())),
    }
}

/// The elements of an array. Parsing stops after `max` of them, because a frame has room for millions.
fn elements(text: &str, max: usize) -> Result<Vec<&RawValue>, Fault> {
    struct Elements<'a> {
        found: Vec<&'a RawValue>,
        max: usize,
    }

    impl<'a> Visitor<'a> for &mut Elements<'a> {
        type Value = ();

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an array")
        }

        fn visit_seq<A: SeqAccess<'a>>(self, mut seq: A) -> Result<(), A::Error> {
            while let Some(element) = seq.next_element()? {
                self.found.push(element);
                if self.found.len() > self.max {
                    return Err(serde::de::Error::custom("too many"));
                }
            }
            Ok(())
        }
    }

    let mut elements = Elements { found: Vec::new(), max };
    let mut json = serde_json::Deserializer::from_str(text);
    let read = json.deserialize_seq(&mut elements).and_then(|()| json.end());
    match read {
        _ if elements.found.len() > max => Err(crate::Error::TooLarge { limit: max as u64 }.into()),
        read => read.map(|()| elements.found).map_err(|e| not_json(&e)),
    }
}

fn not_json(error: &serde_json::Error) -> Fault {
    Fault::frame(PARSE_ERROR_CODE, format!("not JSON: {error}"))
}

fn read_call(text: &str) -> Result<RpcCall<'_>, BadCall<'_>> {
    if let Err(error) = check_depth(text) {
        return Err(BadCall { id: given_id(text), fault: error.into() });
    }
    // serde would accept an array of the members in order.
    if !is_object(text) {
        return Err(refused(text, "a request must be an object"));
    }
    let parts: Parts<'_> = serde_json::from_str(text).map_err(|error| {
        let text_of_error = error.to_string();
        refused(text, text_of_error.split(" at line").next().unwrap_or_default())
    })?;
    let id = match parts.id.map(RawValue::get) {
        None => None,
        Some(id) if is_id(id) => Some(id),
        Some(_) => return Err(bad(None, "id must be a string, a number or null")),
    };
    if parts.jsonrpc.and_then(|version| deserialize_cow(version.get())).as_deref() != Some("2.0") {
        return Err(bad(id, "jsonrpc must be \"2.0\""));
    }
    let method = parts.method.and_then(|m| deserialize_cow(m.get()));
    let Some(method) = method else { return Err(bad(id, "method must be a string")) };
    match parts.params.map(|p| p.get().as_bytes()[0]) {
        None | Some(b'{' | b'[') => Ok(RpcCall { id, method, params: parts.params }),
        Some(_) => Err(bad(id, "params must be an object")),
    }
}

fn deserialize_cow(text: &str) -> Option<Cow<'_, str>> {
    let inner = text.strip_prefix('"')?.strip_suffix('"')?;
    if inner.contains('\\') {
        serde_json::from_str(text).ok().map(Cow::Owned)
    } else {
        Some(Cow::Borrowed(inner))
    }
}

fn is_id(text: &str) -> bool {
    matches!(text.as_bytes().first(), Some(b'"' | b'-' | b'0'..=b'9' | b'n'))
}

fn bad<'a>(id: Option<&'a str>, reason: &str) -> BadCall<'a> {
    BadCall { id: id.unwrap_or("null"), fault: Fault::frame(INVALID_REQUEST_CODE, reason) }
}

fn is_object(text: &str) -> bool {
    text.trim_ascii_start().starts_with('{')
}

/// The id of an invalid call; `null` if it is unreadable. Uses no recursion, so any nesting is safe.
fn given_id(text: &str) -> &str {
    let read = || serde_json::from_str::<OnlyId<'_>>(text).ok()?.id.map(RawValue::get);
    is_object(text).then(read).flatten().filter(|id| is_id(id)).unwrap_or("null")
}

/// The error for text that is not a request: a parse error if it is not JSON, else `reason`.
fn refused<'a>(text: &'a str, reason: &str) -> BadCall<'a> {
    match serde_json::from_str::<&RawValue>(text) {
        Err(error) => BadCall { id: "null", fault: not_json(&error) },
        Ok(_) => bad(Some(given_id(text)), reason),
    }
}

/// A success reply. `id` and `result` are JSON text.
pub fn success(id: &str, result: &str) -> String {
    ["{\"jsonrpc\":\"2.0\",\"id\":", id, ",\"result\":", result, "}"].concat()
}

/// An error reply. `id` is JSON text.
pub fn failure(id: &str, fault: &Fault) -> String {
    // A fault holds only strings and numbers, which always serialize. The fallback has the code alone.
    let error = serde_json::to_string(fault)
        .unwrap_or_else(|_| format!("{{\"code\":{},\"message\":\"internal error\"}}", fault.code));
    ["{\"jsonrpc\":\"2.0\",\"id\":", id, ",\"error\":", &error, "}"].concat()
}

/// A notification of a subscription. `result` is JSON text.
///
/// It equals the JSON of jsonrpsee's `SubscriptionResponse`, without parsing an event that was serialized once for all
/// subscribers.
pub fn notification(method: &str, subscription: u64, result: &str) -> String {
    let subscription = subscription.to_string();
    [
        "{\"jsonrpc\":\"2.0\",\"method\":\"",
        method,
        "\",\"params\":{\"subscription\":",
        &subscription,
        ",\"result\":",
        result,
        "}}",
    ]
    .concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use jsonrpsee_types::{
        Id, Response, ResponsePayload, SubscriptionId, SubscriptionPayload, SubscriptionResponse,
    };

    /// The outcome as text: a call's method and id, or an error's code and id.
    fn outcome(frame: &[u8]) -> String {
        let one = |call: Result<RpcCall<'_>, BadCall<'_>>| match call {
            Ok(call) => format!("{}/{}", call.method, call.id.unwrap_or("-")),
            Err(bad) => format!("{}/{}", bad.fault.code, bad.id),
        };
        match read(frame, 3) {
            Err(fault) => format!("frame {}", fault.code),
            Ok(Request::Single(call)) => one(call),
            Ok(Request::Batch(calls)) => calls.into_iter().map(one).collect::<Vec<_>>().join(" "),
        }
    }

    #[test]
    fn every_kind_of_frame_is_parsed() {
        let unclosed = "[".repeat(200_000);
        let deep = unclosed.clone() + &"]".repeat(200_000);
        let deep_params = format!(r#"{{"jsonrpc":"2.0","method":"a","params":{{"v":{deep}}},"id":7}}"#);
        let deep_in_batch = format!(r#"[{deep_params},{{"jsonrpc":"2.0","method":"a","id":8}}]"#);
        for (frame, expected) in [
            (r#"{"jsonrpc":"2.0","method":"a.b","params":{},"id":1}"#, "a.b/1"),
            (r#" {"id":"x\"y","method":"a\u002eb","jsonrpc":"2.0"}"#, r#"a.b/"x\"y""#),
            (r#"{"jsonrpc":"2.0","method":"a","id":null}"#, "a/null"),
            (r#"{"jsonrpc":"2.0","method":"a","id":-1.5}"#, "a/-1.5"),
            (r#"{"jsonrpc":"2.0","method":"a"}"#, "a/-"),
            (r#"{"jsonrpc":"2.0","method":1,"id":7}"#, "-32600/7"),
            (r#"{"jsonrpc":"2.0","method":"a","params":"bar","id":7}"#, "-32600/7"),
            (r#"{"jsonrpc":"1.0","method":"a","id":7}"#, "-32600/7"),
            (r#"{"method":"a","id":7}"#, "-32600/7"),
            (r#"{"jsonrpc":"2.0","method":"a","id":[1]}"#, "-32600/null"),
            (r#"{"jsonrpc":"2.0","method":"a","id":7,"parms":{}}"#, "-32600/7"),
            ("1", "-32600/null"),
            ("[]", "frame -32600"),
            ("[1,2]", "-32600/null -32600/null"),
            ("[1,2,3,4]", "frame -32006"),
            // The rest of the frame is not parsed once the limit is exceeded.
            ("[1,2,3,4,5,", "frame -32006"),
            ("[1,2,", "frame -32700"),
            ("[1,2] 3", "frame -32700"),
            (r#"[{"jsonrpc":"2.0","method":"a","id":1},{"foo":"boo"}]"#, "a/1 -32600/null"),
            (r#"[{"jsonrpc":"2.0","method":"a"#, "frame -32700"),
            (r#"{"jsonrpc":"2.0","method":"a", "params": "bar", "baz]"#, "frame -32700"),
            (r#"{"zzz":1, "#, "frame -32700"),
            (r#"{"jsonrpc":"2\u002e0","method":"a","id":7}"#, "a/7"),
            (r#"[["2.0",7,"a",{}],["2.0"]]"#, "-32600/null -32600/null"),
            (&unclosed, "frame -32602"),
            (&deep, "-32602/null"),
            (&deep_params, "-32602/7"),
            (&deep_in_batch, "-32602/7 a/8"),
        ] {
            assert_eq!(outcome(frame.as_bytes()), expected, "{frame:.80}");
        }
        assert_eq!(outcome(b"{\"jsonrpc\":\"\xff\"}"), "frame -32700");
    }

    #[test]
    fn ids_are_sent_back_byte_for_byte() {
        for id in ["1.0", "1e2", "-0", "123456789012345678901234567890", r#""\u0061\/""#, "null"] {
            let frame = format!(r#"{{"jsonrpc":"2.0","method":"a","id":{id}}}"#);
            assert_eq!(outcome(frame.as_bytes()), format!("a/{id}"));
            assert_eq!(success(id, "{}"), format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{}}}}"#));
        }
    }

    #[test]
    fn messages_equal_those_of_jsonrpsee() {
        let result = RawValue::from_string(r#"{"z":1.50}"#.to_owned()).unwrap();
        let id = Id::Number(7);
        let reply = Response::new(ResponsePayload::success(result.clone()), id.clone());
        assert_eq!(success("7", result.get()), serde_json::to_string(&reply).unwrap());

        let fault = Fault::from(crate::Error::Busy);
        let reply = Response::new(ResponsePayload::<()>::error(&fault), id);
        assert_eq!(failure("7", &fault), serde_json::to_string(&reply).unwrap());

        let params = SubscriptionPayload { subscription: SubscriptionId::Num(7), result: &result };
        let event = SubscriptionResponse::new("kv.event".into(), params);
        assert_eq!(notification("kv.event", 7, result.get()), serde_json::to_string(&event).unwrap());
    }
}
