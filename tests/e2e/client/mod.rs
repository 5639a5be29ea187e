//! `stina-client` against the real daemon, through crashes, stalls and cut connections.

mod api;
mod blocking;
mod calls;
mod chaos;
mod chat;
mod collections;
mod deadlines;
mod errors;
mod exactly_once;
pub(crate) mod examples;
mod json;
mod mirror_life;
mod mirrors;
mod newer;
mod reconnect;
mod resets;
mod subscriptions;

use std::path::Path;
use std::time::Duration;
use stina_client::mirror::Collection;
use stina_client::protocol::event::{Changes, Event};
use stina_client::{Client, ClientBuilder, ConnectionState, Limits, Mirror, Subscription};
use stina_tests::DEADLINE;
use tokio_stream::StreamExt;

/// Limits of somebody who tries again soon.
fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.first_backoff = Duration::from_millis(1);
    limits.max_backoff = Duration::from_millis(20);
    limits
}

fn builder(socket: &Path) -> ClientBuilder {
    Client::builder().socket(socket).name("test", "1").deadline(DEADLINE).limits(limits())
}

async fn connect(socket: &Path) -> Client {
    builder(socket).connect().await.expect("the daemon is there")
}

/// Awaits something that should happen.
async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    let outcome = tokio::time::timeout(DEADLINE, future).await;
    outcome.unwrap_or_else(|_| panic!("{what}: not within {DEADLINE:?}"))
}

/// A mirror with its first snapshot.
async fn ready<C: Collection>(mirror: stina_client::Result<Mirror<C>>) -> Mirror<C> {
    let mirror = mirror.expect("there are few");
    soon("the first snapshot", mirror.ready()).await.expect("the daemon is there");
    mirror
}

/// Awaits a state of the connection.
async fn state(client: &Client, what: &str, mut is: impl FnMut(&ConnectionState) -> bool) -> ConnectionState {
    let mut states = std::pin::pin!(client.states());
    soon(what, async {
        loop {
            let state = states.next().await.expect("the client is open");
            if is(&state) {
                return state;
            }
        }
    })
    .await
}

/// The next event.
async fn event(events: &mut Subscription) -> Event {
    soon("an event", events.next()).await.expect("it goes on").expect("it goes on")
}

/// The next change; `synced` is passed over, and a reset is none.
async fn change(events: &mut Subscription) -> Changes {
    loop {
        match event(events).await {
            Event::Change(changes) => return changes,
            Event::Synced { .. } => {}
            other => panic!("no change: {other:?}"),
        }
    }
}
