//! Calls through jsonrpsee's client core.

use crate::transport::{Receiver, Sender};
use jsonrpsee_core::client::Error;
use jsonrpsee_core::client::async_client::{Client, ClientBuilder, RpcService};
use jsonrpsee_core::middleware::{Notification, RpcServiceBuilder, RpcServiceT};
use jsonrpsee_types::{Id, Request, ResponseSuccess};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

/// jsonrpsee's client for one connection. Dropping it ends jsonrpsee's tasks.
///
/// Calls go through its `RpcService` rather than `ClientT::request`, which starts a timer on another thread for each
/// call and copies the result once more. Our callers have their own deadlines.
#[derive(Debug)]
pub(crate) struct Calls {
    client: Client<RpcService>,
    service: Arc<OnceLock<RpcService>>,
    next_id: AtomicU64,
}

impl Calls {
    /// Starts jsonrpsee's tasks. `calls` is the maximum number of calls in flight.
    pub(crate) fn new(calls: usize, sender: Sender, receiver: Receiver) -> Self {
        let service = Arc::new(OnceLock::new());
        let kept = Arc::clone(&service);
        // No middleware of jsonrpsee: the default one logs every call.
        let middleware = RpcServiceBuilder::new().layer_fn(move |service: RpcService| {
            let _ = kept.set(service.clone());
            service
        });
        let builder = ClientBuilder::new().set_rpc_middleware(middleware).max_concurrent_requests(calls);
        Self { client: builder.build_with_tokio(sender, receiver), service, next_id: AtomicU64::new(0) }
    }

    /// Calls a method. [`Error::Call`] has the daemon's error object; other errors mean that the connection ended.
    pub(crate) async fn request(
        &self,
        method: &str,
        params: Option<&RawValue>,
    ) -> Result<Box<RawValue>, Error> {
        // The builder has set it.
        let Some(service) = self.service.get() else { return Err(Error::ServiceDisconnect) };
        let id = Id::Number(self.next_id.fetch_add(1, Ordering::Relaxed));
        match service.call(Request::borrowed(method, params, id)).await {
            Ok(response) => Ok(ResponseSuccess::try_from(response.into_response().into_inner())?.result),
            Err(Error::ServiceDisconnect) => Err(self.client.on_disconnect().await),
            Err(error) => Err(error),
        }
    }

    /// Calls a method that is not answered. Cancel safe: dropping the future before it is ready sends nothing.
    pub(crate) async fn notify(&self, method: &str, params: &RawValue) -> Result<(), Error> {
        let Some(service) = self.service.get() else { return Err(Error::ServiceDisconnect) };
        let notification = Notification::new(Cow::Borrowed(method), Some(Cow::Borrowed(params)));
        match service.notification(notification).await {
            Ok(_) => Ok(()),
            Err(Error::ServiceDisconnect) => Err(self.client.on_disconnect().await),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inbox::Inboxes;
    use crate::transport::Pulse;
    use std::sync::Arc;
    use std::time::Duration;
    use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
    use tokio::net::UnixStream;

    /// Calls over one end of a socket pair, and the other end.
    fn pair() -> (Calls, BufReader<UnixStream>) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let (read, write) = ours.into_split();
        let (inboxes, _) = Inboxes::new(1000);
        let pulse = Pulse::new();
        let receiver = Receiver::new(read, 1000, inboxes, Arc::clone(&pulse));
        (Calls::new(4, Sender::new(write, pulse), receiver), BufReader::new(theirs))
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_waits_as_long_as_its_caller() {
        let (calls, mut daemon) = pair();
        let params = RawValue::from_string(r#"{"a":1.50}"#.to_owned()).unwrap();
        let answering = tokio::spawn(async move {
            let mut request = String::new();
            daemon.read_line(&mut request).await.unwrap();
            tokio::time::sleep(Duration::from_secs(24 * 3600)).await;
            daemon.write_all(b"{\"jsonrpc\":\"2.0\",\"id\":0,\"result\":{\"b\":2.50}}\n").await.unwrap();
            (request, daemon)
        });
        assert_eq!(calls.request("m", Some(&params)).await.unwrap().get(), r#"{"b":2.50}"#);
        let (request, _daemon) = answering.await.unwrap();
        assert_eq!(request, "{\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\"m\",\"params\":{\"a\":1.50}}\n");
    }

    #[tokio::test]
    async fn errors_of_the_daemon_and_of_the_connection_differ() {
        let (calls, mut daemon) = pair();
        let answer = br#"{"jsonrpc":"2.0","id":0,"error":{"code":-32007,"message":"busy"}}"#;
        daemon.write_all(&[answer, &b"\n"[..]].concat()).await.unwrap();
        match calls.request("m", None).await {
            Err(Error::Call(error)) => assert_eq!((error.code(), error.message()), (-32007, "busy")),
            other => panic!("{other:?}"),
        }
        daemon.write_all(b"{\"jsonrpc\":\"2.0\",\"id\":99,\"result\":1}\n").await.unwrap();
        match calls.request("m", None).await {
            Err(Error::RestartNeeded(why)) => assert!(why.to_string().contains("99"), "{why}"),
            other => panic!("{other:?}"),
        }
    }
}
