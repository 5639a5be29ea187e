//! A scripted daemon, for behaviour that the real one shows only in trouble.

use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use tempfile::TempDir;

/// Answers a request. `store.hello` is answered without it.
type Script = dyn FnMut(&mut Stage<'_>) + Send;

/// One request, and the means to answer it.
pub struct Stage<'a> {
    /// Number of the connection, from 1.
    pub connection: usize,
    /// Name of the method.
    pub method: &'a str,
    /// The whole request.
    pub request: &'a Value,
    stream: &'a UnixStream,
    epoch: &'a Mutex<String>,
}

impl Stage<'_> {
    fn send(&mut self, message: &Value) {
        self.send_text(&format!("{message}\n"));
    }

    /// Answers with a result.
    pub fn reply(&mut self, result: Value) {
        let reply = json!({"jsonrpc": "2.0", "id": self.request["id"], "result": result});
        self.send(&reply);
    }

    /// Answers with an error of that kind.
    pub fn refuse(&mut self, kind: &str) {
        let error = json!({"code": -32007, "message": kind, "data": {"kind": kind}});
        let reply = json!({"jsonrpc": "2.0", "id": self.request["id"], "error": error});
        self.send(&reply);
    }

    /// Sends an event to a subscription.
    pub fn send_event(&mut self, subscription: u64, event: Value) {
        let params = json!({"subscription": subscription, "result": event});
        self.send(&json!({"jsonrpc": "2.0", "method": "kv.event", "params": params}));
    }

    /// Sends text as it is, such as a part of a message.
    pub fn send_text(&mut self, text: &str) {
        // The client may be gone by now.
        let _ = self.stream.write_all(text.as_bytes());
    }

    /// From now on `store.hello` answers with this epoch, which is `e` until then.
    pub fn set_epoch(&mut self, epoch: &str) {
        epoch.clone_into(&mut self.epoch.lock().unwrap());
    }

    /// Closes the connection.
    pub fn hang_up(&mut self) {
        let _ = self.stream.shutdown(Shutdown::Both);
    }
}

/// A running script. It ends with the process.
#[derive(Debug)]
pub struct Scripted {
    home: TempDir,
    requests: Arc<Mutex<Vec<Value>>>,
}

impl Scripted {
    /// Starts it.
    pub fn start(script: impl FnMut(&mut Stage<'_>) + Send + 'static) -> Self {
        let home = tempfile::Builder::new().prefix("stina").tempdir().expect("a temporary directory");
        let listener = UnixListener::bind(home.path().join("stinad.sock")).expect("a free path");
        let requests: Arc<Mutex<Vec<Value>>> = Arc::default();
        let (script, seen): (Arc<Mutex<Script>>, _) = (Arc::new(Mutex::new(script)), Arc::clone(&requests));
        let epoch = Arc::new(Mutex::new("e".to_owned()));
        std::thread::spawn(move || {
            for (number, stream) in listener.incoming().map_while(Result::ok).enumerate() {
                let (script, seen, epoch) = (Arc::clone(&script), Arc::clone(&seen), Arc::clone(&epoch));
                std::thread::spawn(move || serve(number + 1, &stream, &script, &seen, &epoch));
            }
        });
        Self { home, requests }
    }

    /// Where it listens.
    pub fn socket(&self) -> PathBuf {
        Path::join(self.home.path(), "stinad.sock")
    }

    /// All requests so far, `store.hello` aside.
    pub fn requests(&self) -> Vec<Value> {
        self.requests.lock().unwrap().clone()
    }
}

fn serve(
    connection: usize,
    stream: &UnixStream,
    script: &Mutex<Script>,
    seen: &Mutex<Vec<Value>>,
    epoch: &Mutex<String>,
) {
    let reading = stream.try_clone().expect("file descriptors");
    for line in BufReader::new(reading).lines().map_while(Result::ok) {
        let request: Value = serde_json::from_str(&line).expect("JSON");
        let method = request["method"].as_str().expect("a method");
        let mut stage = Stage { connection, method, request: &request, stream, epoch };
        if method == "store.hello" {
            let server = json!({"version": "0", "pid": 1});
            stage.reply(json!({"server": server, "protocol": 1, "capabilities": [],
                "epoch": *epoch.lock().unwrap(), "rev": 0,
                "oldestRev": 0, "dbPath": ""}));
        } else {
            seen.lock().unwrap().push(request.clone());
            script.lock().unwrap()(&mut stage);
        }
    }
}
