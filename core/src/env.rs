//! The port to time, tasks and chance.
//!
//! Core never names a runtime, a timer or a source of randomness: it asks its
//! environment. The engine gives it tokio on one thread; the simulation gives
//! it a virtual clock and a scheduler drawn from a seed.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use crate::facts::clock::{Clock, Instant};
use crate::facts::error::Error;

/// A future that can move between threads.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Time, tasks and chance.
pub trait Env: Clock {
    /// Is ready once the clock shows `at`, or somewhat later. Polled only
    /// inside tasks of this environment.
    fn sleep_until(&self, at: Instant) -> BoxFuture<'static, ()>;

    /// Runs a task to its end, or drops it when the environment closes.
    /// Callable from any thread; fails once the environment is closed.
    fn spawn(&self, task: BoxFuture<'static, ()>) -> Result<(), Error>;

    /// Whether its clock is [`crate::facts::clock::BootClock`].
    fn is_boot_clock(&self) -> bool {
        false
    }

    /// What the wall clock shows, in nanoseconds since 1970. For turns of the fleet, which
    /// are an economy; whoever judges an age must not know of it (G1).
    fn time_of_day(&self) -> u64;

    /// 64 random bits.
    fn random(&self) -> u64;

    /// A wake-up for one task of this environment.
    fn signal(&self) -> Result<Arc<dyn Signal>, Error>;
}

/// A wake-up from a reader to a background task. Giving it takes no lock,
/// allocates nothing and makes no system call that can block (G7).
pub trait Signal: Send + Sync + 'static {
    /// Wakes the task, now or when it next waits.
    fn notify(&self);

    /// Is ready once `notify` was called since the last time it was ready.
    fn notified(&self) -> BoxFuture<'_, ()>;
}

/// The output of `future`, or `None` if the clock shows `deadline` first.
pub async fn within<T>(env: &dyn Env, deadline: Instant, future: impl Future<Output = T>) -> Option<T> {
    let mut future = std::pin::pin!(future);
    let mut timer = env.sleep_until(deadline);
    std::future::poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => timer.as_mut().poll(cx).map(|()| None),
    })
    .await
}

/// SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number
/// generators", OOPSLA 2014): one atomic add a draw, so that any thread may draw.
#[derive(Debug)]
pub struct SplitMix(std::sync::atomic::AtomicU64);

impl SplitMix {
    /// A generator whose draws are a function of the seed.
    pub const fn new(seed: u64) -> Self {
        Self(std::sync::atomic::AtomicU64::new(seed))
    }

    /// The next draw.
    pub fn draw(&self) -> u64 {
        const GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;
        let mut z = self.0.fetch_add(GAMMA, std::sync::atomic::Ordering::Relaxed).wrapping_add(GAMMA);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}
