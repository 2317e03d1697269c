//! Errors as HTTP answers: `application/problem+json` (RFC 9457).
//!
//! A problem names the field at fault, the value that was sent and what is allowed, as far as they exist.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use crate::item::EDGE_VERSION;

const MEDIA_TYPE: HeaderValue = HeaderValue::from_static("application/problem+json");
/// A long value in an error helps nobody.
const SHOWN_VALUE_CHARS: usize = 200;

/// Why a request was not done.
#[derive(Debug, Clone)]
pub struct Problem {
    status: StatusCode,
    detail: String,
    members: Map<String, Value>,
    version: Option<u64>,
    retry_after_s: Option<u32>,
}

impl Problem {
    /// A problem with a sentence for people.
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into(), members: Map::new(), version: None, retry_after_s: None }
    }

    /// `400`: `field` had a value that is not allowed.
    pub fn invalid(field: &str, value: impl std::fmt::Display, allowed: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, format!("{field} is not valid")).field(field, value, allowed)
    }

    /// `413`: something was larger than this service takes.
    pub fn too_large(field: &str, value: impl std::fmt::Display, allowed: &str) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, format!("{field} is too large")).field(field, value, allowed)
    }

    /// `503` with `Retry-After`.
    pub fn overloaded(detail: &str) -> Self {
        Self { retry_after_s: Some(1), ..Self::new(StatusCode::SERVICE_UNAVAILABLE, detail) }
    }

    /// Names the field at fault.
    #[must_use]
    pub fn field(mut self, field: &str, value: impl std::fmt::Display, allowed: &str) -> Self {
        let shown: String = value.to_string().chars().take(SHOWN_VALUE_CHARS).collect();
        self.members.insert("field".to_owned(), json!(field));
        self.members.insert("value".to_owned(), json!(shown));
        self.members.insert("allowed".to_owned(), json!(allowed));
        self
    }

    /// The version of the delete that made a key absent, or the one a precondition failed against.
    #[must_use]
    pub fn version(mut self, version: Option<u64>) -> Self {
        self.version = version;
        self
    }

    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The body.
    pub fn body(&self) -> String {
        let mut members = self.members.clone();
        members.insert("type".to_owned(), json!("about:blank"));
        members.insert("title".to_owned(), json!(self.status.canonical_reason().unwrap_or("error")));
        members.insert("status".to_owned(), json!(self.status.as_u16()));
        members.insert("detail".to_owned(), json!(self.detail));
        Value::Object(members).to_string()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.status, self.body()).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, MEDIA_TYPE);
        if let Some(version) = self.version {
            headers.insert(EDGE_VERSION, HeaderValue::from(version));
        }
        if let Some(seconds) = self.retry_after_s {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
