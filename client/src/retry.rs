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
    pub(crate) deadline: Deadline,
}

/// When a call must be answered.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline {
    /// How long the caller waits.
    pub(crate) within: Duration,
    pub(crate) at: Instant,
}

impl Deadline {
    /// So long from now.
    pub(crate) fn after(within: Duration) -> Self {
        Self { within, at: deadline(within) }
    }
}

/// The outcome of one attempt.
enum Attempt {
    Answered(std::result::Result<Box<RawValue>, CallError>),
    /// There is no connection, and waiting does not help.
    Unavailable(Error),
    /// The deadline has passed.
    Expired,
}

/// So many connections may break in a misunderstanding before a call counts as the one at fault.
const MISUNDERSTANDINGS: u32 = 3;

/// Generates an id for a write.
pub(crate) fn new_request_id() -> Result<RequestId> {
    Ok(RequestId::new(Uuid::now_v7().to_string())?)
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
        // These decide the error at the deadline.
        let (mut sent, mut refusal) = (false, None);
        let mut misunderstandings = 0;
        for attempt in 1_u32.. {
            match self.attempt(link, &mut sent).await {
                Attempt::Answered(Ok(result)) => return Ok(result),
                Attempt::Answered(Err(CallError::Refused(fault)))
                    if fault.error.is_transient() && self.retry =>
                {
                    refusal = Some(fault);
                    let again = deadline(backoff(&link.options().limits, attempt));
                    if again >= self.deadline.at {
                        break;
                    }
                    sleep_until(again).await;
                }
                Attempt::Answered(Err(CallError::Refused(fault))) => return Err(Error::Rpc(fault)),
                Attempt::Answered(Err(CallError::Unusable(reason))) => {
                    if self.request_id.is_none() {
                        return Err(Error::Protocol(reason));
                    }
                    break;
                }
                Attempt::Answered(Err(CallError::Disconnected(reason))) => {
                    misunderstandings += u32::from(reason.is_misunderstanding());
                    let is_at_fault = misunderstandings >= MISUNDERSTANDINGS;
                    if is_at_fault && self.request_id.is_none() {
                        return Err(match reason {
                            Disconnect::Rejected(fault) => Error::Rpc(fault),
                            reason => Error::Protocol(reason.to_string()),
                        });
                    }
                    if !self.retry && self.request_id.is_none() {
                        return Err(Error::Disconnected { method: self.method.to_owned() });
                    }
                    if is_at_fault || !self.retry {
                        break;
                    }
                }
                Attempt::Unavailable(error) if !sent || self.request_id.is_none() => return Err(error),
                Attempt::Unavailable(_) | Attempt::Expired => break,
            }
        }
        Err(self.unanswered(link, sent, refusal))
    }

    /// Sends the call once.
    ///
    /// `sent` is set as soon as the daemon may have received the call. A refusal of a later attempt does not reset it,
    /// because an earlier attempt may still be executed.
    async fn attempt(&self, link: &Link, sent: &mut bool) -> Attempt {
        let deadline = self.deadline.at;
        let mut connection;
        let permit = loop {
            connection = match timeout_at(deadline, link.connection()).await {
                Ok(Ok(connection)) => connection,
                Ok(Err(error)) => return Attempt::Unavailable(error),
                Err(_) => return Attempt::Expired,
            };
            let Ok(permit) = timeout_at(deadline, connection.permit()).await else { return Attempt::Expired };
            // A timeout looks at its future first: the permit may come after the deadline.
            if Instant::now() >= deadline {
                return Attempt::Expired;
            }
            // The connection may have ended meanwhile: then nothing is sent on it.
            if !connection.pulse().has_ended() {
                break permit;
            }
        };
        let sent_before = std::mem::replace(sent, true);
        let request = connection.send(self.method, self.params.as_deref());
        let Ok(answered) = timeout_at(deadline, request).await else { return Attempt::Expired };
        drop(permit);
        if let Err(CallError::Refused(_)) = answered {
            *sent = sent_before;
        }
        Attempt::Answered(answered)
    }

    fn unanswered(self, link: &Link, sent: bool, refusal: Option<Box<Fault>>) -> Error {
        let Deadline { within: after, .. } = self.deadline;
        match (sent, self.request_id, refusal) {
            (true, Some(request_id), _) => Error::OutcomeUnknown { request_id },
            (false, _, Some(refusal)) => Error::Rpc(refusal),
            (true, None, _) if link.state() == ConnectionState::Closed => Error::Closed,
            (true, None, _) => Error::TimedOut { method: self.method.to_owned(), after },
            (false, _, None) => link.expired(self.method, after),
        }
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
    use crate::CallOptions;
    use crate::{Client, Limits};
    use futures_util::future::join_all;
    use stina_protocol::Json;
    use stina_protocol::kv::{Key, Set, SetParams};
    use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
    use tokio::net::UnixListener;

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

    /// Calls at a daemon that welcomes and then only counts.
    #[tokio::test]
    async fn a_call_that_expires_while_it_waits_for_a_permit_is_not_sent() {
        let home = tempfile::tempdir().unwrap();
        let socket = home.path().join("s");
        let listener = UnixListener::bind(&socket).unwrap();
        let (sent, mut requests) = tokio::sync::mpsc::channel(1000);
        tokio::spawn(async move {
            let mut stream = BufReader::new(listener.accept().await.unwrap().0);
            let mut hello = String::new();
            stream.read_line(&mut hello).await.unwrap();
            let welcome = r#"{"server":{"version":"0","pid":1},"protocol":1,"capabilities":[],"epoch":"e","rev":0,"oldestRev":0,"dbPath":""}"#;
            let reply = format!("{{\"jsonrpc\":\"2.0\",\"id\":0,\"result\":{welcome}}}\n");
            stream.write_all(reply.as_bytes()).await.unwrap();
            let mut lines = stream.lines();
            while let Some(line) = lines.next_line().await.unwrap() {
                sent.send(line).await.unwrap();
            }
        });
        let limits = Limits { calls: 1, ..Limits::default() };
        let client = Client::builder().socket(&socket).limits(limits).connect().await.unwrap();
        // All of them expire at the same time: when the first returns its permit, it is too late for the others.
        let deadline = Deadline::after(Duration::from_millis(300));
        let calls =
            (0..100).map(|_| {
                let params =
                    SetParams { key: Key::new("a").unwrap(), value: Json::of(&1).unwrap(), if_rev: None };
                let client = client.clone();
                async move {
                    client.call_until::<Set>(params, CallOptions::default(), deadline).await.unwrap_err()
                }
            });
        let errors = join_all(calls).await;
        assert!(matches!(errors[0], Error::OutcomeUnknown { .. }), "{:?}", errors[0]);
        assert!(errors[1..].iter().all(|error| matches!(error, Error::TimedOut { .. })), "{errors:?}");
        client.close().await;
        drop(client);
        let mut sent = 0;
        while requests.recv().await.is_some() {
            sent += 1;
        }
        assert_eq!(sent, 1);
    }
}
