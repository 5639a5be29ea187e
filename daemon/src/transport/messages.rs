//! Messages from the peer, up to the end of its side.

use super::wire::{CloseReason, Source};
use std::io;
use stina_protocol::frame::Line;

/// Takes messages from a framing's source.
pub(super) struct Messages<S> {
    source: S,
    /// No more bytes will come.
    has_ended: bool,
    /// Every complete message was taken after that.
    is_drained: bool,
}

impl<S: Source> Messages<S> {
    pub(super) fn new(source: S) -> Self {
        Self { source, has_ended: false, is_drained: false }
    }

    /// A message that has arrived.
    pub(super) fn take(&mut self) -> Option<Line<'_>> {
        if self.is_drained { self.source.take_rest() } else { self.source.take() }
    }

    /// After [`Self::take`] returned none: whether it may now give a last line without a line break, which counts once
    /// nothing more can come.
    pub(super) fn may_have_rest(&mut self) -> bool {
        self.has_ended && !std::mem::replace(&mut self.is_drained, true)
    }

    /// Whether all messages that ever come have been taken, but for a last line without a line break.
    pub(super) fn is_drained(&self) -> bool {
        self.is_drained
    }

    /// Whether the peer has ended its side.
    pub(super) fn have_ended(&self) -> bool {
        self.has_ended
    }

    /// Waits until more may be taken; answers whether the connection is still of use. Cancel safe.
    pub(super) async fn fill(&mut self) -> io::Result<bool> {
        self.has_ended = !self.source.fill().await?;
        Ok(!self.has_ended || self.source.still_receives())
    }

    /// Why the peer has ended its side.
    pub(super) fn close_reason(&self) -> CloseReason {
        self.source.close_reason()
    }
}
