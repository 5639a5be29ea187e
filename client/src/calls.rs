//! Calls through jsonrpsee's client core.

use crate::transport::{Receiver, Sender};
use jsonrpsee_core::client::async_client::{Client, ClientBuilder, RpcService};
use jsonrpsee_core::client::{ClientT, Error};
use jsonrpsee_core::middleware::RpcServiceBuilder;
use jsonrpsee_core::traits::ToRpcParams;
use serde_json::value::RawValue;
use std::time::Duration;

/// jsonrpsee's own timeout. It must exceed every deadline of a caller.
const NEVER: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

/// jsonrpsee's client for one connection. Dropping it ends jsonrpsee's tasks.
#[derive(Debug)]
pub(crate) struct Calls(Client<RpcService>);

/// Params as JSON text.
struct Raw<'p>(Option<&'p RawValue>);

impl ToRpcParams for Raw<'_> {
    fn to_rpc_params(self) -> Result<Option<Box<RawValue>>, serde_json::Error> {
        Ok(self.0.map(ToOwned::to_owned))
    }
}

impl Calls {
    /// Starts jsonrpsee's tasks. `calls` is the maximum number of calls in flight.
    pub(crate) fn new(calls: usize, sender: Sender, receiver: Receiver) -> Self {
        // No middleware: the default one logs every call.
        let builder = ClientBuilder::new().set_rpc_middleware(RpcServiceBuilder::new());
        let builder = builder.max_concurrent_requests(calls).request_timeout(NEVER);
        Self(builder.build_with_tokio(sender, receiver))
    }

    /// Calls a method. [`Error::Call`] has the daemon's error object; other errors mean that the connection ended.
    pub(crate) async fn request(
        &self,
        method: &str,
        params: Option<&RawValue>,
    ) -> Result<Box<RawValue>, Error> {
        self.0.request(method, Raw(params)).await
    }

    /// Calls a method that is not answered. Cancel safe: dropping the future before it is ready sends nothing.
    pub(crate) async fn notify(&self, method: &str, params: &RawValue) -> Result<(), Error> {
        self.0.notification(method, Raw(Some(params))).await
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
