//! The runtime thread: tokio on one thread named `edgecmp-rt`, started at the
//! first background need, so that opening a cache before a fork costs nothing.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::Poll;
use std::thread::ThreadId;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::signals::spawn_masked;
use super::wake::Wake;
use crate::env::{BoxFuture, Env, Signal, SplitMix};
use crate::facts::clock::{BootClock, Clock, Instant};
use crate::facts::error::{Code, Error, Result};

/// How often a closing runtime looks whether its last calls have ended.
const CLOSING_TICK: Duration = Duration::from_millis(1);

/// The environment of a cache outside of simulation.
#[derive(Debug)]
pub struct Runtime {
    random: SplitMix,
    thread: Mutex<Thread>,
    /// Tasks that close waits for: writes in progress.
    holding: Arc<AtomicUsize>,
}

#[derive(Debug)]
enum Thread {
    NotStarted,
    Running {
        handle: Handle,
        close: oneshot::Sender<Duration>,
        ended: Arc<Ended>,
    },
    /// Told to end; `None`: it was never started.
    Closed(Option<Arc<Ended>>),
}

/// Whether the thread has ended, for who waits for that.
#[derive(Debug, Default)]
struct Ended {
    thread: OnceLock<ThreadId>,
    ended: Mutex<bool>,
    changed: Condvar,
}

impl Ended {
    fn set(&self) {
        *self.ended.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_all();
    }

    /// Waits for the end, at most `timeout`; whether it has come.
    /// On the thread itself, in a completion, there is no waiting for it.
    fn wait(&self, timeout: Duration) -> bool {
        if self.thread.get() == Some(&std::thread::current().id()) {
            return false;
        }
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.changed.wait_timeout_while(ended, timeout, |ended| !*ended);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

/// Says that the thread has ended, also if it panics.
struct SayEnded(Arc<Ended>);

impl Drop for SayEnded {
    fn drop(&mut self) {
        self.0.set();
    }
}

impl Runtime {
    /// An environment whose thread is not started. `seed` zero: seeded by the system.
    pub fn new(seed: u64) -> Self {
        use std::hash::{BuildHasher, RandomState};
        BootClock::prepare();
        // `RandomState` is the standard library's way to the system's randomness. But
        // forked siblings inherit the same state: without what tells them apart they
        // would draw the same idempotency keys, and the origin would take the write of
        // one for a retry of the other's.
        let seed =
            if seed == 0 { RandomState::new().hash_one((std::process::id(), BootClock.now())) } else { seed };
        Self { random: SplitMix::new(seed), thread: Mutex::new(Thread::NotStarted), holding: Arc::default() }
    }

    fn thread(&self) -> MutexGuard<'_, Thread> {
        self.thread.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// As long as the result lives, `close` waits for it within its time-out.
    pub fn hold(&self) -> Hold {
        self.holding.fetch_add(1, Ordering::Relaxed);
        Hold(Arc::clone(&self.holding))
    }

    /// Ends the thread: no task is taken any more, those that hold are given
    /// `timeout` to end, all others are dropped. Whether everything has ended;
    /// a second call waits again for what has not.
    pub fn close(&self, timeout: Duration) -> bool {
        // Not under the lock: a task that wants to spawn another would wait for
        // it on the very thread whose end is waited for here.
        // Beyond the tasks' own time-out the thread needs a moment to drop the rest.
        self.end_thread(timeout)
            .is_none_or(|ended| ended.wait(timeout.saturating_add(Duration::from_millis(50))))
    }

    /// The same without the wait.
    pub fn begin_close(&self, timeout: Duration) {
        self.end_thread(timeout);
    }

    fn end_thread(&self, timeout: Duration) -> Option<Arc<Ended>> {
        let mut thread = self.thread();
        let ended = match std::mem::replace(&mut *thread, Thread::Closed(None)) {
            Thread::NotStarted => None,
            Thread::Closed(ended) => ended,
            Thread::Running { close, ended, .. } => {
                // The thread is gone only if it panicked.
                let _ = close.send(timeout);
                Some(ended)
            }
        };
        *thread = Thread::Closed(ended.clone());
        ended
    }
}

/// Keeps `close` waiting.
#[derive(Debug)]
pub struct Hold(Arc<AtomicUsize>);

impl Drop for Hold {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Thread {
    fn start(holding: Arc<AtomicUsize>) -> std::io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .thread_name("edgecmp-io")
            .build()?;
        let handle = runtime.handle().clone();
        let (close, closing) = oneshot::channel();
        let ended = Arc::<Ended>::default();
        let say_ended = SayEnded(Arc::clone(&ended));
        spawn_masked("edgecmp-rt", move || {
            let _ = say_ended.0.thread.set(std::thread::current().id());
            runtime.block_on(async {
                let timeout = closing.await.unwrap_or(Duration::ZERO);
                let deadline = BootClock.now().after(timeout);
                while holding.load(Ordering::Relaxed) > 0 && BootClock.now() < deadline {
                    tokio::time::sleep(CLOSING_TICK).await;
                }
            });
            // Drops all tasks here; a name lookup still blocked in the system
            // is left behind on its own thread.
            runtime.shutdown_background();
            drop(say_ended);
        })?;
        Ok(Self::Running { handle, close, ended })
    }
}

impl Clock for Runtime {
    fn now(&self) -> Instant {
        BootClock.now()
    }
}

impl Env for Runtime {
    fn is_boot_clock(&self) -> bool {
        true
    }

    fn sleep_until(&self, at: Instant) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            // tokio's timers round up to a millisecond and stand still in
            // suspend; the clock has the last word.
            loop {
                let now = BootClock.now();
                if now >= at {
                    return;
                }
                tokio::time::sleep(at.since(now)).await;
            }
        })
    }

    fn spawn(&self, task: BoxFuture<'static, ()>) -> Result<()> {
        let closed = || Error::new(Code::Closed, "the cache was closed");
        let mut thread = self.thread();
        if matches!(*thread, Thread::NotStarted) {
            *thread = Thread::start(Arc::clone(&self.holding)).map_err(|error| {
                Error::new(Code::Internal, format!("can't start the runtime thread: {error}"))
            })?;
        }
        match &*thread {
            Thread::Running { handle, .. } => {
                let handle = handle.clone();
                // Given back first: a task that is refused is dropped here, and
                // its flight's waiters may come back to this lock.
                drop(thread);
                handle.spawn(task);
                Ok(())
            }
            _ => {
                drop(thread);
                drop(task);
                Err(closed())
            }
        }
    }

    #[expect(clippy::disallowed_methods, reason = "turns of a fleet are by the time of day; no age is")]
    fn time_of_day(&self) -> u64 {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        crate::facts::clock::saturating_nanos(since.unwrap_or_default())
    }

    fn random(&self) -> u64 {
        self.random.draw()
    }

    fn signal(&self) -> Result<Arc<dyn Signal>> {
        Ok(Arc::new(FdSignal(Wake::new()?)))
    }
}

/// A wake-up through an eventfd: what G7 asks of a reader.
struct FdSignal(Wake);

impl Signal for FdSignal {
    fn notify(&self) {
        self.0.give();
    }

    fn notified(&self) -> BoxFuture<'_, ()> {
        let mut registered = None;
        Box::pin(std::future::poll_fn(move |cx| {
            let fd = match &mut registered {
                Some(fd) => fd,
                // Registered at the first poll: only then are we on the runtime thread.
                none => match self.0.register() {
                    Ok(fd) => none.insert(fd),
                    Err(error) => {
                        tracing::error!(%error, "no refresh: its wake-up can't be registered");
                        return Poll::Pending;
                    }
                },
            };
            match fd.poll_read_ready(cx) {
                Poll::Ready(Ok(mut ready)) => {
                    // Cleared first: a wake-up given from here on is seen.
                    ready.clear_ready();
                    self.0.take();
                    Poll::Ready(())
                }
                Poll::Ready(Err(_)) | Poll::Pending => Poll::Pending,
            }
        }))
    }
}

/// Runs a future on the calling thread until it is ready or `timeout` is over.
pub fn block_on<T>(
    timeout: Duration,
    mut poll: impl FnMut(&mut std::task::Context<'_>) -> Poll<T>,
) -> Option<T> {
    struct Unpark(std::thread::Thread);
    impl std::task::Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Arc::new(Unpark(std::thread::current())).into();
    let deadline = BootClock.now().after(timeout);
    loop {
        if let Poll::Ready(output) = poll(&mut std::task::Context::from_waker(&waker)) {
            return Some(output);
        }
        let now = BootClock.now();
        if now >= deadline {
            return None;
        }
        std::thread::park_timeout(deadline.since(now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_that_spawns_while_the_runtime_closes_is_refused_not_blocked() {
        let runtime = Arc::new(Runtime::new(1));
        let (hold, spawner) = (runtime.hold(), Arc::clone(&runtime));
        let task = async move {
            // By now `close` waits for this task's hold.
            tokio::time::sleep(Duration::from_millis(50)).await;
            let refused = spawner.spawn(Box::pin(std::future::ready(())));
            assert_eq!(refused.unwrap_err().code(), Code::Closed);
            drop(hold);
        };
        runtime.spawn(Box::pin(task)).unwrap();
        let before = BootClock.now();
        assert!(runtime.close(Duration::from_secs(20)));
        assert!(BootClock.now().since(before) < Duration::from_secs(5));
    }
}
