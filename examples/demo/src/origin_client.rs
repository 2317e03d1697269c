//! The origin's HTTP interface, as far as the demo itself uses it.

use std::fmt;
use std::io::Read;
use std::time::Duration;

use ureq::Agent;

use crate::failure::{Doing, Failure};

/// Rows of history asked for at once.
const HISTORY_PAGE: usize = 100_000;
const MAX_ANSWER_BYTES: u64 = 256 << 20;

/// One origin; connections are kept and shared by clones.
#[derive(Clone, Debug)]
pub struct OriginClient {
    agent: Agent,
    url: String,
}

/// Why a batch was not acknowledged.
#[derive(Debug)]
pub enum PostError {
    /// No answer, or one that asks to try again: the same request is to be sent again.
    TryAgain(String),
    /// The origin will never take this.
    Refused(String),
}

impl fmt::Display for PostError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TryAgain(why) | Self::Refused(why) => formatter.write_str(why),
        }
    }
}

impl OriginClient {
    #[must_use]
    pub fn new(url: &str, timeout: Duration) -> Self {
        let config = Agent::config_builder()
            .timeout_global(Some(timeout))
            .http_status_as_error(false)
            .max_idle_connections_per_host(8)
            .build();
        Self { agent: config.into(), url: url.trim_end_matches('/').to_owned() }
    }

    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    #[must_use]
    pub fn is_healthy(&self) -> bool {
        let answer = self.agent.get(format!("{}/healthz", self.url)).call();
        answer.is_ok_and(|answer| answer.status().is_success())
    }

    /// Sends one batch. With the same `idempotency_key` it is folded once however often it is sent.
    pub fn post_events(&self, body: &str, idempotency_key: &str) -> Result<(), PostError> {
        let request = self
            .agent
            .post(format!("{}/events", self.url))
            .header("content-type", "text/csv")
            .header("idempotency-key", idempotency_key);
        let mut answer = request.send(body).map_err(|error| PostError::TryAgain(error.to_string()))?;
        let status = answer.status();
        // Read to its end, so that the connection can be used again.
        let text = answer.body_mut().read_to_string();
        match status.as_u16() {
            200..300 => text.map(|_| ()).map_err(|error| PostError::TryAgain(error.to_string())),
            429 | 500..600 => Err(PostError::TryAgain(format!("POST /events: {status}"))),
            _ => Err(PostError::Refused(format!("POST /events: {status}: {}", text.unwrap_or_default()))),
        }
    }

    /// One document straight from the origin.
    pub fn get_item(&self, key: &str) -> Result<Item, Failure> {
        let url = format!("{}/items/{}", self.url, percent_encoded(key));
        let mut answer = self.agent.get(&url).call().doing(&url)?;
        let version = answer.headers().get("edge-version").and_then(|value| value.to_str().ok());
        let version = version.and_then(|text| text.parse().ok()).unwrap_or(0);
        let status = answer.status().as_u16();
        let bytes = answer.body_mut().with_config().limit(MAX_ANSWER_BYTES).read_to_vec().doing(&url)?;
        match status {
            200 => Ok(Item { version, value: Some(bytes) }),
            404 | 410 => Ok(Item { version, value: None }),
            other => Err(Failure::new(format!("{url}: status {other}"))),
        }
    }

    /// Writes one document; gives its version.
    pub fn put_item(&self, key: &str, value: &[u8]) -> Result<u64, Failure> {
        let url = format!("{}/items/{}", self.url, percent_encoded(key));
        let mut answer = self.agent.put(&url).send(value).doing(&url)?;
        let version = answer.headers().get("edge-version").and_then(|value| value.to_str().ok());
        let version = version.and_then(|text| text.parse().ok());
        let status = answer.status();
        answer.body_mut().read_to_vec().doing(&url)?;
        match version {
            Some(version) if status.is_success() => Ok(version),
            _ => Err(Failure::new(format!("{url}: status {status}, Edge-Version {version:?}"))),
        }
    }

    /// The Prometheus text.
    pub fn metrics(&self) -> Result<String, Failure> {
        let url = format!("{}/metrics", self.url);
        let mut answer = self.agent.get(&url).call().doing(&url)?;
        answer.body_mut().read_to_string().doing(&url)
    }

    /// One page of the history after version `after`.
    pub fn history(&self, after: u64) -> Result<Vec<u8>, Failure> {
        let url = format!("{}/history?after={after}&limit={HISTORY_PAGE}", self.url);
        let mut answer = self.agent.get(&url).call().doing(&url)?;
        if !answer.status().is_success() {
            return Err(Failure::new(format!("{url}: status {}", answer.status())));
        }
        let mut bytes = Vec::new();
        let body = answer.body_mut().as_reader();
        body.take(MAX_ANSWER_BYTES).read_to_end(&mut bytes).doing(&url)?;
        Ok(bytes)
    }
}

/// A document, or the fact that there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// 0: none told.
    pub version: u64,
    pub value: Option<Vec<u8>>,
}

/// One path segment, as the origin protocol wants it.
#[must_use]
pub fn percent_encoded(key: &str) -> String {
    let mut encoded = String::with_capacity(key.len() * 3);
    for byte in key.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(byte.into());
            }
            other => encoded.push_str(&format!("%{other:02X}")),
        }
    }
    encoded
}

/// The sum of the samples of a counter whose labels `wanted` accepts, out of Prometheus text.
#[must_use]
pub fn counter_sum(metrics: &str, name: &str, wanted: impl Fn(&str) -> bool) -> u64 {
    let samples = metrics.lines().filter_map(|line| {
        let (labels, value) = line.strip_prefix(name)?.rsplit_once(' ')?;
        let labelled = labels.is_empty() || labels.starts_with('{');
        (labelled && wanted(labels)).then(|| value.parse::<f64>().ok()).flatten()
    });
    samples.sum::<f64>() as u64
}
