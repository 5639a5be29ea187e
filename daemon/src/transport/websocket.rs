//! WebSocket: one JSON-RPC message a text (or binary) message.

use super::wire::{Goodbye, Sink, Source};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use std::collections::VecDeque;
use std::io;
use stina_protocol::frame::Line;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::{CapacityError, ProtocolError};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message, Utf8Bytes};

/// Messages from a WebSocket.
pub(super) struct Messages<S> {
    socket: SplitStream<WebSocketStream<S>>,
    arrived: Option<Arrived>,
    taken: bool,
    /// What the peer did after which the stream can't be followed any further.
    fault: Option<Goodbye>,
}

enum Arrived {
    Message(Message),
    TooLong,
    NotText,
}

impl<S> Messages<S> {
    pub(super) fn new(socket: SplitStream<WebSocketStream<S>>) -> Self {
        Self { socket, arrived: None, taken: false, fault: None }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Source for Messages<S> {
    async fn fill(&mut self) -> io::Result<bool> {
        let (arrived, fault) = match self.socket.next().await {
            Some(Ok(Message::Close(_))) | None => return Ok(false),
            Some(Ok(message)) => (Arrived::Message(message), None),
            Some(Err(Error::Capacity(CapacityError::MessageTooLong { .. }))) => {
                (Arrived::TooLong, Some(Goodbye::TooLong))
            }
            Some(Err(Error::Utf8(_))) => (Arrived::NotText, Some(Goodbye::NotText)),
            Some(Err(error)) => {
                let gone = matches!(error, Error::Protocol(ProtocolError::ResetWithoutClosingHandshake));
                self.fault = (matches!(error, Error::Protocol(_)) && !gone).then_some(Goodbye::Malformed);
                return Ok(false);
            }
        };
        (self.arrived, self.taken, self.fault) = (Some(arrived), false, fault);
        Ok(true)
    }

    fn take(&mut self) -> Option<Line<'_>> {
        if std::mem::replace(&mut self.taken, true) {
            self.arrived = None;
        }
        match self.arrived.as_ref()? {
            Arrived::TooLong => Some(Line::TooLong(&[])),
            // Bytes that are as little UTF-8 as those that the library did not hand out.
            Arrived::NotText => Some(Line::Whole(&[0xff])),
            Arrived::Message(Message::Text(text)) => Some(Line::Whole(text.as_bytes())),
            Arrived::Message(Message::Binary(bytes)) => Some(Line::Whole(bytes)),
            // Pings are answered by the library.
            Arrived::Message(_) => None,
        }
    }

    fn take_rest(&mut self) -> Option<Line<'_>> {
        None
    }

    /// After a close no more; after a fault there are still answers to send, and what was wrong.
    fn still_hears(&self) -> bool {
        self.fault.is_some()
    }

    fn goodbye(&self) -> Goodbye {
        self.fault.unwrap_or(Goodbye::Ended)
    }
}

/// Messages to a WebSocket.
pub(super) struct MessageSink<S> {
    socket: SplitSink<WebSocketStream<S>, Message>,
    queue: VecDeque<Utf8Bytes>,
    /// Bytes in `queue`, and those handed to the library but not yet flushed.
    pending: usize,
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> MessageSink<S> {
    pub(super) fn new(socket: SplitSink<WebSocketStream<S>, Message>) -> Self {
        Self { socket, queue: VecDeque::new(), pending: 0 }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Sink for MessageSink<S> {
    fn push(&mut self, message: String) {
        self.pending += message.len();
        self.queue.push_back(message.into());
    }

    fn pending(&self) -> usize {
        self.pending
    }

    async fn flush(&mut self) -> io::Result<()> {
        while !self.queue.is_empty() {
            std::future::poll_fn(|cx| self.socket.poll_ready_unpin(cx)).await.map_err(io::Error::other)?;
            if let Some(message) = self.queue.pop_front() {
                self.socket.start_send_unpin(Message::Text(message)).map_err(io::Error::other)?;
            }
        }
        self.socket.flush().await.map_err(io::Error::other)?;
        self.pending = 0;
        Ok(())
    }

    /// The closing handshake (RFC 6455, section 7.1): without it clients report a broken connection. The
    /// library itself has queued the answer to a peer's close.
    async fn end(&mut self, goodbye: Goodbye) {
        let code = match goodbye {
            Goodbye::Stopping => Some(CloseCode::Away),
            Goodbye::TooLong => Some(CloseCode::Size),
            Goodbye::NotText => Some(CloseCode::Invalid),
            Goodbye::Malformed => Some(CloseCode::Protocol),
            Goodbye::Ended => None,
        };
        if let Some(code) = code {
            let frame = CloseFrame { code, reason: Utf8Bytes::default() };
            // A peer that is gone needs none.
            _ = self.socket.send(Message::Close(Some(frame))).await;
        }
        _ = self.socket.flush().await;
    }
}
