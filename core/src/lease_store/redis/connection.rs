//! Connections to Redis, over TCP or TLS. Made here, not by the client: it would take
//! in whatever comes, as long as the connection lives.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, RedisConnectionInfo};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio_rustls::TlsConnector;

use crate::env::Env;
use crate::facts::error::{Code, Error, Result};
use crate::lease_store::config::Config;
use crate::lease_store::pem;

/// Bytes that may come after one request and before the next. A few for each lease is
/// what Redis has to say.
const MOST: usize = 1 << 20;

/// How to connect.
pub struct Connector {
    host: String,
    port: u16,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    who: RedisConnectionInfo,
}

/// A connection that is shared, and ends with the last that shares it.
#[derive(Clone)]
pub struct Connection {
    pub redis: MultiplexedConnection,
    _open: Arc<oneshot::Sender<()>>,
}

impl Connector {
    pub fn new(config: &Config) -> Result<Self> {
        let (host, port) = config.servers[0].clone();
        let host = host.trim_matches(['[', ']']).to_owned();
        let mut who = RedisConnectionInfo::default().set_db(config.database);
        if !config.user.is_empty() {
            who = who.set_username(&config.user);
        }
        if !config.password.expose().is_empty() {
            who = who.set_password(config.password.expose());
        }
        let tls = match &config.tls {
            None => None,
            Some(tls) => {
                let name = ServerName::try_from(host.clone()).map_err(|_| {
                    Error::invalid("lease_store", format_args!("the host {host:?}"), "a name or an address")
                })?;
                Some((connector(pem::client(tls)?), name))
            }
        };
        Ok(Self { host, port, tls, who })
    }

    /// Connects and logs in. The caller's deadline is the only one.
    pub async fn connect(&self, env: &Arc<dyn Env>) -> Result<Connection> {
        let unreached = |error: io::Error| Error::new(Code::OriginUnavailable, format!("Redis: {error}"));
        let tcp = TcpStream::connect((self.host.as_str(), self.port)).await.map_err(unreached)?;
        tcp.set_nodelay(true).map_err(unreached)?;
        let stream: Box<dyn Stream> = match &self.tls {
            None => Box::new(tcp),
            Some((tls, name)) => Box::new(tls.connect(name.clone(), tcp).await.map_err(unreached)?),
        };
        let settings = AsyncConnectionConfig::new().set_response_timeout(None);
        let stream = Short { stream, read: 0 };
        let made = MultiplexedConnection::new_with_config(&self.who, stream, settings).await;
        let (redis, driver) = made.map_err(|error| self.without_password(&super::away(error)))?;
        let (open, mut closed) = oneshot::channel();
        let mut driver = Box::pin(driver);
        // An answer that never comes would keep the driver for ever.
        env.spawn(Box::pin(std::future::poll_fn(move |cx| {
            let ended = driver.as_mut().poll(cx).is_ready() || Pin::new(&mut closed).poll(cx).is_ready();
            if ended { Poll::Ready(()) } else { Poll::Pending }
        })))?;
        Ok(Connection { redis, _open: Arc::new(open) })
    }
}

impl Connector {
    /// A server that does not know a command may show what it was sent.
    fn without_password(&self, error: &Error) -> Error {
        let text = match self.who.password() {
            Some(password) => error.message().replace(password, "***"),
            None => error.message().to_owned(),
        };
        Error::new(error.code(), text)
    }
}

fn connector(config: ClientConfig) -> TlsConnector {
    TlsConnector::from(Arc::new(config))
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// A stream that fails when more comes than was asked for: what answers there is no
/// Redis, and memory is bounded.
struct Short {
    stream: Box<dyn Stream>,
    /// Since the last request.
    read: usize,
}

impl AsyncRead for Short {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        self.read += buffer.filled().len() - before;
        if self.read > MOST {
            return Poll::Ready(Err(io::Error::other("more than was asked for")));
        }
        read
    }
}

impl AsyncWrite for Short {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.read = 0;
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;
    use std::time::Duration;

    use super::*;
    use crate::engine::runtime::{Runtime, block_on};
    use crate::facts::options::Options;
    use crate::lease_store::redis::FORM;

    /// What a connection to a server says that answers the first request with this,
    /// and how much of it the server could send.
    fn connect(answer: &'static [u8], database: &str) -> (String, usize) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let rest = listener.local_addr().unwrap().to_string();
        let server = std::thread::spawn(move || {
            let (mut client, _) = listener.accept().unwrap();
            let _ = client.read(&mut [0; 4096]);
            let (mut sent, block) = (0, vec![b'x'; 1 << 16]);
            let mut say = |bytes: &[u8]| client.write_all(bytes).map(|()| sent += bytes.len()).is_ok();
            // Ends when the client does; much more than it may take in.
            let _ = say(answer) && (0..2048).all(|_| say(&block));
            sent
        });
        let mut options = Options::default();
        options.set("lease_store_password", "hunter2").unwrap();
        let rest = format!("{rest}{database}");
        let connector = Connector::new(&Config::read(&options, &rest, false, FORM).unwrap()).unwrap();
        let runtime: Arc<dyn Env> = Arc::new(Runtime::new(1));
        let (sender, mut receiver) = oneshot::channel();
        let env = Arc::clone(&runtime);
        let connecting = async move {
            let _ = sender.send(connector.connect(&env).await.map(drop));
        };
        runtime.spawn(Box::pin(connecting)).unwrap();
        let outcome = block_on(Duration::from_secs(20), |cx| Pin::new(&mut receiver).poll(cx));
        let error = outcome.expect("it ends").unwrap().expect_err("that is no Redis");
        (error.to_string(), server.join().unwrap())
    }

    #[test]
    fn a_flood_is_not_taken_in() {
        for answer in [&b"$9000000000000000000\r\n"[..], b"$500000000\r\n", b"+", b"=-1\r\n", b"-ERR "] {
            let (error, sent) = connect(answer, "");
            assert!(error.contains("more than was asked for"), "{error}");
            // Beside what we took, what the system's buffers hold.
            assert!(sent < 64 << 20, "{sent} bytes were sent");
        }
    }

    #[test]
    fn a_password_that_the_server_shows_is_not_shown() {
        let answer = b"+OK\r\n-ERR unknown command, with args beginning with: hunter2\r\n+OK\r\n+OK\r\n";
        let (error, _) = connect(answer, "/1");
        assert!(error.ends_with("beginning with: ***"), "{error}");
    }
}
