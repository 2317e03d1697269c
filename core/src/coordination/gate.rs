//! The gate before the origin: breaker, retry budget, and a limit on requests
//! in progress with a bounded queue before it.

use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::facts::clock::Instant;
use crate::facts::error::{Code, Error};
use crate::origin::OriginError;
use crate::rules::breaker::{Admission, Breaker, BreakerPolicy, Failure, Outlook, State, Ticket};
use crate::rules::retry_budget::RetryBudget;

/// What stands before the origin of one cache.
#[derive(Debug)]
pub struct Gate {
    places: Arc<Semaphore>,
    /// The half of the places that background requests may have.
    background: Arc<Semaphore>,
    queued: AtomicU64,
    queued_behind: AtomicU64,
    max_queued: u64,
    /// The breaker is closed, and past its ramp: read without the lock.
    calm: AtomicBool,
    judgement: Mutex<Judgement>,
}

#[derive(Debug)]
struct Judgement {
    breaker: Breaker,
    budget: RetryBudget,
}

/// A place in progress; given back when dropped.
#[derive(Debug)]
pub struct Pass {
    _place: OwnedSemaphorePermit,
    _share: Option<OwnedSemaphorePermit>,
}

/// Settings of a gate.
#[derive(Clone, Copy, Debug)]
pub struct GatePolicy {
    /// Requests in progress at once.
    pub concurrency: u64,
    /// Requests that may wait for a place.
    pub queue: u64,
    /// The breaker's settings.
    pub breaker: BreakerPolicy,
    /// Retries for 100 requests.
    pub retry_percent: u64,
}

impl Gate {
    /// A gate in its resting state.
    pub fn new(policy: GatePolicy, now: Instant) -> Self {
        let concurrency = usize::try_from(policy.concurrency).unwrap_or(Semaphore::MAX_PERMITS);
        let concurrency = concurrency.min(Semaphore::MAX_PERMITS);
        Self {
            places: Arc::new(Semaphore::new(concurrency)),
            background: Arc::new(Semaphore::new(concurrency.div_ceil(2))),
            queued: AtomicU64::new(0),
            queued_behind: AtomicU64::new(0),
            max_queued: policy.queue,
            calm: AtomicBool::new(true),
            judgement: Mutex::new(Judgement {
                breaker: Breaker::new(policy.breaker, now),
                budget: RetryBudget::new(policy.retry_percent),
            }),
        }
    }

    fn judgement(&self) -> MutexGuard<'_, Judgement> {
        self.judgement.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a place, in order of arrival; fails at once if too many wait.
    pub async fn enter(&self) -> Result<Pass, Error> {
        if let Ok(place) = Arc::clone(&self.places).try_acquire_owned() {
            return Ok(Pass { _place: place, _share: None });
        }
        let _queued = Queued::join(self, false)?;
        self.place(None).await
    }

    /// The same for who has time: background requests get half of the places,
    /// and half of the queue, at the most. Once `wanted` is ready somebody waits
    /// for the answer, and the request has as much right to a place as others.
    pub async fn enter_behind(&self, wanted: impl Future<Output = ()>) -> Result<Pass, Error> {
        let share = Arc::clone(&self.background).try_acquire_owned().ok();
        if share.is_some()
            && let Ok(place) = Arc::clone(&self.places).try_acquire_owned()
        {
            return Ok(Pass { _place: place, _share: share });
        }
        let _queued = Queued::join(self, true)?;
        if share.is_some() {
            return self.place(share).await;
        }
        let mut wanted = std::pin::pin!(wanted);
        let mut turn = std::pin::pin!(Arc::clone(&self.background).acquire_owned());
        let share = std::future::poll_fn(|cx| match turn.as_mut().poll(cx) {
            Poll::Ready(share) => Poll::Ready(share.ok()),
            Poll::Pending => wanted.as_mut().poll(cx).map(|()| None),
        });
        self.place(share.await).await
    }

    async fn place(&self, share: Option<OwnedSemaphorePermit>) -> Result<Pass, Error> {
        let place = Arc::clone(&self.places).acquire_owned().await;
        let place = place.map_err(|_| Error::new(Code::Closed, "the cache is closing"))?;
        Ok(Pass { _place: place, _share: share })
    }

    /// Whether a request that has to queue would be one too many; `others` queue
    /// elsewhere.
    pub fn is_full(&self, others: u64) -> bool {
        self.places.available_permits() == 0
            && self.queued.load(Ordering::Relaxed).saturating_add(others) >= self.max_queued
    }

    /// Why it would be.
    pub fn full(&self) -> Error {
        Error::new(
            Code::Overloaded,
            format!("{} requests wait for the origin already (origin_queue)", self.max_queued),
        )
    }

    /// Asks the breaker for leave to send one request. Called when it is about to
    /// be sent, not when it is queued: the origin may have failed meanwhile.
    /// After an outage requests get slots; at `latest` this one can wait for one.
    pub fn admit(&self, now: Instant, timeout: Duration, latest: Latest) -> Result<Leave, Error> {
        let mut judgement = self.judgement();
        let admission = match latest {
            Latest::Whenever => judgement.breaker.admit_at_once(now, timeout),
            Latest::At(latest) => judgement.breaker.admit(now, timeout, latest),
        };
        let leave = match admission {
            Admission::Go(ticket) => Leave::Now(ticket),
            Admission::Later(at, ticket) => Leave::Later(at, ticket),
            Admission::Refused(until) => return Err(refusal(until, now)),
        };
        judgement.budget.deposit();
        self.note(&judgement.breaker, now);
        Ok(leave)
    }

    /// Whether a request that had to wait for its slot may still be sent.
    pub fn holds(&self, ticket: Ticket) -> bool {
        self.judgement().breaker.holds(ticket)
    }

    /// Whether requests are neither refused nor need slots.
    pub fn is_calm(&self) -> bool {
        self.calm.load(Ordering::Relaxed)
    }

    /// What a request would meet that were sent now.
    pub fn outlook(&self, now: Instant) -> Outlook {
        if self.calm.load(Ordering::Relaxed) { Outlook::Clear } else { self.judgement().breaker.outlook(now) }
    }

    /// The origin answered, be it with a refusal. True if the breaker opened all
    /// the same: it took too long.
    pub fn succeeded(&self, ticket: Ticket, now: Instant, took: Duration, draw: u64) -> bool {
        let mut judgement = self.judgement();
        let opened = judgement.breaker.succeeded(ticket, now, took, draw);
        self.note(&judgement.breaker, now);
        opened
    }

    /// The origin failed. True if this opened the breaker.
    pub fn failed(
        &self,
        ticket: Ticket,
        now: Instant,
        took: Duration,
        error: &OriginError,
        draw: u64,
    ) -> bool {
        let failure = Failure { retry_after: error.retry_after, away: error.away };
        let mut judgement = self.judgement();
        let opened = judgement.breaker.failed(ticket, now, took, failure, draw);
        self.note(&judgement.breaker, now);
        opened
    }

    fn note(&self, breaker: &Breaker, now: Instant) {
        self.calm.store(breaker.is_calm(now), Ordering::Relaxed);
    }

    /// Whether the retry budget grants a retry; takes its token.
    pub fn grant_retry(&self) -> bool {
        self.judgement().budget.withdraw()
    }

    /// The breaker's state.
    pub fn breaker_state(&self, now: Instant) -> State {
        self.judgement().breaker.state(now)
    }
}

/// Until when a request can wait for its slot.
#[derive(Clone, Copy, Debug)]
pub enum Latest {
    /// Then.
    At(Instant),
    /// It does not wait, and goes all the same.
    Whenever,
}

/// Leave to send a request.
#[derive(Clone, Copy, Debug)]
pub enum Leave {
    /// Now.
    Now(Ticket),
    /// Then, if [`Gate::holds`] still.
    Later(Instant, Ticket),
}

/// The error of a request that the breaker refuses until then.
pub fn refusal(until: Instant, now: Instant) -> Error {
    let millis = until.since(now).as_millis();
    let message = format!("the origin failed repeatedly and is not asked for another {millis} ms");
    Error::new(Code::BreakerOpen, message)
}

/// A place in the queue; left when dropped.
struct Queued<'a> {
    gate: &'a Gate,
    behind: bool,
}

impl<'a> Queued<'a> {
    fn join(gate: &'a Gate, behind: bool) -> Result<Self, Error> {
        let queued = Self { gate, behind };
        let behind = match behind {
            true => gate.queued_behind.fetch_add(1, Ordering::Relaxed) >= gate.max_queued / 2,
            false => false,
        };
        if gate.queued.fetch_add(1, Ordering::Relaxed) >= gate.max_queued || behind {
            return Err(gate.full());
        }
        Ok(queued)
    }
}

impl Drop for Queued<'_> {
    fn drop(&mut self) {
        self.gate.queued.fetch_sub(1, Ordering::Relaxed);
        if self.behind {
            self.gate.queued_behind.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests;
