//! Origins that speak HTTP/1.1: see `docs/origin-protocol.md`.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{
    AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH,
};
use http::{Method, Request, StatusCode, Uri};
use http_body_util::Full;

use super::{Answer, Fetch, Known, Origin, OriginError, OriginResult, Write, Written};
use crate::env::BoxFuture;
use crate::facts::error::{Error, Result};
use crate::facts::key::Key;
use crate::facts::option_value::Secret;
use crate::facts::options::Options;
use crate::facts::trace::TraceContext;

mod cache_control;
mod client;
mod compare;
mod response;
mod template;

use client::HttpClient;
use template::Template;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const CBOR: HeaderValue = HeaderValue::from_static("application/cbor");

/// How to reach an HTTP origin.
#[derive(Clone, Debug)]
pub struct HttpConfig {
    /// The address, with `{key}` where the key goes.
    pub url: String,
    /// Longest wait for a connection.
    pub connect_timeout: Duration,
    /// Largest body read.
    pub max_response_bytes: usize,
    /// Largest header section read.
    pub max_header_bytes: usize,
    /// Sent as `Authorization: Bearer`, if not empty.
    pub bearer_token: Secret,
    /// PEM certificates to trust beside the public ones.
    pub ca_file: Option<PathBuf>,
}

impl HttpConfig {
    /// What the options of a cache say.
    pub fn from_options(options: &Options) -> Self {
        Self {
            url: options.origin.clone(),
            connect_timeout: options.connect_timeout,
            max_response_bytes: options.max_response_bytes.0,
            max_header_bytes: options.max_header_bytes.0,
            bearer_token: options.origin_bearer_token.clone(),
            ca_file: (!options.origin_ca_file.is_empty()).then(|| options.origin_ca_file.clone().into()),
        }
    }
}

/// An origin over HTTP. Its futures are polled inside a tokio runtime.
#[derive(Debug)]
pub struct HttpOrigin {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    client: HttpClient,
    template: Template,
    authorization: Option<HeaderValue>,
}

impl HttpOrigin {
    /// An origin without a connection.
    pub fn new(config: HttpConfig) -> Result<Self> {
        let authorization = match config.bearer_token.expose() {
            "" => None,
            token => {
                let mut value = HeaderValue::from_str(&format!("Bearer {token}"))
                    .map_err(|_| Error::invalid("origin_bearer_token", "***", "visible ASCII characters"))?;
                value.set_sensitive(true);
                Some(value)
            }
        };
        let client = HttpClient::new(
            config.connect_timeout,
            config.max_header_bytes,
            config.max_response_bytes,
            config.ca_file.as_deref(),
        )?;
        let template = Template::parse(&config.url)?;
        Ok(Self { shared: Arc::new(Shared { client, template, authorization }) })
    }
}

/// A header value of bytes that were checked where they came in.
fn value(text: &str) -> OriginResult<HeaderValue> {
    HeaderValue::from_str(text)
        .map_err(|_| OriginError::not_sent("a header value with characters it can't have"))
}

impl Shared {
    fn request(
        &self,
        method: Method,
        uri: Uri,
        trace: Option<&TraceContext>,
    ) -> OriginResult<Request<Full<Bytes>>> {
        let mut request = Request::new(Full::default());
        *request.method_mut() = method;
        *request.uri_mut() = uri;
        let headers = request.headers_mut();
        headers.insert(
            http::header::USER_AGENT,
            HeaderValue::from_static(concat!("edgecmp/", env!("CARGO_PKG_VERSION"))),
        );
        if let Some(authorization) = &self.authorization {
            headers.insert(AUTHORIZATION, authorization.clone());
        }
        if let Some(trace) = trace {
            headers.insert(TRACEPARENT, value(trace.as_str())?);
        }
        Ok(request)
    }

    fn key_request(
        &self,
        method: Method,
        key: &Key,
        trace: Option<&TraceContext>,
    ) -> OriginResult<Request<Full<Bytes>>> {
        let uri = self.template.key(key.as_bytes());
        let uri = uri.map_err(|error| OriginError::not_sent(format!("the key makes no address: {error}")))?;
        self.request(method, uri, trace)
    }

    async fn fetch(&self, fetch: Fetch) -> OriginResult<Answer> {
        let mut request = self.key_request(Method::GET, &fetch.key, fetch.trace.as_ref())?;
        if let Some(known) = &fetch.known {
            let (name, text) = condition(known);
            request.headers_mut().insert(name, value(&text)?);
        }
        let answer = self.client.send(request).await?;
        response::answer(answer.status, &answer.headers, answer.body, fetch.known.is_some())
    }

    async fn compare(
        &self,
        rows: Vec<(Key, Option<Known>)>,
        trace: Option<TraceContext>,
    ) -> OriginResult<Option<Vec<OriginResult<Answer>>>> {
        // Opaque validators have no place in a row: ask for those values anew.
        let Some(uri) = self.template.compare() else { return Ok(None) };
        let mut request = self.request(Method::POST, uri.clone(), trace.as_ref())?;
        *request.body_mut() = compare::encode(&rows).into();
        request.headers_mut().insert(CONTENT_TYPE, CBOR);
        let answer = self.client.send(request).await?;
        match answer.status {
            StatusCode::OK => compare::decode(&answer.body, &rows).map(Some),
            StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED => Ok(None),
            status => Err(response::refusal(status, &answer.headers, &Method::POST)),
        }
    }

    async fn write(&self, write: Write) -> OriginResult<Written> {
        let method = if write.value.is_some() { Method::PUT } else { Method::DELETE };
        let mut request = self.key_request(method.clone(), &write.key, write.trace.as_ref())?;
        request.headers_mut().insert(IDEMPOTENCY_KEY, value(&write.idempotency_key)?);
        if let Some(version) = write.if_version {
            request.headers_mut().insert(IF_MATCH, value(&format!("\"{version}\""))?);
        }
        if let Some(bytes) = write.value {
            request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
            *request.body_mut() = bytes.into();
        }
        let answer = self.client.send(request).await?;
        response::written(answer.status, &answer.headers, &method)
    }
}

/// The condition of a GET: the validator that the origin sent, as it sent it.
fn condition(known: &Known) -> (HeaderName, String) {
    match &known.validator {
        // An ETag has quotes; what has none is a Last-Modified date.
        Some(date) if !date.contains('"') => (IF_MODIFIED_SINCE, date.to_string()),
        Some(etag) => (IF_NONE_MATCH, etag.to_string()),
        None => (IF_NONE_MATCH, format!("\"{}\"", known.version)),
    }
}

impl Origin for HttpOrigin {
    fn fetch(&self, fetch: Fetch) -> BoxFuture<'static, OriginResult<Answer>> {
        let shared = Arc::clone(&self.shared);
        Box::pin(async move { shared.fetch(fetch).await })
    }

    fn compare(
        &self,
        rows: Vec<(Key, Option<Known>)>,
        _timeout: Duration,
        trace: Option<TraceContext>,
    ) -> BoxFuture<'static, OriginResult<Option<Vec<OriginResult<Answer>>>>> {
        let shared = Arc::clone(&self.shared);
        Box::pin(async move { shared.compare(rows, trace).await })
    }

    fn write(&self, write: Write) -> BoxFuture<'static, OriginResult<Written>> {
        let shared = Arc::clone(&self.shared);
        Box::pin(async move { shared.write(write).await })
    }
}
