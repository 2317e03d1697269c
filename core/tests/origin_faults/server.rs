//! An HTTP origin that can be told what to do wrong, and its own historian.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use minicbor::data::Type;
use minicbor::{Decoder, Encoder};

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

/// One version of one key.
#[derive(Clone, Copy, Debug)]
struct Row {
    began: Instant,
    visible: Instant,
}

#[derive(Debug)]
struct State {
    mode: Mode,
    pause: Duration,
    keys: Vec<Vec<Row>>,
    /// When each request had come in, and for how many keys.
    requests: Vec<(Instant, usize)>,
}

/// A running server. It lives as long as the process: its connections end with their clients.
#[derive(Clone, Debug)]
pub struct Server {
    pub port: u16,
    state: Arc<Mutex<State>>,
}

pub fn key(index: usize) -> String {
    format!("key-{index:04}")
}

fn value(index: usize, version: usize) -> String {
    format!("{} at {version}", key(index))
}

impl Server {
    /// `keys` keys at version 1; each answer takes `pause`.
    pub fn start(keys: usize, pause: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let now = Instant::now();
        let rows = vec![vec![Row { began: now, visible: now }]; keys];
        let state = State { mode: Mode::Well, pause, keys: rows, requests: Vec::new() };
        let server = Self { port: listener.local_addr().unwrap().port(), state: Arc::new(Mutex::new(state)) };
        let accepting = server.clone();
        thread::spawn(move || {
            for socket in listener.incoming().map_while(Result::ok) {
                let serving = accepting.clone();
                thread::spawn(move || while serving.serve(&socket).is_some() {});
            }
        });
        server
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/items/{{key}}", self.port)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub fn set_mode(&self, mode: Mode) {
        self.state().mode = mode;
    }

    /// Writes the next version of a key.
    pub fn write(&self, index: usize) {
        let mut state = self.state();
        let began = Instant::now();
        state.keys[index].push(Row { began, visible: began });
        let visible = Instant::now();
        state.keys[index].last_mut().unwrap().visible = visible;
    }

    /// Requests that came in from `from` to `to`.
    pub fn requests(&self, from: Instant, to: Instant) -> usize {
        self.state().requests.iter().filter(|(at, _)| (from..to).contains(at)).count()
    }

    /// The most keys of any request that came in from `from` to `to`.
    pub fn largest(&self, from: Instant, to: Instant) -> usize {
        let state = self.state();
        let keys = state.requests.iter().filter(|(at, _)| (from..to).contains(at)).map(|(_, keys)| *keys);
        keys.max().unwrap_or(0)
    }

    /// The first request from then on.
    pub fn first_request(&self, from: Instant) -> Option<Instant> {
        self.state().requests.iter().map(|(at, _)| *at).find(|at| *at >= from)
    }

    /// The keys asked in all of them.
    pub fn keys_asked(&self) -> usize {
        self.state().requests.iter().map(|(_, keys)| keys).sum()
    }

    /// The most requests of any second that begins from `from` to `to`.
    pub fn busiest_second(&self, from: Instant, to: Instant) -> usize {
        let state = self.state();
        let times: Vec<_> =
            state.requests.iter().map(|(at, _)| *at).filter(|at| (from..to).contains(at)).collect();
        let within =
            |first: usize| times[first..].iter().take_while(|at| **at - times[first] < SECOND).count();
        (0..times.len()).map(within).max().unwrap_or(0)
    }

    /// Whether this value may have been current within `bound` before `start`, or until `end`.
    pub fn allows(
        &self,
        index: usize,
        bytes: &[u8],
        version: u64,
        start: Instant,
        end: Instant,
        bound: Duration,
    ) -> bool {
        let state = self.state();
        let version = usize::try_from(version).unwrap();
        let Some(row) = version.checked_sub(1).and_then(|row| state.keys[index].get(row)) else {
            return false;
        };
        let replaced = state.keys[index].get(version).map(|next| next.visible);
        bytes == value(index, version).as_bytes()
            && row.began <= end
            && replaced.is_none_or(|replaced| replaced + bound >= start)
    }

    /// Serves one request; nothing: the connection is over.
    fn serve(&self, mut socket: &TcpStream) -> Option<()> {
        let (line, body) = read_request(socket)?;
        let asked = match line.starts_with("POST") {
            true => compared_keys(&body),
            false => vec![(line.split("key-").nth(1)?.get(..4)?.parse().ok()?, None)],
        };
        let (mode, pause) = {
            let mut state = self.state();
            state.requests.push((Instant::now(), asked.len()));
            (state.mode, state.pause)
        };
        thread::sleep(if let Mode::Slow(slow) = mode { slow } else { pause });
        let full = match mode {
            Mode::Dead => {
                let _ = socket.shutdown(Shutdown::Both);
                return None;
            }
            Mode::Status500 => http("500 Internal Server Error", b"oops"),
            Mode::Busy => http("503 Service Unavailable\r\nRetry-After: 1", b"later"),
            Mode::Garbage => b"\x16\x03\x01 this is no HTTP at all\r\n\r\n".to_vec(),
            Mode::Well | Mode::Slow(_) | Mode::HalfBody | Mode::Behind => {
                let back = usize::from(mode == Mode::Behind);
                let versions: Vec<_> = {
                    let state = self.state();
                    asked
                        .iter()
                        .map(|(index, _)| state.keys[*index].len().saturating_sub(back).max(1))
                        .collect()
                };
                if line.starts_with("POST") {
                    compare(&asked, &versions)
                } else {
                    get(asked[0].0, versions[0])
                }
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

pub const SECOND: Duration = Duration::from_secs(1);

fn http(head: &str, body: &[u8]) -> Vec<u8> {
    [format!("HTTP/1.1 {head}\r\nContent-Length: {}\r\n\r\n", body.len()).as_bytes(), body].concat()
}

fn get(index: usize, version: usize) -> Vec<u8> {
    http(&format!("200 OK\r\nEdge-Version: {version}"), value(index, version).as_bytes())
}

fn compared_keys(body: &[u8]) -> Vec<(usize, Option<u64>)> {
    let mut decoder = Decoder::new(body);
    let rows = decoder.array().unwrap().unwrap();
    let mut row = || {
        decoder.array().unwrap();
        let key = std::str::from_utf8(decoder.bytes().unwrap()).unwrap();
        let index = key["key-".len()..].parse().unwrap();
        let known = match decoder.datatype().unwrap() {
            Type::Null => {
                decoder.null().unwrap();
                None
            }
            _ => Some(decoder.u64().unwrap()),
        };
        (index, known)
    };
    (0..rows).map(|_| row()).collect()
}

fn compare(asked: &[(usize, Option<u64>)], versions: &[usize]) -> Vec<u8> {
    let mut encoder = Encoder::new(Vec::new());
    encoder.array(asked.len() as u64).unwrap();
    for ((index, known), version) in asked.iter().zip(versions) {
        encoder.array(5).unwrap().bytes(key(*index).as_bytes()).unwrap();
        if *known == Some(*version as u64) {
            encoder.u8(0).unwrap().u64(*version as u64).unwrap().null().unwrap();
        } else {
            let value = value(*index, *version);
            encoder.u8(1).unwrap().u64(*version as u64).unwrap().bytes(value.as_bytes()).unwrap();
        }
        encoder.null().unwrap();
    }
    http("200 OK\r\nContent-Type: application/cbor", &encoder.into_writer())
}

fn read_request(mut socket: &TcpStream) -> Option<(String, Vec<u8>)> {
    let (mut bytes, mut part) = (Vec::new(), [0; 16384]);
    loop {
        if let Some(end) = bytes.windows(4).position(|w| w == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
            let length = head.split("content-length: ").nth(1).and_then(|rest| rest.lines().next());
            let length: usize = length.map_or(0, |length| length.parse().unwrap());
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
