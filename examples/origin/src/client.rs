//! A small blocking client of an origin, for the conformance checks and the tests.

use std::time::Duration;

use ureq::Agent;
use ureq::http::{HeaderMap, Request};

use crate::key;

/// Against a hung origin.
const TIMEOUT: Duration = Duration::from_secs(20);

/// An answer.
#[derive(Debug, Clone)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// All headers.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Vec<u8>,
}

impl Reply {
    /// A header as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// `Edge-Version`, decimal or UUID, as the number it orders by.
    pub fn version(&self) -> Option<u128> {
        let text = self.header("edge-version")?;
        let uuid = || {
            let hex: String = text.chars().filter(|&character| character != '-').collect();
            (text.len() == 36).then(|| u128::from_str_radix(&hex, 16).ok()).flatten()
        };
        text.parse().ok().or_else(uuid)
    }

    /// 2xx.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

/// No whole answer came.
#[derive(Debug, thiserror::Error)]
#[error("no answer: {0}")]
pub struct NoAnswer(String);

/// Where the items are, and the connections to there.
#[derive(Debug, Clone)]
pub struct Client {
    agent: Agent,
    base: String,
}

impl Client {
    /// `url`: `http://host/items` or `http://host/items/{key}`.
    pub fn new(url: &str) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_global(Some(TIMEOUT))
            .build();
        let base = url.strip_suffix("/{key}").unwrap_or(url).trim_end_matches('/');
        Self { agent: config.into(), base: base.to_owned() }
    }

    /// The same origin over connections of its own.
    #[must_use]
    pub fn separate(&self) -> Self {
        Self::new(&self.base)
    }

    /// The base of the items.
    pub fn url(&self) -> &str {
        &self.base
    }

    /// The value of a key.
    pub fn get(&self, key: &[u8], headers: &[(&str, &str)]) -> Result<Reply, NoAnswer> {
        self.send("GET", &self.item(key), headers, None)
    }

    /// Sets a key.
    pub fn put(&self, key: &[u8], value: &[u8], headers: &[(&str, &str)]) -> Result<Reply, NoAnswer> {
        self.send("PUT", &self.item(key), headers, Some(value))
    }

    /// Deletes a key.
    pub fn delete(&self, key: &[u8], headers: &[(&str, &str)]) -> Result<Reply, NoAnswer> {
        self.send("DELETE", &self.item(key), headers, None)
    }

    /// A compare, as CBOR.
    pub fn compare(&self, body: &[u8]) -> Result<Reply, NoAnswer> {
        let headers = [("content-type", "application/cbor")];
        self.send("POST", &format!("{}/compare", self.base), &headers, Some(body))
    }

    /// Anything else: `path` from the server's root.
    pub fn send_to(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&[u8]>,
    ) -> Result<Reply, NoAnswer> {
        let authority_end = self.base.find("://").map_or(0, |scheme| scheme + 3);
        let root_end =
            self.base[authority_end..].find('/').map_or(self.base.len(), |slash| authority_end + slash);
        self.send(method, &format!("{}{path}", &self.base[..root_end]), headers, body)
    }

    fn item(&self, key: &[u8]) -> String {
        format!("{}/{}", self.base, key::encode(key))
    }

    fn send(
        &self,
        method: &str,
        url: &str,
        headers: &[(&str, &str)],
        body: Option<&[u8]>,
    ) -> Result<Reply, NoAnswer> {
        let failed = |error: &dyn std::fmt::Display| NoAnswer(format!("{method} {url}: {error}"));
        let mut request = Request::builder().method(method).uri(url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let sent = match body {
            Some(body) => {
                let request = request.body(body).map_err(|error| failed(&error))?;
                self.agent.run(request)
            }
            None => self.agent.run(request.body(()).map_err(|error| failed(&error))?),
        };
        let (parts, mut body) = sent.map_err(|error| failed(&error))?.into_parts();
        let body = body.with_config().limit(u64::MAX).read_to_vec().map_err(|error| failed(&error))?;
        Ok(Reply { status: parts.status.as_u16(), headers: parts.headers, body })
    }
}
