//! What a framing gives a session: where messages come from, and where they go.

use std::io;
use stina_protocol::frame::Line;

/// Where messages come from.
pub(super) trait Source: Send {
    /// Waits until more may be taken; `false` when no more will come. Cancel safe.
    fn fill(&mut self) -> impl Future<Output = io::Result<bool>> + Send;
    /// A message that has arrived.
    fn take(&mut self) -> Option<Line<'_>>;
    /// What is left at the end.
    fn take_rest(&mut self) -> Option<Line<'_>>;
    /// Whether a peer from which no more will come still hears.
    fn still_hears(&self) -> bool;
    /// Why no more will come.
    fn goodbye(&self) -> Goodbye {
        Goodbye::Ended
    }
}

/// Where messages go.
pub(super) trait Sink: Send {
    /// Queues a message.
    fn push(&mut self, message: String);
    /// Bytes queued.
    fn pending(&self) -> usize;
    /// Sends what is queued. Cancel safe: what was not sent stays queued.
    fn flush(&mut self) -> impl Future<Output = io::Result<()>> + Send;
    /// Says goodbye, if the framing has a way to: after it nothing is pushed.
    fn end(&mut self, goodbye: Goodbye) -> impl Future<Output = ()> + Send {
        let _ = goodbye;
        async {}
    }
}

/// Why a connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Goodbye {
    /// The daemon stops.
    Stopping,
    /// The peer has ended it.
    Ended,
    /// The peer sent a message that is too long to be passed over.
    TooLong,
    /// The peer sent text that is none.
    NotText,
    /// The peer broke the rules of the framing.
    Malformed,
}
