//! Reads answers of an origin: status and header fields.

use std::time::Duration;

use bytes::Bytes;
use http::header::{AGE, CACHE_CONTROL, DATE, ETAG, HeaderMap, HeaderName, LAST_MODIFIED, RETRY_AFTER};
use http::{Method, StatusCode};

use super::cache_control;
use crate::facts::entry::Limits;
use crate::facts::error::Code;
use crate::facts::version::Version;
use crate::origin::{Answer, OriginError, OriginResult, Validator, Written};

/// The version of the value.
pub const EDGE_VERSION: HeaderName = HeaderName::from_static("edge-version");
/// `Age` in milliseconds.
const EDGE_AGE_MS: HeaderName = HeaderName::from_static("edge-age-ms");

/// The answer to a GET. `conditional`: a version was named in it.
pub fn answer(
    status: StatusCode,
    headers: &HeaderMap,
    body: Bytes,
    conditional: bool,
) -> OriginResult<Answer> {
    match status {
        StatusCode::OK => Ok(Answer::Value {
            value: body,
            validator: validator(headers)?,
            last_modified_at: last_modified_at(headers),
            age: age(headers)?,
            limits: limits(headers),
        }),
        StatusCode::NOT_MODIFIED if conditional => Ok(Answer::Unchanged {
            age: age(headers)?,
            limits: headers.contains_key(CACHE_CONTROL).then(|| limits(headers)),
        }),
        StatusCode::NOT_MODIFIED => Err(OriginError::garbage("304 to a GET without If-None-Match")),
        StatusCode::NOT_FOUND | StatusCode::GONE => Ok(Answer::Absent {
            version: edge_version(headers)?,
            age: age(headers)?,
            limits: limits(headers),
        }),
        _ => Err(refusal(status, headers, &Method::GET)),
    }
}

/// The answer to a PUT or DELETE.
pub fn written(status: StatusCode, headers: &HeaderMap, method: &Method) -> OriginResult<Written> {
    match status {
        StatusCode::OK | StatusCode::CREATED | StatusCode::NO_CONTENT => {
            Ok(Written { validator: validator(headers)?, last_modified_at: last_modified_at(headers) })
        }
        StatusCode::PRECONDITION_FAILED => {
            Err(OriginError::refused(Code::Conflict, "412: the present version is not if_version"))
        }
        _ => Err(refusal(status, headers, method)),
    }
}

/// What a status that is no answer means.
pub fn refusal(status: StatusCode, headers: &HeaderMap, method: &Method) -> OriginError {
    let message = format!("the origin answered {status} to a {method}");
    let mut error = match status {
        StatusCode::TOO_MANY_REQUESTS => OriginError::not_sent(message),
        _ if status.is_client_error() => OriginError::refused(Code::OriginRejected, message),
        _ if status.is_server_error() => OriginError::lost(message),
        _ => OriginError::garbage(message),
    };
    if matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
        error.retry_after = retry_after(headers);
    }
    error
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> OriginResult<Option<&'a str>> {
    let Some(value) = headers.get(name) else { return Ok(None) };
    match value.to_str() {
        Ok(text) => Ok(Some(text.trim())),
        Err(_) => Err(OriginError::garbage(format!("{name} is not visible ASCII"))),
    }
}

fn edge_version(headers: &HeaderMap) -> OriginResult<Option<Version>> {
    let Some(value) = text(headers, &EDGE_VERSION)? else { return Ok(None) };
    match value.parse() {
        Ok(version) => Ok(Some(version)),
        Err(error) => Err(OriginError::garbage(format!("{EDGE_VERSION} is {:.60?}: {error}", value))),
    }
}

fn validator(headers: &HeaderMap) -> OriginResult<Validator> {
    let etag = text(headers, &ETAG)?.filter(|etag| !etag.is_empty());
    Ok(match (edge_version(headers)?, etag) {
        (Some(version), etag) => Validator::Version(version, etag.map(Into::into)),
        (None, Some(etag)) => Validator::Opaque(etag.into()),
        // Told from an ETag by its lack of quotes when it is sent back.
        (None, None) => strong_date(headers).map_or(Validator::None, |date| Validator::Opaque(date.into())),
    })
}

/// `Last-Modified`, if the value can't have changed since within the same
/// second: a date that is too close to the answer's own may stand for two
/// values (RFC 9110 8.8.2.2), and "not modified since" would then prove nothing.
fn strong_date(headers: &HeaderMap) -> Option<&str> {
    let date = |name| httpdate::parse_http_date(headers.get(name)?.to_str().ok()?).ok();
    let settled = date(DATE)?.duration_since(date(LAST_MODIFIED)?).ok()? >= Duration::from_secs(2);
    headers.get(LAST_MODIFIED).filter(|_| settled)?.to_str().ok()
}

fn last_modified_at(headers: &HeaderMap) -> Option<u64> {
    let date = httpdate::parse_http_date(headers.get(LAST_MODIFIED)?.to_str().ok()?).ok()?;
    let since_epoch = date.duration_since(std::time::UNIX_EPOCH).ok()?;
    u64::try_from(since_epoch.as_millis()).ok()
}

/// How old the answer already is. An age that can't be read can't be trusted
/// to be small (G1), so it is an error.
fn age(headers: &HeaderMap) -> OriginResult<Duration> {
    let number = |name: &HeaderName| match text(headers, name)? {
        None => Ok(0),
        Some(value) if value.bytes().all(|b| b.is_ascii_digit()) && !value.is_empty() => {
            // RFC 9111 1.2.2: what overflows counts as very large.
            Ok(value.parse::<u64>().unwrap_or(u64::MAX))
        }
        Some(value) => Err(OriginError::garbage(format!("{name} is {value:.60?}: not a whole number"))),
    };
    Ok(Duration::from_secs(number(&AGE)?).max(Duration::from_millis(number(&EDGE_AGE_MS)?)))
}

fn limits(headers: &HeaderMap) -> Limits {
    cache_control::limits(headers.get_all(CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok()))
}

/// `Retry-After`: seconds, or a date, which is compared with the answer's own
/// `Date`: no wall clock of ours is asked.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let then = httpdate::parse_http_date(value).ok()?;
    let now = httpdate::parse_http_date(headers.get(DATE)?.to_str().ok()?).ok()?;
    then.duration_since(now).ok()
}

#[cfg(test)]
mod tests;
