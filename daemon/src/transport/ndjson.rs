//! NDJSON: one JSON-RPC message a line.

use super::wire::{Sink, Source};
use std::collections::VecDeque;
use std::io;
use stina_protocol::frame::{Line, LineSplitter};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};

/// Lines from a socket.
pub(super) struct LineSource {
    socket: OwnedReadHalf,
    splitter: LineSplitter,
}

impl LineSource {
    pub(super) fn new(socket: OwnedReadHalf, limit: usize) -> Self {
        Self { socket, splitter: LineSplitter::new(limit) }
    }
}

impl Source for LineSource {
    async fn fill(&mut self) -> io::Result<bool> {
        Ok(self.socket.read_buf(self.splitter.buffer()).await? > 0)
    }

    fn take(&mut self) -> Option<Line<'_>> {
        self.splitter.take()
    }

    fn take_rest(&mut self) -> Option<Line<'_>> {
        self.splitter.take_rest()
    }

    /// `nc -N` and many other clients close their sending side first, and wait for the answers.
    fn still_receives(&self) -> bool {
        true
    }
}

/// Lines to a socket.
pub(super) struct LineSink {
    socket: OwnedWriteHalf,
    /// Messages, each with its line break; small ones are gathered.
    queue: VecDeque<Vec<u8>>,
    /// Bytes of the first one that were sent.
    sent: usize,
    pending: usize,
}

/// Messages are gathered up to this size into one write.
const GATHER: usize = 16 * 1024;

impl LineSink {
    pub(super) fn new(socket: OwnedWriteHalf) -> Self {
        Self { socket, queue: VecDeque::new(), sent: 0, pending: 0 }
    }
}

impl Sink for LineSink {
    fn push(&mut self, message: String) {
        let mut bytes = message.into_bytes();
        bytes.push(b'\n');
        self.pending += bytes.len();
        // Not into the first one: a part of it may have been sent.
        let gathers = |last: &&mut Vec<u8>| last.len() + bytes.len() <= GATHER;
        match self
            .queue
            .len()
            .checked_sub(1)
            .filter(|i| *i > 0)
            .and_then(|i| self.queue.get_mut(i))
            .filter(gathers)
        {
            Some(last) => last.extend_from_slice(&bytes),
            None => self.queue.push_back(bytes),
        }
    }

    fn pending(&self) -> usize {
        self.pending
    }

    async fn flush(&mut self) -> io::Result<()> {
        while let Some(first) = self.queue.front() {
            let written = self.socket.write(&first[self.sent..]).await?;
            if written == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            self.sent += written;
            self.pending -= written;
            if self.sent == first.len() {
                self.queue.pop_front();
                self.sent = 0;
            }
        }
        Ok(())
    }
}
