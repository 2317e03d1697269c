//! What a key holds, and how it is said in HTTP headers.

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use bytes::Bytes;

use crate::clock;

/// The version of the answer; `docs/origin-protocol.md`.
pub const EDGE_VERSION: HeaderName = HeaderName::from_static("edge-version");
/// How far an answer may lag, in milliseconds.
pub const EDGE_AGE_MS: HeaderName = HeaderName::from_static("edge-age-ms");

/// The current state of a key that was written at least once.
#[derive(Debug, Clone)]
pub struct Item {
    /// From the one global sequence; never reused.
    pub version: u64,
    /// `None`: deleted. The tombstone stays, so that the version stays.
    pub value: Option<Bytes>,
    /// As it was sent with the value.
    pub content_type: HeaderValue,
    /// Wall time of the write.
    pub modified_ms: i64,
}

/// The content type of values that came without one.
pub const OCTET_STREAM: HeaderValue = HeaderValue::from_static("application/octet-stream");
/// The content type of dashboard documents.
pub const JSON: HeaderValue = HeaderValue::from_static("application/json");

impl Item {
    /// Adds `Edge-Version`, `ETag` and `Last-Modified`: what 200 and 304 both carry.
    pub fn add_validators(&self, headers: &mut HeaderMap) {
        headers.insert(EDGE_VERSION, HeaderValue::from(self.version));
        let texts = [
            (header::ETAG, format!("\"{}\"", self.version)),
            (header::LAST_MODIFIED, clock::http_date(self.modified_ms)),
        ];
        for (name, text) in texts {
            // Digits, quotes and an HTTP date are always a valid header value.
            if let Ok(value) = HeaderValue::try_from(text) {
                headers.insert(name, value);
            }
        }
    }
}
