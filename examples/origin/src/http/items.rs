//! `GET`, `HEAD`, `PUT`, `DELETE /items/{key}`.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State as Shared};
use axum::http::{HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;

use super::{App, idempotency, read_body};
use crate::faults::ReadFault;
use crate::item::{EDGE_AGE_MS, Item, OCTET_STREAM};
use crate::key;
use crate::precondition::{Precondition, Tags};
use crate::problem::Problem;
use crate::writer::{Answer, Change, Write};

/// The key as it is on the wire. Not axum's `Path`: that wants UTF-8.
fn key_of(uri: &Uri) -> Result<Bytes, Problem> {
    key::decode(uri.path().strip_prefix("/items/").unwrap_or_default())
}

pub async fn read(Shared(app): Shared<Arc<App>>, request: Request) -> Result<Response, Problem> {
    let key = key_of(request.uri())?;
    let known = Tags::parse(request.headers(), &header::IF_NONE_MATCH)?;
    let fault = request.extensions().get::<ReadFault>().copied().unwrap_or_default();
    app.metrics.count(&app.metrics.keys_asked, "get", 1);
    app.half_delay().await;
    let item = match fault.lag_versions {
        0 => app.state.get(&key),
        lag => app.state.get_lagging(&key, lag),
    };
    app.half_delay().await;
    let mut response = answer(item, known)?;
    if let Some(age_ms) = fault.age_ms {
        response.headers_mut().insert(EDGE_AGE_MS, HeaderValue::from(age_ms));
    }
    Ok(response)
}

fn answer(item: Option<Item>, known: Option<Tags>) -> Result<Response, Problem> {
    let absent = |version| Err(Problem::new(StatusCode::NOT_FOUND, "no such key").version(version));
    let Some(item) = item else {
        return absent(None);
    };
    let Some(value) = item.value.clone() else {
        return absent(Some(item.version));
    };
    let unchanged = known.is_some_and(|tags| tags.match_weakly(Some(item.version)));
    let mut response = if unchanged {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let mut response = Body::from(value).into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, item.content_type.clone());
        response
    };
    item.add_validators(response.headers_mut());
    Ok(response)
}

pub async fn put(Shared(app): Shared<Arc<App>>, request: Request) -> Result<Answer, Problem> {
    let (parts, body) = request.into_parts();
    let key = key_of(&parts.uri)?;
    let precondition = Precondition::parse(&parts.headers)?;
    let value = read_body(body).await?;
    let content_type = parts.headers.get(header::CONTENT_TYPE).cloned().unwrap_or(OCTET_STREAM);
    let identity = [&b"PUT"[..], &key, content_type.as_bytes()];
    let idempotency = idempotency(&parts.headers, &identity, &value)?;
    let change = Change::Put { key, value, content_type };
    app.writer.write(Write { change, precondition, idempotency }).await
}

pub async fn delete(Shared(app): Shared<Arc<App>>, request: Request) -> Result<Answer, Problem> {
    let key = key_of(request.uri())?;
    let precondition = Precondition::parse(request.headers())?;
    let idempotency = idempotency(request.headers(), &[b"DELETE", &key], b"")?;
    app.writer.write(Write { change: Change::Delete { key }, precondition, idempotency }).await
}

pub async fn empty_key() -> Problem {
    match key::check(b"") {
        Err(problem) => problem,
        Ok(()) => Problem::new(StatusCode::BAD_REQUEST, "empty key"),
    }
}
