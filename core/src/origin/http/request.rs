//! The requests of the origin protocol.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri};
use http_body_util::Full;

use super::response::Condition;
use crate::facts::error::Code;
use crate::facts::trace::TraceContext;
use crate::origin::{Known, OriginError, OriginResult, Write};

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const CBOR: HeaderValue = HeaderValue::from_static("application/cbor");
const BYTES: HeaderValue = HeaderValue::from_static("application/octet-stream");

/// A request with its whole body.
pub(super) type Outgoing = Request<Full<Bytes>>;

/// What a GET names of what we hold.
pub(super) fn condition(known: Option<Known>) -> Condition {
    match known {
        None => Condition::None,
        Some(Known { version, validator: None }) => Condition::Version(version),
        // Only tags with quotes are kept (see `response`): the rest are dates.
        Some(Known { validator: Some(text), .. }) if text.ends_with('"') => Condition::Tag(text),
        Some(Known { validator: Some(text), .. }) => Condition::Since(text),
    }
}

/// `GET {base}/{key}`.
pub(super) fn get(uri: Uri, condition: &Condition, trace: Option<&TraceContext>) -> OriginResult<Outgoing> {
    let mut request = request(Method::GET, uri, Bytes::new(), trace)?;
    let headers = request.headers_mut();
    match condition {
        Condition::None => {}
        Condition::Version(version) => set(headers, IF_NONE_MATCH, "version", &format!("\"{version}\""))?,
        Condition::Tag(tag) => set(headers, IF_NONE_MATCH, "validator", tag)?,
        Condition::Since(date) => set(headers, IF_MODIFIED_SINCE, "validator", date)?,
    }
    Ok(request)
}

/// `PUT {base}/{key}` or, without a value, `DELETE {base}/{key}`.
pub(super) fn write(uri: Uri, write: Write) -> OriginResult<Outgoing> {
    let method = if write.value.is_some() { Method::PUT } else { Method::DELETE };
    let has_value = write.value.is_some();
    let mut request = request(method, uri, write.value.unwrap_or_default(), write.trace.as_ref())?;
    let headers = request.headers_mut();
    if has_value {
        headers.insert(CONTENT_TYPE, BYTES);
    }
    set(headers, IDEMPOTENCY_KEY, "idempotency_key", &write.idempotency_key)?;
    if let Some(version) = write.if_version {
        set(headers, IF_MATCH, "if_version", &format!("\"{version}\""))?;
    }
    Ok(request)
}

/// `POST {base}/compare`.
pub(super) fn compare(uri: Uri, rows: Vec<u8>, trace: Option<&TraceContext>) -> OriginResult<Outgoing> {
    let mut request = request(Method::POST, uri, rows.into(), trace)?;
    request.headers_mut().insert(CONTENT_TYPE, CBOR);
    request.headers_mut().insert(http::header::ACCEPT, CBOR);
    Ok(request)
}

fn request(method: Method, uri: Uri, body: Bytes, trace: Option<&TraceContext>) -> OriginResult<Outgoing> {
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = method;
    *request.uri_mut() = uri;
    if let Some(trace) = trace {
        set(request.headers_mut(), TRACEPARENT, "traceparent", trace.as_str())?;
    }
    Ok(request)
}

/// The value is not shown: it is ours, and none of the log's business.
fn set(headers: &mut HeaderMap, name: HeaderName, field: &str, value: &str) -> OriginResult<()> {
    let value = HeaderValue::from_str(value).map_err(|_| {
        let message = format!("{field}: a character that cannot be sent in {name}; allowed: visible ASCII");
        OriginError::refused(Code::InvalidArgument, message)
    })?;
    headers.insert(name, value);
    Ok(())
}
