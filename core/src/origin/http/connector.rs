//! Connections: TCP or TLS within the connect time-out, each remembering
//! when it last answered.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use tokio::net::TcpStream;
use tower_service::Service;

use crate::facts::clock::{BootClock, Clock, Instant};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Who answered just now has not closed the connection as idle. Servers wait for some
/// seconds at the least.
const IDLE: Duration = Duration::from_millis(500);

/// When a connection last answered: one that did, was idle since, and then fails before
/// an answer, was most likely closed by the origin meanwhile.
#[derive(Clone, Debug, Default)]
pub(super) struct LastAnswer(Arc<Mutex<Option<Instant>>>);

impl LastAnswer {
    pub(super) fn note(&self) {
        *self.last() = Some(BootClock.now());
    }

    /// Of a request that was sent then.
    pub(super) fn may_be_closed_as_idle(&self, sent_at: Instant) -> bool {
        self.last().is_some_and(|at| sent_at.since(at) >= IDLE)
    }

    fn last(&self) -> MutexGuard<'_, Option<Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes connections to the origin.
#[derive(Clone, Debug)]
pub(super) struct Connector {
    inner: HttpsConnector<HttpConnector>,
    timeout: Duration,
}

impl Connector {
    pub(super) fn new(tls: ClientConfig, timeout: Duration) -> Self {
        let mut tcp = HttpConnector::new();
        // The TLS connector takes what it wraps to https itself.
        tcp.enforce_http(false);
        // A request is one write or two: waiting to fill a segment only delays it.
        tcp.set_nodelay(true);
        // Shared among the addresses of the host, so that a dead one leaves time for the next.
        tcp.set_connect_timeout(Some(timeout));
        let builder = hyper_rustls::HttpsConnectorBuilder::new().with_tls_config(tls);
        Self { inner: builder.https_or_http().enable_http1().wrap_connector(tcp), timeout }
    }
}

impl Service<Uri> for Connector {
    type Response = Stream;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Stream, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connecting = self.inner.call(uri);
        let timeout = self.timeout;
        Box::pin(async move {
            // Names are looked up and TLS is agreed on within the same time.
            match tokio::time::timeout(timeout, connecting).await {
                Ok(connected) => Ok(Stream { inner: connected?, last_answer: LastAnswer::default() }),
                Err(_) => Err(format!("none within connect_timeout = {} ms", timeout.as_millis()).into()),
            }
        })
    }
}

/// A connection.
#[derive(Debug)]
pub(super) struct Stream {
    inner: MaybeHttpsStream<TokioIo<TcpStream>>,
    last_answer: LastAnswer,
}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        self.inner.connected().extra(self.last_answer.clone())
    }
}

impl Read for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(context, buffer)
    }
}

impl Write for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(context, slices)
    }
}
