//! The HTTP client: hyper on the runtime thread, TLS by rustls with ring.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode, header::CONTENT_LENGTH};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::{self, connect::HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::pki_types::{CertificateDer, pem::PemObject};
use rustls::{ClientConfig, RootCertStore};

use crate::facts::error::{Error, Result};
use crate::origin::{OriginError, OriginResult};

/// Idle connections are closed before most servers would close them.
const IDLE: Duration = Duration::from_secs(15);

/// A pool of connections to an origin, with limits on what comes back.
#[derive(Clone, Debug)]
pub struct HttpClient {
    client: legacy::Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    max_response_bytes: usize,
}

/// A whole answer.
#[derive(Debug)]
pub struct Response {
    /// The status.
    pub status: StatusCode,
    /// The header fields.
    pub headers: HeaderMap,
    /// The body, in memory of exactly its size.
    pub body: Bytes,
}

impl HttpClient {
    /// A client without a connection. Opens none before the first request.
    pub fn new(
        connect_timeout: Duration,
        max_header_bytes: usize,
        max_response_bytes: usize,
        ca_file: Option<&Path>,
    ) -> Result<Self> {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(connect_timeout));
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls(ca_file)?)
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        let client = legacy::Client::builder(TokioExecutor::new())
            .pool_idle_timeout(IDLE)
            .pool_timer(TokioTimer::new())
            .http1_max_buf_size(max_header_bytes)
            .build(connector);
        Ok(Self { client, max_response_bytes })
    }

    /// Sends a request and reads the whole answer. The caller sets the time-out
    /// by dropping the future, which also closes the connection.
    pub async fn send(&self, request: Request<Full<Bytes>>) -> OriginResult<Response> {
        let response = self.client.request(request).await.map_err(|error| failure(&error))?;
        let (head, body) = response.into_parts();
        self.check_length(&head.headers)?;
        let body = self.read(body).await?;
        Ok(Response { status: head.status, headers: head.headers, body })
    }

    /// Refuses a body that says it is too long before a byte of it is read.
    fn check_length(&self, headers: &HeaderMap) -> OriginResult<()> {
        let length = headers.get(CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse::<u64>().ok());
        match length {
            Some(length) if length > self.max_response_bytes as u64 => {
                Err(self.too_long(&format!("{length} bytes")))
            }
            _ => Ok(()),
        }
    }

    async fn read(&self, body: Incoming) -> OriginResult<Bytes> {
        let body = Limited::new(body, self.max_response_bytes).collect().await.map_err(|error| {
            if error.is::<LengthLimitError>() {
                self.too_long("more")
            } else {
                OriginError::lost(format!("the origin's answer broke off: {error}"))
            }
        })?;
        // A slice would keep the connection's whole read buffer alive.
        Ok(Bytes::from(Box::<[u8]>::from(body.to_bytes().as_ref())))
    }

    fn too_long(&self, length: &str) -> OriginError {
        let limit = self.max_response_bytes;
        OriginError::garbage(format!("the origin's answer has {length}; max_response_bytes is {limit}"))
    }
}

/// What a failed exchange means: was anything sent, was it HTTP at all?
fn failure(error: &legacy::Error) -> OriginError {
    let mut message = error.to_string();
    let mut source = std::error::Error::source(error);
    let mut no_http = false;
    while let Some(cause) = source {
        no_http |= cause.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_parse);
        message = format!("{message}: {cause}");
        source = cause.source();
    }
    if error.is_connect() {
        OriginError::not_sent(format!("can't connect to the origin: {message}"))
    } else if no_http {
        OriginError::garbage(format!("the origin does not answer in HTTP/1.1: {message}"))
    } else {
        OriginError::lost(format!("lost the connection to the origin: {message}"))
    }
}

fn tls(ca_file: Option<&Path>) -> Result<ClientConfig> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    if let Some(path) = ca_file {
        let refuse = |why: &dyn std::fmt::Display| {
            Error::invalid("origin_ca_file", path.display(), &format!("a file with PEM certificates ({why})"))
        };
        let mut count = 0;
        for certificate in CertificateDer::pem_file_iter(path).map_err(|error| refuse(&error))? {
            let certificate = certificate.map_err(|error| refuse(&error))?;
            roots.add(certificate).map_err(|error| refuse(&error))?;
            count += 1;
        }
        if count == 0 {
            return Err(refuse(&"it has none"));
        }
    }
    // Named, not the process's default: another library may have set that to
    // something else, or nobody may have set it.
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::new(crate::facts::error::Code::Internal, format!("no TLS: {error}")))?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}
