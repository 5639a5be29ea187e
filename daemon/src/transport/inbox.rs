//! The ordered inbox: calls that have arrived and wait for those before them, and which may begin next.

use super::outbox::Slot;
use futures_util::future::BoxFuture;
use serde_json::value::RawValue;
use std::collections::VecDeque;

/// A call that has arrived and may not begin yet.
pub(super) struct WaitingCall {
    pub(super) method: String,
    pub(super) params: Option<Box<RawValue>>,
    pub(super) slot: Slot,
}

/// The calls that wait, in the order in which they begin.
#[derive(Default)]
pub(super) struct Inbox {
    backlog: VecDeque<WaitingCall>,
    /// The call that began last waits for this, such as for room in the writer's queue. No call begins before it ends.
    blocked: Option<BoxFuture<'static, ()>>,
}

impl Inbox {
    /// Adds a call behind all others.
    pub(super) fn push(&mut self, call: WaitingCall) {
        self.backlog.push_back(call);
    }

    /// Lets nothing begin until `admission` ends.
    pub(super) fn block(&mut self, admission: BoxFuture<'static, ()>) {
        self.blocked = Some(admission);
    }

    /// Takes the call that begins next, if one may.
    pub(super) fn next(&mut self) -> Option<WaitingCall> {
        if self.is_blocked() { None } else { self.backlog.pop_front() }
    }

    /// Whether nothing waits, so that a call may begin as it arrives.
    pub(super) fn is_empty(&self) -> bool {
        self.backlog.is_empty() && !self.is_blocked()
    }

    pub(super) fn is_blocked(&self) -> bool {
        self.blocked.is_some()
    }

    /// Waits until calls may begin again; for ever when they may already. Cancel safe.
    pub(super) async fn unblocked(&mut self) {
        match &mut self.blocked {
            Some(admission) => admission.await,
            None => std::future::pending().await,
        }
        self.blocked = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::future::FutureExt;
    use tokio::sync::oneshot;

    fn call(method: &str) -> WaitingCall {
        WaitingCall { method: method.to_owned(), params: None, slot: Slot::Silent }
    }

    fn next(inbox: &mut Inbox) -> Option<String> {
        inbox.next().map(|call| call.method)
    }

    #[test]
    fn calls_begin_in_order_and_none_while_one_is_blocked() {
        let mut inbox = Inbox::default();
        assert!(inbox.is_empty() && inbox.unblocked().now_or_never().is_none());
        ["a", "b", "c"].into_iter().for_each(|method| inbox.push(call(method)));
        assert_eq!(next(&mut inbox).as_deref(), Some("a"));
        let (admit, admission) = oneshot::channel::<()>();
        inbox.block(admission.map(drop).boxed());
        assert!(next(&mut inbox).is_none() && inbox.unblocked().now_or_never().is_none());
        admit.send(()).unwrap();
        assert!(inbox.unblocked().now_or_never().is_some());
        assert_eq!((next(&mut inbox).as_deref(), next(&mut inbox).as_deref()), (Some("b"), Some("c")));
        assert!(inbox.is_empty());
    }
}
