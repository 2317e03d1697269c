//! Status and headers of an answer, and what they mean by the origin protocol.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::header::{AGE, DATE, ETAG, HeaderName, LAST_MODIFIED, RETRY_AFTER};
use http::{HeaderMap, Method, StatusCode};

use super::cache_control::{self, delta_seconds, whole_number};
use super::text::shown;
use crate::facts::entry::Limits;
use crate::facts::error::Code;
use crate::facts::version::{ParseVersionError, Version};
use crate::origin::{Answer, OriginError, OriginResult, Validator, Written};

pub(super) const EDGE_VERSION: HeaderName = HeaderName::from_static("edge-version");
const EDGE_AGE_MS: HeaderName = HeaderName::from_static("edge-age-ms");

/// Longest validator that is kept: each entry pays for its own.
const LONGEST_TAG: usize = 1024;

/// How far `Last-Modified` must lie before `Date` to tell one version from the
/// next. It counts whole seconds, and the value may be read some time before
/// the answer is dated; the margin is that of RFC 7232 2.2.2.
const STRONG_AFTER: Duration = Duration::from_secs(60);

/// What a GET named for the origin to compare with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Condition {
    /// Nothing.
    None,
    /// An ordered version.
    Version(Version),
    /// An entity-tag.
    Tag(Box<str>),
    /// A time of change.
    Since(Box<str>),
}

/// What the head of an answer to a GET says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Read {
    /// The body is the value; these are the facts about it.
    Value(Facts),
    /// Everything; the body means nothing.
    Complete(Answer),
}

/// What the headers say of a value.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Facts {
    validator: Validator,
    last_modified_at: Option<u64>,
    age: Duration,
    limits: Limits,
}

impl Facts {
    /// The answer with its value.
    pub(super) fn with(self, value: Bytes) -> Answer {
        let Self { validator, last_modified_at, age, limits } = self;
        Answer::Value { value, validator, last_modified_at, age, limits }
    }
}

/// Reads the head of an answer to a GET that named `condition`.
pub(super) fn read(status: StatusCode, headers: &HeaderMap, condition: &Condition) -> OriginResult<Read> {
    match status {
        StatusCode::OK => Ok(Read::Value(Facts {
            validator: validator(headers, version(headers)?),
            last_modified_at: last_modified_at(headers),
            age: age(headers)?,
            limits: cache_control::limits(headers).unwrap_or_default(),
        })),
        StatusCode::NOT_MODIFIED => {
            still_current(headers, condition)?;
            let limits = cache_control::limits(headers);
            Ok(Read::Complete(Answer::Unchanged { age: age(headers)?, limits }))
        }
        StatusCode::NOT_FOUND | StatusCode::GONE => {
            let limits = cache_control::limits(headers).unwrap_or_default();
            Ok(Read::Complete(Answer::Absent { version: version(headers)?, age: age(headers)?, limits }))
        }
        _ => Err(failure(&Method::GET, status, headers)),
    }
}

/// Reads the head of an answer to a PUT or DELETE.
pub(super) fn written(method: &Method, status: StatusCode, headers: &HeaderMap) -> OriginResult<Written> {
    match status {
        StatusCode::OK | StatusCode::CREATED | StatusCode::NO_CONTENT => {
            let version = version(headers).unwrap_or_else(|error| {
                // The write is committed all the same: as an error it would be
                // tried again, for ever. The next read shows what is wrong.
                tracing::warn!(error = %error.error, "a write was committed under a version that cannot be read");
                None
            });
            let validator = validator(headers, version);
            Ok(Written { validator, last_modified_at: last_modified_at(headers) })
        }
        // Deleted before: by a retry, or by somebody else. It is gone, as asked.
        StatusCode::NOT_FOUND | StatusCode::GONE if method == Method::DELETE => {
            let validator = validator(headers, version(headers).unwrap_or_default());
            Ok(Written { validator, last_modified_at: None })
        }
        StatusCode::PRECONDITION_FAILED => {
            let message = "if_version is not the origin's present version; nothing was written";
            Err(OriginError::refused(Code::Conflict, message))
        }
        _ => Err(failure(method, status, headers)),
    }
}

/// The error of a status that is no answer.
pub(super) fn failure(method: &Method, status: StatusCode, headers: &HeaderMap) -> OriginError {
    let message = format!("the origin answered {status} to {method}");
    match status {
        StatusCode::TOO_MANY_REQUESTS => OriginError {
            retry_after: retry_after(headers),
            ..OriginError::refused(Code::OriginUnavailable, message)
        },
        _ if status.is_client_error() => OriginError::refused(Code::OriginRejected, message),
        StatusCode::SERVICE_UNAVAILABLE => {
            OriginError { retry_after: retry_after(headers), ..OriginError::lost_and_away(message) }
        }
        // By who stands before the origin.
        StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT => OriginError::lost_and_away(message),
        _ if status.is_server_error() => OriginError::lost(message),
        _ if status.is_redirection() => {
            // Following would send the token to whoever is named there.
            OriginError::garbage(format!("{message}; redirects are not followed"))
        }
        _ => OriginError::garbage(format!("{message}, which the origin protocol does not have")),
    }
}

/// How old the answer already was: the largest that any header says.
pub(super) fn age(headers: &HeaderMap) -> OriginResult<Duration> {
    // To skip an age that cannot be read (RFC 9111 5.1) would make the value
    // younger than it is.
    let largest =
        |name: &HeaderName, allowed: &str, read: fn(&[u8]) -> Option<u64>| -> OriginResult<Option<u64>> {
            let members =
                headers.get_all(name).into_iter().flat_map(|line| line.as_bytes().split(|b| *b == b','));
            members.map(<[u8]>::trim_ascii).try_fold(None, |largest, member| match read(member) {
                Some(number) => Ok(Some(number).max(largest)),
                None => Err(malformed(name, member, allowed)),
            })
        };
    // Caches cut off fractions: `Age: 0` says less than one second.
    let seconds =
        largest(&AGE, "whole seconds", delta_seconds)?.map_or(0, |seconds| seconds.saturating_add(1));
    let milliseconds = largest(&EDGE_AGE_MS, "whole milliseconds", whole_number)?.unwrap_or(0);
    Ok(Duration::from_secs(seconds).max(Duration::from_millis(milliseconds)))
}

fn version(headers: &HeaderMap) -> OriginResult<Option<Version>> {
    let mut lines = headers.get_all(EDGE_VERSION).into_iter();
    let Some(line) = lines.next() else { return Ok(None) };
    let bytes = line.as_bytes();
    if lines.any(|other| other != line) {
        return Err(OriginError::garbage("Edge-Version: came twice, with different values"));
    }
    let text = std::str::from_utf8(bytes).unwrap_or_default();
    text.parse()
        .map(Some)
        .map_err(|error: ParseVersionError| malformed(&EDGE_VERSION, bytes, &error.to_string()))
}

fn validator(headers: &HeaderMap, version: Option<Version>) -> Validator {
    match (version, entity_tag(headers)) {
        (Some(version), tag) => Validator::Version(version, tag),
        (None, Some(tag)) => Validator::Opaque(tag),
        (None, None) => strong_last_modified(headers).map_or(Validator::None, Validator::Opaque),
    }
}

/// The `ETag`, if it can be sent back. Anything but one quoted tag would mean
/// something else in `If-None-Match`: `*` matches all there is.
fn entity_tag(headers: &HeaderMap) -> Option<Box<str>> {
    let text = std::str::from_utf8(headers.get(ETAG)?.as_bytes()).ok()?;
    let opaque = weakly(text).strip_prefix('"')?.strip_suffix('"')?;
    (text.len() <= LONGEST_TAG && !opaque.contains('"')).then(|| text.into())
}

/// The part of an entity-tag that weak comparison looks at (RFC 9110 8.8.3.2).
fn weakly(tag: &str) -> &str {
    tag.strip_prefix("W/").unwrap_or(tag)
}

fn strong_last_modified(headers: &HeaderMap) -> Option<Box<str>> {
    let changed = date(headers, &LAST_MODIFIED)?;
    let strong = date(headers, &DATE)?.duration_since(changed).is_ok_and(|since| since >= STRONG_AFTER);
    strong.then(|| headers.get(LAST_MODIFIED)?.to_str().ok().map(Into::into)).flatten()
}

fn last_modified_at(headers: &HeaderMap) -> Option<u64> {
    let since = date(headers, &LAST_MODIFIED)?.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    u64::try_from(since.as_millis()).ok()
}

fn date(headers: &HeaderMap, name: &HeaderName) -> Option<SystemTime> {
    httpdate::parse_http_date(headers.get(name)?.to_str().ok()?).ok()
}

/// A date counts from the answer's own `Date`: there is no wall clock here,
/// and the origin's need not agree with ours.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    match delta_seconds(headers.get(RETRY_AFTER)?.as_bytes().trim_ascii()) {
        Some(seconds) => Some(Duration::from_secs(seconds)),
        None => {
            let until = date(headers, &RETRY_AFTER)?;
            Some(until.duration_since(date(headers, &DATE)?).unwrap_or_default())
        }
    }
}

/// Whether a 304 speaks of what we named. A cache on the way that mixes two
/// answers up would otherwise prove the wrong one.
fn still_current(headers: &HeaderMap, condition: &Condition) -> OriginResult<()> {
    match condition {
        Condition::None => Err(OriginError::garbage("304, but no version was named to the origin")),
        Condition::Version(named) => match version(headers)? {
            Some(other) if other != *named => Err(OriginError::garbage(format!(
                "304 for version {other}, but {named} was named to the origin"
            ))),
            _ => Ok(()),
        },
        Condition::Tag(named) => match entity_tag(headers) {
            Some(other) if weakly(&other) != weakly(named) => Err(OriginError::garbage(format!(
                "304 for ETag {}, which is not the one named to it",
                shown(&*other)
            ))),
            _ => Ok(()),
        },
        Condition::Since(_) => Ok(()),
    }
}

fn malformed(name: &HeaderName, seen: &[u8], allowed: &str) -> OriginError {
    OriginError::garbage(format!("{name}: got \"{}\"; allowed: {allowed}", shown(seen)))
}

#[cfg(test)]
mod tests;
