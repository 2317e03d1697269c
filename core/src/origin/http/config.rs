//! What an HTTP origin is made from.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use http::HeaderValue;

use super::template::redacted;
use crate::facts::error::{Error, Result};
use crate::facts::option_value::Secret;
use crate::facts::options::Options;

/// Shorter than what most servers and balancers keep an idle connection for
/// (60 s and more), so that mostly we are the one who closes.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// Where the origin is and how it is asked.
#[derive(Clone)]
#[non_exhaustive]
pub struct HttpConfig {
    /// `http` or `https` URL with `{key}` where the key goes.
    pub url: String,
    /// Longest wait for a connection, TLS included.
    pub connect_timeout: Duration,
    /// Largest body of an answer.
    pub max_response_bytes: usize,
    /// Largest header section of an answer; at least 8 KiB.
    pub max_header_bytes: usize,
    /// Sent as `Authorization: Bearer ...` unless it is empty.
    pub bearer_token: Secret,
    /// PEM certificates to trust beside the public roots.
    pub ca_file: Option<PathBuf>,
    /// Idle connections kept.
    pub max_idle: usize,
    /// How long a connection is kept idle.
    pub idle_timeout: Duration,
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
            max_idle: usize::try_from(options.origin_concurrency).unwrap_or(usize::MAX),
            idle_timeout: IDLE_TIMEOUT,
        }
    }

    /// The header that carries the token.
    pub(super) fn authorization(&self) -> Result<Option<HeaderValue>> {
        let token = self.bearer_token.expose();
        if token.is_empty() {
            return Ok(None);
        }
        let sendable = token.bytes().all(|b| b.is_ascii_graphic());
        let value = HeaderValue::from_str(&format!("Bearer {token}")).ok().filter(|_| sendable);
        let allowed = "visible ASCII without spaces";
        let mut value = value.ok_or_else(|| Error::invalid("origin_bearer_token", "***", allowed))?;
        value.set_sensitive(true);
        Ok(Some(value))
    }
}

impl fmt::Debug for HttpConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpConfig")
            .field("url", &redacted(&self.url))
            .field("connect_timeout", &self.connect_timeout)
            .field("max_response_bytes", &self.max_response_bytes)
            .field("max_header_bytes", &self.max_header_bytes)
            .field("bearer_token", &self.bearer_token)
            .field("ca_file", &self.ca_file)
            .field("max_idle", &self.max_idle)
            .field("idle_timeout", &self.idle_timeout)
            .finish()
    }
}
