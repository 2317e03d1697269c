//! What calls take beside key and value, and the checks of it.

use std::fmt::Display;
use std::time::Duration;

use uuid::Builder;

use crate::facts::clock::Instant;
use crate::facts::error::{Error, Result};
use crate::facts::trace::TraceContext;
use crate::facts::version::Version;
use crate::rules::freshness::ReadBounds;
use crate::work::Node;
use crate::work::policy::Policy;

/// What a read asks for itself. The default asks for nothing special.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReadOptions {
    /// Staleness bound of this read, at least 1 ms. Only tightens the cache's
    /// bound, unless `widen` is set.
    pub staleness_bound: Option<Duration>,
    /// `staleness_bound` may be wider than that of cache and key prefix. What
    /// the origin demands (`Cache-Control`) is kept all the same.
    pub widen: bool,
    /// How old a degraded answer may be, instead of the cache's `outage_bound`;
    /// zero: none.
    pub outage_bound: Option<Duration>,
    /// The answer must have this version, or a later one.
    pub min_version: Option<Version>,
    /// Longest wait, instead of the cache's `read_timeout`; more than zero.
    pub timeout: Option<Duration>,
    /// Trace context to pass to the origin.
    pub trace: Option<TraceContext>,
}

/// What a write asks for itself. The default asks for nothing special.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct WriteOptions {
    /// A retry with the same key does not write twice. 1 to 255 visible ASCII
    /// characters; by default a random UUID.
    pub idempotency_key: Option<Box<str>>,
    /// Write only if the origin's present version is this one.
    pub if_version: Option<Version>,
    /// Longest wait, instead of the cache's `write_timeout`; more than zero.
    pub timeout: Option<Duration>,
    /// Trace context to pass to the origin.
    pub trace: Option<TraceContext>,
}

const MAX_IDEMPOTENCY_KEY: usize = 255;
const LEAST_BOUND: Duration = Duration::from_millis(1);

fn check_timeout(timeout: Option<Duration>) -> Result<()> {
    match timeout {
        Some(Duration::ZERO) => Err(Error::invalid("timeout", "0s", "more than zero")),
        _ => Ok(()),
    }
}

impl ReadOptions {
    /// The default: nothing special. For who wants it without making one.
    pub const DEFAULT: Self = Self {
        staleness_bound: None,
        widen: false,
        outage_bound: None,
        min_version: None,
        timeout: None,
        trace: None,
    };

    /// Whether the bounds are [`ReadBounds::NONE`]: so they are for most reads.
    #[inline]
    pub(super) fn is_plain(&self) -> bool {
        self.staleness_bound.is_none()
            && self.outage_bound.is_none()
            && self.min_version.is_none()
            && self.timeout.is_none()
    }

    #[inline]
    pub(super) fn bounds(&self) -> Result<ReadBounds> {
        check_timeout(self.timeout)?;
        if let Some(bound) = self.staleness_bound.filter(|bound| *bound < LEAST_BOUND) {
            return Err(Error::invalid("staleness_bound", format_args!("{bound:?}"), "1ms or more"));
        }
        Ok(ReadBounds {
            staleness: self.staleness_bound.map(Into::into),
            widen: self.widen,
            outage: self.outage_bound.map(Into::into),
            min_version: self.min_version.unwrap_or(Version::NONE),
        })
    }

    pub(super) fn deadline(&self, node: &Node) -> Instant {
        super::deadline_after(node, self.timeout.unwrap_or(node.policy.read_timeout))
    }
}

impl WriteOptions {
    /// The idempotency key and the time-out of the write.
    pub(super) fn checked(&self, node: &Node) -> Result<(Box<str>, Duration)> {
        check_timeout(self.timeout)?;
        let key = match &self.idempotency_key {
            Some(key) => {
                let fits = (1..=MAX_IDEMPOTENCY_KEY).contains(&key.len());
                if !fits || !key.bytes().all(|b| b.is_ascii_graphic()) {
                    let allowed = "1 to 255 visible ASCII characters";
                    return Err(Error::invalid("idempotency_key", format_args!("{key:?}"), allowed));
                }
                key.clone()
            }
            None => {
                let random = u128::from(node.env.random()) << 64 | u128::from(node.env.random());
                Builder::from_random_bytes(random.to_be_bytes()).into_uuid().to_string().into()
            }
        };
        Ok((key, self.timeout.unwrap_or(node.policy.write_timeout)))
    }
}

/// The key, if it has an allowed length.
#[inline]
pub(super) fn check_key<'a>(policy: &Policy, field: impl Display, key: &'a [u8]) -> Result<&'a [u8]> {
    if policy.fits(key) {
        return Ok(key);
    }
    Err(bad_key(policy, &field, key))
}

/// All keys, if they have allowed lengths.
pub(super) fn check_keys<K: AsRef<[u8]>>(policy: &Policy, keys: &[K]) -> Result<()> {
    keys.iter()
        .enumerate()
        .try_for_each(|(index, key)| check_key(policy, format_args!("keys[{index}]"), key.as_ref()).map(drop))
}

#[cold]
fn bad_key(policy: &Policy, field: &dyn Display, key: &[u8]) -> Error {
    let allowed = format!("1 to {} bytes (max_key_bytes)", policy.max_key_bytes);
    Error::invalid(&field.to_string(), format_args!("{} bytes", key.len()), &allowed)
}

pub(super) fn check_value(policy: &Policy, value: &[u8]) -> Result<()> {
    if value.len() <= policy.max_value_bytes {
        return Ok(());
    }
    let allowed = format!("at most {} bytes (max_value_bytes)", policy.max_value_bytes);
    Err(Error::invalid("value", format_args!("{} bytes", value.len()), &allowed))
}
