//! The gate before the origin: breaker, retry budget, and a limit on requests
//! in progress with a bounded queue before it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::facts::clock::Instant;
use crate::facts::error::{Code, Error};
use crate::origin::OriginError;
use crate::rules::breaker::{Admission, Breaker, BreakerPolicy, State};
use crate::rules::retry_budget::RetryBudget;

/// What stands before the origin of one cache.
#[derive(Debug)]
pub struct Gate {
    places: Arc<Semaphore>,
    queued: AtomicU64,
    max_queued: u64,
    judgement: Mutex<Judgement>,
}

#[derive(Debug)]
struct Judgement {
    breaker: Breaker,
    budget: RetryBudget,
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
    pub fn new(policy: GatePolicy) -> Self {
        let concurrency = usize::try_from(policy.concurrency).unwrap_or(Semaphore::MAX_PERMITS);
        Self {
            places: Arc::new(Semaphore::new(concurrency.min(Semaphore::MAX_PERMITS))),
            queued: AtomicU64::new(0),
            max_queued: policy.queue,
            judgement: Mutex::new(Judgement {
                breaker: Breaker::new(policy.breaker),
                budget: RetryBudget::new(policy.retry_percent),
            }),
        }
    }

    fn judgement(&self) -> MutexGuard<'_, Judgement> {
        self.judgement.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a place, in order of arrival; fails at once if too many wait.
    pub async fn enter(&self) -> Result<OwnedSemaphorePermit, Error> {
        if let Ok(place) = Arc::clone(&self.places).try_acquire_owned() {
            return Ok(place);
        }
        let _queued = Queued::join(self)?;
        Arc::clone(&self.places)
            .acquire_owned()
            .await
            .map_err(|_| Error::new(Code::Closed, "the cache is closing"))
    }

    /// Asks the breaker. Called when the request is about to be sent, not when
    /// it is queued: the origin may have failed meanwhile.
    pub fn admit(&self, now: Instant, timeout: Duration) -> Result<(), Error> {
        let mut judgement = self.judgement();
        match judgement.breaker.admit(now, timeout) {
            Admission::Go | Admission::Probe => {
                judgement.budget.deposit();
                Ok(())
            }
            Admission::Refused(until) => {
                let millis = until.since(now).as_millis();
                Err(Error::new(
                    Code::BreakerOpen,
                    format!("the origin failed repeatedly and is not asked for another {millis} ms"),
                ))
            }
        }
    }

    /// The origin answered, be it with a refusal.
    pub fn succeeded(&self) {
        self.judgement().breaker.succeeded();
    }

    /// The origin failed. True if this opened the breaker.
    pub fn failed(&self, now: Instant, error: &OriginError) -> bool {
        self.judgement().breaker.failed(now, error.retry_after)
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

/// A place in the queue; left when dropped.
struct Queued<'a>(&'a Gate);

impl<'a> Queued<'a> {
    fn join(gate: &'a Gate) -> Result<Self, Error> {
        let queued = Self(gate);
        if gate.queued.fetch_add(1, Ordering::Relaxed) >= gate.max_queued {
            return Err(Error::new(
                Code::Overloaded,
                format!("{} requests wait for the origin already (origin_queue)", gate.max_queued),
            ));
        }
        Ok(queued)
    }
}

impl Drop for Queued<'_> {
    fn drop(&mut self) {
        self.0.queued.fetch_sub(1, Ordering::Relaxed);
    }
}
