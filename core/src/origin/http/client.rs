//! The HTTP/1.1 client: one request, one answer, every size bounded.

use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, AUTHORIZATION, TRANSFER_ENCODING, USER_AGENT};
use http::{HeaderValue, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use hyper_util::client::legacy;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use super::config::HttpConfig;
use super::connector::{Connector, LastAnswer};
use super::request::Outgoing;
use super::text::causes;
use crate::facts::clock::{BootClock, Clock, Instant};
use crate::facts::error::Result;
use crate::origin::{OriginError, OriginResult};

/// hyper takes no smaller buffer.
const SMALLEST_BUFFER: usize = 8192;
/// Connections that failed as stale before one request gives up.
const MAX_STALE: u32 = 3;
/// How much of a body is read before its size is believed.
const FIRST_BUFFER: usize = 1 << 20;
/// The largest body that nobody reads, but that is waited for so that the
/// connection can be used again.
const MAX_DISCARDED: u64 = 64 << 10;
const DISCARD_TIMEOUT: Duration = Duration::from_secs(1);

const AGENT: HeaderValue = HeaderValue::from_static(concat!("edgecmp/", env!("CARGO_PKG_VERSION")));
/// The value is the body as the origin keeps it, not some coding of it.
const IDENTITY: HeaderValue = HeaderValue::from_static("identity");

/// A client of one origin.
#[derive(Debug)]
pub(super) struct Client {
    inner: legacy::Client<Connector, Full<Bytes>>,
    authorization: Option<HeaderValue>,
    max_response_bytes: usize,
}

/// Why a body was not read.
#[derive(Debug)]
pub(super) enum BodyError {
    /// It is larger than allowed; less may be asked for.
    TooLarge(OriginError),
    /// It did not arrive whole.
    Broken(OriginError),
}

impl From<BodyError> for OriginError {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::TooLarge(error) | BodyError::Broken(error) => error,
        }
    }
}

impl Client {
    pub(super) fn new(config: &HttpConfig) -> Result<Self> {
        let connector =
            Connector::new(super::tls::config(config.ca_file.as_deref())?, config.connect_timeout);
        let inner = legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(config.idle_timeout)
            .pool_max_idle_per_host(config.max_idle)
            .http1_max_buf_size(config.max_header_bytes.max(SMALLEST_BUFFER))
            .build(connector);
        let authorization = config.authorization()?;
        Ok(Self { inner, authorization, max_response_bytes: config.max_response_bytes })
    }

    /// Sends a request and returns with the head of the answer.
    ///
    /// What a connection lost before it was sent goes out again by itself.
    /// `repeatable` requests do so also if they were sent on a connection that
    /// had answered before, was idle since, and then broke (RFC 9110 9.2.2, 9.3.1
    /// of RFC 9112): the origin closed it while the request was on its way.
    pub(super) async fn send(
        &self,
        mut request: Outgoing,
        repeatable: bool,
    ) -> OriginResult<Response<Incoming>> {
        let headers = request.headers_mut();
        headers.insert(USER_AGENT, AGENT);
        headers.insert(ACCEPT_ENCODING, IDENTITY);
        if let Some(authorization) = &self.authorization {
            headers.insert(AUTHORIZATION, authorization.clone());
        }
        let mut stale = 0;
        while repeatable && stale < MAX_STALE {
            let sent_at = BootClock.now();
            match self.send_once(request.clone()).await {
                Err(error) if is_stale(&error, sent_at) => stale += 1,
                outcome => return outcome.map_err(|error| failure(&error)),
            }
        }
        self.send_once(request).await.map_err(|error| failure(&error))
    }

    async fn send_once(&self, request: Outgoing) -> std::result::Result<Response<Incoming>, legacy::Error> {
        let response = self.inner.request(request).await?;
        if let Some(last) = response.extensions().get::<LastAnswer>() {
            last.note();
        }
        Ok(response)
    }

    /// Reads the body, into memory of exactly its size.
    pub(super) async fn body(&self, response: Response<Incoming>) -> std::result::Result<Bytes, BodyError> {
        let announced = response.body().size_hint().exact();
        if announced.is_none() && !is_chunked(&response) {
            let message = "an answer with neither Content-Length nor chunked: its end cannot be told from a lost connection";
            return Err(BodyError::Broken(OriginError::garbage(message)));
        }
        let limit = self.max_response_bytes;
        if let Some(length) = announced.filter(|length| *length > limit as u64) {
            return Err(too_large(&format!("Content-Length: {length}"), limit));
        }
        // A length is believed as far as the first buffer goes.
        let likely = announced.map_or(0, |length| usize::try_from(length).unwrap_or(limit));
        let mut bytes = Vec::with_capacity(likely.min(FIRST_BUFFER));
        let mut body = response.into_body();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| BodyError::Broken(broken(&error)))?;
            // Trailers mean nothing to us.
            let Ok(data) = frame.into_data() else { continue };
            if data.len() > limit - bytes.len() {
                return Err(too_large("a body", limit));
            }
            bytes.extend_from_slice(&data);
        }
        Ok(Bytes::from(bytes.into_boxed_slice()))
    }

    /// Lets go of an answer whose body means nothing. A small body is read in
    /// the background, so that its connection lives on and nobody waits.
    pub(super) fn discard(response: Response<Incoming>) {
        let mut body = response.into_body();
        let small = body.size_hint().upper().is_none_or(|length| length <= MAX_DISCARDED);
        if body.is_end_stream() || !small {
            return;
        }
        let drain = async move {
            let mut left = MAX_DISCARDED;
            while let Some(Ok(frame)) = body.frame().await {
                let size = frame.data_ref().map_or(0, Bytes::len) as u64;
                let Some(rest) = left.checked_sub(size) else { return };
                left = rest;
            }
        };
        // Dropped unread at the time-out, which closes the connection.
        drop(tokio::spawn(tokio::time::timeout(DISCARD_TIMEOUT, drain)));
    }
}

fn is_chunked(response: &Response<Incoming>) -> bool {
    let codings = response.headers().get_all(TRANSFER_ENCODING).into_iter().next_back();
    codings
        .and_then(|line| line.as_bytes().rsplit(|b| *b == b',').next())
        .is_some_and(|last| last.trim_ascii().eq_ignore_ascii_case(b"chunked"))
}

fn too_large(what: &str, limit: usize) -> BodyError {
    BodyError::TooLarge(OriginError::garbage(format!("{what} above max_response_bytes = {limit}")))
}

fn broken(error: &hyper::Error) -> OriginError {
    use std::io::ErrorKind::{InvalidData, InvalidInput};
    // hyper reports chunks that it cannot read as errors of I/O.
    let source = std::error::Error::source(error).and_then(|source| source.downcast_ref::<std::io::Error>());
    let unreadable = source.is_some_and(|io| matches!(io.kind(), InvalidData | InvalidInput));
    if unreadable || error.is_parse() {
        return OriginError::garbage(format!("the body of the answer cannot be read: {}", causes(error)));
    }
    OriginError::lost(format!("the connection broke within the answer: {}", causes(error)))
}

fn is_stale(error: &legacy::Error, sent_at: Instant) -> bool {
    let mut extensions = http::Extensions::new();
    if let Some(connected) = error.connect_info() {
        connected.get_extras(&mut extensions);
    }
    let idle = extensions.get::<LastAnswer>().is_some_and(|last| last.may_be_closed_as_idle(sent_at));
    idle && !inner(error).is_some_and(hyper::Error::is_parse)
}

fn failure(error: &legacy::Error) -> OriginError {
    if error.is_connect() {
        return OriginError::not_sent(format!("no connection to the origin: {}", causes(error)));
    }
    match inner(error) {
        Some(parse) if parse.is_parse() => {
            let message = "the head of the answer cannot be read (at most max_header_bytes and 100 headers)";
            OriginError::garbage(format!("{message}: {}", causes(parse)))
        }
        _ => OriginError::lost_and_away(format!("the connection broke before an answer: {}", causes(error))),
    }
}

fn inner(error: &legacy::Error) -> Option<&hyper::Error> {
    std::error::Error::source(error)?.downcast_ref()
}
