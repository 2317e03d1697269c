//! An origin over HTTP, in this process, that can be told what to do wrong.

use std::fmt;
use std::io::Write as _;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::history::History;
use crate::wire::{Request, http};

/// What it does with requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Well,
    /// Breaks every connection without an answer.
    Dead,
    /// Answers after so long.
    Slow(Duration),
    Status500,
    /// 503 with `Retry-After: 1`.
    Busy,
    Garbage,
    /// Breaks the connection within the body.
    HalfBody,
    /// Answers with the version before the present one.
    Behind,
}

type Observer = Box<dyn Fn(usize) + Send + Sync>;

struct State {
    history: History,
    mode: Mutex<Mode>,
    pause: Duration,
    observer: Observer,
}

/// A running origin. It lives as long as the process: its connections end with their clients.
#[derive(Clone)]
pub struct Origin {
    port: u16,
    state: Arc<State>,
}

impl Origin {
    /// Each answer takes `pause`.
    pub fn start(keys: usize, pause: Duration) -> Self {
        Self::observed(keys, pause, |_| ())
    }

    /// As above; `observer` is told of each request that has come in, for how many keys it is.
    pub fn observed(keys: usize, pause: Duration, observer: impl Fn(usize) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let (history, observer) = (History::new(keys), Box::new(observer));
        let state = State { history, mode: Mutex::new(Mode::Well), pause, observer };
        let port = listener.local_addr().expect("an address").port();
        let origin = Self { port, state: Arc::new(state) };
        let accepting = origin.clone();
        std::thread::spawn(move || {
            for socket in listener.incoming().map_while(Result::ok) {
                let serving = accepting.clone();
                let _ = socket.set_nodelay(true);
                std::thread::spawn(move || while serving.serve(&socket).is_some() {});
            }
        });
        origin
    }

    /// The URL template that a cache is opened with.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/items/{{key}}", self.port)
    }

    pub fn history(&self) -> &History {
        &self.state.history
    }

    pub fn mode(&self) -> Mode {
        *self.state.mode.lock().expect("nobody panics with it")
    }

    pub fn set_mode(&self, mode: Mode) {
        *self.state.mode.lock().expect("nobody panics with it") = mode;
    }

    /// Serves one request; nothing: the connection is over.
    fn serve(&self, mut socket: &TcpStream) -> Option<()> {
        let request = Request::read(socket)?;
        (self.state.observer)(request.asked.len());
        let mode = self.mode();
        std::thread::sleep(if let Mode::Slow(slow) = mode { slow } else { self.state.pause });
        let full = match mode {
            Mode::Dead => {
                let _ = socket.shutdown(Shutdown::Both);
                return None;
            }
            Mode::Status500 => http("500 Internal Server Error", b"oops"),
            Mode::Busy => http("503 Service Unavailable\r\nRetry-After: 1", b"later"),
            Mode::Garbage => b"\x16\x03\x01 this is no HTTP at all\r\n\r\n".to_vec(),
            Mode::Well | Mode::Slow(_) | Mode::HalfBody | Mode::Behind => {
                let back = u64::from(mode == Mode::Behind);
                let version = |index| (self.state.history.latest(index) - back).max(1);
                request.answer(&request.asked.iter().map(|(index, _)| version(*index)).collect::<Vec<_>>())
            }
        };
        let half = mode == Mode::HalfBody;
        socket.write_all(&full[..full.len() - if half { 3 } else { 0 }]).ok()?;
        if half || mode == Mode::Garbage {
            let _ = socket.shutdown(Shutdown::Both);
            return None;
        }
        Some(())
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Origin").field("port", &self.port).field("mode", &self.mode()).finish_non_exhaustive()
    }
}
