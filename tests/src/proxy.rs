//! A proxy in front of the daemon's socket that cuts a connection after a chosen byte.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// One of the two ways of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// From the client to the daemon.
    Up,
    /// From the daemon to the client.
    Down,
}

#[derive(Debug, Default)]
struct State {
    /// Where to cut the next connection.
    cut: Option<(Way, usize)>,
    /// Bytes that the newest connection has carried: up, down.
    carried: [usize; 2],
    newest: u64,
    streams: Vec<UnixStream>,
}

/// A running proxy. It ends with the process.
#[derive(Debug)]
pub struct Proxy {
    socket: PathBuf,
    state: Arc<Mutex<State>>,
}

impl Proxy {
    /// Listens at `socket` on behalf of the daemon at `upstream`.
    pub fn start(socket: &Path, upstream: &Path) -> Self {
        let listener = UnixListener::bind(socket).expect("a free path");
        let state = Arc::new(Mutex::new(State::default()));
        let (shared, upstream) = (Arc::clone(&state), upstream.to_owned());
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                // No daemon: the client finds the connection closed, as it would after a crash.
                if let Ok(daemon) = UnixStream::connect(&upstream) {
                    connect(&shared, &client, &daemon);
                }
            }
        });
        Self { socket: socket.to_owned(), state }
    }

    /// Where it listens.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Cuts the next connection, and no other, once it has carried so many bytes that way.
    pub fn cut_next(&self, way: Way, after: usize) {
        self.state.lock().unwrap().cut = Some((way, after));
    }

    /// Cuts all connections now.
    pub fn cut_all(&self) {
        for stream in self.state.lock().unwrap().streams.drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Bytes that the newest connection has carried that way.
    pub fn carried(&self, way: Way) -> usize {
        self.state.lock().unwrap().carried[way as usize]
    }
}

fn connect(state: &Arc<Mutex<State>>, client: &UnixStream, daemon: &UnixStream) {
    let clone = |stream: &UnixStream| stream.try_clone().expect("file descriptors");
    let (cut, number) = {
        let mut state = state.lock().unwrap();
        state.newest += 1;
        state.carried = [0, 0];
        state.streams = vec![clone(client), clone(daemon)];
        (state.cut.take(), state.newest)
    };
    for (way, from, to) in [(Way::Up, client, daemon), (Way::Down, daemon, client)] {
        let limit = cut.filter(|(cut, _)| *cut == way).map_or(usize::MAX, |(_, after)| after);
        let (state, from, to) = (Arc::clone(state), clone(from), clone(to));
        std::thread::spawn(move || {
            pump(&from, &to, limit, |bytes| {
                let mut state = state.lock().unwrap();
                if state.newest == number {
                    state.carried[way as usize] += bytes;
                }
            });
            let _ = from.shutdown(Shutdown::Both);
            let _ = to.shutdown(Shutdown::Both);
        });
    }
}

fn pump(mut from: &UnixStream, mut to: &UnixStream, limit: usize, mut count: impl FnMut(usize)) {
    let (mut left, mut buffer) = (limit, [0; 4096]);
    while left > 0 {
        let Ok(read @ 1..) = from.read(&mut buffer) else { return };
        let passed = read.min(left);
        count(passed);
        if to.write_all(&buffer[..passed]).is_err() {
            return;
        }
        left -= passed;
    }
}
