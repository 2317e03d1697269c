//! Requests and answers as bytes: enough of HTTP/1.1, and the compare call.

use std::io::Read as _;
use std::net::TcpStream;

use minicbor::data::Type;
use minicbor::{Decoder, Encoder};

use crate::history::{key, value};

/// A key that is asked for, and the version that the asker has.
pub type Asked = (usize, Option<u64>);

/// A request.
pub struct Request {
    pub asked: Vec<Asked>,
    pub is_compare: bool,
}

impl Request {
    /// The next one; nothing: the connection is over, or what came is no request.
    pub fn read(socket: &TcpStream) -> Option<Self> {
        let (line, body) = read(socket)?;
        let is_compare = line.starts_with("POST");
        let asked = match is_compare {
            true => compared_keys(&body)?,
            false => vec![(line.split("key-").nth(1)?.get(..4)?.parse().ok()?, None)],
        };
        Some(Self { asked, is_compare })
    }

    /// The answer: what each of the keys has now, in the order in which they were asked.
    pub fn answer(&self, versions: &[u64]) -> Vec<u8> {
        match self.is_compare {
            true => compare(&self.asked, versions),
            false => get(self.asked[0].0, versions[0]),
        }
    }
}

pub fn http(head: &str, body: &[u8]) -> Vec<u8> {
    [format!("HTTP/1.1 {head}\r\nContent-Length: {}\r\n\r\n", body.len()).as_bytes(), body].concat()
}

fn get(index: usize, version: u64) -> Vec<u8> {
    http(&format!("200 OK\r\nEdge-Version: {version}"), value(index, version).as_bytes())
}

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

fn read(mut socket: &TcpStream) -> Option<(String, Vec<u8>)> {
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
