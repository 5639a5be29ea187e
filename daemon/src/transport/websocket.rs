//! WebSocket: one JSON-RPC message a text (or binary) message.

use super::wire::{CloseReason, Sink, Source};
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
pub(super) struct WebSocketSource<S> {
    socket: SplitStream<WebSocketStream<S>>,
    arrived: Option<Arrived>,
    taken: bool,
    /// The fault of the peer after which the stream can't be read any further.
    fault: Option<CloseReason>,
}

enum Arrived {
    Message(Message),
    TooLong,
    NotText,
}

impl<S> WebSocketSource<S> {
    pub(super) fn new(socket: SplitStream<WebSocketStream<S>>) -> Self {
        Self { socket, arrived: None, taken: false, fault: None }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Source for WebSocketSource<S> {
    async fn fill(&mut self) -> io::Result<bool> {
        let (arrived, fault) = match self.socket.next().await {
            Some(Ok(Message::Close(_))) | None => return Ok(false),
            Some(Ok(message)) => (Arrived::Message(message), None),
            Some(Err(Error::Capacity(CapacityError::MessageTooLong { .. }))) => {
                (Arrived::TooLong, Some(CloseReason::TooLong))
            }
            Some(Err(Error::Utf8(_))) => (Arrived::NotText, Some(CloseReason::NotText)),
            Some(Err(error)) => {
                let gone = matches!(error, Error::Protocol(ProtocolError::ResetWithoutClosingHandshake));
                self.fault = (matches!(error, Error::Protocol(_)) && !gone).then_some(CloseReason::Malformed);
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
            // The library does not hand out such text: one byte that is not UTF-8 stands for it.
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

    /// Not after a close. After a fault, answers and the fault itself are still to be sent.
    fn still_receives(&self) -> bool {
        self.fault.is_some()
    }

    fn close_reason(&self) -> CloseReason {
        self.fault.unwrap_or(CloseReason::Ended)
    }
}

/// Messages to a WebSocket.
pub(super) struct WebSocketSink<S> {
    socket: SplitSink<WebSocketStream<S>, Message>,
    queue: VecDeque<Utf8Bytes>,
    /// Bytes in `queue`, and those that the library has not flushed yet.
    pending: usize,
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> WebSocketSink<S> {
    pub(super) fn new(socket: SplitSink<WebSocketStream<S>, Message>) -> Self {
        Self { socket, queue: VecDeque::new(), pending: 0 }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Sink for WebSocketSink<S> {
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

    /// The closing handshake (RFC 6455, section 7.1): without it clients report a broken connection. The library queues
    /// the answer to a peer's close by itself.
    async fn end(&mut self, close_reason: CloseReason) {
        let code = match close_reason {
            CloseReason::Stopping => Some(CloseCode::Away),
            CloseReason::TooLong => Some(CloseCode::Size),
            CloseReason::NotText => Some(CloseCode::Invalid),
            CloseReason::Malformed => Some(CloseCode::Protocol),
            CloseReason::Ended => None,
        };
        if let Some(code) = code {
            let frame = CloseFrame { code, reason: Utf8Bytes::default() };
            // The peer may be gone.
            _ = self.socket.send(Message::Close(Some(frame))).await;
        }
        _ = self.socket.flush().await;
    }
}
