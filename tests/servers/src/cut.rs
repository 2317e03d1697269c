//! A network that can be cut: bytes wait on both sides, connections stay open, and
//! nobody is told, as with a cable that is pulled.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::process::free_port;

/// How often is looked whether the cut, or the test, is over.
const TICK: Duration = Duration::from_millis(5);

/// The way to one server.
#[derive(Debug)]
pub struct Cut {
    port: u16,
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    is_cut: AtomicBool,
    is_over: AtomicBool,
}

impl State {
    /// Waits while it is cut. Whether the test still goes on.
    fn pass(&self) -> bool {
        while self.is_cut.load(Ordering::Relaxed) && !self.is_over.load(Ordering::Relaxed) {
            std::thread::sleep(TICK);
        }
        !self.is_over.load(Ordering::Relaxed)
    }
}

impl Cut {
    /// A way to the server on this port of this machine.
    pub fn before(server: u16) -> Self {
        let port = free_port();
        let listener = TcpListener::bind(("127.0.0.1", port)).expect("a free port");
        listener.set_nonblocking(true).expect("a listener that does not block");
        let state = Arc::<State>::default();
        let accepting = Arc::clone(&state);
        std::thread::spawn(move || {
            while accepting.pass() {
                match listener.accept() {
                    Ok((client, _)) => {
                        let state = Arc::clone(&accepting);
                        std::thread::spawn(move || connect(client, server, &state));
                    }
                    Err(_) => std::thread::sleep(TICK),
                }
            }
        });
        Self { port, state }
    }

    /// Where clients connect to.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// `127.0.0.1:port`
    pub fn endpoint(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// From now on nothing gets through.
    pub fn cut(&self) {
        self.state.is_cut.store(true, Ordering::Relaxed);
    }

    /// What waited gets through, and all that follows.
    pub fn restore(&self) {
        self.state.is_cut.store(false, Ordering::Relaxed);
    }
}

impl Drop for Cut {
    fn drop(&mut self) {
        self.state.is_over.store(true, Ordering::Relaxed);
    }
}

fn connect(client: TcpStream, server: u16, state: &Arc<State>) {
    if !state.pass() {
        return;
    }
    // Nobody there: the client is told, as it would be without us.
    let Ok(server) = TcpStream::connect(("127.0.0.1", server)) else { return };
    for stream in [&client, &server] {
        let _ = stream.set_nodelay(true);
        // Accepted sockets may have the listener's way of not blocking.
        let _ = stream.set_nonblocking(false);
        let _ = stream.set_read_timeout(Some(Duration::from_millis(50)));
    }
    let (Ok(from), Ok(to)) = (client.try_clone(), server.try_clone()) else { return };
    let there = Arc::clone(state);
    std::thread::spawn(move || carry(from, to, &there));
    carry(server, client, state);
}

fn carry(mut from: TcpStream, mut to: TcpStream, state: &State) {
    let mut bytes = vec![0; 64 << 10];
    while state.pass() {
        let read = match from.read(&mut bytes) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => continue,
            Err(_) => break,
        };
        if !state.pass() || to.write_all(&bytes[..read]).is_err() {
            break;
        }
    }
    let _ = state.pass();
    let _ = to.shutdown(Shutdown::Both);
    let _ = from.shutdown(Shutdown::Both);
}
