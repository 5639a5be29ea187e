//! Figures of the core, each next to a peer's in the same run:
//! `cargo bench -p stina-tests --bench core`.
//!
//! - `kv.get` round trips from a plain blocking client and from `stina-client`, next to an echo over a Unix socket.
//! - durable `kv.set` throughput of 1, 8 and 32 client processes, next to as many processes that write the same
//!   table through rusqlite by themselves.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a bench prints, and ends when it can't go on"
)]

use rusqlite::Connection;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use stina_client::Client;
use stina_tests::Daemon;

const GET: &[u8] =
    b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"kv.get\",\"params\":{\"key\":\"greeting\"}}\n";
const SECONDS: u64 = 3;

fn main() {
    let args: Vec<String> = std::env::args().collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [_, "write-through-daemon", socket, key] => child(|| through_daemon(Path::new(socket), key)),
        [_, "write-directly", database, key] => child(|| directly(Path::new(database), key)),
        _ => parent(),
    }
}

fn parent() {
    let directory = tempfile::tempdir().unwrap();
    println!("round trip, us              p50     p99");
    let echo = directory.path().join("echo.sock");
    serve_echo(&echo);
    let daemon = Daemon::start(env!("CARGO_BIN_EXE_stinad-under-test"));
    daemon.peer().call("kv.set", serde_json::json!({"key": "greeting", "value": "hej"}));
    for _ in 0..2 {
        round_trips("echo", &echo, GET);
        round_trips("kv.get, plain client", &daemon.socket(), GET);
        client_round_trips("kv.get, stina-client", &daemon.socket());
    }
    println!("\ndurable writes a second     stinad  direct   ratio");
    for clients in [1, 8, 32] {
        let program = std::env::current_exe().unwrap();
        let run = |mode: &str, place: &Path| -> f64 {
            let children: Vec<Child> = (0..clients)
                .map(|i| {
                    Command::new(&program)
                        .args([mode, place.to_str().unwrap(), &format!("key-{i}")])
                        .stdin(Stdio::piped())
                        .stdout(Stdio::piped())
                        .spawn()
                        .unwrap()
                })
                .collect();
            throughput(children)
        };
        let direct_db = directory.path().join(format!("direct-{clients}.db"));
        prepare_direct(&direct_db);
        let through = run("write-through-daemon", &daemon.socket());
        let direct = run("write-directly", &direct_db);
        println!("{clients:>3} clients             {through:>10.0} {direct:>7.0} {:>6.1}x", through / direct);
    }
}

/// The lower bound for a round trip: a thread that sends back every line.
fn serve_echo(path: &Path) {
    let listener = UnixListener::bind(path).unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            std::thread::spawn(move || {
                let mut buffer = [0; 4096];
                while let Ok(read @ 1..) = stream.read(&mut buffer) {
                    stream.write_all(&buffer[..read]).unwrap();
                }
            });
        }
    });
}

fn round_trips(name: &str, socket: &Path, request: &[u8]) {
    let mut stream = BufReader::new(UnixStream::connect(socket).unwrap());
    let mut line = String::new();
    report(name, || {
        let start = Instant::now();
        stream.get_mut().write_all(request).unwrap();
        line.clear();
        stream.read_line(&mut line).unwrap();
        start.elapsed()
    });
}

fn client_round_trips(name: &str, socket: &Path) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let client = runtime.block_on(Client::builder().socket(socket).connect()).unwrap();
    let kv = client.kv();
    report(name, || {
        let start = Instant::now();
        assert!(runtime.block_on(kv.get("greeting")).unwrap().value.is_some());
        start.elapsed()
    });
}

fn report(name: &str, mut trip: impl FnMut() -> Duration) {
    (0..2_000).for_each(|_| _ = trip());
    let mut times: Vec<Duration> = (0..20_000).map(|_| trip()).collect();
    times.sort_unstable();
    let at = |share: f64| times[(times.len() as f64 * share) as usize].as_nanos() as f64 / 1000.0;
    println!("{name:<24} {:>6.1}  {:>6.1}", at(0.50), at(0.99));
}

/// Starts all children at once, and adds up how many writes each did in the time.
fn throughput(mut children: Vec<Child>) -> f64 {
    let mut outputs: Vec<_> =
        children.iter_mut().map(|c| BufReader::new(c.stdout.take().unwrap()).lines()).collect();
    outputs.iter_mut().for_each(|lines| assert_eq!(lines.next().unwrap().unwrap(), "ready"));
    children.iter_mut().for_each(|c| writeln!(c.stdin.as_mut().unwrap(), "go").unwrap());
    let writes: u64 = outputs.iter_mut().map(|l| l.next().unwrap().unwrap().parse::<u64>().unwrap()).sum();
    children.iter_mut().for_each(|c| assert!(c.wait().unwrap().success()));
    writes as f64 / SECONDS as f64
}

/// Prints that it is ready, waits for a line, writes for that time, and prints how often.
fn child<W: FnMut(u64)>(prepare: impl FnOnce() -> W) {
    let mut write = prepare();
    write(0);
    println!("ready");
    std::io::stdin().read_line(&mut String::new()).unwrap();
    let (start, mut writes) = (Instant::now(), 0);
    while start.elapsed() < Duration::from_secs(SECONDS) {
        writes += 1;
        write(writes);
    }
    println!("{writes}");
}

fn through_daemon(socket: &Path, key: &str) -> impl FnMut(u64) {
    let mut stream = BufReader::new(UnixStream::connect(socket).unwrap());
    let (key, mut line) = (key.to_owned(), String::new());
    move |n| {
        let request = format!(
            "{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"kv.set\",\"params\":{{\"key\":\"{key}\",\"value\":{n}}}}}\n"
        );
        stream.get_mut().write_all(request.as_bytes()).unwrap();
        line.clear();
        stream.read_line(&mut line).unwrap();
        assert!(line.contains("\"result\""), "{line}");
    }
}

fn prepare_direct(path: &Path) {
    let conn = Connection::open(path).unwrap();
    conn.execute_batch(
        "PRAGMA journal_mode = WAL;
         CREATE TABLE kv_entries (key TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL, rev INTEGER NOT NULL, updated_at INTEGER NOT NULL) STRICT",
    )
    .unwrap();
}

fn directly(database: &Path, key: &str) -> impl FnMut(u64) {
    let conn = Connection::open(database).unwrap();
    conn.busy_timeout(Duration::from_secs(60)).unwrap();
    conn.execute_batch("PRAGMA synchronous = FULL").unwrap();
    let key = key.to_owned();
    move |n| {
        conn.execute_batch("BEGIN IMMEDIATE").unwrap();
        conn.prepare_cached(
            "INSERT INTO kv_entries VALUES (?, ?, ?, 0) ON CONFLICT (key) DO UPDATE SET value = excluded.value, rev = excluded.rev",
        )
        .unwrap()
        .execute((&key, n.to_string(), n))
        .unwrap();
        conn.execute_batch("COMMIT").unwrap();
    }
}
