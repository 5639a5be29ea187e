//! Calls that survive reconnects. *Exactly once*: a write is sent again with the same `requestId` until the daemon
//! answers or the deadline passes, and the daemon executes it once.

use crate::connection::CallError;
use crate::link::{Link, backoff};
use crate::timer::{Instant, sleep_until, timeout_at};
use crate::transport::Disconnect;
use crate::{ConnectionState, Error, Result};
use memchr::memchr2_iter;
use serde_json::value::RawValue;
use std::time::Duration;
use stina_protocol::json_check::{MAX_DEPTH, check_depth};
use stina_protocol::{Fault, RequestId};
use uuid::Uuid;

/// A call to send, once or several times.
#[derive(Debug)]
pub(crate) struct Outgoing<'a> {
    pub(crate) method: &'a str,
    pub(crate) params: Option<Box<RawValue>>,
    /// The id in the params of a write.
    pub(crate) request_id: Option<RequestId>,
    /// Whether to send it again when a connection ends.
    pub(crate) retry: bool,
    pub(crate) within: Duration,
}

/// Generates an id for a write.
pub(crate) fn new_request_id() -> Result<RequestId> {
    RequestId::new(Uuid::now_v7().to_string()).map_err(Error::Protocol)
}

/// Adds `requestId` to params, the JSON text of an object.
pub(crate) fn stamp(params: &str, id: &RequestId) -> String {
    let members = params.trim_ascii_start().strip_prefix('{').unwrap_or("}").trim_ascii_start();
    let comma = if members.starts_with('}') { "" } else { "," };
    ["{\"requestId\":\"", id.as_str(), "\"", comma, members].concat()
}

/// Checks that the daemon can read the params. It could not answer an unreadable frame with the id of the call.
pub(crate) fn checked(params: String, limit: usize) -> Result<Box<RawValue>> {
    /// Bytes of a request besides its params.
    const ENVELOPE: usize = 512;
    if params.len() > limit.saturating_sub(ENVELOPE) {
        return Err(stina_protocol::Error::TooLarge { limit: limit as u64 }.into());
    }
    // The request nests them one level deeper.
    if memchr2_iter(b'[', b'{', params.as_bytes()).nth(MAX_DEPTH - 1).is_some() {
        check_depth(&["[", &params, "]"].concat())?;
    }
    RawValue::from_string(params)
        .map_err(|e| stina_protocol::Error::invalid("", format!("not JSON: {e}")).into())
}

impl Outgoing<'_> {
    /// Sends the call until it is answered.
    pub(crate) async fn run(self, link: &Link) -> Result<Box<RawValue>> {
        let deadline = deadline(self.within);
        // These decide the error at the deadline.
        let (mut sent, mut refusal) = (false, None);
        for attempt in 1_u32.. {
            let answered = self.attempt(link, deadline, &mut sent).await;
            match answered {
                Some(Ok(result)) => return Ok(result),
                Some(Err(CallError::Refused(fault))) if fault.error.is_transient() && self.retry => {
                    refusal = Some(fault);
                    let again = Instant::now() + backoff(&link.options().limits, attempt);
                    if again >= deadline {
                        break;
                    }
                    sleep_until(again).await;
                }
                Some(Err(CallError::Refused(fault))) => return Err(Error::Rpc(fault)),
                Some(Err(CallError::Disconnected(reason))) => {
                    if reason.is_final() && self.request_id.is_none() {
                        return Err(Error::Protocol(reason.to_string()));
                    }
                    if !self.retry && self.request_id.is_none() {
                        return Err(Error::Disconnected { method: self.method.to_owned() });
                    }
                    if reason.is_final() || !self.retry {
                        break;
                    }
                }
                None => break,
            }
        }
        Err(self.unanswered(link, sent, refusal))
    }

    /// Sends the call once; `None` when the deadline has passed or the client is closed.
    ///
    /// `sent` is set as soon as the daemon may have received the call. A refusal of a later attempt does not reset it,
    /// because an earlier attempt may still be executed.
    async fn attempt(
        &self,
        link: &Link,
        deadline: Instant,
        sent: &mut bool,
    ) -> Option<std::result::Result<Box<RawValue>, CallError>> {
        let connection = timeout_at(deadline, link.connection()).await.ok()?.ok()?;
        let permit = timeout_at(deadline, connection.permit()).await.ok()?;
        let sent_before = std::mem::replace(sent, true);
        let request = connection.send(self.method, self.params.as_deref());
        let answered = timeout_at(deadline, request).await.ok()?;
        drop(permit);
        if let Err(CallError::Refused(_)) = answered {
            *sent = sent_before;
        }
        Some(answered)
    }

    fn unanswered(self, link: &Link, sent: bool, refusal: Option<Box<Fault>>) -> Error {
        match (sent, self.request_id, refusal) {
            (true, Some(request_id), _) => Error::OutcomeUnknown { request_id },
            (false, _, Some(refusal)) => Error::Rpc(refusal),
            (true, None, _) if link.state() == ConnectionState::Closed => Error::Closed,
            (true, None, _) => Error::TimedOut { method: self.method.to_owned(), after: self.within },
            (false, _, None) => link.not_reachable(),
        }
    }
}

impl Disconnect {
    /// Whether a retry would fail in the same way.
    fn is_final(&self) -> bool {
        matches!(self, Self::TooLong(_) | Self::Unreadable(_))
    }
}

/// The time `within` from now; at most decades away, so that it does not overflow.
pub(crate) fn deadline(within: Duration) -> Instant {
    const YEARS: Duration = Duration::from_secs(30 * 365 * 24 * 3600);
    Instant::now() + within.min(YEARS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_request_id_is_added_to_params() {
        let id = RequestId::new("r").unwrap();
        assert_eq!(stamp("{}", &id), r#"{"requestId":"r"}"#);
        assert_eq!(stamp(" { \"a\":1}", &id), r#"{"requestId":"r","a":1}"#);
    }

    #[test]
    fn params_that_the_daemon_cannot_read_are_not_sent() {
        let nested = |depth| "[".repeat(depth) + &"]".repeat(depth);
        assert!(checked(nested(MAX_DEPTH - 1), 1000).is_ok());
        assert!(matches!(checked(nested(MAX_DEPTH), 1000), Err(Error::Rpc(_))));
        assert!(checked(format!("[\"{}\"]", "[".repeat(500)), 5000).is_ok());
        let long = checked(format!("\"{}\"", "x".repeat(1000)), 1000);
        assert_eq!(long.unwrap_err().kind(), Some(&stina_protocol::Error::TooLarge { limit: 1000 }));
        assert!(checked("{".to_owned(), 1000).is_err());
    }
}
