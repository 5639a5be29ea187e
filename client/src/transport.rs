//! NDJSON over a Unix socket, as a transport of jsonrpsee's client core.
//!
//! Replies go to jsonrpsee. Notifications go to the inboxes of their subscriptions, because jsonrpsee's own channels
//! count messages instead of bytes, and drop the subscription when they are full.

use crate::Unreachable;
use crate::inbox::Inboxes;
use jsonrpsee_core::client::{ReceivedMessage, TransportReceiverT, TransportSenderT};
use jsonrpsee_types::{Id, Response, ResponsePayload, SubscriptionId, SubscriptionResponse};
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};
use stina_protocol::Fault;
use stina_protocol::frame::{Line, LineSplitter};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// The reason why a connection ended, or could not be opened.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum Disconnect {
    #[error("the daemon closed the connection")]
    Hangup,
    #[error("{0}")]
    Io(Arc<io::Error>),
    #[error("a message of more than {0} bytes")]
    TooLong(usize),
    /// The daemon refused this client in its answer to `store.hello`.
    #[error("{0}")]
    Refused(Box<Fault>),
    /// An error without an id: the daemon refused the connection, or could not read a request.
    #[error("{0}")]
    Rejected(Box<Fault>),
    #[error("the daemon sent an unreadable message: {0}")]
    Unreadable(Arc<serde_json::Error>),
    /// jsonrpsee's client ended the connection.
    #[error("the daemon sent an answer that is unreadable or fits no call")]
    BadReply,
    #[error("the daemon did not answer a ping")]
    Silent,
    #[error("it did not answer within {0:?}")]
    TimedOut(Duration),
    #[error("not connected yet")]
    NotYet,
    #[error("closed")]
    Closed,
}

impl Disconnect {
    /// Why there is no connection, for programs.
    pub(crate) fn why(&self) -> Unreachable {
        match self {
            Self::Io(error) => match error.kind() {
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Unreachable::NoSocket,
                io::ErrorKind::ConnectionRefused => Unreachable::Refused,
                io::ErrorKind::PermissionDenied => Unreachable::Denied,
                // A suspended daemon accepts no connection, until its backlog is full.
                io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Unreachable::NoAnswer,
                _ => Unreachable::Broken,
            },
            Self::TimedOut(_) | Self::Silent | Self::NotYet => Unreachable::NoAnswer,
            Self::Refused(fault) | Self::Rejected(fault) if fault.error.is_transient() => Unreachable::Busy,
            _ => Unreachable::Broken,
        }
    }

    /// Whether the daemon sent something that this client can't use, or the other way round. The connection ends, and
    /// it is not known which call is at fault.
    pub(crate) fn is_misunderstanding(&self) -> bool {
        match self {
            Self::TooLong(_) | Self::Unreadable(_) | Self::BadReply => true,
            Self::Rejected(fault) => !fault.error.is_transient(),
            _ => false,
        }
    }
}

/// The code of the error that this client puts in place of an answer that is too long for it. No daemon sends it.
pub(crate) const TOO_LONG: i32 = i32::MIN;

/// The health of a connection, shared by its two directions and its users.
#[derive(Debug)]
pub(crate) struct Pulse {
    began: Instant,
    /// Time of the last received data, in milliseconds since `began`.
    received: AtomicU64,
    end: CancellationToken,
    why: OnceLock<Disconnect>,
}

impl Pulse {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            began: Instant::now(),
            received: AtomicU64::new(0),
            end: CancellationToken::new(),
            why: OnceLock::new(),
        })
    }

    /// Ends the connection. Only the first reason is kept.
    pub(crate) fn end(&self, why: Disconnect) {
        let _ = self.why.set(why);
        self.end.cancel();
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.end.is_cancelled()
    }

    pub(crate) async fn ended(&self) -> Disconnect {
        self.end.cancelled().await;
        self.why()
    }

    pub(crate) fn why(&self) -> Disconnect {
        self.why.get().cloned().unwrap_or(Disconnect::Hangup)
    }

    /// The time since data was last received.
    pub(crate) fn silence(&self) -> Duration {
        self.began.elapsed().saturating_sub(Duration::from_millis(self.received.load(Ordering::Relaxed)))
    }

    fn receive(&self) {
        let now = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.received.store(now, Ordering::Relaxed);
    }
}

/// Sends lines to the daemon.
pub(crate) struct Sender {
    socket: OwnedWriteHalf,
    pulse: Arc<Pulse>,
}

impl Sender {
    pub(crate) fn new(socket: OwnedWriteHalf, pulse: Arc<Pulse>) -> Self {
        Self { socket, pulse }
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), Disconnect> {
        let written = match self.socket.try_write(bytes) {
            Ok(written) if written == bytes.len() => return Ok(()),
            Ok(written) => written,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
            Err(error) => return Err(Disconnect::Io(error.into())),
        };
        tokio::select! {
            rest = self.socket.write_all(&bytes[written..]) => rest.map_err(|e| Disconnect::Io(e.into())),
            why = self.pulse.ended() => Err(why),
        }
    }
}

impl TransportSenderT for Sender {
    type Error = Disconnect;

    async fn send(&mut self, mut message: String) -> Result<(), Disconnect> {
        message.push('\n');
        let sent = self.write(message.as_bytes()).await;
        sent.inspect_err(|why| self.pulse.end(why.clone()))
    }
}

/// Receives lines from the daemon.
pub(crate) struct Receiver {
    socket: OwnedReadHalf,
    splitter: LineSplitter,
    limit: usize,
    inboxes: Arc<Inboxes>,
    pulse: Arc<Pulse>,
    ended: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl Receiver {
    pub(crate) fn new(socket: OwnedReadHalf, limit: usize, inboxes: Arc<Inboxes>, pulse: Arc<Pulse>) -> Self {
        let ended = Box::pin(pulse.end.clone().cancelled_owned());
        Self { socket, splitter: LineSplitter::new(limit), limit, inboxes, pulse, ended }
    }

    async fn next_reply(&mut self) -> Result<Vec<u8>, Disconnect> {
        loop {
            while let Some(line) = self.splitter.take() {
                let line = match line {
                    Line::Whole(line) => line,
                    Line::TooLong(beginning) => {
                        if let Some(subscription) = subscription_of(beginning) {
                            self.inboxes.overflow(subscription);
                            continue;
                        }
                        // Only its call fails: the rest of the line is discarded as it arrives.
                        let id = reply_id(beginning).ok_or(Disconnect::TooLong(self.limit))?;
                        return Ok(too_long(id, self.limit).into_bytes());
                    }
                };
                match classify(line)? {
                    Incoming::Reply => return Ok(line.to_vec()),
                    Incoming::Unknown => tracing::debug!("ignored a notification of an unknown kind"),
                    Incoming::Event { subscription, event } => {
                        self.inboxes.deliver(subscription, event);
                    }
                }
            }
            tokio::select! {
                read = self.socket.read_buf(self.splitter.buffer()) => match read {
                    Ok(0) => return Err(Disconnect::Hangup),
                    Ok(_) => self.pulse.receive(),
                    Err(error) => return Err(Disconnect::Io(error.into())),
                },
                () = &mut self.ended => return Err(self.pulse.why()),
            }
        }
    }
}

impl TransportReceiverT for Receiver {
    type Error = Disconnect;

    async fn receive(&mut self) -> Result<ReceivedMessage, Disconnect> {
        let reply = self.next_reply().await;
        reply.map(ReceivedMessage::Bytes).inspect_err(|why| self.pulse.end(why.clone()))
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.pulse.end(Disconnect::BadReply);
        self.inboxes.close_all();
    }
}

enum Incoming {
    Reply,
    /// A notification that this client does not know. A newer daemon may send some.
    Unknown,
    Event {
        subscription: u64,
        event: Box<str>,
    },
}

/// The subscription id in the first bytes of a notification from the daemon.
fn subscription_of(beginning: &[u8]) -> Option<u64> {
    let beginning = String::from_utf8_lossy(beginning);
    let method = beginning.strip_prefix(r#"{"jsonrpc":"2.0","method":""#)?;
    let (_, id) = method.split_once(r#"","params":{"subscription":"#)?;
    id.split(',').next()?.parse().ok()
}

/// The id in the first bytes of a reply from the daemon.
fn reply_id(beginning: &[u8]) -> Option<u64> {
    let id = std::str::from_utf8(beginning.strip_prefix(REPLY)?.get(..MOST_DIGITS)?).ok()?;
    id.split(',').next()?.parse().ok()
}

/// An error in place of a reply that is too long.
fn too_long(id: u64, limit: usize) -> String {
    let message = format!("an answer of more than {limit} bytes");
    format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":{TOO_LONG},"message":"{message}"}}}}"#)
}

/// How the daemon begins a reply.
const REPLY: &[u8] = br#"{"jsonrpc":"2.0","id":"#;
/// How the daemon begins a notification.
const NOTIFICATION: &[u8] = br#"{"jsonrpc":"2.0","method":"#;
/// Bytes that hold any id of ours, and what follows.
const MOST_DIGITS: usize = 21;

/// The members that distinguish messages.
#[derive(serde::Deserialize)]
struct Members {
    method: Option<IgnoredAny>,
}

/// Distinguishes replies from notifications. The member order of the daemon makes parsing unnecessary.
fn classify(line: &[u8]) -> Result<Incoming, Disconnect> {
    let unreadable = |error: serde_json::Error| Disconnect::Unreadable(error.into());
    if line.strip_prefix(REPLY).is_some_and(|id| !id.starts_with(b"null")) || line.first() == Some(&b'[') {
        return Ok(Incoming::Reply);
    }
    if !line.starts_with(NOTIFICATION) {
        let members: Members = serde_json::from_slice(line).map_err(unreadable)?;
        if members.method.is_none() {
            let response: Response<'_, &RawValue> = serde_json::from_slice(line).map_err(unreadable)?;
            return match response {
                Response { id: Id::Null, payload: ResponsePayload::Error(error), .. } => {
                    Err(Disconnect::Rejected(Box::new(Fault::from(&error))))
                }
                _ => Ok(Incoming::Reply),
            };
        }
    }
    match serde_json::from_slice::<SubscriptionResponse<'_, &RawValue>>(line) {
        Ok(event) => match event.params.subscription {
            SubscriptionId::Num(subscription) => {
                Ok(Incoming::Event { subscription, event: event.params.result.get().into() })
            }
            SubscriptionId::Str(_) => Ok(Incoming::Unknown),
        },
        Err(_) => serde_json::from_slice::<IgnoredAny>(line).map(|_| Incoming::Unknown).map_err(unreadable),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bytes_of_a_notification_have_its_subscription_id() {
        let event = br#"{"jsonrpc":"2.0","method":"kv.event","params":{"subscription":12,"result":{"type":"#;
        assert_eq!(subscription_of(event), Some(12));
        assert_eq!(
            subscription_of(br#"{"jsonrpc":"2.0","id":1,"result":{"a":",","params":{"subscription":7,"#),
            None
        );
        assert_eq!(subscription_of(&event[..55]), None);
    }

    #[test]
    fn the_first_bytes_of_a_reply_have_its_id() {
        let reply = br#"{"jsonrpc":"2.0","id":18446744073709551615,"result":{"#;
        assert_eq!(reply_id(reply), Some(u64::MAX));
        assert_eq!(reply_id(br#"{"jsonrpc":"2.0","id":12,"result":{"key":"a"}}"#), Some(12));
        for other in
            [&br#"{"jsonrpc":"2.0","id":null,"error":{"code":1,"#[..], br#"{"jsonrpc":"2.0","id":1"#, b"{"]
        {
            assert_eq!(reply_id(other), None);
        }
    }

    #[test]
    fn messages_are_classified_in_any_member_order() {
        for (line, expected) in [
            (r#"{"jsonrpc":"2.0","id":1,"result":{"method":"x"}}"#, "reply"),
            (r#"{"result":1,"id":1,"jsonrpc":"2.0"}"#, "reply"),
            (
                r#"{"jsonrpc":"2.0","method":"kv.event","params":{"subscription":7,"result":{"a":1}}}"#,
                "7 {\"a\":1}",
            ),
            (r#"{"params":{"result":[],"subscription":8},"method":"kv.event","jsonrpc":"2.0"}"#, "8 []"),
            (
                r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32007,"message":"busy","data":{"kind":"busy"}}}"#,
                "busy, try again later",
            ),
            (r#"{"jsonrpc":"2.0","method":"kv.event","params":{"subscription":"x","result":1}}"#, "unknown"),
            (r#"{"jsonrpc":"2.0","method":"news","params":[1]}"#, "unknown"),
            (r#"{"method":"news","jsonrpc":"2.0"}"#, "unknown"),
            (r#"{"jsonrpc":"2.0","method":"kv.event","params":{"subscription":7,"result":"#, "unreadable"),
            (r#"{"id":1,"jsonrpc":"2.0"}"#, "unreadable"),
            ("{", "unreadable"),
        ] {
            let kind = match classify(line.as_bytes()) {
                Ok(Incoming::Reply) => "reply".to_owned(),
                Ok(Incoming::Unknown) => "unknown".to_owned(),
                Ok(Incoming::Event { subscription, event }) => format!("{subscription} {event}"),
                Err(Disconnect::Unreadable(_)) => "unreadable".to_owned(),
                Err(other) => other.to_string(),
            };
            assert_eq!(kind, expected, "{line}");
        }
    }
}
