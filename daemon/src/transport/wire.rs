//! The interface between a framing and a session: a source and a sink of messages.

use std::io;
use stina_protocol::frame::Line;

/// A source of messages.
pub(super) trait Source: Send {
    /// Waits until more may be taken; `false` when no more will come. Cancel safe.
    fn fill(&mut self) -> impl Future<Output = io::Result<bool>> + Send;
    /// A message that has arrived.
    fn take(&mut self) -> Option<Line<'_>>;
    /// A last message without its end, once no more will come.
    fn take_rest(&mut self) -> Option<Line<'_>>;
    /// Whether a peer that has ended its side still receives.
    fn still_receives(&self) -> bool;
    /// Why no more will come.
    fn close_reason(&self) -> CloseReason {
        CloseReason::Ended
    }
}

/// A sink of messages.
pub(super) trait Sink: Send {
    /// Queues a message.
    fn push(&mut self, message: String);
    /// Bytes queued.
    fn pending(&self) -> usize;
    /// Sends the queue. Cancel safe: the rest stays queued.
    fn flush(&mut self) -> impl Future<Output = io::Result<()>> + Send;
    /// Sends the reason of the close, if the framing can. Nothing is pushed after it.
    fn end(&mut self, reason: CloseReason) -> impl Future<Output = ()> + Send {
        let _ = reason;
        async {}
    }
}

/// Why a connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CloseReason {
    /// The daemon stops.
    Stopping,
    /// The peer has ended it.
    Ended,
    /// The peer sent a message that is too long to be skipped.
    TooLong,
    /// The peer sent a text message that is not UTF-8.
    NotText,
    /// The peer broke the rules of the framing.
    Malformed,
}
