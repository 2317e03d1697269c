//! A connection that is made when it is needed, by one task for all who need it,
//! and made anew when it does not answer.
//!
//! Who calls has a deadline and drops its future at it, so a connection must not be
//! made within a call: it would never be made if that takes longer. And a call that
//! is dropped before its answer came says that the connection may be dead.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use crate::env::{BoxFuture, Env, within};
use crate::facts::clock::Instant;
use crate::facts::error::{Code, Error, Result};

/// After a connection failed, nobody tries for so long.
const PAUSE: Duration = Duration::from_millis(100);

type Connect<C> = Box<dyn Fn() -> BoxFuture<'static, Result<C>> + Send + Sync>;

/// The connection.
pub struct Link<C> {
    env: Arc<dyn Env>,
    connect: Connect<C>,
    timeout: Duration,
    state: Mutex<State<C>>,
    changed: Notify,
    made: AtomicU64,
}

enum State<C> {
    /// Not to be tried again before this instant; why.
    Down(Instant, Option<Error>),
    Connecting,
    Up(C, u64),
}

impl<C: Clone + Send + Sync + 'static> Link<C> {
    /// One that is made by `connect`, in `timeout` at the most.
    pub fn new(env: &Arc<dyn Env>, timeout: Duration, connect: Connect<C>) -> Arc<Self> {
        let state = Mutex::new(State::Down(Instant::ZERO, None));
        Arc::new(Self {
            env: Arc::clone(env),
            connect,
            timeout,
            state,
            changed: Notify::new(),
            made: AtomicU64::new(0),
        })
    }

    fn state(&self) -> MutexGuard<'_, State<C>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether there is a connection now.
    #[cfg(feature = "etcd")]
    pub fn is_up(&self) -> bool {
        matches!(&*self.state(), State::Up(..))
    }

    /// The connection, for one call. Waits while it is made.
    pub async fn call(self: &Arc<Self>) -> Result<Call<C>> {
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            // From here on no change is missed.
            changed.as_mut().enable();
            if let Some(call) = self.look()? {
                return Ok(call);
            }
            changed.await;
        }
    }

    fn look(self: &Arc<Self>) -> Result<Option<Call<C>>> {
        let mut state = self.state();
        match &*state {
            State::Up(connection, number) => {
                let (link, number) = (Arc::clone(self), *number);
                Ok(Some(Call { connection: connection.clone(), link, number, answered: false }))
            }
            State::Connecting => Ok(None),
            State::Down(until, why) if self.env.now() < *until => {
                Err(why.clone().unwrap_or_else(|| Error::new(Code::OriginUnavailable, "not connected")))
            }
            State::Down(..) => {
                *state = State::Connecting;
                drop(state);
                let link = Arc::clone(self);
                let connecting = self.env.spawn(Box::pin(async move { link.connect().await }));
                connecting
                    .inspect_err(|error| *self.state() = State::Down(Instant::ZERO, Some(error.clone())))?;
                Ok(None)
            }
        }
    }

    async fn connect(self: Arc<Self>) {
        let _tried = Tried(&self);
        let deadline = self.env.now().after(self.timeout);
        let connected = within(self.env.as_ref(), deadline, (self.connect)()).await;
        let slow = || Error::new(Code::OriginUnavailable, "no connection within connect_timeout");
        let next = match connected.unwrap_or_else(|| Err(slow())) {
            Ok(connection) => State::Up(connection, self.env.random()),
            Err(error) => State::Down(self.env.now().after(PAUSE), Some(error)),
        };
        let is_up = matches!(next, State::Up(..));
        *self.state() = next;
        if is_up {
            self.made.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How many connections were made. Who asked may not have waited for the last one.
    #[cfg(feature = "redis")]
    pub fn made(&self) -> u64 {
        self.made.load(Ordering::Relaxed)
    }

    /// Gives up the connection of this number.
    fn give_up(&self, number: u64) {
        let mut state = self.state();
        if matches!(&*state, State::Up(_, present) if *present == number) {
            *state = State::Down(Instant::ZERO, None);
        }
    }
}

/// An attempt to connect: who waits for it hears of its end, also if it was dropped,
/// or panicked in what it calls.
struct Tried<'a, C: Clone + Send + Sync + 'static>(&'a Link<C>);

impl<C: Clone + Send + Sync + 'static> Drop for Tried<'_, C> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        if matches!(&*state, State::Connecting) {
            *state = State::Down(self.0.env.now().after(PAUSE), None);
        }
        drop(state);
        self.0.changed.notify_waiters();
    }
}

/// One call over the connection.
pub struct Call<C: Clone + Send + Sync + 'static> {
    /// The connection.
    pub connection: C,
    link: Arc<Link<C>>,
    number: u64,
    answered: bool,
}

impl<C: Clone + Send + Sync + 'static> Call<C> {
    /// The server has answered: the connection is good, whatever the answer.
    pub fn answered(&mut self) {
        self.answered = true;
    }
}

impl<C: Clone + Send + Sync + 'static> Drop for Call<C> {
    fn drop(&mut self) {
        if !self.answered {
            self.link.give_up(self.number);
        }
    }
}
