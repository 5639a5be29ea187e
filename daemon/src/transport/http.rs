//! HTTP/1.1 over the Unix stream: `POST` is one call or batch, `GET` upgrades to WebSocket.
//!
//! Not jsonrpsee's server: it spawns a task for each WebSocket message without a bound, accepts no body that
//! plain `curl -d` sends, and has error bodies of its own. Here WebSocket shares NDJSON's session, so order,
//! limits and errors are the same on all framings.

use super::server::Server;
use super::session::Session;
use super::websocket::{WebSocketSink, WebSocketSource};
use super::wire::Sink;
use crate::rpc::Framing;
use futures_util::StreamExt;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Body, Bytes, Incoming};
use hyper::header::{ALLOW, CONNECTION, CONTENT_TYPE, HeaderValue, UPGRADE};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use stina_protocol::frame::Line;
use stina_protocol::{Error, envelope};
use tokio::net::UnixStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::server::create_response;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

type HttpResponse = Response<Full<Bytes>>;

/// The permit of a connection. A WebSocket keeps it, although it outlives the HTTP exchange that it began as.
type Permit = Arc<OwnedSemaphorePermit>;

/// Serves one connection.
pub(super) async fn serve(
    server: Arc<Server>,
    stream: UnixStream,
    pid: Option<i32>,
    permit: OwnedSemaphorePermit,
) -> io::Result<()> {
    let closing = server.closing.clone();
    let permit: Permit = Arc::new(permit);
    let service = hyper::service::service_fn(move |request| {
        let (server, permit) = (Arc::clone(&server), Arc::clone(&permit));
        async move { Ok::<_, Infallible>(respond(server, request, pid, permit).await) }
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    tokio::pin!(connection);
    let served = tokio::select! {
        served = &mut connection => served,
        () = closing.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    served.map_err(io::Error::other)
}

async fn respond(
    server: Arc<Server>,
    mut request: Request<Incoming>,
    pid: Option<i32>,
    permit: Permit,
) -> HttpResponse {
    let wants_upgrade =
        request.headers().get(UPGRADE).is_some_and(|v| v.as_bytes().eq_ignore_ascii_case(b"websocket"));
    match *request.method() {
        Method::POST => post(&server, request, pid).await,
        Method::GET if wants_upgrade => upgrade(server, &mut request, pid, permit),
        Method::GET => plain(
            StatusCode::UPGRADE_REQUIRED,
            "stinad: POST a JSON-RPC 2.0 message here, or open a WebSocket.\n",
            (UPGRADE, "websocket"),
        ),
        _ => plain(StatusCode::METHOD_NOT_ALLOWED, "stinad: POST or GET\n", (ALLOW, "GET, POST")),
    }
}

fn plain(
    status: StatusCode,
    text: &'static str,
    header: (hyper::header::HeaderName, &'static str),
) -> HttpResponse {
    let mut reply = Response::new(Full::from(text));
    *reply.status_mut() = status;
    reply.headers_mut().insert(header.0, HeaderValue::from_static(header.1));
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    reply
}

fn json(status: StatusCode, body: String) -> HttpResponse {
    let mut reply = Response::new(Full::from(body));
    *reply.status_mut() = status;
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    reply
}

/// The whole response to a connection beyond the limit, for any request.
pub(super) fn unavailable(body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nretry-after: 1\r\nconnection: close\r\n\r\n{body}"
    )
}

/// Answers one message. As usual for JSON-RPC over HTTP, a failed call has status 200 and an error in the body; only a
/// body that is too long to be read has a status of its own.
async fn post(server: &Arc<Server>, request: Request<Incoming>, pid: Option<i32>) -> HttpResponse {
    let limit = server.limits().frame_bytes;
    // A request that names its length is refused before its body is sent: curl waits for that before it sends much.
    if request.body().size_hint().lower() > limit as u64 {
        return too_large(limit);
    }
    let body = match Limited::new(request.into_body(), limit).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => return too_large(limit),
        Err(_) => {
            return plain(StatusCode::BAD_REQUEST, "stinad: the body was cut off\n", (CONNECTION, "close"));
        }
    };
    let guard = server.connect(Framing::Http, pid);
    let out = Session::new(guard, Collected(String::new()), false).run_one(Line::Whole(&body)).await;
    match out.0 {
        // Notifications only.
        body if body.is_empty() => json(StatusCode::NO_CONTENT, body),
        body => json(StatusCode::OK, body),
    }
}

fn too_large(limit: usize) -> HttpResponse {
    let fault = Error::TooLarge { limit: limit as u64 }.into();
    json(StatusCode::PAYLOAD_TOO_LARGE, envelope::failure("null", &fault))
}

/// Collects the one answer to one message.
struct Collected(String);

impl Sink for Collected {
    fn push(&mut self, message: String) {
        self.0 = message;
        self.0.push('\n');
    }

    fn pending(&self) -> usize {
        0
    }

    async fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn upgrade(
    server: Arc<Server>,
    request: &mut Request<Incoming>,
    pid: Option<i32>,
    permit: Permit,
) -> HttpResponse {
    let mut handshake = Request::new(());
    *handshake.method_mut() = request.method().clone();
    *handshake.uri_mut() = request.uri().clone();
    *handshake.headers_mut() = request.headers().clone();
    let accepted = match create_response(&handshake) {
        Ok(accepted) => accepted,
        Err(error) => {
            tracing::debug!(%error, "refused a WebSocket handshake");
            return plain(
                StatusCode::BAD_REQUEST,
                "stinad: not a WebSocket handshake\n",
                (CONNECTION, "close"),
            );
        }
    };
    let upgraded = hyper::upgrade::on(request);
    let serving = Arc::clone(&server);
    server.tasks.spawn(async move {
        let _permit = permit;
        let io = match upgraded.await {
            Ok(io) => TokioIo::new(io),
            Err(error) => return tracing::debug!(%error, "a WebSocket upgrade broke off"),
        };
        let limit = serving.limits().frame_bytes;
        let config = WebSocketConfig::default()
            .max_message_size(Some(limit))
            .max_frame_size(Some(limit))
            .write_buffer_size(0);
        let socket = WebSocketStream::from_raw_socket(io, Role::Server, Some(config)).await;
        let (sink, stream) = socket.split();
        let guard = serving.connect(Framing::WebSocket, pid);
        let session = Session::new(guard, WebSocketSink::new(sink), true);
        let run = session.run(WebSocketSource::new(stream), serving.closing.clone());
        // Cut off at the shutdown's deadline, when the peer does not read.
        if let Some(Err(error)) = serving.killing.run_until_cancelled(run).await {
            tracing::debug!(%error, "a WebSocket connection broke off");
        }
    });
    accepted.map(|()| Full::default())
}
