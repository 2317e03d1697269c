//! An origin that is nothing but bytes on a socket, so that it can do what no
//! HTTP library would let it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use edgecmp::Options;
use edgecmp::origin::http::{HttpConfig, HttpOrigin};
use edgecmp::origin::{Answer, Fetch, Known, Origin, OriginResult, Write, Written};
use edgecmp::{Key, Version};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;

/// What is done with one request.
pub enum Reply {
    /// These bytes; the connection stays open.
    Bytes(Vec<u8>),
    /// These bytes, then the connection is closed.
    Last(Vec<u8>),
    /// The first bytes, then the others for ever.
    Endless(Vec<u8>, Vec<u8>),
    /// One byte at a time.
    Drip(Vec<u8>, Duration),
}

pub use Reply::{Bytes, Drip, Endless, Last};

/// A reply in HTTP: status line and headers as they are, `Content-Length` added.
pub fn http(head: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let length = body.as_ref().len();
    let head = format!("HTTP/1.1 {head}\r\nContent-Length: {length}\r\n\r\n");
    [head.as_bytes(), body.as_ref()].concat()
}

/// A request as it came in.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Which connection it came on, from 0.
    pub connection: usize,
    /// Request line and headers.
    pub head: String,
    pub body: Vec<u8>,
}

impl Seen {
    /// The request line.
    pub fn line(&self) -> &str {
        self.head.lines().next().unwrap_or_default()
    }

    /// A header, by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let field =
            |line: &'_ str| line.split_once(": ").filter(|(n, _)| n.eq_ignore_ascii_case(name)).is_some();
        self.head.lines().find(|line| field(line)).and_then(|line| line.split_once(": ")).map(|(_, v)| v)
    }
}

/// A running server; it ends with the test's runtime.
#[derive(Clone)]
pub struct Wire {
    pub port: u16,
    seen: Arc<Mutex<Vec<Seen>>>,
    tls: Option<tokio_rustls::TlsAcceptor>,
}

impl Wire {
    /// Answers the n-th request it gets, over all connections, with `reply(n, request)`.
    pub async fn start(reply: impl Fn(usize, &Seen) -> Reply + Send + Sync + 'static) -> Self {
        Self::start_with(None, reply).await
    }

    pub async fn start_with(
        tls: Option<tokio_rustls::TlsAcceptor>,
        reply: impl Fn(usize, &Seen) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let wire = Self { port: listener.local_addr().unwrap().port(), seen: Arc::default(), tls };
        let (server, reply) = (wire.clone(), Arc::new(reply));
        tokio::spawn(async move {
            for connection in 0.. {
                let (socket, _) = listener.accept().await.unwrap();
                let (server, reply) = (server.clone(), Arc::clone(&reply));
                tokio::spawn(async move {
                    match server.tls.clone() {
                        None => server.serve(connection, socket, &*reply).await,
                        // A handshake that fails is the client's to report.
                        Some(tls) => match tls.accept(socket).await {
                            Ok(socket) => server.serve(connection, socket, &*reply).await,
                            Err(_) => None,
                        },
                    }
                });
            }
        });
        wire
    }

    async fn serve(
        &self,
        connection: usize,
        mut socket: impl AsyncRead + AsyncWrite + Unpin,
        reply: &(impl Fn(usize, &Seen) -> Reply + Sync),
    ) -> Option<()> {
        loop {
            let request = read_request(connection, &mut socket).await?;
            let number = {
                let mut seen = self.seen.lock().unwrap();
                seen.push(request.clone());
                seen.len() - 1
            };
            match reply(number, &request) {
                Bytes(bytes) => socket.write_all(&bytes).await.ok()?,
                Last(bytes) => {
                    socket.write_all(&bytes).await.ok()?;
                    socket.shutdown().await.ok()?;
                    return None;
                }
                Endless(first, rest) => {
                    socket.write_all(&first).await.ok()?;
                    loop {
                        socket.write_all(&rest).await.ok()?;
                    }
                }
                Drip(bytes, pause) => {
                    for byte in bytes {
                        socket.write_all(&[byte]).await.ok()?;
                        tokio::time::sleep(pause).await;
                    }
                }
            }
            socket.flush().await.ok()?;
        }
    }

    /// All requests so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// An origin here, with `/items/{key}` as its template.
    pub fn origin(&self) -> HttpOrigin {
        self.origin_with(|_| ())
    }

    pub fn origin_with(&self, change: impl FnOnce(&mut Options)) -> HttpOrigin {
        let mut options = Options::default();
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        options.origin = format!("{scheme}://127.0.0.1:{}/items/{{key}}", self.port);
        change(&mut options);
        HttpOrigin::new(HttpConfig::from_options(&options)).unwrap()
    }
}

async fn read_request(connection: usize, socket: &mut (impl AsyncRead + Unpin)) -> Option<Seen> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|w| w == b"\r\n\r\n") {
            break end + 4;
        }
        if socket.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let mut seen = Seen { connection, head, body: bytes.split_off(end) };
    let length: usize = seen.header("content-length").map_or(0, |length| length.parse().unwrap());
    while seen.body.len() < length {
        socket.read_buf(&mut seen.body).await.ok()?;
    }
    Some(seen)
}

/// Longer than anything here takes, on a loaded machine too.
pub const PATIENT: Duration = Duration::from_secs(10);
/// The end of what must end by itself, before `PATIENT`.
pub const SOON: Duration = Duration::from_secs(5);

pub fn get(key: &str) -> Fetch {
    Fetch { key: Key::copy_from(key.as_bytes()), known: None, timeout: PATIENT, trace: None }
}

pub fn known(version: u64) -> Known {
    Known { version: Version::from(version), validator: None }
}

pub fn put(key: &str, value: &'static [u8]) -> Write {
    Write {
        key: Key::copy_from(key.as_bytes()),
        value: Some(bytes::Bytes::from_static(value)),
        idempotency_key: "i-1".into(),
        if_version: None,
        timeout: PATIENT,
        trace: None,
    }
}

/// A GET of an origin that answers once with these bytes and closes.
pub async fn fetch_once(reply: Vec<u8>) -> OriginResult<Answer> {
    Wire::start(move |_, _| Last(reply.clone())).await.origin().fetch(get("k")).await
}

/// A PUT, likewise.
pub async fn write_once(reply: Vec<u8>) -> OriginResult<Written> {
    Wire::start(move |_, _| Last(reply.clone())).await.origin().write(put("k", b"v")).await
}
