//! An origin over HTTP, in this process, that can be told what to do wrong.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use minicbor::data::Type;
use minicbor::{Decoder, Encoder};

use crate::history::{History, key, value};

/// What it does with requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Well,
    /// Breaks every connection without an answer.
    Dead,
    /// Answers after so long.
    Slow(Duration),
    Status500,
    Garbage,
    /// Breaks the connection within the body.
    HalfBody,
}

struct State {
    history: History,
    mode: Mutex<Mode>,
    pause: Duration,
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
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let state = State { history: History::new(keys), mode: Mutex::new(Mode::Well), pause };
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
        let (line, body) = read_request(socket)?;
        let is_compare = line.starts_with("POST");
        let asked = match is_compare {
            true => compared_keys(&body)?,
            false => vec![(line.split("key-").nth(1)?.get(..4)?.parse().ok()?, None)],
        };
        let mode = self.mode();
        std::thread::sleep(if let Mode::Slow(slow) = mode { slow } else { self.state.pause });
        let full = match mode {
            Mode::Dead => {
                let _ = socket.shutdown(Shutdown::Both);
                return None;
            }
            Mode::Status500 => http("500 Internal Server Error", b"oops"),
            Mode::Garbage => b"\x16\x03\x01 this is no HTTP at all\r\n\r\n".to_vec(),
            Mode::Well | Mode::Slow(_) | Mode::HalfBody => {
                let history = &self.state.history;
                let versions: Vec<_> = asked.iter().map(|(index, _)| history.latest(*index)).collect();
                if is_compare { compare(&asked, &versions) } else { get(asked[0].0, versions[0]) }
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

fn http(head: &str, body: &[u8]) -> Vec<u8> {
    [format!("HTTP/1.1 {head}\r\nContent-Length: {}\r\n\r\n", body.len()).as_bytes(), body].concat()
}

fn get(index: usize, version: u64) -> Vec<u8> {
    http(&format!("200 OK\r\nEdge-Version: {version}"), value(index, version).as_bytes())
}

type Asked = (usize, Option<u64>);

fn compared_keys(body: &[u8]) -> Option<Vec<Asked>> {
    let mut decoder = Decoder::new(body);
    let rows = decoder.array().ok()??;
    let mut row = || {
        decoder.array().ok()?;
        let key = std::str::from_utf8(decoder.bytes().ok()?).ok()?;
        let index = key.strip_prefix("key-")?.parse().ok()?;
        let known = match decoder.datatype().ok()? {
            Type::Null => {
                decoder.null().ok()?;
                None
            }
            _ => Some(decoder.u64().ok()?),
        };
        Some((index, known))
    };
    (0..rows).map(|_| row()).collect()
}

fn compare(asked: &[Asked], versions: &[u64]) -> Vec<u8> {
    const SURE: &str = "memory takes it";
    let mut encoder = Encoder::new(Vec::new());
    encoder.array(asked.len() as u64).expect(SURE);
    for ((index, known), version) in asked.iter().zip(versions) {
        encoder.array(5).and_then(|e| e.bytes(key(*index).as_bytes())).expect(SURE);
        let row = if *known == Some(*version) {
            encoder.u8(0).and_then(|e| e.u64(*version)).and_then(Encoder::null)
        } else {
            let value = value(*index, *version);
            encoder.u8(1).and_then(|e| e.u64(*version)).and_then(|e| e.bytes(value.as_bytes()))
        };
        row.and_then(Encoder::null).expect(SURE);
    }
    http("200 OK\r\nContent-Type: application/cbor", &encoder.into_writer())
}

fn read_request(mut socket: &TcpStream) -> Option<(String, Vec<u8>)> {
    let (mut bytes, mut part) = (Vec::new(), [0; 16384]);
    loop {
        if let Some(end) = bytes.windows(4).position(|w| w == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
            let length = head.split("content-length: ").nth(1).and_then(|rest| rest.lines().next());
            let length: usize = length.map_or(Some(0), |length| length.trim().parse().ok())?;
            if bytes.len() >= end + 4 + length {
                let line = String::from_utf8_lossy(&bytes).lines().next()?.to_owned();
                return Some((line, bytes[end + 4..].to_vec()));
            }
        }
        match socket.read(&mut part).ok()? {
            0 => return None,
            read => bytes.extend_from_slice(&part[..read]),
        }
    }
}
