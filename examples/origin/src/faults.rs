//! Fault injection: an origin that fails on demand, for tests of its clients. Only with `--faults`.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::{Request, State as Shared};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use http_body_util::BodyExt;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use crate::http::App;
use crate::problem::Problem;

/// What goes wrong, and for whom. `{}` ends all faults.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Fault {
    /// How many of the next matching requests; default 1, 0 means none.
    count: Option<u64>,
    /// Only paths that begin so, as on the wire: `/items/carrier`. Default: all.
    #[serde(rename = "match")]
    path_prefix: String,
    /// Only this method. Default: all.
    method: Option<String>,
    /// Wait before the request is done.
    delay_ms: u64,
    /// Wait after the request is done, before it is answered.
    answer_delay_ms: u64,
    /// Answer with this status, and do nothing.
    status: Option<u16>,
    /// With `status`: the header `Retry-After`.
    retry_after: Option<String>,
    /// Do the request (commit!), then close the connection without an answer.
    drop_answer: bool,
    /// Close the connection and do nothing.
    drop_request: bool,
    /// Answer reads from this many versions of the key ago; at most 16 are kept.
    lag_versions: usize,
    /// Say in reads that the answer lags so much (`Edge-Age-Ms`, and `age_ms` of compare rows).
    age_ms: Option<u64>,
    /// Replace the body of the answer by as many bytes of nonsense.
    garbage: bool,
    /// Announce the whole body, send half of it, close.
    half_body: bool,
}

/// For the read handlers, as an extension of the request.
#[derive(Debug, Clone, Copy, Default)]
pub struct ReadFault {
    /// Versions to lag.
    pub lag_versions: usize,
    /// Lag to admit.
    pub age_ms: Option<u64>,
}

/// Marks an answer that must not be sent; the connection is closed instead.
#[derive(Debug, Clone, Copy)]
pub struct CloseConnection;

/// The present fault and how many requests it is still for.
#[derive(Debug, Default)]
pub struct Faults {
    present: Mutex<Fault>,
}

impl Faults {
    fn take(&self, request: &Request) -> Option<Fault> {
        let mut fault = self.present.lock();
        let matches = request.uri().path().starts_with(&fault.path_prefix)
            && fault.method.as_deref().is_none_or(|method| request.method() == method);
        let left = fault.count.filter(|&count| count > 0 && matches)?;
        fault.count = Some(left - 1);
        Some(fault.clone())
    }
}

/// `GET /faults`: what is still to come.
pub async fn show(Shared(app): Shared<Arc<App>>) -> Response {
    let faults = app.faults.as_ref().map(|faults| faults.present.lock().clone());
    Json(faults).into_response()
}

/// `POST /faults`: replaces what was set before.
pub async fn set(Shared(app): Shared<Arc<App>>, body: Bytes) -> Result<Response, Problem> {
    let mut fault: Fault = serde_json::from_slice(&body)
        .map_err(|error| Problem::invalid("body", error, "a JSON object with the fields of GET /faults"))?;
    let allowed = "200 to 599";
    if let Some(status) = fault.status.filter(|status| !(200..=599).contains(status)) {
        return Err(Problem::invalid("status", status, allowed));
    }
    let retry_after = fault.retry_after.as_deref().map(HeaderValue::from_str);
    if let Some(Err(error)) = retry_after {
        return Err(Problem::invalid("retry_after", error, "seconds or an HTTP date"));
    }
    let empty = body.iter().all(|byte| b"{} \t\r\n".contains(byte));
    fault.count = fault.count.or(Some(u64::from(!empty)));
    if let Some(faults) = &app.faults {
        *faults.present.lock() = fault;
    }
    Ok(show(Shared(app)).await)
}

/// The middleware.
pub async fn inject(Shared(app): Shared<Arc<App>>, mut request: Request, next: Next) -> Response {
    let Some(fault) = app.faults.as_ref().and_then(|faults| faults.take(&request)) else {
        return next.run(request).await;
    };
    tokio::time::sleep(Duration::from_millis(fault.delay_ms)).await;
    if fault.drop_request {
        return close();
    }
    if let Some(status) = fault.status {
        return refuse(status, fault.retry_after.as_deref());
    }
    let Fault { lag_versions, age_ms, .. } = fault;
    request.extensions_mut().insert(ReadFault { lag_versions, age_ms });
    let response = next.run(request).await;
    tokio::time::sleep(Duration::from_millis(fault.answer_delay_ms)).await;
    if fault.drop_answer {
        return close();
    }
    if fault.garbage || fault.half_body { damage(response, &fault).await } else { response }
}

fn close() -> Response {
    let mut response = StatusCode::INTERNAL_SERVER_ERROR.into_response();
    response.extensions_mut().insert(CloseConnection);
    response
}

fn refuse(status: u16, retry_after: Option<&str>) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = Problem::new(status, "fault injected").into_response();
    if let Some(Ok(value)) = retry_after.map(HeaderValue::from_str) {
        response.headers_mut().insert(header::RETRY_AFTER, value);
    }
    response
}

async fn damage(response: Response, fault: &Fault) -> Response {
    let (mut parts, body) = response.into_parts();
    let Ok(body) = body.collect().await else {
        return close();
    };
    let mut body = body.to_bytes();
    if fault.garbage {
        // 0xFF is neither UTF-8, nor JSON, nor a definite CBOR item.
        body = Bytes::from(vec![0xff; body.len()]);
    }
    if !fault.half_body {
        return Response::from_parts(parts, Body::from(body));
    }
    parts.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
    let half = Ok(body.slice(..body.len() / 2));
    let end = Err(std::io::Error::other("fault injected: half a body"));
    Response::from_parts(parts, Body::from_stream(stream::iter([half, end])))
}
