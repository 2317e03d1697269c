//! The session of a node with etcd: one etcd lease that is kept alive as long as
//! the node runs. If it does not, etcd deletes all keys under it.
//!
//! The task's own heartbeat, each with its own deadline: a keep-alive stream to a
//! member that is hung never ends. And each answer's time to live is looked at: a
//! lease that is gone is answered for, with zero.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use etcd_client::Client;
use tokio::sync::Notify;

use super::Shared;
use crate::env::within;
use crate::facts::error::{Code, Error, Result};

/// etcd's own floor, at its default settings.
const LEAST_TTL: Duration = Duration::from_secs(2);
/// Heartbeats in the life of a session.
const BEATS: u32 = 4;
/// Of so many heartbeats one looks for forgotten keys.
const LOOK_EVERY: u32 = 2;
/// Between attempts, at first and at the most: a node with a wrong password makes
/// etcd hash it each time.
const PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_millis(400);
/// Longest wait for one answer.
const PATIENCE: Duration = Duration::from_millis(400);

#[derive(Default)]
pub struct Session {
    state: Mutex<State>,
    changed: Notify,
    /// Something for the task to do before its next heartbeat.
    wake: Notify,
}

#[derive(Default)]
struct State {
    is_kept: bool,
    id: Option<i64>,
    /// Why none could be begun.
    error: Option<Error>,
}

/// Whether an answer says that the session is gone.
pub fn is_lost(error: &Error) -> bool {
    error.message().contains("requested lease not found")
}

impl Session {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The session of this number is gone: the task begins another.
    pub fn lost(&self, id: i64) {
        let mut state = self.state();
        if state.id == Some(id) {
            state.id = None;
            self.wake.notify_one();
        }
    }

    fn set(&self, id: Option<i64>, error: Option<Error>) {
        let mut state = self.state();
        (state.id, state.error) = (id, error);
        drop(state);
        self.changed.notify_waiters();
    }
}

impl Shared {
    /// The present session. Waits while one is begun; if that has failed, says why.
    pub async fn session(&self, shared: &Arc<Self>) -> Result<i64> {
        loop {
            let mut changed = std::pin::pin!(self.session.changed.notified());
            // From here on no change is missed.
            changed.as_mut().enable();
            {
                let mut state = self.session.state();
                if let Some(id) = state.id {
                    return Ok(id);
                }
                if let Some(error) = &state.error {
                    return Err(error.clone());
                }
                if !state.is_kept {
                    state.is_kept = true;
                    let task = keep(Arc::downgrade(shared));
                    drop(state);
                    self.env.spawn(Box::pin(task))?;
                }
            }
            changed.await;
        }
    }

    /// An answer of a member, within a time.
    async fn answer<T>(
        &self,
        call: impl AsyncFnOnce(&mut Client) -> std::result::Result<T, etcd_client::Error>,
    ) -> Result<T> {
        let deadline = self.env.now().after(PATIENCE);
        let answer = within(self.env.as_ref(), deadline, self.members.ask(call)).await;
        answer.unwrap_or_else(|| Err(Error::new(Code::OriginUnavailable, "etcd: no answer in time")))
    }

    fn session_ttl(&self) -> Duration {
        self.config.ttl.max(LEAST_TTL)
    }

    async fn begin(&self) -> Result<i64> {
        let seconds = self.session_ttl().as_secs_f64().ceil() as i64;
        let granted =
            self.answer(async |client: &mut Client| client.lease_grant(seconds, None).await).await?;
        Ok(granted.id())
    }

    /// Whether the session lives.
    async fn beat(&self, id: i64) -> Result<bool> {
        let beat = async |client: &mut Client| {
            let (mut keeper, mut answers) = client.lease_keep_alive(id).await?;
            keeper.keep_alive().await?;
            answers.message().await
        };
        Ok(self.answer(beat).await?.is_some_and(|answer| answer.ttl() > 0))
    }

    /// Keeps the session until etcd says that it is gone. Its time may be over by our
    /// clock and not by etcd's: a new leader gives every lease all its time again, and
    /// what we held would be held by nobody for as long.
    async fn keep_one(&self, id: i64) {
        let pause = self.session_ttl() / BEATS;
        let mut next = self.env.now().after(pause);
        for beat in 0_u32.. {
            let woken = within(self.env.as_ref(), next, self.session.wake.notified()).await.is_some();
            if woken && self.session.state().id != Some(id) {
                return;
            }
            let tidy = async {
                self.delete_overdue().await?;
                if beat % LOOK_EVERY == 0 { self.delete_forgotten(id).await } else { Ok(()) }
            };
            // What is there too long blocks others of the fleet; the next beat tries again.
            let _ = within(self.env.as_ref(), self.env.now().after(PATIENCE), tidy).await;
            match self.beat(id).await {
                Ok(true) => next = self.env.now().after(pause),
                Ok(false) => return,
                Err(error) => {
                    tracing::debug!(%error, "a heartbeat to etcd failed");
                    next = self.env.now().after(PAUSE);
                }
            }
        }
    }
}

/// Keeps a session, one after another, as long as the store is there.
async fn keep(shared: Weak<Shared>) {
    let mut pause = PAUSE;
    while let Some(shared) = shared.upgrade() {
        match shared.begin().await {
            Ok(id) => {
                pause = PAUSE;
                shared.session.set(Some(id), None);
                shared.keep_one(id).await;
                shared.session.set(None, None);
                tracing::debug!("the session with etcd is gone");
            }
            Err(error) => {
                tracing::debug!(%error, "no session with etcd");
                shared.session.set(None, Some(error));
                let until = shared.env.now().after(pause);
                shared.env.sleep_until(until).await;
                pause = (2 * pause).min(LONGEST_PAUSE);
            }
        }
    }
}
