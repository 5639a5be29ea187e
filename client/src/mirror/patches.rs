//! [`Patches`]: a reader of the changes of a mirror.

use super::collection::Collection;
use super::diff::Patch;
use super::shared::Shared;
use super::snapshot::Snapshot;
use futures_util::stream::{BoxStream, Stream, StreamExt};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

/// A stream of the changes of a mirror. It ends when the mirror ends, or its last clone is dropped.
pub struct Patches<T> {
    stream: BoxStream<'static, Patch<T>>,
}

impl<T> std::fmt::Debug for Patches<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Patches")
    }
}

/// Keeps the patches of a watcher until it takes them.
struct Watcher<C: Collection> {
    shared: Arc<Shared<C>>,
    id: u64,
}

impl<C: Collection> Drop for Watcher<C> {
    fn drop(&mut self) {
        self.shared.unwatch(self.id);
    }
}

/// The current entities, and every patch that follows.
pub(super) fn watch<C: Collection>(shared: &Arc<Shared<C>>) -> (Snapshot<C::Item>, Patches<C::Item>) {
    let (snapshot, id, changed) = shared.watch();
    let watcher = Watcher { shared: Arc::clone(shared), id };
    let patches = futures_util::stream::unfold((watcher, changed), |(watcher, mut changed)| async move {
        loop {
            changed.mark_unchanged();
            match watcher.shared.take(watcher.id) {
                Ok(Some(patch)) => return Some((patch, (watcher, changed))),
                Ok(None) => {}
                Err(_) => return None,
            }
            // `watcher` holds the sender.
            let _ = changed.changed().await;
        }
    });
    // Without `fuse` it would panic when it is polled after its end.
    (snapshot, Patches { stream: patches.fuse().boxed() })
}

impl<T> Patches<T> {
    /// Waits for the next patch; `None` at the end. Cancel safe.
    pub async fn next(&mut self) -> Option<Patch<T>> {
        self.stream.next().await
    }
}

impl<T> Stream for Patches<T> {
    type Item = Patch<T>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.stream.poll_next_unpin(cx)
    }
}
