//! Calls through jsonrpsee's client core.

use crate::transport::{Receiver, Sender};
use jsonrpsee::core::client::async_client::{Client, ClientBuilder, RpcService};
use jsonrpsee::core::client::{Error, MiddlewareMethodResponse};
use jsonrpsee::core::middleware::{RpcServiceBuilder, RpcServiceT};
use jsonrpsee::types::{Id, Request, ResponseSuccess};
use serde_json::value::RawValue;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

/// jsonrpsee's client of one connection, without the timer of its calls.
///
/// `ClientT::request` sets up a `futures_timer::Delay` for every call, however long its timeout: a thread that each call
/// wakes, and 15 to 40 % of `kv.get`. Calls here have deadlines already, so they go to the service beneath, which a layer of
/// the client's middleware hands out. Dropping this ends jsonrpsee's tasks.
#[derive(Debug)]
pub(crate) struct Calls {
    client: Client<RpcService>,
    service: RpcService,
    next_id: AtomicU64,
}

impl Calls {
    /// Starts jsonrpsee's tasks, for as many calls at a time.
    pub(crate) fn new(calls: usize, sender: Sender, receiver: Receiver) -> Result<Self, Error> {
        let service = Arc::new(OnceLock::new());
        let seen = Arc::clone(&service);
        let middleware = RpcServiceBuilder::new().layer_fn(move |service: RpcService| {
            let _ = seen.set(service.clone());
            service
        });
        let client = ClientBuilder::new()
            .max_concurrent_requests(calls)
            .set_rpc_middleware(middleware)
            .build_with_tokio(sender, receiver);
        let service = service.get().cloned();
        let service = service.ok_or_else(|| Error::Custom("jsonrpsee built no service".to_owned()))?;
        Ok(Self { client, service, next_id: AtomicU64::new(0) })
    }

    /// Calls a method, as `ClientT::request` does: [`Error::Call`] holds the daemon's error object.
    pub(crate) async fn request(
        &self,
        method: &str,
        params: Option<&RawValue>,
    ) -> Result<Box<RawValue>, Error> {
        let id = Id::Number(self.next_id.fetch_add(1, Ordering::Relaxed));
        let response = match self.service.call(Request::borrowed(method, params, id)).await {
            Ok(response) => MiddlewareMethodResponse::into_response(response).into_inner(),
            Err(Error::ServiceDisconnect) => return Err(self.client.on_disconnect().await),
            Err(error) => return Err(error),
        };
        Ok(ResponseSuccess::try_from(response)?.result)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inbox::Inboxes;
    use crate::transport::Pulse;
    use std::time::Duration;
    use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
    use tokio::net::UnixStream;

    /// Calls over one half of a pair of sockets, and the other half.
    fn pair() -> (Calls, BufReader<UnixStream>) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let (read, write) = ours.into_split();
        let (inboxes, _) = Inboxes::new(1000, Duration::ZERO);
        let pulse = Pulse::new();
        let receiver = Receiver::new(read, 1000, inboxes, Arc::clone(&pulse));
        (Calls::new(4, Sender::new(write, pulse), receiver).unwrap(), BufReader::new(theirs))
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_waits_as_long_as_its_caller_and_wakes_no_other_thread() {
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
        let threads = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
        let names: Vec<_> =
            threads.filter_map(|t| std::fs::read_to_string(t.path().join("comm")).ok()).collect();
        assert!(!names.iter().any(|name| name.contains("timer")), "{names:?}");
    }

    #[tokio::test]
    async fn errors_say_whether_the_daemon_or_the_connection_made_them() {
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
