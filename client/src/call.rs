//! [`Call`]: one call, built step by step, then awaited.

use crate::Result;
use crate::client::{CallOptions, Callable, Client};
use futures_util::future::BoxFuture;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use stina_protocol::common::{IfRev, Limited, Paged};
use stina_protocol::method::{Wire, Write};
use stina_protocol::types::{Limit, Paging, Target};
use stina_protocol::{Method, RequestId, With};

/// One call: set what it needs, then await it. It owns what it needs, so that many can run at once.
///
/// ```no_run
/// # use std::time::Duration;
/// # async fn example(client: stina_client::Client) -> Result<(), stina_client::Error> {
/// let added = client.todos().create("Buy milk").description("The blue one").await?;
/// let todo = added.value;
/// client.todos().update(&todo.id).due(None).if_rev(todo.rev).timeout(Duration::from_secs(2)).await?;
///
/// let values = futures_util::future::join_all(["a", "b"].map(|key| client.kv().get(key))).await;
/// # Ok(())
/// # }
/// ```
///
/// Nothing is sent before it is polled for the first time. Dropping it afterwards does not cancel the call: a write that
/// was sent may happen.
///
/// # Errors
/// Those of [`Client::call`]. A value that is not valid, such as an id with a space, is `invalid` with the name of its
/// field; the call is then not sent.
#[must_use = "nothing is sent until it is awaited"]
pub struct Call<M: Method, T = Wire<M>> {
    client: Client,
    state: State<M::Params, T>,
    options: CallOptions,
    run: Run<M::Params, T>,
}

/// Sends a call, and makes of its answer what the caller gets.
type Run<P, T> = fn(Client, P, CallOptions) -> BoxFuture<'static, Result<T>>;

enum State<P, T> {
    /// It is not sent yet: the params, or the error of the first one that is not valid.
    Built(Result<P>),
    Running(BoxFuture<'static, Result<T>>),
    Done,
}

/// Nothing in it is pinned: the running future has a box of its own.
impl<M: Method, T> Unpin for Call<M, T> {}

impl<M: Method, T> fmt::Debug for Call<M, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("method", &M::NAME)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

impl Client {
    /// Calls a method, by its type and its params. A write happens exactly once.
    ///
    /// # Errors
    /// [`crate::Error::Rpc`] when the daemon refuses the call. Without an answer until the deadline:
    /// [`crate::Error::OutcomeUnknown`] for a write that was sent, [`crate::Error::TimedOut`] for another call that was sent,
    /// else [`crate::Error::NotReachable`].
    pub fn call<M: Method<Kind: Callable>>(&self, params: M::Params) -> Call<M> {
        Call::new(self, Ok(params))
    }
}

impl<M: Method<Kind: Callable>> Call<M> {
    pub(crate) fn new(client: &Client, params: Result<M::Params>) -> Self {
        Self::with(client, params, |client, params, options| {
            Box::pin(async move { client.execute::<M>(params, options).await })
        })
    }
}

impl<M: Method, T> Call<M, T> {
    /// A call whose answer becomes a `T` by `run`.
    pub(crate) fn with(client: &Client, params: Result<M::Params>, run: Run<M::Params, T>) -> Self {
        Self { client: client.clone(), state: State::Built(params), options: CallOptions::default(), run }
    }

    /// Changes the params.
    pub(crate) fn set(self, change: impl FnOnce(&mut M::Params)) -> Self {
        self.try_set(|params| {
            change(params);
            Ok(())
        })
    }

    /// As [`Self::set`]. An error stays, and answers the call.
    pub(crate) fn try_set(mut self, change: impl FnOnce(&mut M::Params) -> Result<()>) -> Self {
        if let State::Built(built) = &mut self.state
            && let Some(error) = built.as_mut().ok().and_then(|params| change(params).err())
        {
            *built = Err(error);
        }
        self
    }

    /// The client that sends it.
    #[cfg(feature = "blocking")]
    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// The params, for a transaction.
    pub(crate) fn into_params(self) -> Result<M::Params> {
        match self.state {
            State::Built(params) => params,
            State::Running(_) | State::Done => {
                Err(stina_protocol::Error::invalid("", "the call was sent already").into())
            }
        }
    }

    /// Maximum duration of the call, reconnects included, instead of
    /// [`ClientBuilder::deadline`](crate::ClientBuilder::deadline).
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.options.deadline = Some(timeout);
        self
    }
}

impl<M: Method<Kind = Write>, T> Call<M, T> {
    /// The id of the write; generated otherwise. A write that happened with this id is not repeated: the daemon answers
    /// as before.
    pub fn request_id(mut self, id: RequestId) -> Self {
        self.options.request_id = Some(id);
        self
    }
}

impl<M: Method<Params: IfRev>, T> Call<M, T> {
    /// Fails with `conflict`, with the current entity, unless its `rev` is `rev`; 0 means that there is none. `None` does
    /// not check it.
    pub fn if_rev(self, rev: impl Into<Option<u64>>) -> Self {
        self.set(|params| *params.if_rev_mut() = rev.into())
    }
}

impl<M: Method<Params = With<Target, C>>, C, T> Call<M, T> {
    /// All changes at once, for code that treats all kinds of entities alike.
    pub fn changes(self, changes: C) -> Self {
        self.set(|params| params.fields = changes)
    }
}

impl<M: Method<Params = With<Paging, F>>, F, T> Call<M, T> {
    /// The whole filter at once, for code that treats all kinds of entities alike.
    pub fn filter(self, filter: F) -> Self {
        self.set(|params| params.fields = filter)
    }
}

impl<M: Method<Params: Limited>, T> Call<M, T> {
    /// Maximum number of items: 1 to 1000, 100 by default; fewer are answered if they are large.
    pub fn limit(self, items: u64) -> Self {
        self.try_set(|params| {
            *params.limit_mut() = crate::field::in_field("limit", Limit::new(items))?;
            Ok(())
        })
    }
}

impl<M: Method<Params: Paged>, T> Call<M, T> {
    /// Continues after an earlier page: its `next`.
    pub fn cursor(self, next: impl Into<Option<String>>) -> Self {
        self.set(|params| *params.cursor_mut() = next.into())
    }
}

impl<M: Method, T> Future for Call<M, T> {
    type Output = Result<T>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        loop {
            match &mut this.state {
                State::Built(_) => {
                    let State::Built(built) = std::mem::replace(&mut this.state, State::Done) else {
                        continue;
                    };
                    match built {
                        Err(error) => return Poll::Ready(Err(error)),
                        Ok(params) => {
                            let options = std::mem::take(&mut this.options);
                            this.state = State::Running((this.run)(this.client.clone(), params, options));
                        }
                    }
                }
                State::Running(running) => {
                    let answered = running.as_mut().poll(cx);
                    if answered.is_ready() {
                        this.state = State::Done;
                    }
                    return answered;
                }
                // Polled after its end.
                State::Done => return Poll::Pending,
            }
        }
    }
}

impl<M: Method<Kind: Callable>> Call<M> {
    /// Sends the call at most once, even if the connection breaks.
    pub fn once(mut self) -> Self {
        self.options.once = true;
        self
    }
}
