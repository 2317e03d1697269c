//! A call that waits: one code path with thin fronts for threads, for futures
//! and for hosts with their own event loop.

use std::future::IntoFuture;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::oneshot;

use crate::engine::runtime::block_on;
use crate::env::{BoxFuture, Env, within};
use crate::facts::clock::Instant;
use crate::facts::error::{Code, Error, Result};
use crate::facts::receipt::WriteReceipt;

/// What a started call gives.
#[derive(Debug)]
pub enum Started<T> {
    /// The answer: nothing had to be waited for.
    Ready(T),
    /// The wait for it.
    Pending(Pending<T>),
}

impl<T: Send + 'static> Started<T> {
    /// The answer; blocks the thread until it is there or the call's deadline.
    pub fn wait(self) -> Result<T> {
        match self {
            Self::Ready(value) => Ok(value),
            Self::Pending(pending) => pending.wait(),
        }
    }
}

/// What is waited for.
pub(super) trait Waiting<T>: Send {
    /// Ready once the call has ended.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<T>>;

    /// The deadline is over: what the call gives now.
    fn give_up(&mut self) -> Result<T>;

    /// The cache was closed: what the call gives now.
    fn closed(&mut self) -> Result<T>;

    /// The idempotency key, of a write.
    fn idempotency_key(&self) -> &str {
        ""
    }
}

/// A call in progress. Dropping it gives up the wait; what the cache fetches
/// for it is fetched all the same, and a write that was sent may happen.
#[must_use = "the call's outcome is known only to who waits"]
pub struct Pending<T> {
    waiting: Box<dyn Waiting<T>>,
    deadline: Instant,
    env: Arc<dyn Env>,
}

impl<T> std::fmt::Debug for Pending<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pending").field("deadline", &self.deadline).finish_non_exhaustive()
    }
}

impl<T: Send + 'static> Pending<T> {
    pub(super) fn new(env: &Arc<dyn Env>, deadline: Instant, waiting: Box<dyn Waiting<T>>) -> Self {
        Self { waiting, deadline, env: Arc::clone(env) }
    }

    /// The instant at which the wait ends at the latest.
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Blocks the thread until the call has ended, at the latest at its deadline.
    pub fn wait(mut self) -> Result<T> {
        loop {
            // More than one slice only for waits of centuries.
            if let Some(outcome) = self.wait_for(Duration::MAX) {
                return outcome;
            }
        }
    }

    /// Blocks the thread for at most `slice`; `None`: the call has not ended
    /// yet. For hosts that must look at their signals in between. After `Some`
    /// it must not be called again.
    pub fn wait_for(&mut self, slice: Duration) -> Option<Result<T>> {
        let left = self.deadline.since(self.env.now());
        if let Some(outcome) = block_on(slice.min(left), |cx| self.waiting.poll(cx)) {
            return Some(outcome);
        }
        (self.env.now() >= self.deadline).then(|| self.waiting.give_up())
    }

    /// Calls `complete` exactly once, when the call has ended: at the latest at
    /// its deadline, and also when the cache is closed. On the runtime thread:
    /// `complete` must neither block nor touch a host language.
    pub fn on_complete(self, complete: impl FnOnce(Result<T>) + Send + 'static) {
        self.hand_over(Callback(complete));
    }

    /// Waits on the runtime thread, for who can't poll by itself.
    fn hand_over(self, listener: impl Listener<T>) {
        let Self { waiting, deadline, env } = self;
        let mut completion = Completion { waiting, listener: Some(listener) };
        // A refused or dropped task drops `completion`, which completes as closed.
        let _ = Arc::clone(&env).spawn(Box::pin(async move {
            let poll = std::future::poll_fn(|cx| completion.poll(cx));
            match within(&*env, deadline, poll).await {
                Some(ended) => completion.done(ended),
                None => {
                    let outcome = completion.waiting.give_up();
                    completion.done(Some(outcome));
                }
            }
        }));
    }
}

impl Pending<WriteReceipt> {
    /// The key under which the write was sent: for who gives up the wait and
    /// wants to retry it safely.
    pub fn idempotency_key(&self) -> &str {
        self.waiting.idempotency_key()
    }
}

/// For async Rust: any executor may await it. Dropping the future gives up the
/// wait, as dropping the [`Pending`] does.
impl<T: Send + 'static> IntoFuture for Pending<T> {
    type Output = Result<T>;
    type IntoFuture = BoxFuture<'static, Result<T>>;

    fn into_future(self) -> Self::IntoFuture {
        let (sender, receiver) = oneshot::channel();
        self.hand_over(Awaited(sender));
        Box::pin(async move { receiver.await.unwrap_or_else(|_| closed()) })
    }
}

/// What a read gives when the cache is closed under it.
pub(super) fn closed<T>() -> Result<T> {
    Err(Error::new(Code::Closed, "the cache was closed while the call waited"))
}

/// Who is told of the end of a call.
trait Listener<T>: Send + 'static {
    /// Whether it has gone; if not, the task is woken when it goes.
    fn is_gone(&mut self, cx: &mut Context<'_>) -> bool;

    /// The end.
    fn tell(self, outcome: Result<T>);
}

/// A host's function: it stays.
struct Callback<F>(F);

impl<T, F: FnOnce(Result<T>) + Send + 'static> Listener<T> for Callback<F> {
    fn is_gone(&mut self, _: &mut Context<'_>) -> bool {
        false
    }

    fn tell(self, outcome: Result<T>) {
        (self.0)(outcome);
    }
}

/// A future that may be dropped.
struct Awaited<T>(oneshot::Sender<Result<T>>);

impl<T: Send + 'static> Listener<T> for Awaited<T> {
    fn is_gone(&mut self, cx: &mut Context<'_>) -> bool {
        self.0.poll_closed(cx).is_ready()
    }

    fn tell(self, outcome: Result<T>) {
        // Nobody awaits it any more.
        let _ = self.0.send(outcome);
    }
}

/// Tells the listener even if the task that should is dropped.
struct Completion<T, L: Listener<T>> {
    waiting: Box<dyn Waiting<T>>,
    listener: Option<L>,
}

impl<T, L: Listener<T>> Completion<T, L> {
    /// Ready with the outcome, or with none if nobody wants it any more.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<T>>> {
        if self.listener.as_mut().is_none_or(|listener| listener.is_gone(cx)) {
            return Poll::Ready(None);
        }
        self.waiting.poll(cx).map(Some)
    }

    fn done(&mut self, outcome: Option<Result<T>>) {
        let listener = self.listener.take();
        if let (Some(listener), Some(outcome)) = (listener, outcome) {
            listener.tell(outcome);
        }
    }
}

impl<T, L: Listener<T>> Drop for Completion<T, L> {
    fn drop(&mut self) {
        if let Some(listener) = self.listener.take() {
            listener.tell(self.waiting.closed());
        }
    }
}
