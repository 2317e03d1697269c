//! One request to the origin: through the gate, under a deadline, counted.

use std::time::Duration;

use super::Node;
use super::install::Purpose;
use crate::coordination::flight::{Place, wanted};
use crate::env::{BoxFuture, within};
use crate::facts::clock::Instant;
use crate::facts::error::{Code, Error};
use crate::facts::statistics::Stat;
use crate::origin::{OriginError, OriginResult};

/// What the origin answered, and when it was asked.
#[derive(Clone, Copy, Debug)]
pub struct Answered<T> {
    /// The answer.
    pub answer: T,
    /// Just before the request was sent: what the answer says was so then, or later.
    pub sent_at: Instant,
    /// When the answer had arrived.
    pub received_at: Instant,
}

/// Waits for a place at the gate, then sends a request about the keys of these
/// places. `timeout` runs from when it is sent.
pub async fn ask<T>(
    node: &Node,
    places: &[Place],
    purpose: Purpose,
    timeout: Duration,
    request: impl FnOnce() -> BoxFuture<'static, OriginResult<T>>,
) -> OriginResult<Answered<T>> {
    let entered = match purpose {
        Purpose::Background if !places.iter().any(Place::has_waiters) => {
            node.gate.enter_behind(wanted(places)).await
        }
        _ => node.gate.enter().await,
    };
    let _pass = entered.map_err(|error| overloaded(node, error))?;
    send(node, places.len(), timeout, request).await
}

/// The gate has no place to wait in: nothing was sent.
pub fn overloaded(node: &Node, error: Error) -> OriginError {
    node.counters.add(Stat::Overloaded);
    OriginError { error, retry_after: None, surely_not_done: true }
}

/// Sends a request; the caller has a place at the gate.
pub async fn send<T>(
    node: &Node,
    keys: usize,
    timeout: Duration,
    request: impl FnOnce() -> BoxFuture<'static, OriginResult<T>>,
) -> OriginResult<Answered<T>> {
    node.gate.admit(node.now(), timeout).map_err(|error| {
        node.counters.add(Stat::BreakerRejected);
        OriginError { error, retry_after: None, surely_not_done: true }
    })?;
    node.counters.add(Stat::OriginRequests);
    node.counters.add_many(Stat::OriginKeys, keys as u64);
    let sent_at = node.now();
    let outcome = match within(node.env.as_ref(), sent_at.after(timeout), request()).await {
        Some(outcome) => outcome,
        None => {
            Err(OriginError::lost(format!("no answer from the origin within {} ms", timeout.as_millis())))
        }
    };
    let received_at = node.now();
    match outcome {
        Ok(answer) => {
            node.gate.succeeded();
            Ok(Answered { answer, sent_at, received_at })
        }
        Err(error) => {
            record_failure(node, received_at, &error);
            Err(error)
        }
    }
}

fn record_failure(node: &Node, now: Instant, error: &OriginError) {
    match error.error.code() {
        // The origin is there, and said no.
        Code::OriginRejected | Code::Conflict | Code::Unsupported => node.gate.succeeded(),
        _ => {
            node.counters.add(Stat::OriginFailures);
            tracing::debug!(error = %error.error, "the origin failed");
            if node.gate.failed(now, error) {
                node.counters.add(Stat::BreakerOpened);
                tracing::warn!(error = %error.error, "circuit breaker opened");
            }
        }
    }
}

/// How long to wait before a fetch is tried again; `None`: it is not.
pub fn retry_wait(node: &Node, attempt: u32, error: &OriginError, wanted_until: Instant) -> Option<Duration> {
    if attempt >= node.policy.retry_limit || error.error.code() != Code::OriginUnavailable {
        return None;
    }
    let wait =
        node.policy.backoff.wait(attempt, node.env.random()).max(error.retry_after.unwrap_or_default());
    // The budget is asked last: a retry nobody waits for would waste its token.
    (node.now().after(wait) < wanted_until && node.gate.grant_retry()).then(|| {
        node.counters.add(Stat::Retries);
        wait
    })
}
