//! [`ConnectionState`], and [`States`], the stream of a state.

use futures_util::stream::{BoxStream, Stream, StreamExt};
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::sync::watch;

use crate::Unreachable;
use serde::Serialize;

/// The state of a client's connection.
///
/// Its JSON, for a user interface in another process: `{"state":"connected","epoch":"…","pid":1}`,
/// `{"state":"reconnecting","attempt":1,"why":"refused","reason":"…"}`, `{"state":"closed"}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
#[non_exhaustive]
pub enum ConnectionState {
    /// The client is connected.
    Connected {
        /// Epoch of the daemon's database.
        epoch: String,
        /// Process id of the daemon.
        pid: u32,
    },
    /// The client is connecting.
    Reconnecting {
        /// Number of failed attempts since the last connection that lasted.
        attempt: u32,
        /// Why the last attempt failed or the last connection ended, for programs.
        why: Unreachable,
        /// The same for people.
        reason: String,
    },
    /// The client is closed.
    Closed,
}

/// A stream of states: the current one, then each new one. A state that changes before it is read is skipped. The stream
/// ends after the last state.
pub struct States<S> {
    stream: BoxStream<'static, S>,
}

impl<S> std::fmt::Debug for States<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("States")
    }
}

impl<S: Send + 'static> States<S> {
    /// The states that `read` finds in a watched value, up to the last one.
    pub(crate) fn new<T: Send + Sync + 'static>(
        mut now: watch::Receiver<T>,
        read: fn(&T) -> S,
        is_last: fn(&S) -> bool,
    ) -> Self {
        now.mark_changed();
        let next = move |(mut now, has_ended): (watch::Receiver<T>, bool)| async move {
            if has_ended || now.changed().await.is_err() {
                return None;
            }
            let state = read(&now.borrow_and_update());
            let has_ended = is_last(&state);
            Some((state, (now, has_ended)))
        };
        // Without `fuse` it would panic when it is polled after its end.
        Self { stream: futures_util::stream::unfold((now, false), next).fuse().boxed() }
    }

    /// Waits for the next state; `None` at the end. Cancel safe.
    pub async fn next(&mut self) -> Option<S> {
        self.stream.next().await
    }
}

impl<S> Stream for States<S> {
    type Item = S;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S>> {
        self.stream.poll_next_unpin(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn states_end_once_and_may_be_polled_after_that() {
        let (sender, now) = watch::channel(1);
        let mut states = States::new(now, |n: &i32| *n, |n| *n == 3);
        assert_eq!(states.next().await, Some(1));
        sender.send_replace(2);
        sender.send_replace(3);
        assert_eq!([states.next().await, states.next().await, states.next().await], [Some(3), None, None]);
    }

    #[tokio::test]
    async fn states_end_with_their_source() {
        let (sender, now) = watch::channel(1);
        let mut states = States::new(now, |n: &i32| *n, |_| false);
        drop(sender);
        assert_eq!([states.next().await, states.next().await, states.next().await], [Some(1), None, None]);
    }
}
