//! An origin over HTTP/1.1, as `docs/origin-protocol.md` describes it.
//!
//! Futures must be polled inside a tokio runtime with time and net. Nothing
//! the origin sends can make them panic, wait beyond the time-out, or take
//! more memory than `max_response_bytes` and `max_header_bytes` allow.

use std::sync::Arc;
use std::time::Duration;

use http::{Response, StatusCode};
use hyper::body::Incoming;

use self::client::{BodyError, Client};
use self::compare::{MAX_ROWS, Row};
use self::response::Read;
use self::template::Template;
use super::{Answer, Fetch, Known, Origin, OriginError, OriginResult, Write, Written};
use crate::env::BoxFuture;
use crate::facts::error::Error;
use crate::facts::key::Key;
use crate::facts::trace::TraceContext;

mod cache_control;
mod client;
mod compare;
mod config;
mod connector;
mod request;
mod response;
mod template;
mod text;
mod tls;

pub use self::config::HttpConfig;

/// An origin behind a URL.
#[derive(Clone, Debug)]
pub struct HttpOrigin(Arc<Endpoint>);

#[derive(Debug)]
struct Endpoint {
    template: Template,
    client: Client,
}

/// What became of a part of a compare.
enum Part {
    Rows(Vec<OriginResult<Answer>>),
    /// Too many rows for one request, or too many values for one answer.
    TooLarge(OriginError),
    Unsupported,
}

impl HttpOrigin {
    /// An origin; connects when it is first asked.
    pub fn new(config: HttpConfig) -> Result<Self, Error> {
        let template = Template::parse(&config.url)?;
        let client = Client::new(&config)?;
        let in_the_clear = !template.is_secure() && !template.is_loopback();
        if in_the_clear && !config.bearer_token.expose().is_empty() {
            tracing::warn!(
                "origin_bearer_token is sent over plain http, where anyone on the way can read it"
            );
        }
        Ok(Self(Arc::new(Endpoint { template, client })))
    }
}

impl Endpoint {
    async fn fetch(&self, fetch: Fetch) -> OriginResult<Answer> {
        let condition = request::condition(fetch.known);
        let request = request::get(self.template.item(&fetch.key)?, &condition, fetch.trace.as_ref())?;
        let response = self.client.send(request, true).await?;
        match response::read(response.status(), response.headers(), &condition) {
            Ok(Read::Value(facts)) => Ok(facts.with(self.client.body(response).await?)),
            Ok(Read::Complete(answer)) => {
                Client::discard(response);
                Ok(answer)
            }
            Err(error) => refused(response, error),
        }
    }

    async fn write(&self, write: Write) -> OriginResult<Written> {
        let uri = self.template.item(&write.key)?;
        let request = request::write(uri, write)?;
        let method = request.method().clone();
        let response = self.client.send(request, false).await?;
        match response::written(&method, response.status(), response.headers()) {
            Ok(written) => {
                Client::discard(response);
                Ok(written)
            }
            Err(error) => refused(response, error),
        }
    }

    async fn compare(
        &self,
        rows: &[Row],
        trace: Option<&TraceContext>,
    ) -> OriginResult<Option<Vec<OriginResult<Answer>>>> {
        let mut answers = Vec::with_capacity(rows.len());
        let (mut rest, mut size) = (rows, MAX_ROWS);
        while !rest.is_empty() {
            let (part, later) = rest.split_at(size.min(rest.len()));
            match self.compare_part(part, trace).await? {
                Part::Rows(rows) => answers.extend(rows),
                Part::Unsupported => return Ok(None),
                // As one error it would fail all keys, again at each retry. The
                // request time that the caller noted stays before all parts.
                Part::TooLarge(_) if part.len() > 1 => {
                    size = part.len().div_ceil(2);
                    continue;
                }
                Part::TooLarge(error) => answers.push(Err(error)),
            }
            rest = later;
        }
        Ok(Some(answers))
    }

    async fn compare_part(&self, rows: &[Row], trace: Option<&TraceContext>) -> OriginResult<Part> {
        let Some(uri) = self.template.compare() else { return Ok(Part::Unsupported) };
        let request = request::compare(uri, compare::encode(rows), trace)?;
        let method = request.method().clone();
        let response = self.client.send(request, true).await?;
        let status = response.status();
        match status {
            StatusCode::OK => {
                let age = response::age(response.headers())?;
                let limits = cache_control::limits(response.headers());
                let limited = |row: OriginResult<Answer>| match limits {
                    Some(limits) => row.map(|answer| compare::limited(answer, limits)),
                    None => row,
                };
                match self.client.body(response).await {
                    Ok(body) => compare::decode(rows, &body, age)
                        .map(|rows| Part::Rows(rows.into_iter().map(limited).collect()))
                        .map_err(|why| OriginError::garbage(format!("the answer to compare: {why}"))),
                    Err(BodyError::TooLarge(error)) => Ok(Part::TooLarge(error)),
                    Err(BodyError::Broken(error)) => Err(error),
                }
            }
            StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED => {
                Client::discard(response);
                Ok(Part::Unsupported)
            }
            StatusCode::PAYLOAD_TOO_LARGE => {
                let error = response::failure(&method, status, response.headers());
                Client::discard(response);
                Ok(Part::TooLarge(error))
            }
            _ => {
                let error = response::failure(&method, status, response.headers());
                refused(response, error)
            }
        }
    }
}

/// An answer that is an error; its body is not shown, it may hold anything.
fn refused<T>(response: Response<Incoming>, error: OriginError) -> OriginResult<T> {
    Client::discard(response);
    Err(error)
}

/// The caller drops the call at its own time-out; this one is for callers
/// that do not. Whether what was sent took effect is unknown.
async fn within<T>(timeout: Duration, call: impl Future<Output = OriginResult<T>>) -> OriginResult<T> {
    tokio::time::timeout(timeout, call).await.unwrap_or_else(|_| {
        Err(OriginError::lost(format!("no answer from the origin within {} ms", timeout.as_millis())))
    })
}

impl Origin for HttpOrigin {
    fn fetch(&self, fetch: Fetch) -> BoxFuture<'static, OriginResult<Answer>> {
        let endpoint = Arc::clone(&self.0);
        Box::pin(async move { within(fetch.timeout, endpoint.fetch(fetch)).await })
    }

    fn has_compare(&self) -> bool {
        self.0.template.compare().is_some()
    }

    fn compare(
        &self,
        rows: Vec<(Key, Option<Known>)>,
        timeout: Duration,
        trace: Option<TraceContext>,
    ) -> BoxFuture<'static, OriginResult<Option<Vec<OriginResult<Answer>>>>> {
        let endpoint = Arc::clone(&self.0);
        Box::pin(async move { within(timeout, endpoint.compare(&rows, trace.as_ref())).await })
    }

    fn write(&self, write: Write) -> BoxFuture<'static, OriginResult<Written>> {
        let endpoint = Arc::clone(&self.0);
        Box::pin(async move { within(write.timeout, endpoint.write(write)).await })
    }
}
