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
use crate::facts::clock::Instant;
use crate::facts::error::{Code, Error, Result};

/// etcd's own floor, at its default settings.
const LEAST_TTL: Duration = Duration::from_secs(2);
/// Heartbeats in the life of a session.
const BEATS: u32 = 4;
/// Between attempts.
const PAUSE: Duration = Duration::from_millis(100);
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

    fn set(&self, id: Option<i64>) {
        self.state().id = id;
        self.changed.notify_waiters();
    }
}

impl Shared {
    /// The present session. Waits until there is one.
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

    async fn begin(&self) -> Result<(i64, Instant)> {
        let seconds = self.session_ttl().as_secs_f64().ceil() as i64;
        let asked_at = self.env.now();
        let granted =
            self.answer(async |client: &mut Client| client.lease_grant(seconds, None).await).await?;
        let ttl = Duration::from_secs(u64::try_from(granted.ttl()).unwrap_or(0));
        Ok((granted.id(), asked_at.after(ttl)))
    }

    /// Until when the session lives now; `None`: it is gone.
    async fn beat(&self, id: i64) -> Result<Option<Instant>> {
        let asked_at = self.env.now();
        let beat = async |client: &mut Client| {
            let (mut keeper, mut answers) = client.lease_keep_alive(id).await?;
            keeper.keep_alive().await?;
            answers.message().await
        };
        let ttl = self.answer(beat).await?.map_or(0, |answer| answer.ttl());
        let ttl = u64::try_from(ttl).unwrap_or(0);
        Ok((ttl > 0).then(|| asked_at.after(Duration::from_secs(ttl))))
    }

    /// Keeps the session until it is gone.
    async fn keep_one(&self, id: i64, mut until: Instant) {
        let pause = self.session_ttl() / BEATS;
        let mut next = self.env.now().after(pause);
        loop {
            let woken = within(self.env.as_ref(), next, self.session.wake.notified()).await.is_some();
            if woken && self.session.state().id != Some(id) {
                return;
            }
            // Overdue keys block others of the fleet; the next beat tries again.
            let _ = within(self.env.as_ref(), self.env.now().after(PATIENCE), self.delete_overdue()).await;
            match self.beat(id).await {
                Ok(Some(later)) => {
                    until = later;
                    next = self.env.now().after(pause);
                }
                Ok(None) => return,
                Err(_) if self.env.now() >= until => return,
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
    while let Some(shared) = shared.upgrade() {
        match shared.begin().await {
            Ok((id, until)) => {
                shared.session.set(Some(id));
                shared.keep_one(id, until).await;
                shared.session.set(None);
                tracing::debug!("the session with etcd is gone");
            }
            Err(error) => {
                tracing::debug!(%error, "no session with etcd");
                let until = shared.env.now().after(PAUSE);
                shared.env.sleep_until(until).await;
            }
        }
    }
}
