//! The gate before the origin: breaker, retry budget, and a limit on requests
//! in progress with a bounded queue before it.

use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
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
    /// The half of the places that background requests may have.
    background: Arc<Semaphore>,
    queued: AtomicU64,
    queued_behind: AtomicU64,
    max_queued: u64,
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
    pub fn new(policy: GatePolicy) -> Self {
        let concurrency = usize::try_from(policy.concurrency).unwrap_or(Semaphore::MAX_PERMITS);
        let concurrency = concurrency.min(Semaphore::MAX_PERMITS);
        Self {
            places: Arc::new(Semaphore::new(concurrency)),
            background: Arc::new(Semaphore::new(concurrency.div_ceil(2))),
            queued: AtomicU64::new(0),
            queued_behind: AtomicU64::new(0),
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
        self.gate.queued.fetch_sub(1, Ordering::Relaxed);
        if self.behind {
            self.gate.queued_behind.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Waker};

    use super::*;

    fn poll<T>(future: &mut std::pin::Pin<Box<impl Future<Output = T>>>) -> Poll<T> {
        future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn background_gets_half_of_the_places_and_of_the_queue() {
        let breaker = BreakerPolicy { failures: 0, cooldown: Duration::ZERO };
        let gate = Gate::new(GatePolicy { concurrency: 4, queue: 4, breaker, retry_percent: 0 });
        let behind = || Box::pin(gate.enter_behind(std::future::pending()));
        let mut waiting: Vec<_> = (0..5).map(|_| behind()).collect();
        let states: Vec<_> = waiting.iter_mut().map(poll).collect();
        let passed = states.iter().filter(|state| matches!(state, Poll::Ready(Ok(_)))).count();
        let refused = states.iter().filter(|state| matches!(state, Poll::Ready(Err(_)))).count();
        assert_eq!((passed, refused), (2, 1), "two in progress, two in the queue");
        // Two places are left for reads, and two to wait in.
        let mut reads: Vec<_> = (0..5).map(|_| Box::pin(gate.enter())).collect();
        let read: Vec<_> = reads.iter_mut().map(poll).collect();
        assert!(matches!(
            &read[..],
            [Poll::Ready(Ok(_)), Poll::Ready(Ok(_)), Poll::Pending, Poll::Pending, Poll::Ready(Err(_))]
        ));
    }

    #[test]
    fn who_is_wanted_does_not_wait_behind() {
        let breaker = BreakerPolicy { failures: 0, cooldown: Duration::ZERO };
        let gate = Gate::new(GatePolicy { concurrency: 2, queue: 4, breaker, retry_percent: 0 });
        let mut first = Box::pin(gate.enter_behind(std::future::pending()));
        let Poll::Ready(Ok(_first)) = poll(&mut first) else { panic!("the gate is free") };
        let mut behind = Box::pin(gate.enter_behind(std::future::pending()));
        assert!(poll(&mut behind).is_pending());
        let mut wanted = Box::pin(gate.enter_behind(std::future::ready(())));
        assert!(matches!(poll(&mut wanted), Poll::Ready(Ok(_))));
    }
}
