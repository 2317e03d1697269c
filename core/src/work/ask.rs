//! One request to the origin: through the gate, under a deadline, counted.

use std::time::Duration;

use super::Node;
use super::install::Purpose;
use crate::coordination::flight::{Place, wanted};
use crate::coordination::gate::{Latest, Leave, Pass};
use crate::env::{BoxFuture, within};
use crate::facts::clock::Instant;
use crate::facts::error::{Code, Error};
use crate::facts::statistics::Stat;
use crate::origin::{OriginError, OriginResult};
use crate::rules::breaker::{Outlook, Ticket};

/// How long a background request waits for its slot after an outage. Not
/// longer: the slots it took would be missing to reads that wait.
pub const SHORT_WAIT: Duration = Duration::from_millis(100);

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

/// A place at the gate, and the breaker's leave to send one request.
#[derive(Debug)]
pub struct Cleared {
    _pass: Pass,
    ticket: Ticket,
}

impl Cleared {
    /// The request is to be a small one: nobody knows if the origin is there.
    pub fn is_probe(&self) -> bool {
        self.ticket.probe
    }
}

/// Waits for a place at the gate, and for leave, to ask about the keys of these places.
pub async fn clear(node: &Node, places: &[Place], purpose: Purpose) -> OriginResult<Cleared> {
    let behind = purpose == Purpose::Background && !places.iter().any(Place::has_waiters);
    let entered = match behind {
        true => node.gate.enter_behind(wanted(places)).await,
        false => node.gate.enter().await,
    };
    let pass = entered.map_err(|error| overloaded(node, error))?;
    let latest = match behind {
        true => node.now().after(SHORT_WAIT),
        false => places.iter().map(Place::wanted_until).max().unwrap_or(Instant::ZERO),
    };
    let ticket = leave(node, node.policy.origin_timeout, Latest::At(latest), |_| ()).await?;
    Ok(Cleared { _pass: pass, ticket })
}

/// The same for whoever stands in the line by then; `slot` is told when that will be.
pub async fn clear_line(node: &Node, slot: impl Fn(Instant)) -> OriginResult<Cleared> {
    let pass = node.gate.enter().await.map_err(|error| overloaded(node, error))?;
    let ticket = leave(node, node.policy.origin_timeout, Latest::At(Instant::FAR_FUTURE), slot).await?;
    Ok(Cleared { _pass: pass, ticket })
}

/// The same for a write that has a place.
pub async fn clear_write(node: &Node, pass: Pass, timeout: Duration) -> OriginResult<Cleared> {
    let ticket = leave(node, timeout, Latest::Whenever, |_| ()).await?;
    Ok(Cleared { _pass: pass, ticket })
}

async fn leave(
    node: &Node,
    timeout: Duration,
    latest: Latest,
    slot: impl Fn(Instant),
) -> OriginResult<Ticket> {
    loop {
        let leave = node.gate.admit(node.now(), timeout, latest).map_err(|error| refused(node, error))?;
        let (at, ticket) = match leave {
            Leave::Now(ticket) => return Ok(ticket),
            Leave::Later(at, ticket) => (at, ticket),
        };
        slot(at);
        node.env.sleep_until(at).await;
        if node.gate.holds(ticket) {
            return Ok(ticket);
        }
    }
}

/// The gate has no place to wait in: nothing was sent.
pub fn overloaded(node: &Node, error: Error) -> OriginError {
    node.counters.add(Stat::Overloaded);
    OriginError::not_asked(error)
}

/// The breaker refused: nothing was sent.
pub fn refused(node: &Node, error: Error) -> OriginError {
    node.counters.add(Stat::BreakerRejected);
    OriginError::not_asked(error)
}

/// Sends a request that was cleared. `timeout` runs from now.
pub async fn send<T>(
    node: &Node,
    keys: usize,
    timeout: Duration,
    cleared: Cleared,
    request: impl FnOnce() -> BoxFuture<'static, OriginResult<T>>,
) -> OriginResult<Answered<T>> {
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
    record(node, cleared.ticket, outcome.as_ref().err(), sent_at, received_at);
    outcome.map(|answer| Answered { answer, sent_at, received_at })
}

fn record(node: &Node, ticket: Ticket, error: Option<&OriginError>, sent_at: Instant, now: Instant) {
    let (took, draw) = (now.since(sent_at), node.env.random());
    let failure = error.filter(|error| match error.error.code() {
        // The origin is there, and said no.
        Code::OriginRejected | Code::Conflict | Code::Unsupported => false,
        _ => true,
    });
    let opened = match failure {
        None => node.gate.succeeded(ticket, now, took, draw),
        Some(error) => {
            node.counters.add(Stat::OriginFailures);
            tracing::debug!(error = %error.error, "the origin failed");
            node.gate.failed(ticket, now, took, error, draw)
        }
    };
    if opened {
        node.counters.add(Stat::BreakerOpened);
        match failure {
            Some(error) => tracing::warn!(error = %error.error, "circuit breaker opened"),
            None => tracing::warn!("circuit breaker opened: the origin is too slow"),
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
    let now = node.now();
    // Who waits is told now what would be refused then.
    if matches!(node.gate.outlook(now), Outlook::Refused(until) if until > now.after(wait)) {
        return None;
    }
    // The budget is asked last: a retry nobody waits for would waste its token.
    (now.after(wait) < wanted_until && node.gate.grant_retry()).then(|| {
        node.counters.add(Stat::Retries);
        wait
    })
}
