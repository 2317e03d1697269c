//! The environment of one simulated cache.

use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};

use edgecmp::env::{BoxFuture, Env, Signal};
use edgecmp::facts::clock::{Clock, Instant};
use edgecmp::{Code, Error, Result};

use crate::world::{MS, Nanos, Owner, World};

/// Local time, tasks and chance of one cache.
#[derive(Debug)]
pub struct SimEnv {
    world: Arc<World>,
    owner: Owner,
    /// How much faster than true time the local clock runs, in parts per million.
    drift_ppm: i64,
    /// How far its wall clock is ahead of true time.
    ahead: Nanos,
}

impl SimEnv {
    /// The environment of the cache `owner`.
    #[must_use]
    pub fn new(world: &Arc<World>, owner: Owner, drift_ppm: i64, ahead: Nanos) -> Arc<Self> {
        Arc::new(Self { world: Arc::clone(world), owner, drift_ppm, ahead })
    }

    fn scale(nanos: Nanos, numerator: i64, denominator: i64) -> Nanos {
        (i128::from(nanos) * i128::from(numerator) / i128::from(denominator)) as Nanos
    }
}

impl Clock for SimEnv {
    fn now(&self) -> Instant {
        Instant::from_nanos(Self::scale(self.world.now(), 1_000_000 + self.drift_ppm, 1_000_000))
    }
}

impl Env for SimEnv {
    fn sleep_until(&self, at: Instant) -> BoxFuture<'static, ()> {
        let (world, drift_ppm) = (Arc::clone(&self.world), self.drift_ppm);
        let clock = Self { world: Arc::clone(&world), ..*self };
        Box::pin(async move {
            // The local clock has the last word: timers drift and stand still in suspend.
            loop {
                let now = clock.now();
                if now >= at {
                    return;
                }
                let local = at.as_nanos() - now.as_nanos();
                // Timers round up to a millisecond now and then, as tokio's do.
                let late = world.draw(|rng| if rng.chance(500) { rng.below(MS) } else { 0 });
                world.sleep(Self::scale(local, 1_000_000, 1_000_000 + drift_ppm) + 1 + late).await;
            }
        })
    }

    fn spawn(&self, task: BoxFuture<'static, ()>) -> Result<()> {
        if self.world.spawn(self.owner, task) {
            Ok(())
        } else {
            Err(Error::new(Code::Closed, "the runtime of this cache has ended"))
        }
    }

    fn time_of_day(&self) -> u64 {
        self.world.now() + self.ahead
    }

    fn random(&self) -> u64 {
        self.world.draw(crate::rng::Rng::draw)
    }

    fn signal(&self) -> Result<Arc<dyn Signal>> {
        Ok(Arc::new(SimSignal::default()))
    }
}

#[derive(Default)]
struct SimSignal(Mutex<(bool, Option<Waker>)>);

impl Signal for SimSignal {
    fn notify(&self) {
        let mut state = self.0.lock().expect("nothing panics here");
        state.0 = true;
        let waker = state.1.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn notified(&self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::poll_fn(|cx| {
            let mut state = self.0.lock().expect("nothing panics here");
            if std::mem::take(&mut state.0) {
                return Poll::Ready(());
            }
            state.1 = Some(cx.waker().clone());
            Poll::Pending
        }))
    }
}
