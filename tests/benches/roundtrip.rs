//! How long a `kv.get` takes: a raw echo over a Unix socket, a plain blocking NDJSON client, and `stina-client`,
//! in one run. `cargo bench -p stina-tests --bench roundtrip`

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench prints, and one that can't go on panics"
)]

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::time::{Duration, Instant};
use stina_client::Client;
use stina_client::protocol::kv::{Get, GetParams, Key};
use stina_tests::Daemon;

const CALLS: usize = 20_000;
const REQUEST: &[u8] = b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"kv.get\",\"params\":{\"key\":\"k\"}}\n";

fn main() {
    let daemon = Daemon::start(env!("CARGO_BIN_EXE_stinad-under-test"));
    daemon.peer().call("kv.set", serde_json::json!({"key": "k", "value": "v"}));
    report("echo, blocking", echo(&daemon.home().join("echo.sock")));
    report("kv.get, blocking", blocking(&daemon.socket()));
    let current = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    report("kv.get, stina-client, one thread", current.block_on(client(&daemon.socket())));
    let threads = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    report("kv.get, stina-client, two threads", threads.block_on(client(&daemon.socket())));
    let socket = daemon.socket();
    let task = async move { tokio::spawn(async move { client(&socket).await }).await.unwrap() };
    report("kv.get, stina-client, in a task", threads.block_on(task));
}

fn report(what: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let at = |percent: usize| times[times.len() * percent / 100];
    println!("{what:<36} p50 {:>8.1?}  p99 {:>8.1?}", at(50), at(99));
}

/// The times of `CALLS` calls, after a few that are not counted.
fn times(mut call: impl FnMut()) -> Vec<Duration> {
    let mut times = Vec::with_capacity(CALLS);
    for _ in 0..CALLS / 10 + CALLS {
        let began = Instant::now();
        call();
        times.push(began.elapsed());
    }
    times.split_off(CALLS / 10)
}

fn echo(socket: &Path) -> Vec<Duration> {
    let listener = UnixListener::bind(socket).unwrap();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut buffer = [0; 1024];
        while let Ok(read @ 1..) = stream.read(&mut buffer) {
            stream.write_all(&buffer[..read]).unwrap();
        }
    });
    exchange(UnixStream::connect(socket).unwrap())
}

fn blocking(socket: &Path) -> Vec<Duration> {
    exchange(UnixStream::connect(socket).unwrap())
}

fn exchange(stream: UnixStream) -> Vec<Duration> {
    let mut lines = BufReader::new(stream);
    let mut line = String::new();
    times(|| {
        lines.get_mut().write_all(REQUEST).unwrap();
        line.clear();
        lines.read_line(&mut line).unwrap();
    })
}

async fn client(socket: &Path) -> Vec<Duration> {
    let client = Client::builder().socket(socket).connect().await.unwrap();
    let mut times = Vec::with_capacity(CALLS);
    for _ in 0..CALLS / 10 + CALLS {
        let began = Instant::now();
        client.call::<Get>(GetParams { key: Key::new("k").unwrap() }).await.unwrap();
        times.push(began.elapsed());
    }
    times.split_off(CALLS / 10)
}
